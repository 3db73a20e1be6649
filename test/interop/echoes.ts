// One table of cases for every type, in both directions: values as they are in this library, and as the texts of the
// foreign programs that can write them. It knows neither the caller nor the service.
// Specification: Type System.

import type { Variant } from '../../src/wire/variant.js';

const echo = <const S extends string>(signature: S): { readonly in: S; readonly out: S } =>
  ({ in: signature, out: signature });

/** The methods that return their argument, for the definition of an interface. */
export const ECHOES = {
  EchoByte: echo('y'),
  EchoBoolean: echo('b'),
  EchoInt16: echo('n'),
  EchoUInt16: echo('q'),
  EchoInt32: echo('i'),
  EchoUInt32: echo('u'),
  EchoInt64: echo('x'),
  EchoUInt64: echo('t'),
  EchoDouble: echo('d'),
  EchoString: echo('s'),
  EchoObjectPath: echo('o'),
  EchoSignature: echo('g'),
  EchoVariant: echo('v'),
  EchoVariants: echo('av'),
  EchoBytes: echo('ay'),
  EchoBooleans: echo('ab'),
  EchoInt16s: echo('an'),
  EchoInt32s: echo('ai'),
  EchoUInt64s: echo('at'),
  EchoDoubles: echo('ad'),
  EchoStrings: echo('as'),
  EchoObjectPaths: echo('ao'),
  EchoArrays: echo('aas'),
  EchoByteArrays: echo('aay'),
  EchoStruct: echo('(sib)'),
  EchoNestedStruct: echo('(y(x(sv))as)'),
  EchoStructs: echo('a(ius)'),
  EchoDictionary: echo('a{sv}'),
  EchoStringDictionary: echo('a{ss}'),
  EchoByteDictionary: echo('a{ys}'),
  EchoInt64Dictionary: echo('a{xd}'),
  EchoPathDictionary: echo('a{oa{sa{sv}}}'),
  EchoDictionaries: echo('aa{sv}'),
} as const;

export type EchoMember = keyof typeof ECHOES;

/** The methods by their names, with the types taken off, for tables whose rows have values of any type. */
export type Echo = Readonly<Record<EchoMember, (value: unknown) => Promise<unknown>>>;

/** One value on its way there and back. */
export interface EchoRow {
  readonly member: EchoMember;
  /** The decoded value, which can also be sent. */
  readonly value: unknown;
  /** As GLib prints it with type annotations, and reads it; undefined if it cannot read it. */
  readonly gvariant: string | undefined;
  /** As busctl prints it, and takes it word by word; undefined if it prints it in another way. */
  readonly busctl: string | undefined;
  /** An expression of Python. A value without a type of its own gets the type of the introspection data. */
  readonly python: string;
}

const plain = (signature: string, value: unknown): Variant => ({ signature, value });

const row = (
  member: EchoMember,
  value: unknown,
  { gvariant, busctl, python }: { gvariant?: string; busctl?: string; python: string },
): EchoRow => ({ member, value, gvariant, busctl, python });

/** Text that decoders get wrong: a BOM that must stay, noncharacters, an escape, a character beyond 16 bits. */
export const UNUSUAL_TEXT = '\ufeff\ufdd0\uffff\u001b[0m é中😀\u{10ffff}';

const LONG_SIGNATURE = 'ay'.repeat(127) + 'u';

const nested = (depth: number): Variant =>
  plain('v', depth === 1 ? plain('y', 7) : nested(depth - 1));

export const ECHO_ROWS: readonly EchoRow[] = [
  row('EchoByte', 0, { gvariant: 'byte 0x00', busctl: '0', python: '0' }),
  row('EchoByte', 255, { gvariant: 'byte 0xff', busctl: '255', python: '255' }),
  row('EchoBoolean', true, { gvariant: 'true', busctl: 'true', python: 'True' }),
  row('EchoBoolean', false, { gvariant: 'false', busctl: 'false', python: 'False' }),
  row('EchoInt16', -(2 ** 15), { gvariant: 'int16 -32768', busctl: '-32768', python: '-2**15' }),
  row('EchoInt16', 2 ** 15 - 1, { gvariant: 'int16 32767', busctl: '32767', python: '2**15-1' }),
  row('EchoUInt16', 2 ** 16 - 1, { gvariant: 'uint16 65535', busctl: '65535', python: '2**16-1' }),
  row('EchoInt32', -(2 ** 31), { gvariant: '-2147483648', busctl: '-2147483648', python: '-2**31' }),
  row('EchoInt32', 2 ** 31 - 1, { gvariant: '2147483647', busctl: '2147483647', python: '2**31-1' }),
  row('EchoUInt32', 2 ** 32 - 1, { gvariant: 'uint32 4294967295', busctl: '4294967295', python: '2**32-1' }),
  row('EchoInt64', -(2n ** 63n),
    { gvariant: 'int64 -9223372036854775808', busctl: '-9223372036854775808', python: '-2**63' }),
  row('EchoInt64', 2n ** 63n - 1n,
    { gvariant: 'int64 9223372036854775807', busctl: '9223372036854775807', python: '2**63-1' }),
  row('EchoUInt64', 2n ** 64n - 1n,
    { gvariant: 'uint64 18446744073709551615', busctl: '18446744073709551615', python: '2**64-1' }),
  row('EchoUInt64', 2n ** 53n + 1n,
    { gvariant: 'uint64 9007199254740993', busctl: '9007199254740993', python: '2**53+1' }),
  row('EchoDouble', 0.125, { gvariant: '0.125', busctl: '0.125', python: '0.125' }),
  row('EchoDouble', -0, { gvariant: '-0.0', busctl: '-0', python: '-0.0' }),
  row('EchoDouble', NaN, { gvariant: 'nan', busctl: 'nan', python: 'math.nan' }),
  row('EchoDouble', Infinity, { gvariant: 'inf', busctl: 'inf', python: 'math.inf' }),
  row('EchoDouble', -Infinity, { gvariant: '-inf', busctl: '-inf', python: '-math.inf' }),
  row('EchoDouble', Number.MIN_VALUE, { python: '5e-324' }),
  row('EchoDouble', Number.MAX_VALUE, { gvariant: '1.7976931348623157e+308', python: 'sys.float_info.max' }),
  row('EchoString', '', { gvariant: "''", busctl: '""', python: '""' }),
  row('EchoString', 'some words', { gvariant: "'some words'", busctl: '"some words"', python: '"some words"' }),
  row('EchoString', 'grüße 😀', { gvariant: "'grüße 😀'", python: '"grüße 😀"' }),
  row('EchoObjectPath', '/', { gvariant: "objectpath '/'", busctl: '"/"', python: '"/"' }),
  row('EchoObjectPath', '/a/_0', { gvariant: "objectpath '/a/_0'", busctl: '"/a/_0"', python: '"/a/_0"' }),
  row('EchoSignature', '', { gvariant: "signature ''", busctl: '""', python: '""' }),
  row('EchoSignature', LONG_SIGNATURE,
    // The longest there is; sd-bus, and so busctl, cannot read it: its limit is one less.
    { gvariant: `signature '${LONG_SIGNATURE}'`, python: '"ay" * 127 + "u"' }),
  row('EchoVariant', plain('n', -5), { gvariant: '<int16 -5>', busctl: 'n -5', python: 'dbus.Int16(-5)' }),
  row('EchoVariant', plain('a{sv}', new Map([['k', plain('ai', [1, 2])]])),
    { gvariant: "<{'k': <[1, 2]>}>", busctl: 'a{sv} 1 "k" ai 2 1 2',
      python: 'dbus.Dictionary({"k": [1, 2]}, signature="sv")' }),
  row('EchoVariant', plain('a(tt)', []),
    { gvariant: '<@a(tt) []>', busctl: 'a(tt) 0', python: 'dbus.Array([], signature="(tt)")' }),
  row('EchoVariant', plain('(yv)', [1, plain('t', 2n)]),
    { gvariant: '<(byte 0x01, <uint64 2>)>', busctl: '(yv) 1 t 2',
      python: 'dbus.Struct((dbus.Byte(1), dbus.UInt64(2, variant_level=1)), signature="yv")' }),
  row('EchoVariant', nested(20),
    { gvariant: `${'<'.repeat(21)}byte 0x07${'>'.repeat(21)}`, busctl: `${'v '.repeat(20)}y 7`,
      python: 'dbus.Byte(7, variant_level=21)' }),
  row('EchoVariants', [], { gvariant: '@av []', busctl: '0', python: '[]' }),
  row('EchoVariants', [plain('s', 'x'), plain('(iv)', [1, plain('d', 0.5)])],
    { gvariant: "[<'x'>, <(1, <0.5>)>]", busctl: '2 s "x" (iv) 1 d 0.5',
      python: '["x", dbus.Struct((1, dbus.Double(0.5, variant_level=1)), signature="iv")]' }),
  row('EchoBytes', new Uint8Array(0), { gvariant: '@ay []', busctl: '0', python: 'b""' }),
  row('EchoBytes', Uint8Array.of(1, 0, 255),
    { gvariant: '[byte 0x01, 0x00, 0xff]', busctl: '3 1 0 255', python: '[1, 0, 255]' }),
  row('EchoBooleans', [true, false], { gvariant: '[true, false]', busctl: '2 true false', python: '[True, False]' }),
  row('EchoInt16s', [-1, 1], { gvariant: '[int16 -1, 1]', busctl: '2 -1 1', python: '[-1, 1]' }),
  row('EchoInt32s', [-1, 0, 1], { gvariant: '[-1, 0, 1]', busctl: '3 -1 0 1', python: '[-1, 0, 1]' }),
  row('EchoUInt64s', [], { gvariant: '@at []', busctl: '0', python: '[]' }),
  row('EchoUInt64s', [0n, 2n ** 64n - 1n],
    { gvariant: '[uint64 0, 18446744073709551615]', busctl: '2 0 18446744073709551615', python: '[0, 2**64-1]' }),
  row('EchoDoubles', [], { gvariant: '@ad []', busctl: '0', python: '[]' }),
  row('EchoDoubles', [-0, 1e100, NaN],
    { gvariant: '[-0.0, 1e+100, nan]', busctl: '3 -0 1e+100 nan', python: '[-0.0, 1e100, math.nan]' }),
  row('EchoStrings', [], { gvariant: '@as []', busctl: '0', python: '[]' }),
  row('EchoStrings', ['', 'b'], { gvariant: "['', 'b']", busctl: '2 "" "b"', python: '["", "b"]' }),
  row('EchoObjectPaths', ['/', '/b'],
    { gvariant: "[objectpath '/', '/b']", busctl: '2 "/" "/b"', python: '["/", "/b"]' }),
  row('EchoArrays', [['a'], [], ['', 'c']],
    { gvariant: "[['a'], [], ['', 'c']]", busctl: '3 1 "a" 0 2 "" "c"', python: '[["a"], [], ["", "c"]]' }),
  row('EchoByteArrays', [Uint8Array.of(9), new Uint8Array(0)],
    { gvariant: '[[byte 0x09], []]', busctl: '2 1 9 0', python: '[[9], []]' }),
  row('EchoStruct', ['s', -1, false],
    { gvariant: "('s', -1, false)", busctl: '"s" -1 false', python: '("s", -1, False)' }),
  row('EchoNestedStruct', [1, [-2n, ['deep', plain('u', 7)]], ['a', 'b']],
    { gvariant: "(byte 0x01, (int64 -2, ('deep', <uint32 7>)), ['a', 'b'])", busctl: '1 -2 "deep" u 7 2 "a" "b"',
      python: '(1, (-2, ("deep", dbus.UInt32(7))), ["a", "b"])' }),
  row('EchoStructs', [], { gvariant: '@a(ius) []', busctl: '0', python: '[]' }),
  row('EchoStructs', [[-1, 1, 'a'], [-2, 2, 'b']],
    { gvariant: "[(-1, uint32 1, 'a'), (-2, 2, 'b')]", busctl: '2 -1 1 "a" -2 2 "b"',
      python: '[(-1, 1, "a"), (-2, 2, "b")]' }),
  row('EchoDictionary', new Map(), { gvariant: '@a{sv} {}', busctl: '0', python: '{}' }),
  row('EchoDictionary',
    new Map([['__proto__', plain('b', true)], ['constructor', plain('s', '')], ['1', plain('x', 1n)]]),
    { gvariant: "{'__proto__': <true>, 'constructor': <''>, '1': <int64 1>}",
      busctl: '3 "__proto__" b true "constructor" s "" "1" x 1',
      python: '{"__proto__": True, "constructor": "", "1": dbus.Int64(1)}' }),
  row('EchoStringDictionary', new Map([['b', '2'], ['a', '1'], ['', '']]),
    { gvariant: "{'b': '2', 'a': '1', '': ''}", busctl: '3 "b" "2" "a" "1" "" ""',
      python: '{"b": "2", "a": "1", "": ""}' }),
  row('EchoByteDictionary', new Map([[255, 'last'], [0, 'first']]),
    { gvariant: "{byte 0xff: 'last', 0x00: 'first'}", busctl: '2 255 "last" 0 "first"',
      python: '{255: "last", 0: "first"}' }),
  row('EchoInt64Dictionary', new Map([[-(2n ** 63n), -0], [1n, Infinity]]),
    { gvariant: '{int64 -9223372036854775808: -0.0, 1: inf}', busctl: '2 -9223372036854775808 -0 1 inf',
      python: '{-2**63: -0.0, 1: math.inf}' }),
  row('EchoPathDictionary',
    new Map([['/a', new Map([['com.example.I', new Map([['P', plain('u', 1)]])], ['x', new Map()]])]]),
    { gvariant: "{objectpath '/a': {'com.example.I': {'P': <uint32 1>}, 'x': {}}}",
      busctl: '1 "/a" 2 "com.example.I" 1 "P" u 1 "x" 0',
      python: '{"/a": {"com.example.I": {"P": dbus.UInt32(1)}, "x": {}}}' }),
  row('EchoDictionaries', [new Map(), new Map([['k', plain('b', true)]])],
    { gvariant: "[@a{sv} {}, {'k': <true>}]", busctl: '2 0 1 "k" b true', python: '[{}, {"k": True}]' }),
];
