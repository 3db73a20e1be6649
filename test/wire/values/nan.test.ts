// Every bit pattern is a DOUBLE: the payload of a NaN and the sign of a zero survive reading and writing, wherever they
// stand and however warm the code is. The expected bytes are the ones that were read. Specification: Basic types.
import { expect, test } from 'vitest';
import { marshal, unmarshal } from '../../../src/wire/index.js';

const PATTERNS = ['7ff8000000000001', '7ff800000000beef', 'fff8123456789abc', '7ff0000000000001', '8000000000000000'];

/** The patterns over and over, `count` doubles, in the byte order given. */
function doubles(count: number, byteOrder: 'little' | 'big'): Buffer {
  const bytes = Buffer.concat(Array.from({ length: count }, (_, i) => Buffer.from(PATTERNS[i % PATTERNS.length]!, 'hex')));
  return byteOrder === 'big' ? bytes : bytes.swap64();
}

function arrayOf(content: Buffer, byteOrder: 'little' | 'big'): Buffer {
  const head = Buffer.alloc(8); // the length and the padding to 8
  head[byteOrder === 'little' ? 'writeUInt32LE' : 'writeUInt32BE'](content.length);
  return Buffer.concat([head, content]);
}

test.each(['little', 'big'] as const)('in %s-endian bodies, arrays and structs', (byteOrder) => {
  const cases: readonly (readonly [string, Buffer])[] = [
    ['d', doubles(1, byteOrder)],
    ['ddddd', doubles(5, byteOrder)],
    ['(dd)', doubles(2, byteOrder)],
    ['(ddddd)', doubles(5, byteOrder)],
    ['ad', arrayOf(doubles(5, byteOrder), byteOrder)],
    ['ad', arrayOf(doubles(100, byteOrder), byteOrder)],
    ['a(dd)', arrayOf(doubles(20, byteOrder), byteOrder)],
    ['a(ddddd)', arrayOf(doubles(20, byteOrder), byteOrder)],
  ];
  for (let round = 0; round < 3_000; round++) {
    for (const [signature, bytes] of cases) {
      const again = marshal(signature, unmarshal(signature, bytes, { byteOrder }), { byteOrder });
      if (!bytes.equals(again)) expect([round, signature, Buffer.from(again).toString('hex')]).toEqual(bytes.toString('hex'));
    }
  }
});
