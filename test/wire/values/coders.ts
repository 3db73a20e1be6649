// The wire layer with and without TextEncoder and TextDecoder, which a runtime may lack, for the tests of text.

import { vi } from 'vitest';

export type Wire = typeof import('../../../src/wire/index.js');

/** A new instance of the wire layer that finds neither TextEncoder nor TextDecoder. */
async function loadWithoutCoders(): Promise<Wire> {
  vi.resetModules();
  vi.stubGlobal('TextEncoder', undefined);
  vi.stubGlobal('TextDecoder', undefined);
  const wire = await import('../../../src/wire/index.js');
  vi.unstubAllGlobals();
  return wire;
}

async function loadWithCoders(): Promise<Wire> {
  vi.resetModules();
  return await import('../../../src/wire/index.js');
}

/** How to load the wire layer in both ways, for `describe.each`. */
export const CODERS = [
  ['with TextEncoder and TextDecoder', loadWithCoders],
  ['without TextEncoder and TextDecoder', loadWithoutCoders],
] as const;

/** The bytes of a string that are not from the code under test. */
export function stringBody(utf8: Uint8Array): Uint8Array {
  const body = new Uint8Array(4 + utf8.length + 1);
  new DataView(body.buffer).setUint32(0, utf8.length, true);
  body.set(utf8, 4);
  return body;
}
