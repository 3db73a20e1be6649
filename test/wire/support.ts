// What the tests of the wire layer share: bytes as hex digits, what is thrown, and how much memory is in use.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'vitest';
import { marshal, MarshalError, UnmarshalError, unmarshal } from '../../src/wire/index.js';

export type ByteOrder = 'little' | 'big';

/** Bytes from hex digits; blanks mean nothing. */
export function bytes(digits: string): Uint8Array {
  return Uint8Array.from(Buffer.from(digits.replaceAll(/\s/g, ''), 'hex'));
}

export function hex(value: Uint8Array): string {
  return Buffer.from(value).toString('hex');
}

/** `marshal` for signatures that the compiler does not know: whatever values, one for each type or not. */
export function marshalAny(signature: string, values: readonly unknown[], byteOrder: ByteOrder = 'little'): Uint8Array {
  return marshal(signature, values, { byteOrder });
}

export function unmarshalAny(signature: string, value: Uint8Array, byteOrder: ByteOrder = 'little'): unknown[] {
  return unmarshal(signature, value, { byteOrder });
}

/** What `run` throws; nothing thrown is a failure. */
export function thrownBy(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

/** The MarshalError that `run` throws. */
export function marshalErrorOf(run: () => unknown): MarshalError {
  const error = thrownBy(run);
  expect(error).toBeInstanceOf(MarshalError);
  return error as MarshalError; // asserted
}

/** The UnmarshalError that `run` throws. */
export function unmarshalErrorOf(run: () => unknown): UnmarshalError {
  const error = thrownBy(run);
  expect(error).toBeInstanceOf(UnmarshalError);
  return error as UnmarshalError; // asserted
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Bytes of live objects and of the memory behind typed arrays. */
export function memoryInUse(): number {
  // What one collection finds dead, typed arrays above all, is given back while the program goes on; the next waits.
  for (let round = 0; round < 3; round++) collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

export const MIB = 2 ** 20;
