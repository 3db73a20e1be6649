// The common parts of the tests of addresses.
import { expect } from 'vitest';
import { type Address, parseAddresses } from '../../src/protocol/address.js';
import { AddressError } from '../../src/protocol/errors.js';

export const GUID = '00112233445566778899aabbccddeeff';

export function address(transport: string, keys: Readonly<Record<string, string>> = {}, guid?: string): Address {
  return { transport, keys: new Map(Object.entries(keys)), guid };
}

/** The one address of a list. */
export function only(text: string): Address {
  const [first, ...others] = parseAddresses(text);
  expect(others).toEqual([]);
  return first ?? address('none');
}

/** The AddressError that `act` throws. */
export function addressErrorOf(act: () => unknown): AddressError {
  try {
    act();
  } catch (error) {
    if (error instanceof AddressError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
