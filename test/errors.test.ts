// Keeps docs/errors.md and the code consistent: each error class of src, with its fault and all of its codes, has a
// section there and vice versa; each example is the text that the library gives; a code that two classes have is the
// same rule in both. To take over changed texts: `UPDATE_ERROR_EXAMPLES=1 npx vitest run test/errors.test.ts`.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { AuthClient } from '../src/auth/client.js';
import { AuthError } from '../src/auth/errors.js';
import { external, externalServer } from '../src/auth/mechanisms.js';
import { AuthServer } from '../src/auth/server.js';
import * as connection from '../src/connection/errors.js';
import * as main from '../src/index.js';
import { defineInterface, formatMatchRule, parseIntrospection } from '../src/index.js';
import { parseAddresses } from '../src/protocol/address.js';
import * as transport from '../src/transport/errors.js';
import { notSupported } from '../src/transport/other-transports.js';
import { reasonOf } from '../src/transport/reasons.js';
import { socketPathOf } from '../src/transport/unix.js';
import { chooseUnixPlace } from '../src/transport/unix.js';
import { sessionBusAddress, starterBusAddress } from '../src/transport/well-known-buses.js';
import { ExportError } from '../src/service/errors.js';
import * as wire from '../src/wire/index.js';
import { extent } from './support/extent.js';
import { codeSpans, decodeExample, evaluate, tableUnder, thrownBy } from './support/pages.js';
import { filesBelow, read, root, type Source, sourcesOf } from './support/sources.js';

const PAGE = 'docs/errors.md';
const page = read(PAGE);

/** The name, code and fault that a class of src declares. */
interface ErrorClass {
  readonly name: string;
  readonly fault: string;
  readonly codes: readonly string[];
}

/** The codes of a union type, without those of the unions that it includes. */
function codesOf(union: string, sources: readonly Source[]): readonly string[] {
  const declaration = new RegExp(`export type ${union} =([^;]*);`);
  const text = sources.map(({ code }) => declaration.exec(code)?.[1]).find((body) => body !== undefined) ?? '';
  return [...text.matchAll(/'([A-Z_0-9]+)'/g)].map(([, code = '']) => code);
}

const sources = sourcesOf(filesBelow('src')).filter(({ file }) => !file.includes('/random-data/'));
const classes: readonly ErrorClass[] = sources.flatMap(({ code }) =>
  [...code.matchAll(/^export class (\w+) extends DBusWireError \{([^]*?)^\}/gm)].map(([, name = '', body = '']) => {
    const fault = /readonly fault(?: = |: )([^;]*);/.exec(body)?.[1] ?? '';
    const [, single, union = ''] = /readonly code(?: = '(\w+)'|: (\w+))/.exec(body) ?? [];
    return {
      name,
      fault: fault.replaceAll("'", '').replaceAll(' | ', ' or '),
      codes: single === undefined ? codesOf(union, sources) : [single],
    };
  }));

/** The rows of the section of a class. */
function rowsOf(name: string): readonly { readonly code: string; readonly meaning: string; readonly text: string }[] {
  return tableUnder(page, `\`${name}\``).map(([code = '', meaning = '', text = '', ...rest]) => {
    expect(rest, code).toEqual([]);
    return { code: codeSpans(code)[0] ?? '', meaning, text };
  });
}

const ascii = (text: string): Uint8Array => Buffer.from(text, 'latin1');
const message = wire.methodCall({ path: '/', member: 'M' });
const GUID = '0123456789abcdef0123456789abcdef';

/** A client of the authentication that receives this. */
const client = (received: string) => () => {
  const machine = new AuthClient({ mechanisms: [external({ uid: '1000' })], earlyBegin: false });
  machine.start();
  return machine.receive(ascii(received));
};
const ended = (code: 'SERVER_CLOSED' | 'AUTH_TIMED_OUT') => () => {
  const machine = new AuthClient({ mechanisms: [external({ uid: '1000' })] });
  machine.start();
  throw machine.abandon(code);
};
const server = (received: string) => () => {
  const machine = new AuthServer({ guid: GUID, mechanisms: [externalServer(() => '0')] });
  throw machine.receive(ascii(received)).disconnect;
};
const address = (text: string) => () => parseAddresses(text);
const socket = (text: string, libuv = '1.48.0') => () => socketPathOf(parseAddresses(text)[0]!, libuv);
const define = (spec: object) => () => defineInterface({ name: 'com.example.Lamp1', ...spec } as never);
const implement = (spec: object, handlers: object) => () =>
  defineInterface({ name: 'com.example.Lamp1', ...spec } as never).implement(handlers as never);
const xml = (text: string) => () => parseIntrospection(text, { strict: true });
const thrown = (error: Error) => () => {
  throw error;
};

const LAMP = { methods: { Dim: { in: 'y' } }, properties: { Watts: { type: 'u', access: 'read', emitsChanged: 'const' } } };
const HANDLERS = { methods: { Dim: () => {} }, properties: { Watts: { get: () => 1 } } };
const lamp = (): {
  emit(...args: unknown[]): void;
  emitPropertiesChanged(...names: unknown[]): void;
  values: Record<string, unknown>;
} =>
  implement(LAMP, HANDLERS)() as never; // called with names that the types do not allow

/** For each code, something that fails with it. The codes of the unions of the wire layer have theirs in wire.md. */
const FAILURES: Readonly<Record<string, Readonly<Record<string, () => unknown>>>> = {
  ArgumentError: {
    OPTION_UNKNOWN: () => wire.encodeMessage(message, { seriall: 1 } as never),
    OPTION_INVALID: () => wire.marshal('y', [1], { byteOrder: 'LE' as never }),
    ARGUMENT_INVALID: () => wire.encodeMessage(message, 1 as never),
  },
  InvalidNameError: { NAME_INVALID: () => wire.assertInterfaceName('lamp') },
  AddressError: {
    ADDRESS_EMPTY: address(''),
    TRANSPORT_INVALID: address('=path'),
    KEY_INVALID: address('unix:path'),
    KEY_DUPLICATE: address('unix:path=/a,path=/b'),
    VALUE_EMPTY: address('unix:path='),
    VALUE_NOT_ESCAPED: address('unix:path=/a b'),
    VALUE_ESCAPE_INVALID: address('unix:path=/%x'),
    VALUE_CONTAINS_NUL: address('unix:path=/%00'),
    VALUE_NOT_UTF8: address('unix:path=/%ff'),
    GUID_INVALID: address('unix:path=/a,guid=0'),
    TRANSPORT_NOT_SUPPORTED: thrown(notSupported(
      parseAddresses('x-future:a=1')[0]!, ['unix', 'tcp', 'nonce-tcp', 'unixexec'],
    )),
    NOT_CONNECTABLE: socket('unix:tmpdir=/tmp'),
    NOT_LISTENABLE: () => chooseUnixPlace(parseAddresses('unix:')[0]!),
    SOCKET_NAME_TOO_LONG: socket(`unix:path=/${'a'.repeat(107)}`),
    ABSTRACT_NOT_SUPPORTED: socket('unix:abstract=a', '1.46.0'),
    SESSION_BUS_NOT_FOUND: () => sessionBusAddress({}),
    STARTER_BUS_NOT_FOUND: () => starterBusAddress({}),
  },
  MatchRuleError: {
    MATCH_RULE_INVALID: () => formatMatchRule({ path: '/', pathNamespace: '/' }),
    MATCH_RULE_TOO_LONG: () => formatMatchRule({ args: { 0: 'a'.repeat(1_024) } }),
  },
  DefinitionError: {
    NAME_INVALID: define({ methods: { 'switch-on': {} } }),
    SPEC_INVALID: define({ methods: { Dim: { in: 5 } } }),
    ARGUMENT_NAMES_INVALID: define({ methods: { Dim: { in: 'y', inNames: ['a', 'b'] } } }),
    OPTIONAL_INVALID: define({ methods: { Dim: { in: 'y', optional: 2 } } }),
    NO_REPLY_WITH_RESULT: define({ methods: { Dim: { out: 'y', noReply: true } } }),
    HANDLER_INVALID: implement(LAMP, { ...HANDLERS, methods: { Dim: 5 } }),
    HANDLER_MISSING: implement(LAMP, { ...HANDLERS, methods: {} }),
    HANDLER_UNKNOWN: implement(LAMP, { ...HANDLERS, methods: { Dim: () => {}, Blink: () => {} } }),
    SIGNAL_UNKNOWN: () => lamp().emit('Dimmed'),
    PROPERTY_UNKNOWN: () => lamp().emitPropertiesChanged('Color'),
    PROPERTY_DOES_NOT_SIGNAL: () => lamp().emitPropertiesChanged('Watts'),
    PROPERTY_NOT_STORED: () => lamp().values['Watts'],
  },
  ExportError: {
    SUBTREE_EXPORTED: thrown(new ExportError('SUBTREE_EXPORTED', 'the path has handlers of a subtree already: it must have one subtree', {
      path: '/lamps', interface: '',
    })),
    INTERFACE_EXPORTED: thrown(new ExportError('INTERFACE_EXPORTED', 'the object has it already: it must be exported once', {
      path: '/lamp', interface: 'com.example.Lamp1',
    })),
    INTERFACE_STANDARD: thrown(new ExportError('INTERFACE_STANDARD', 'the library implements it itself on every object: it must not be exported', {
      path: '/lamp', interface: 'org.freedesktop.DBus.Peer',
    })),
  },
  OwnerTimeoutError: { OWNER_TIMED_OUT: thrown(new connection.OwnerTimeoutError('com.example.Lamp', 5_000)) },
  NameLostError: { NAME_LOST: thrown(new connection.NameLostError('com.example.Lamp', ':1.42')) },
  QueueOverflowError: {
    QUEUE_OVERFLOW: thrown(new connection.QueueOverflowError(
      { waiting: 1_024, bytes: 98_304 }, { limit: 1_024, maxBytes: 2 ** 24 },
    )),
  },
  HandlerInUseError: { HANDLER_IN_USE: thrown(new connection.HandlerInUseError()) },
  AuthError: {
    LINE_TOO_LONG: client('A'.repeat(20_000)),
    LINE_CONTAINS_NUL: client('OK\0\r\n'),
    LINE_NOT_ASCII: client('OK \xff\r\n'),
    LINE_END_INVALID: client('OK\n'),
    TOO_MANY_LINES: server(`\0AUTH EXTERNAL 30\r\n${'NEGOTIATE_UNIX_FD\r\n'.repeat(1_000)}`),
    REJECTED: client('REJECTED DBUS_COOKIE_SHA1\r\n'),
    GUID_INVALID: client('OK 1\r\n'),
    GUID_MISMATCH: thrown(new AuthError('GUID_MISMATCH', `the server's GUID is ${GUID}: it must be ${'0'.repeat(32)}, ` +
      'as in its address')),
    UNEXPECTED_COMMAND: client('ERROR\r\nERROR\r\n'),
    SERVER_CLOSED: ended('SERVER_CLOSED'),
    AUTH_TIMED_OUT: ended('AUTH_TIMED_OUT'),
    CLIENT_CLOSED: thrown(new AuthError(
      'CLIENT_CLOSED', 'the client closed the connection (state WaitingForAuth): it must get to BEGIN first',
    )),
    NUL_BYTE_MISSING: server('AUTH\r\n'),
    BEGIN_TOO_EARLY: server('\0BEGIN\r\n'),
    TOO_MANY_REJECTIONS: server(`\0${'AUTH\r\n'.repeat(6)}`),
    IDENTITY_INVALID: () => external({ uid: 'ü' }),
    MECHANISM_MISSING: () => new AuthClient({ mechanisms: [] }).start(),
    OUT_OF_TURN: () => new AuthClient({ mechanisms: [external()] }).receive(ascii('OK')),
  },
  IntrospectionError: {
    TOO_LONG: xml(' '.repeat(8_388_609)),
    TOO_DEEP: xml(`<node>${'<node name="a">'.repeat(64)}`),
    CHARACTER_INVALID: xml('<node>\u0001</node>'),
    NOT_TERMINATED: xml('<node>'),
    MARKUP_INVALID: xml('<node/ >'),
    XML_NAME_INVALID: xml('<1>'),
    ATTRIBUTE_INVALID: xml('<node name=a/>'),
    ATTRIBUTE_DUPLICATE: xml('<node name="a" name="b"/>'),
    ENTITY_INVALID: xml('<node name="&x;"/>'),
    TAG_MISMATCH: xml('<node></nod>'),
    TEXT_OUTSIDE: xml('x<node/>'),
    ROOT_INVALID: xml('<interface/>'),
    ATTRIBUTE_MISSING: xml('<node><interface/></node>'),
    VALUE_INVALID: xml('<node><interface name="a.b"><property name="P" type="u" access="rw"/></interface></node>'),
    TYPE_INVALID: xml('<node><interface name="a.b"><property name="P" type="k" access="read"/></interface></node>'),
  },
  UnexpectedSignatureError: {
    UNEXPECTED_SIGNATURE: thrown(
      new connection.UnexpectedSignatureError('com.example.Lamp1.Dim', { expected: 'u', actual: 's' }),
    ),
  },
  ConnectError: {
    CONNECT_FAILED: thrown(new transport.ConnectError('unix:path=/run/bus', [
      new Error(`unix:path=/run/bus: ${reasonOf(Object.assign(new Error(), { code: 'ENOENT', syscall: 'connect' }))}`),
    ])),
  },
  ListenError: {
    ADDRESS_IN_USE: thrown(transport.ListenError.inUse('unix:path=/run/a', 'the socket of a running server')),
    LISTEN_FAILED: thrown(transport.ListenError.because(
      'unix:path=/run/a', Object.assign(new Error(), { code: 'EACCES', syscall: 'listen' }),
    )),
    NONCE_INVALID: thrown(new transport.ListenError(
      'NONCE_INVALID', 'nonce-tcp:', 'the client sent a wrong nonce: it must be that of the nonce file',
    )),
    CLIENT_CUT: thrown(new transport.ListenError(
      'CLIENT_CUT', 'unix:path=/run/a', 'the server has as many connections as it allows: one must end first',
    )),
  },
  DescriptorError: {
    DESCRIPTOR_INDEX_INVALID: thrown(transport.DescriptorError.index(2, 1, 'caller')),
    DESCRIPTORS_MISSING: thrown(transport.DescriptorError.missing(2, 1)),
    TOO_MANY_DESCRIPTORS: thrown(transport.DescriptorError.tooMany(300, 253, 'caller')),
  },
  ProgramEndedError: {
    PROGRAM_ENDED: thrown(new transport.ProgramEndedError('ssh', {
      exitCode: 255, stderr: 'ssh: Could not resolve hostname example\n',
    })),
  },
  EndOfStreamError: { END_OF_STREAM: thrown(new transport.EndOfStreamError()) },
  OutputOverflowError: {
    OUTPUT_OVERFLOW: thrown(transport.OutputOverflowError.tooMuch(2 ** 29 + 1, 2 ** 29)),
    OUTPUT_STALLED: thrown(transport.OutputOverflowError.stalled(9_000_000, 10)),
  },
  ConnectionClosedError: {
    CONNECTION_CLOSED: thrown(new connection.ConnectionClosedError('the connection was closed')),
    CONNECTION_LOST: thrown(new connection.ConnectionClosedError(
      'the connection has ended: the peer closed the connection', { code: 'CONNECTION_LOST' },
    )),
  },
  CallTimeoutError: { CALL_TIMED_OUT: thrown(new connection.CallTimeoutError('com.example.Lamp1.Dim', 25_000)) },
  DBusError: {
    ERROR_REPLY: thrown(new main.DBusError(main.ErrorName.SERVICE_UNKNOWN, 'The name com.example.Lamp is not activatable')),
  },
  NameRequestError: { NAME_EXISTS: thrown(new connection.NameRequestError('com.example.Lamp')) },
};

/** The same for the codes that have an example in wire.md. */
function wireFailures(name: string): Readonly<Record<string, () => unknown>> {
  const rows = tableUnder(read('docs/wire.md'), `${name.replace('Error', '')}ErrorCode`);
  return Object.fromEntries(rows.map(([code = '', , , example = '']) => {
    const spans = codeSpans(example);
    return [
      codeSpans(code)[0] ?? '',
      name === 'UnmarshalError' ? () => decodeExample(spans) : () => evaluate(spans[0] ?? ''),
    ];
  }));
}

/** A text as a cell of a table shows it. */
const cellOf = (text: string): string =>
  `\`${text.replaceAll('|', '\\|').replaceAll('`', "'").replace(/[\0-\x1f]/g, '?')}\``;

if (process.env['UPDATE_ERROR_EXAMPLES'] !== undefined) {
  let section = '';
  const updated = page.split('\n').map((line) => {
    section = /^#+ `(\w+)`/.exec(line)?.[1] ?? section;
    const [, code = '', meaning = ''] = /^\| `([A-Z_0-9]+)` \| (.*) \| [^|]*(?:\\\|[^|]*)* \|$/.exec(line) ?? [];
    const act = (FAILURES[section] ?? wireFailures(section))[code];
    if (code === '' || act === undefined) return line;
    return `| \`${code}\` | ${meaning} | ${cellOf(String((thrownBy(act) as Partial<Error>).message))} |`;
  });
  writeFileSync(join(root, PAGE), updated.join('\n'));
}

test('the page has a section for each error class of the library, and for no other', () => {
  const sections = [...page.matchAll(/^#+ `(\w+)`/gm)].map(([, name]) => name);
  expect(classes.length).toBeGreaterThan(15);
  expect(sections.sort()).toEqual(classes.map(({ name }) => name).sort());
});

test('the main entry point exports every error class', () => {
  expect(classes.filter(({ name }) => !(name in main)).map(({ name }) => name)).toEqual([]);
});

describe.each(classes)('$name', ({ name, fault, codes }) => {
  const rows = rowsOf(name);

  test('is on the page with its fault and its codes', () => {
    expect(codes.length).toBeGreaterThan(0);
    expect(rows.map(({ code }) => code)).toEqual(codes);
    const text = page.split(/^#+ /m).find((section) => section.startsWith(`\`${name}\``));
    expect(text).toContain(`Fault: ${fault}.`);
  });

  const failures = FAILURES[name] ?? wireFailures(name);

  // The example of MESSAGE_TOO_LONG takes a message of 128 MiB.
  const quick = rows.filter(({ code }) => name !== 'MarshalError' || code !== 'MESSAGE_TOO_LONG');
  test.each(extent(quick, rows).map((row) => [row.code, row] as const))('%s has a meaning, and its example is true', (code, row) => {
    expect(row.meaning.length).toBeGreaterThan(10);
    const error = thrownBy(failures[code] ?? (() => 'no example'));
    expect(error).toBeInstanceOf(wire.DBusWireError);
    expect(error).toMatchObject({ name, code });
    expect(fault.split(' or ')).toContain((error as wire.DBusWireError).fault);
    expect(row.text).toBe(cellOf((error as Error).message));
  });
});

test('a code of two classes is the same rule in both', () => {
  const meanings = new Map<string, Set<string>>();
  for (const { code, meaning } of classes.flatMap(({ name }) => rowsOf(name))) {
    meanings.set(code, (meanings.get(code) ?? new Set()).add(meaning));
  }
  expect([...meanings].filter(([, texts]) => texts.size > 1).map(([code]) => code)).toEqual([]);
});
