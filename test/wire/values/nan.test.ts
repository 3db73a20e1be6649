// Special DOUBLE values: every NaN bit pattern is read as NaN, and the sign of zero is kept, at every place that has a
// fast path of its own. The expected bytes are written by hand. Specification: Basic types.
import { expect, test } from 'vitest';
import { marshal, unmarshal } from '../../../src/wire/index.js';

const NAN_PATTERNS = ['7ff8000000000001', 'fff8123456789abc', '7ff0000000000001', 'ffffffffffffffff'];

/** `count` doubles that repeat the patterns, in the given byte order. */
function doubles(patterns: readonly string[], count: number, byteOrder: 'little' | 'big'): Buffer {
  const bytes = Buffer.concat(
    Array.from({ length: count }, (_, i) => Buffer.from(patterns[i % patterns.length]!, 'hex')),
  );
  return byteOrder === 'big' ? bytes : bytes.swap64();
}

function arrayOf(content: Buffer, byteOrder: 'little' | 'big'): Buffer {
  const head = Buffer.alloc(8); // the length word and the padding to 8
  head[byteOrder === 'little' ? 'writeUInt32LE' : 'writeUInt32BE'](content.length);
  return Buffer.concat([head, content]);
}

/** The bytes of `patterns` as each type that can hold only doubles. */
function cases(patterns: readonly string[], byteOrder: 'little' | 'big'): readonly (readonly [string, Buffer])[] {
  return [
    ['d', doubles(patterns, 1, byteOrder)],
    ['ddddd', doubles(patterns, 5, byteOrder)],
    ['(dd)', doubles(patterns, 2, byteOrder)],
    ['ad', arrayOf(doubles(patterns, 5, byteOrder), byteOrder)],
    ['ad', arrayOf(doubles(patterns, 100, byteOrder), byteOrder)],
    ['a(dd)', arrayOf(doubles(patterns, 20, byteOrder), byteOrder)],
    ['a(ddddd)', arrayOf(doubles(patterns, 20, byteOrder), byteOrder)],
  ];
}

const isNaNOrNested = (value: unknown): boolean => Array.isArray(value) ? value.every(isNaNOrNested) : Object.is(value, NaN);

test.each(['little', 'big'] as const)('every NaN bit pattern is read and written as a NaN (%s-endian)', (byteOrder) => {
  for (const [signature, bytes] of cases(NAN_PATTERNS, byteOrder)) {
    const values = unmarshal(signature, bytes, { byteOrder });
    expect(values.every(isNaNOrNested), signature).toBe(true);
    const again = unmarshal(signature, marshal(signature, values, { byteOrder }), { byteOrder });
    expect(again, signature).toStrictEqual(values);
  }
});

test.each(['little', 'big'] as const)('the sign of zero is read and written (%s-endian)', (byteOrder) => {
  for (const [signature, bytes] of cases(['8000000000000000', '0000000000000000'], byteOrder)) {
    const again = marshal(signature, unmarshal(signature, bytes, { byteOrder }), { byteOrder });
    expect(Buffer.from(again).toString('hex'), signature).toBe(bytes.toString('hex'));
  }
});

test('a Float64Array is written bit by bit in the byte order of the host', () => {
  const bytes = doubles(NAN_PATTERNS, 4, 'little');
  const typed = new Float64Array(new Uint8Array(bytes).buffer);
  const isLittleEndian = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;
  const byteOrder = isLittleEndian ? 'little' : 'big';
  expect(Buffer.from(marshal('ad', [typed], { byteOrder }).subarray(8)).toString('hex')).toBe(bytes.toString('hex'));
});
