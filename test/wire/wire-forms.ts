// Values and their wire forms, written by hand from the specification, for the tests of both directions.
// Specification: Marshaling (Wire Format).

/** A signature, its values as they are read, and their bytes in both byte orders. */
export interface WireForm {
  readonly signature: string;
  readonly values: readonly unknown[];
  readonly little: string;
  readonly big: string;
}

const form = (signature: string, values: readonly unknown[], little: string, big: string): WireForm =>
  ({ signature, values, little, big });

/** The same bytes in both orders. */
const either = (signature: string, values: readonly unknown[], digits: string): WireForm =>
  form(signature, values, digits, digits);

export const WIRE_FORMS: readonly WireForm[] = [
  // every type at the ends of its range
  either('y', [0], '00'),
  either('y', [255], 'ff'),
  form('b', [true], '01000000', '00000001'),
  either('b', [false], '00000000'),
  form('n', [-32768], '0080', '8000'),
  form('n', [32767], 'ff7f', '7fff'),
  either('n', [-1], 'ffff'),
  either('q', [0], '0000'),
  either('q', [65535], 'ffff'),
  form('q', [0x1234], '3412', '1234'),
  form('i', [-2147483648], '00000080', '80000000'),
  form('i', [2147483647], 'ffffff7f', '7fffffff'),
  either('i', [-1], 'ffffffff'),
  either('u', [4294967295], 'ffffffff'),
  form('u', [0x80000000], '00000080', '80000000'),
  form('u', [0x12345678], '78563412', '12345678'),
  form('h', [4294967295], 'ffffffff', 'ffffffff'),
  form('h', [1], '01000000', '00000001'),
  form('x', [-(2n ** 63n)], '0000000000000080', '8000000000000000'),
  form('x', [2n ** 63n - 1n], 'ffffffffffffff7f', '7fffffffffffffff'),
  either('x', [-1n], 'ffffffffffffffff'),
  either('t', [0n], '0000000000000000'),
  either('t', [2n ** 64n - 1n], 'ffffffffffffffff'),
  form('t', [0x0123456789abcdefn], 'efcdab8967452301', '0123456789abcdef'),
  form('d', [1], '000000000000f03f', '3ff0000000000000'),
  either('d', [0], '0000000000000000'),
  form('d', [-0], '0000000000000080', '8000000000000000'),
  form('d', [Infinity], '000000000000f07f', '7ff0000000000000'),
  form('d', [-Infinity], '000000000000f0ff', 'fff0000000000000'),
  form('d', [NaN], '000000000000f87f', '7ff8000000000000'),
  form('d', [Number.MIN_VALUE], '0100000000000000', '0000000000000001'),
  form('d', [Number.MAX_VALUE], 'ffffffffffffef7f', '7fefffffffffffff'),

  // text
  either('s', [''], '00000000 00'),
  form('s', ['a'], '01000000 61 00', '00000001 61 00'),
  form('s', ['é€😀'], '09000000 c3a9 e282ac f09f9880 00', '00000009 c3a9 e282ac f09f9880 00'),
  form('s', ['\ufeff\ufdd0\uffff'], '09000000 efbbbf efb790 efbfbf 00', '00000009 efbbbf efb790 efbfbf 00'),
  form('o', ['/'], '01000000 2f 00', '00000001 2f 00'),
  form('o', ['/a/_0'], '05000000 2f612f5f30 00', '00000005 2f612f5f30 00'),
  either('g', [''], '00 00'),
  either('g', ['a{sv}'], '05 617b73767d 00'),

  // alignment and padding
  form('yn', [1, 2], '01 00 0200', '01 00 0002'),
  form('yi', [1, 2], '01 000000 02000000', '01 000000 00000002'),
  form('yx', [1, 2n], '01 00000000000000 0200000000000000', '01 00000000000000 0000000000000002'),
  form('ys', [1, 'a'], '01 000000 01000000 61 00', '01 000000 00000001 61 00'),
  either('yg', [1, 'y'], '01 01 79 00'),
  either('yv', [1, { signature: 'y', value: 2 }], '01 01 79 00 02'),
  either('y(y)', [1, [2]], '01 00000000000000 02'),
  form('(y)u', [[1], 2], '01 000000 02000000', '01 000000 00000002'),

  // arrays: the padding before the first element does not count, and is there even when there is none
  either('ay', [new Uint8Array(0)], '00000000'),
  form('ay', [Uint8Array.of(1, 2, 255)], '03000000 01 02 ff', '00000003 01 02 ff'),
  either('at', [[]], '00000000 00000000'),
  either('a(y)', [[]], '00000000 00000000'),
  either('a{sv}', [new Map()], '00000000 00000000'),
  form('uat', [7, []], '07000000 00000000', '00000007 00000000'),
  form('at', [[1n]], '08000000 00000000 0100000000000000', '00000008 00000000 0000000000000001'),
  form('an', [[-1, 1]], '04000000 ffff 0100', '00000004 ffff 0001'),
  form('ab', [[true, false]], '08000000 01000000 00000000', '00000008 00000001 00000000'),
  form('as', [['a', '']], '0d000000 01000000 61 00 0000 00000000 00', '0000000d 00000001 61 00 0000 00000000 00'),
  form('aau', [[[], [1]]], '0c000000 00000000 04000000 01000000', '0000000c 00000000 00000004 00000001'),
  // an inner array's padding belongs to the outer one's elements
  form('aat', [[[]]], '04000000 00000000', '00000004 00000000'),
  form('aat', [[[], []]], '0c000000 00000000 00000000 00000000', '0000000c 00000000 00000000 00000000'),
  form('aat', [[]], '00000000', '00000000'),
  either('ag', [[]], '00000000'),
  form('ag', [['y', '']], '05000000 01 79 00 00 00', '00000005 01 79 00 00 00'),
  form('ad', [[-0]], '08000000 00000000 0000000000000080', '00000008 00000000 8000000000000000'),

  // structs: padding between two, none after the last
  form('a(y)', [[[1], [2]]], '09000000 00000000 01 00000000000000 02', '00000009 00000000 01 00000000000000 02'),
  form('a(yn)', [[[1, 2], [3, 4]]], '0c000000 00000000 01 00 0200 00000000 03 00 0400',
    '0000000c 00000000 01 00 0002 00000000 03 00 0004'),
  form('a(ty)', [[[1n, 2]]], '09000000 00000000 0100000000000000 02', '00000009 00000000 0000000000000001 02'),
  form('(y(nu))', [[1, [2, 3]]], '01 00000000000000 0200 0000 03000000', '01 00000000000000 0002 0000 00000003'),
  form('a(sy)', [[['a', 1]]], '07000000 00000000 01000000 61 00 01', '00000007 00000000 00000001 61 00 01'),

  // dicts
  form('a{yy}', [new Map([[1, 2], [3, 4]])], '0a000000 00000000 01 02 000000000000 03 04',
    '0000000a 00000000 01 02 000000000000 03 04'),
  form('a{sv}', [new Map([['k', { signature: 'u', value: 7 }]])],
    '10000000 00000000 01000000 6b 00 01 75 00 000000 07000000',
    '00000010 00000000 00000001 6b 00 01 75 00 000000 00000007'),
  form('a{bd}', [new Map([[true, 1]])], '10000000 00000000 01000000 00000000 000000000000f03f',
    '00000010 00000000 00000001 00000000 3ff0000000000000'),

  // variants
  either('v', [{ signature: 'v', value: { signature: 'y', value: 1 } }], '01 76 00 01 79 00 01'),
  form('v', [{ signature: 't', value: 1n }], '01 74 00 0000000000 0100000000000000',
    '01 74 00 0000000000 0000000000000001'),
  form('v', [{ signature: '(ss)', value: ['', 'a'] }], '04 28737329 00 0000 00000000 00 000000 01000000 61 00',
    '04 28737329 00 0000 00000000 00 000000 00000001 61 00'),
  form('v', [{ signature: 'aay', value: [] }], '03 616179 00 000000 00000000', '03 616179 00 000000 00000000'),

  // several values, and none
  either('', [], ''),
  form('yybb', [1, 2, true, false], '01 02 0000 01000000 00000000', '01 02 0000 00000001 00000000'),
];
