// Helpers of the tests of the handshake: text and bytes, and running a machine line by line.
import { AuthError } from '../../src/auth/errors.js';

export const GUID = '00112233445566778899aabbccddeeff';

/** Text of Latin-1 characters, one byte each. */
export function bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

export function text(chunk: Uint8Array | undefined): string {
  return String.fromCharCode(...(chunk ?? []));
}

/** The bytes cut into chunks of `size`. */
export function chunksOf(whole: Uint8Array, size: number): readonly Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let i = 0; i < whole.length; i += size) chunks.push(whole.subarray(i, i + size));
  return chunks;
}

/** The AuthError that `act` throws. */
export function authErrorOf(act: () => unknown): AuthError {
  try {
    act();
  } catch (error) {
    if (error instanceof AuthError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** The hex of a text, as AUTH and DATA carry it. */
export function encodedHex(value: string): string {
  return Buffer.from(value, 'latin1').toString('hex');
}
