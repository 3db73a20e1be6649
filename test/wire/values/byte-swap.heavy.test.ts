// Bytes in reverse, by the functions of the engine or by loops: the results are the same.
import { afterEach, describe, expect, test, vi } from 'vitest';

afterEach(() => void vi.unstubAllGlobals());

/** The module of a process whose global Buffer is another one. */
async function freshModule(buffer?: unknown): Promise<typeof import('../../../src/wire/values/byte-swap.js')> {
  vi.resetModules();
  if (buffer !== undefined) vi.stubGlobal('Buffer', buffer);
  return import('../../../src/wire/values/byte-swap.js');
}

const someBytes = (length: number): Uint8Array => Uint8Array.from({ length }, (_, index) => index * 7 + (index >> 8));

function reversed(bytes: Uint8Array, size: number): Uint8Array {
  return bytes.map((_, index) => bytes[index - (index % size) + size - 1 - (index % size)]!);
}

const revoked = Proxy.revocable({}, {});
revoked.revoke();

describe.each<[string, unknown]>([
  ['the Buffer of Node', undefined],
  ['no Buffer', null],
  ['a Buffer without such functions', class {}],
  ['a Buffer whose functions do something else', class {
    swap16(this: Uint8Array): void { this.fill(0); }
    swap32(): void {}
    swap64(): void { throw new Error('not supported'); }
  }],
  ['a Buffer that cannot be read', revoked.proxy],
])('with %s', (_name, buffer) => {
  test.each([2, 4, 8])('elements of %i bytes are reversed, however many there are', async (size) => {
    const { swapBytes } = await freshModule(buffer);
    for (const count of [0, 1, 2, 3, 127, 128, 129, 511, 512, 513, 10_001]) {
      const bytes = someBytes(count * size);
      const expected = reversed(bytes, size);
      swapBytes(bytes.buffer, size);
      expect(bytes, `${count} elements`).toEqual(expected);
    }
  });
});

test('the functions of Node are used for long arrays', async () => {
  const { swapBytes } = await freshModule();
  const native = vi.spyOn(Buffer.prototype, 'swap64');
  try {
    swapBytes(someBytes(80_000).buffer, 8);
    expect(native).toHaveBeenCalled();
  } finally {
    native.mockRestore();
  }
});
