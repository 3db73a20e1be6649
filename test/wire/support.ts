// Helpers of the tests of the wire layer: bytes as hex digits, and thrown errors.
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

/** `marshal` for signatures that the compiler does not know, with any values and any number of them. */
export function marshalAny(signature: string, values: readonly unknown[], byteOrder: ByteOrder = 'little'): Uint8Array {
  return marshal(signature, values, { byteOrder });
}

export function unmarshalAny(signature: string, value: Uint8Array, byteOrder: ByteOrder = 'little'): unknown[] {
  return unmarshal(signature, value, { byteOrder });
}

/** The error that `run` throws; it must throw one. */
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
