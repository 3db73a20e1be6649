// A service of ours, called by busctl (sd-bus), gdbus and its library (GLib), dbus-send and dbus-python (libdbus). Each
// value is checked on both sides: the argument of our handler, and the result that the caller printed.

import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Bus, connectToBus, ErrorName, parseIntrospection } from '../../src/index.js';
import { recordHandlerErrors } from '../service/support.js';
import { isOnAnotherBus, isThroughProxy } from '../support/chosen-bus.js';
import { heavyTest, some } from '../support/extent.js';
import { busctl, busctlCall, dbusSend, dbusSendCall, gdbus, gdbusCall } from '../support/foreign.js';
import { type PrivateBus, startPrivateBus } from '../support/private-bus.js';
import { describeWith, type Ended, PYTHON, run, start } from '../support/programs.js';
import { until } from '../support/waiting.js';
import { ECHO_ROWS, ECHOES, type EchoMember, type EchoRow } from './echoes.js';
import { Annotated, CUSTOM_ERROR, Mirror, MIRROR, type MirrorState, startMirror } from './mirror.js';

const NOT_THERE = 'the interface com.example.Mirror1 has no method Missing';
const signatureOf = (member: EchoMember): string => ECHOES[member].in;

let daemon: PrivateBus;
let bus: Bus;
let state: MirrorState;

beforeAll(async () => {
  daemon = await startPrivateBus();
  bus = await connectToBus(daemon.address);
  state = await startMirror(bus);
});
afterAll(async () => {
  await bus?.close();
  await daemon?.stop();
});
beforeEach(() => state.reset());

/** The arguments of the only echo since the last reset. */
function onlySeen(): unknown {
  expect(state.seen).toHaveLength(1);
  return state.seen[0]?.value;
}

/** The words of a line as a shell takes them: blanks separate, double quotes hold together. */
function words(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|\S+/g)].map(([word, quoted]) => quoted ?? word);
}

/** A Python program of the tests, on the bus of the tests; what it prints, line by line. */
async function caller(name: 'dbus_python' | 'glib', args: readonly string[], input: unknown = []): Promise<string[]> {
  const script = fileURLToPath(new URL(`./callers/${name}.py`, import.meta.url));
  const options = { env: daemon.env, input: JSON.stringify(input), timeout: 15_000 };
  const ended = await run(PYTHON, [script, ...args], options);
  expect(ended).toMatchObject({ code: 0, stderr: '' });
  return ended.stdout.trimEnd().split('\n');
}

/** Rows that have a text of one kind, titled by it. */
function rowsWith<K extends 'gvariant' | 'busctl'>(key: K): [EchoMember, string, EchoRow][] {
  return ECHO_ROWS.flatMap((row) => (row[key] === undefined ? [] : [[row.member, row[key], row]]));
}

// sd-bus sends BEGIN without waiting for OK, and xdg-dbus-proxy 0.1.4 ends such a connection.
if (!isThroughProxy()) describeWith('dbus-daemon', 'busctl')('busctl', () => {
  test.each(some(rowsWith('busctl'), 4))('%s returns %s unchanged', async (member, text, { value }) => {
    const signature = signatureOf(member);
    const ended = await busctlCall(daemon, MIRROR, member, [signature, ...words(text)]);
    expect(ended).toMatchObject({ code: 0, stderr: '', stdout: `${signature} ${text}\n` });
    expect(onlySeen()).toStrictEqual(value);
  });

  test('gets zero, one or several values', async () => {
    const call = async (member: string, ...args: string[]) => (await busctlCall(daemon, MIRROR, member, args)).stdout;
    expect(await call('Divide', 'ii', '-7', '2')).toBe('ii -3 -1\n');
    expect(await call('Nothing')).toBe('');
    expect(await call('Greet', 's', 'you')).toBe('s "hello, you"\n');
    expect(await call('Greet', 'ss', 'you', 'bye')).toBe('s "bye, you"\n');
    expect(await call('Sleep', 'u', '50')).toBe('u 50\n');
    expect(await call('Bytes', 'u', '4')).toBe('ay 4 0 1 2 3\n');
  });

  test('reads introspection data with values and annotations', async () => {
    const { code, stdout } = await busctl(daemon, ['introspect', '--full', MIRROR.destination, MIRROR.path]);
    expect(code).toBe(0);
    const [, ...rows] = stdout.trimEnd().split('\n').map((line) => line.trim().split(/\s{2,}|(?<=^\S+) /).join(' | '));
    const compact = rows.map((row) => row.replaceAll(/[ |]+/g, ' '));
    for (const [member, { in: signature, out }] of Object.entries(ECHOES)) {
      expect(compact).toContain(`.${member} method ${signature} ${out} -`);
    }
    for (const row of [
      'com.example.Annotated1 interface - - deprecated',
      '.Note method s - no-reply',
      '.Old method - s deprecated',
      '.OldValue property y 9 deprecated const',
      '.OldNews signal s - deprecated',
      'com.example.Mirror1 interface - - -',
      '.Divide method ii ii -',
      '.Nothing method - - -',
      '.Version property u 1 const',
      '.Title property s "untitled" emits-change writable',
      '.Level property d 0.5 emits-invalidation writable',
      '.Quiet property n -3 writable',
      '.Tags property as 2 "a" "b" emits-change writable',
      '.Details property a{sv} 2 "size" x -1 "empty" a(tt) 0 emits-change',
      '.Secret property s - emits-change writable',
      '.Changed signal usa{sv}(xd) - -',
      '.Emptied signal - - -',
      'org.freedesktop.DBus.Properties interface - - -',
    ]) {
      expect(compact).toContain(row);
    }
    expect(compact.filter((row) => row.startsWith('.'))).toHaveLength(
      [Mirror, Annotated].flatMap(({ methods, properties, signals }) =>
        [methods, properties, signals].flatMap((members) => Object.keys(members)),
      ).length + 7, // the members of Peer, Introspectable and Properties
    );
  });

  test('reads and writes properties', async () => {
    const property = (verb: string, ...args: string[]): Promise<Ended> =>
      busctl(daemon, [verb, '--', MIRROR.destination, MIRROR.path, MIRROR.interface, ...args]);
    const names = ['Version', 'Title', 'Level', 'Quiet', 'Tags', 'Details', 'Pair'];
    expect((await property('get-property', ...names)).stdout.split('\n')).toEqual([
      'u 1', 's "untitled"', 'd 0.5', 'n -3', 'as 2 "a" "b"', 'a{sv} 2 "size" x -1 "empty" a(tt) 0',
      '(xd) -9223372036854775808 -0', '',
    ]);
    for (const [name, ...value] of [
      ['Title', 's', 'new'], ['Level', 'd', 'inf'], ['Quiet', 'n', '-32768'], ['Tags', 'as', '0'],
      ['Pair', '(xd)', '9223372036854775807', '1e-7'], ['Secret', 's', 'hush'],
    ] as const) {
      expect(await property('set-property', name, ...value)).toMatchObject({ code: 0, stdout: '', stderr: '' });
    }
    expect((await property('get-property', 'Title', 'Level', 'Quiet', 'Tags', 'Pair')).stdout.split('\n')).toEqual(
      ['s "0 tags"', 'd inf', 'n -32768', 'as 0', '(xd) 9223372036854775807 1e-07', ''],
    );
    expect(state.secret).toBe('hush');
    const refused = async (...args: [string, ...string[]]) => (await property(...args)).stderr;
    expect(await refused('get-property', 'Secret')).toContain('Access denied');
    expect(await refused('set-property', 'Version', 'u', '2')).toContain('Mirror1.Version cannot be written');
    expect(await refused('set-property', 'Title', 'o', '/')).toContain('must have a value of signature "s", got "o"');
    expect(await refused('get-property', 'Missing')).toContain('has no property Missing');
  });

  test('gets a reply without an interface, and may ask for no reply', async () => {
    const expectNoReply = ['call', '--expect-reply=no', MIRROR.destination, MIRROR.path, Annotated.name, 'Note'];
    expect(await busctl(daemon, [...expectNoReply, 's', 'one'])).toMatchObject({ code: 0, stdout: '', stderr: '' });
    const expectReply = ['call', MIRROR.destination, MIRROR.path, Annotated.name, 'Note'];
    expect(await busctl(daemon, [...expectReply, 's', 'two'])).toMatchObject({ code: 0, stdout: '', stderr: '' });
    expect(state.notes).toEqual(['one', 'two']);
  });

  test('gets errors with their texts', async () => {
    const refused = async (member: string, ...args: string[]) =>
      (await busctlCall(daemon, MIRROR, member, args)).stderr;
    expect(await refused('Fail', 's', 'no luck')).toBe('Call failed: no luck\n');
    expect(await refused('Missing')).toBe(`Call failed: ${NOT_THERE}\n`);
    expect(await refused('Divide', 'i', '1')).toContain('must have arguments of signature "ii", got "i"');
  });

  test('sees every object of the tree', async () => {
    const { stdout } = await busctl(daemon, ['tree', '--list', MIRROR.destination]);
    const items = '/com/example/items';
    expect(stdout.trimEnd().split('\n').sort()).toEqual(
      ['/', '/com', '/com/example', MIRROR.path, items, `${items}/0`, `${items}/1`].sort(),
    );
  });
});

describeWith('dbus-daemon', 'gdbus')('gdbus', () => {
  test.each(some(rowsWith('gvariant'), 4))('%s returns %s unchanged', async (member, text, { value }) => {
    const ended = await gdbusCall(daemon, MIRROR, member, [text]);
    expect(ended).toMatchObject({ code: 0, stderr: '', stdout: `(${text},)\n` });
    expect(onlySeen()).toStrictEqual(value);
  });

  test('sees values, annotations and argument names in introspection data', async () => {
    const where = ['--dest', MIRROR.destination, '--object-path', MIRROR.path];
    const { code, stdout } = await gdbus(daemon, 'introspect', where);
    expect(code).toBe(0);
    const text = stdout.replaceAll(/\s+/g, ' ');
    for (const part of [
      'Divide(in i dividend, in i divisor, out i quotient, out i remainder);',
      'EchoPathDictionary(in a{oa{sa{sv}}} arg_0, out a{oa{sa{sv}}} arg_1);',
      'signals: Changed(u index, s text, a{sv} details, (xd) arg_3); Emptied();',
      'properties: @org.freedesktop.DBus.Property.EmitsChangedSignal("const") readonly u Version = 1; ' +
        "readwrite s Title = 'untitled'; " +
        '@org.freedesktop.DBus.Property.EmitsChangedSignal("invalidates") readwrite d Level = 0.5; ' +
        '@org.freedesktop.DBus.Property.EmitsChangedSignal("false") readwrite n Quiet = -3; ' +
        "readwrite as Tags = ['a', 'b']; " +
        "readonly a{sv} Details = {'size': <int64 -1>, 'empty': <@a(tt) []>}; " +
        'readwrite (xd) Pair = (-9223372036854775808, -0.0); writeonly s Secret; };',
      '@org.freedesktop.DBus.Deprecated("true") interface com.example.Annotated1 {',
      '@org.freedesktop.DBus.Method.NoReply("true") Note(in s text);',
      '@org.freedesktop.DBus.Deprecated("true") Old(out s arg_0);',
      '@org.freedesktop.DBus.Deprecated("true") OldNews(s arg_0);',
    ]) {
      expect(text).toContain(part);
    }
  });

  test('sees signals, each with all of its arguments', async () => {
    await using monitor = await start(
      'gdbus', ['monitor', '--address', daemon.address, '--dest', MIRROR.destination], { env: daemon.env },
    );
    await monitor.line(/The name .* is owned by/);
    await gdbusCall(daemon, MIRROR, 'Emit', ['1']);
    const prefix = `${MIRROR.path}: ${MIRROR.interface}.`;
    const body = "(uint32 0, 'change 0', {'__proto__': <uint64 18446744073709551615>}, (int64 -1, 0.25))";
    expect((await monitor.line('Changed')).input).toContain(`${prefix}Changed ${body}`);
    expect((await monitor.line('Emptied')).input).toContain(`${prefix}Emptied ()`);
    state.annotated.emit('OldNews', 'old');
    expect((await monitor.line('OldNews')).input).toContain(`${MIRROR.path}: ${Annotated.name}.OldNews ('old',)`);
  });
});

describeWith('dbus-daemon', 'dbus-send')('dbus-send', () => {
  test.each(some([
    ['EchoByte', 'byte:255', 'byte 255', 255],
    ['EchoBoolean', 'boolean:true', 'boolean true', true],
    ['EchoInt16', 'int16:-32768', 'int16 -32768', -32768],
    ['EchoUInt16', 'uint16:65535', 'uint16 65535', 65535],
    ['EchoInt32', 'int32:-2147483648', 'int32 -2147483648', -(2 ** 31)],
    ['EchoUInt32', 'uint32:4294967295', 'uint32 4294967295', 2 ** 32 - 1],
    ['EchoInt64', 'int64:-9223372036854775808', 'int64 -9223372036854775808', -(2n ** 63n)],
    ['EchoUInt64', 'uint64:18446744073709551615', 'uint64 18446744073709551615', 2n ** 64n - 1n],
    ['EchoDouble', 'double:-inf', 'double -inf', -Infinity],
    ['EchoDouble', 'double:5e-324', 'double 4.94066e-324', Number.MIN_VALUE],
    ['EchoString', 'string:grüße 😀', 'string "grüße 😀"', 'grüße 😀'],
    ['EchoObjectPath', 'objpath:/a/_0', 'object path "/a/_0"', '/a/_0'],
    ['EchoVariant', 'variant:uint64:1', 'variant uint64 1', { signature: 't', value: 1n }],
    ['EchoStrings', 'array:string:a,b', 'array [ string "a" string "b" ]', ['a', 'b']],
    ['EchoBytes', 'array:byte:1,0,255', 'array of bytes [ 01 00 ff ]', Uint8Array.of(1, 0, 255)],
    ['EchoDoubles', 'array:double:0.5,-0', 'array [ double 0.5 double -0 ]', [0.5, -0]],
    ['EchoObjectPaths', 'array:objpath:/,/b', 'array [ object path "/" object path "/b" ]', ['/', '/b']],
    ['EchoStringDictionary', 'dict:string:string:b,1,a,2',
      'array [ dict entry( string "b" string "1" ) dict entry( string "a" string "2" ) ]',
      new Map([['b', '1'], ['a', '2']])],
    ['EchoByteDictionary', 'dict:byte:string:255,x',
      'array [ dict entry( byte 255 string "x" ) ]', new Map([[255, 'x']])],
    ['EchoInt64Dictionary', 'dict:int64:double:-1,0.5',
      'array [ dict entry( int64 -1 double 0.5 ) ]', new Map([[-1n, 0.5]])],
  ] as const, 3))('%s returns %s unchanged', async (member, argument, printed, value) => {
    const { code, stdout, stderr } = await dbusSendCall(daemon, MIRROR, member, [argument]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const [first, ...rest] = stdout.trimEnd().split('\n');
    expect(first).toMatch(/^method return .* reply_serial=2$/);
    expect(rest.join(' ').trim().replaceAll(/\s+/g, ' ')).toBe(printed);
    expect(onlySeen()).toStrictEqual(value);
  });

  test.each([
    ['Fail', ['string:no luck'], `${CUSTOM_ERROR}: no luck`],
    ['FailInDetail', [], CUSTOM_ERROR],
    ['Missing', [], `${ErrorName.UNKNOWN_METHOD}: ${NOT_THERE}`],
    ['EchoByte', ['int32:1'],
      `${ErrorName.INVALID_ARGS}: com.example.Mirror1.EchoByte must have arguments of signature "y", got "i"`],
    ['Nothing', ['int32:1'],
      `${ErrorName.INVALID_ARGS}: com.example.Mirror1.Nothing must have arguments of signature "", got "i"`],
  ])('%s %j fails with the name of its error', async (member, args, text) => {
    const { code, stderr } = await dbusSendCall(daemon, MIRROR, member, args);
    expect(code).toBe(1);
    expect(stderr.trimEnd()).toMatch(`Error ${text}`);
  });

  test('gets the exception of a handler as Failed, and the service gets a report', async () => {
    const reports = recordHandlerErrors();
    const { stderr } = await dbusSendCall(daemon, MIRROR, 'Crash');
    expect(stderr).toBe(`Error ${ErrorName.FAILED}: not a D-Bus error\n`);
    const failed = { interface: 'com.example.Mirror1', member: 'Crash' };
    expect(reports).toMatchObject([{ ...failed, error: expect.any(RangeError) }]);
  });

  // It ends at once then, and a proxy drops what it has not passed on.
  if (!isThroughProxy()) test('may expect no reply, and may call our unique name', async () => {
    const where = [MIRROR.path, `${Annotated.name}.Note`];
    for (const destination of [MIRROR.destination, bus.uniqueName]) {
      const args = ['--type=method_call', `--dest=${destination}`, ...where, `string:for ${destination}`];
      expect(await dbusSend(daemon, args)).toMatchObject({ code: 0, stdout: '', stderr: '' });
    }
    await until(() => state.notes.length >= 2);
    expect(state.notes).toEqual([`for ${MIRROR.destination}`, `for ${bus.uniqueName}`]);
  });
});

describeWith('dbus-daemon', 'dbus-python')('dbus-python', () => {
  test('returns every value unchanged, with the types of our introspection data', async () => {
    const rows = ECHO_ROWS.map(({ member, python }) => ({ member, python }));
    const results = await caller('dbus_python', ['echoes'], rows);
    expect(results).toEqual(ECHO_ROWS.map(() => 'same'));
    expect(state.seen.map(({ call }) => [call.member, call.signature])).toEqual(
      ECHO_ROWS.map(({ member }) => [member, signatureOf(member)]),
    );
    expect(state.seen.map(({ value }) => value)).toStrictEqual(ECHO_ROWS.map(({ value }) => value));
  });

  test('gets the replies and errors of each call', async () => {
    const reports = recordHandlerErrors();
    const error = (name: keyof typeof ErrorName, text: string) => `${ErrorName[name]}: ('${text}',)`;
    expect(await caller('dbus_python', ['errors'])).toEqual([
      `${CUSTOM_ERROR}: ('grüße 😀',)`,
      `${CUSTOM_ERROR}: ('${CUSTOM_ERROR}',)`, // no text, and dbus-python takes the name for one
      error('FAILED', 'not a D-Bus error'),
      error('UNKNOWN_METHOD', NOT_THERE),
      error('UNKNOWN_INTERFACE', 'the object /com/example/Mirror has no interface com.example.Missing1'),
      error('UNKNOWN_OBJECT', 'there is no object at /missing'),
      error('INVALID_ARGS', 'com.example.Mirror1.EchoInt64 must have arguments of signature "x", got "i"'),
      'dbus.Int64(5)',
      "dbus.String('hello, you')",
      "dbus.String('bye, you')",
      "dbus.String('no interface')",
      'True',
      '(dbus.Int32(-3), dbus.Int32(-1))',
      'None',
    ]);
    expect(reports).toHaveLength(1);
  });

  test('reads and writes properties', async () => {
    const details =
      "dbus.Dictionary({dbus.String('size'): dbus.Int64(-1, variant_level=1), dbus.String('empty'): " +
      "dbus.Array([], signature=dbus.Signature('(tt)'), variant_level=1)}, " +
      "signature=dbus.Signature('sv'), variant_level=1)";
    const missing = `${ErrorName.UNKNOWN_PROPERTY}: ('the interface com.example.Mirror1 has no property Missing',)`;
    expect(await caller('dbus_python', ['properties'])).toEqual([
      'Version dbus.UInt32(1, variant_level=1)',
      "Title dbus.String('untitled', variant_level=1)",
      'Level dbus.Double(0.5, variant_level=1)',
      'Quiet dbus.Int16(-3, variant_level=1)',
      "Tags dbus.Array([dbus.String('a'), dbus.String('b')], signature=dbus.Signature('s'), variant_level=1)",
      `Details ${details}`,
      'Pair dbus.Struct((dbus.Int64(-9223372036854775808), dbus.Double(-0.0)), signature=None, variant_level=1)',
      `Secret ${ErrorName.ACCESS_DENIED}: ('the property com.example.Mirror1.Secret cannot be read',)`,
      `Missing ${missing}`,
      'dbus.UInt32(1, variant_level=1)',
      ...Array.from({ length: 6 }, () => 'None'),
      `${ErrorName.PROPERTY_READ_ONLY}: ('the property com.example.Mirror1.Version cannot be written',)`,
      `${ErrorName.INVALID_ARGS}: ` +
        '(\'the property com.example.Mirror1.Title must have a value of signature "s", got "u"\',)',
      missing,
      `all Details ${details}`,
      'all Level dbus.Double(nan, variant_level=1)',
      'all Pair dbus.Struct((dbus.Int64(1), dbus.Double(2.5)), signature=None, variant_level=1)',
      'all Quiet dbus.Int16(-32768, variant_level=1)',
      "all Tags dbus.Array([], signature=dbus.Signature('s'), variant_level=1)",
      "all Title dbus.String('0 tags', variant_level=1)",
      'all Version dbus.UInt32(1, variant_level=1)',
      `${ErrorName.UNKNOWN_INTERFACE}: ` +
        "('the object /com/example/Mirror has no interface com.example.Missing1',)",
    ]);
    expect(state.secret).toBe('hush');
  });

  test('gets every signal once for each receiver with a matching rule', async () => {
    const change = (index: number): string =>
      `(dbus.UInt32(${index}), dbus.String('change ${index}'), dbus.Dictionary({dbus.String('__proto__'): ` +
      "dbus.UInt64(18446744073709551615, variant_level=1)}, signature=dbus.Signature('sv')), " +
      'dbus.Struct((dbus.Int64(-1), dbus.Double(0.25)), signature=None))';
    const header = 'destination=None interface=com.example.Mirror1 member=Changed path=/com/example/Mirror';
    const changed = (values: string, invalidated: string): string =>
      `(dbus.String('com.example.Mirror1'), dbus.Dictionary({${values}}, signature=dbus.Signature('sv')), ` +
      `dbus.Array([${invalidated}], signature=dbus.Signature('s')))`;
    const tags = "dbus.Array([dbus.String('x')], signature=dbus.Signature('s'), variant_level=1)";
    const lines = (await caller('dbus_python', ['signals'])).map((line) => line.trimEnd());
    // The two receivers of one signal are called in an order that is dbus-python's own.
    const [first, ...rest] = lines;
    expect(first).toBe(`${change(0)} ${header}`);
    expect(rest.slice(0, 2).sort()).toEqual([`${change(1)} ${header}`, `${change(1)} only=Changed`].sort());
    expect(rest.slice(2)).toEqual([
      "('emptied',)",
      changed("dbus.String('Title'): dbus.String('told', variant_level=1)", ''),
      changed('', "dbus.String('Level')"),
      changed(`dbus.String('Title'): dbus.String('1 tags', variant_level=1), dbus.String('Tags'): ${tags}`, ''),
    ]);
  });

  heavyTest('sends and receives a large message', async () => {
    expect(await caller('dbus_python', ['bytes'])).toEqual(['ByteArray True', '4194305 True']);
  });
});

describeWith('dbus-daemon', 'dbus-python')('GLib', () => {
  test.each(some(['big', 'little'] as const, 2))('gets back every value that it writes %s-endian', async (byteOrder) => {
    const rows = rowsWith('gvariant').map(([member, gvariant, { value }]) =>
      ({ member, gvariant, value, signature: signatureOf(member) }),
    );
    const sent = rows.map(({ member, gvariant, signature }) => ({ member, gvariant, signature }));
    const results = (await caller('glib', ['echoes', byteOrder], sent)).map((line): unknown => JSON.parse(line));
    expect(results).toEqual(
      rows.map(({ gvariant, signature }) => ({ type: 'method-return', signature, value: gvariant })),
    );
    expect(state.seen.map(({ value }) => value)).toStrictEqual(rows.map(({ value }) => value));
    expect(new Set(state.seen.map(({ call }) => call.byteOrder))).toEqual(new Set([byteOrder]));
  });

  test('gets errors by their names', async () => {
    const reports = recordHandlerErrors();
    const lines = await caller('glib', ['errors']);
    const results = lines.map((line): unknown => (line.startsWith('[') ? JSON.parse(line) : line));
    const error = (name: string, text: string) => [name, `GDBus.Error:${name}: ${text}`];
    expect(results).toEqual([
      error(CUSTOM_ERROR, 'grüße 😀'),
      [CUSTOM_ERROR, expect.stringContaining('(us)')],
      error(ErrorName.FAILED, 'not a D-Bus error'),
      error(ErrorName.UNKNOWN_METHOD, NOT_THERE),
      error(ErrorName.INVALID_ARGS, 'com.example.Mirror1.EchoByte must have arguments of signature "y", got "s"'),
      'Timeout was reached',
    ]);
    expect(reports).toHaveLength(1);
  });

  test('updates the properties of a proxy when they change', async () => {
    expect(await caller('glib', ['proxy'])).toEqual([
      "Details {'size': <int64 -1>, 'empty': <@a(tt) []>}",
      'Level 0.5',
      'Pair (int64 -9223372036854775808, -0.0)',
      'Quiet int16 -3',
      "Tags ['a', 'b']",
      "Title 'untitled'",
      'Version uint32 1',
      'owner True',
      '(-3, -1)',
      "changed {'Title': <'grüße'>} []",
      "changed {'Title': <'0 tags'>, 'Tags': <@as []>} []",
      "changed {'Level': <2.0>} []",
      "signal True Changed (uint32 0, 'change 0', {'__proto__': <uint64 18446744073709551615>}, (int64 -1, 0.25))",
      'signal True Emptied ()',
      "Title '0 tags'",
      'Tags @as []',
      'Level 2.0',
    ]);
  });

  test('reads our introspection data', async () => {
    const glib = parseIntrospection((await caller('glib', ['xml'])).join('\n'));
    // GLib has a name for every argument, and makes up those it was not given.
    const withoutNames = (interfaces: typeof glib.interfaces) =>
      interfaces.map(({ name, deprecated, methods, signals, properties }) => ({
        name,
        deprecated,
        properties,
        methods: Object.entries(methods).map(([member, { in: inSignature, out, noReply, deprecated: old }]) =>
          [member, inSignature, out, noReply, old]),
        signals: Object.entries(signals).map(([member, { args, deprecated: old }]) => [member, args, old]),
      }));
    const meant = [Mirror, Annotated] as unknown as typeof glib.interfaces; // a definition says more than is parsed
    expect(withoutNames(glib.interfaces.slice(0, 2))).toEqual(withoutNames(meant));
    const mirror = glib.interfaces.find(({ name }) => name === Mirror.name);
    const { inNames, outNames } = Mirror.methods.Divide;
    expect(mirror?.methods['Divide']).toMatchObject({ inNames, outNames });
    expect(mirror?.signals['Changed']?.argNames.slice(0, 3)).toEqual(['index', 'text', 'details']);
  });

  // Our own bus carries no descriptors.
  if (!isOnAnotherBus()) test('sends us the index of a file descriptor, which we do not send back', async () => {
    const reports = recordHandlerErrors();
    expect(await caller('glib', ['handles'])).toEqual([ErrorName.FAILED, ErrorName.FAILED]);
    expect(state.seen.map(({ value }) => value)).toEqual([0, 0]);
    expect(reports).toMatchObject(Array(2).fill({ error: { code: 'UNIX_FD_NOT_SENDABLE', path: 'body[0]' } }));
  });

  test('follows the objects of an object manager', async () => {
    const line = (what: string, index: number): string =>
      `${what} /com/example/items/${index} ['com.example.Item1'] uint32 ${index}`;
    expect(await caller('glib', ['objects'])).toEqual(
      [line('has', 0), line('has', 1), line('added', 2), line('removed', 2)],
    );
  });
});

describeWith('dbus-daemon')('after all these calls', () => {
  test('the connection is open, and has dropped only the errors for callers that did not wait', () => {
    // dbus-send without --print-reply also asks for a reply; after its end the bus cannot deliver the reply.
    expect([...bus.dropped.keys()].filter((reason) => reason !== 'unexpected reply')).toEqual([]);
    expect(bus.dropped.get('unexpected reply') ?? 0).toBeLessThanOrEqual(2);
    expect(bus.closedSignal.aborted).toBe(false);
  });
});
