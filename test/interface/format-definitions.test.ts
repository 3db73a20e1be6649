// TypeScript modules made from introspection data: the exact text of one, modules of well-known services as the compiler
// and a program see them, and texts of a hostile service. The introspection data are in fixtures/introspection.

import { readdirSync, readFileSync } from 'node:fs';
import { expect, describe, test } from 'vitest';
import { defineInterface } from '../../src/interface/define.js';
import type { InterfaceDefinition } from '../../src/interface/definition.js';
import { DefinitionError } from '../../src/interface/errors.js';
import { formatDefinitions } from '../../src/interface/format-definitions.js';
import { formatIntrospection } from '../../src/interface/format-introspection.js';
import { parseIntrospection } from '../../src/interface/parse-introspection.js';
import { Peer, Properties } from '../../src/interface/standard.js';
import { ArgumentError } from '../../src/wire/errors.js';
import { some } from '../support/extent.js';
import { compileText } from '../types/support.js';

const folder = new URL('../../fixtures/introspection/', import.meta.url);
const services = readdirSync(folder).map((file) => ({
  service: file.replace('.xml', ''),
  parsed: parseIntrospection(readFileSync(new URL(file, folder), 'utf8')),
}));

/** Runs a module in this program. Labels are the only syntax of TypeScript that a module has. */
function run(module: string): Readonly<Record<string, InterfaceDefinition>> {
  const code = module
    .replace(/ as \[(?:\s*[\w$]+: string,?)+\s*\]/g, '')
    .replace(/^import \{ defineInterface \} from '[^']*';$/m, 'const found = Object.create(null);')
    .replace(/^export const (\w+) = /gm, 'found.$1 = ')
    .replace(/^export \{\};$/m, 'const found = {};');
  return new Function('defineInterface', `'use strict';\n${code}\nreturn found;`)(defineInterface) as ReturnType<typeof run>;
}

const written = (definitions: readonly InterfaceDefinition[]): string =>
  formatIntrospection({ interfaces: definitions, children: [] });

test('a module has the definition of each interface, with everything from the introspection data', () => {
  const parsed = parseIntrospection(`<node>
    <interface name="com.example.Player1">
      <method name="Play"><arg name="track" type="s"/><arg type="u" direction="in"/></method>
      <method name="Position"><arg name="seconds" type="u" direction="out"/><arg name="in" type="t" direction="out"/></method>
      <method name="Open"><arg name="file" type="h" direction="out"/></method>
      <method name="Stop"><annotation name="org.freedesktop.DBus.Method.NoReply" value="true"/></method>
      <method name="Odd"><arg type="k"/></method>
      <property name="Volume" type="d" access="readwrite"/>
      <property name="a b" type="s" access="read">
        <annotation name="org.freedesktop.DBus.Property.EmitsChangedSignal" value="const"/>
        <annotation name="com.example.Since" value="it's"/>
      </property>
      <signal name="Started"><arg name="track" type="s"><annotation name="com.example.Note" value="x"/></arg></signal>
      <annotation name="org.freedesktop.DBus.Deprecated" value="true"/>
    </interface>
    <interface name="org.freedesktop.DBus.Peer"><method name="Ping"/></interface>
  </node>`);
  expect(formatDefinitions(parsed, { origin: 'com.example.Player' })).toBe(
    `// Definitions of interfaces, made from introspection data.
// Origin: com.example.Player
// Labels, as in \`as [name: string]\`, are for editors: string is the type of the name, not of the argument.
// Problem: line 7, com.example.Player1 Odd : type "k" in <arg>: it must be one single complete type
import { defineInterface } from 'dbus-wire';

// Interface: com.example.Player1
// On sockets of Node, file descriptors (h) do not arrive: such a value is an index without a file. It is in:
// -: Open
export const Player1 = defineInterface({
  name: 'com.example.Player1',
  methods: {
    Play: { in: 'su', inNames: ['track', ''] as [track: string, arg1: string] },
    Position: { out: 'ut', outNames: ['seconds', 'in'] as [seconds: string, in_: string] },
    Open: { out: 'h', outNames: ['file'] },
    Stop: { noReply: true },
  },
  properties: {
    Volume: { type: 'd', access: 'readwrite' },
    'a b': {
      type: 's',
      access: 'read',
      emitsChanged: 'const',
      annotations: { 'com.example.Since': 'it\\'s' },
    },
  },
  signals: {
    Started: {
      args: 's',
      argNames: ['track'] as [track: string],
      argAnnotations: [{ 'com.example.Note': 'x' }],
    },
  },
  deprecated: true,
});
`);
});

describe('the module of', () => {
  test.each(services)('$service exports the definitions from which it was made', ({ parsed }) => {
    expect(parsed.problems).toEqual([]);
    expect(parsed.interfaces.length).toBeGreaterThan(0);
    const definitions = Object.values(run(formatDefinitions(parsed)));
    expect(definitions.map(({ name }) => name)).toEqual(parsed.interfaces.map(({ name }) => name));
    expect(written(definitions)).toBe(written(parsed.interfaces.map((each) => defineInterface(each))));
  });
});

test('constants are named by the last element of the name, and by more elements if two would be equal', () => {
  const names = [
    'a.login1.Manager', 'a.systemd1.Manager', 'b.systemd1.Manager', 'a.login1.Seat', 'a.Object', 'a.b.Promise', 'a.nan',
    'a.NaN', 'a._1', 'x.bC', 'x.b.C', 'x.BC', 'A.b',
  ];
  const interfaces = names.map((name) => defineInterface({ name } as { name: string }));
  const module = formatDefinitions({ interfaces });
  const constants = [...module.matchAll(/^export const (\w+) = defineInterface\(\{\n {2}name: '([^']*)',$/gm)]
    .map(([, constant, name]) => [name, constant]);
  expect(constants).toEqual([
    ['a.login1.Manager', 'Login1Manager'], ['a.systemd1.Manager', 'ASystemd1Manager'],
    ['b.systemd1.Manager', 'BSystemd1Manager'], ['a.login1.Seat', 'Seat'], ['a.Object', 'ObjectInterface'],
    ['a.b.Promise', 'PromiseInterface'], ['a.nan', 'Nan'], ['a.NaN', 'NaNInterface'], ['a._1', '_1'],
    ['x.bC', 'XBC'], ['x.b.C', 'C'], ['x.BC', 'XBC_2'], ['A.b', 'B'],
  ]);
  expect(Object.keys(run(module))).toHaveLength(names.length);
});

test('interfaces of objects below appear once, with the members of all, and standard ones on request', () => {
  const parsed = parseIntrospection(`<node>
    <interface name="a.B"><method name="One"><arg type="s"/></method></interface>
    <node name="x"><interface name="a.B"><method name="One"/><method name="Two"/></interface>
      <node name="y"><interface name="a.C"/></node></node>
    <interface name="a.B"><method name="Three"/></interface>
  </node>`);
  const { B, C } = run(formatDefinitions(parsed));
  expect(Object.keys(B?.methods ?? {}).sort()).toEqual(['One', 'Three', 'Two']);
  expect(B?.methods['One']?.in).toBe('s');
  expect(C?.name).toBe('a.C');
  expect(formatDefinitions({ interfaces: [Peer, Properties] })).toBe(
    '// Definitions of interfaces, made from introspection data.\nexport {};\n',
  );
  expect(written(Object.values(run(formatDefinitions({ interfaces: [Peer] }, { standard: true }))))).toBe(written([Peer]));
});

test('a definition is written with its errors and optional arguments', () => {
  const Player = defineInterface({
    name: 'a.Player', methods: { Play: { in: 'su', optional: 1 } }, errors: { NoTrack: 'a.NoTrack', ['__proto__']: 'a.P' },
  });
  const { Player: again } = run(formatDefinitions({ interfaces: [Player] }));
  expect(again?.methods['Play']?.optional).toBe(1);
  expect(again?.errors['NoTrack']?.errorName).toBe('a.NoTrack');
  expect(again?.errors['__proto__']?.errorName).toBe('a.P');
});

const HOSTILE = [
  `'`, `\\`, `\\'`, `*/ process.exit(7) /*`, '`${process.exit(7)}`', `'); process.exit(7); ('`, `\u2028process.exit(7)\u2029`,
  '__proto__', 'constructor', '</script>', '\u202edetrever', '\ud83d\ude00', '${x}', '//', "']: {} }, evil: { x: ['", 'default',
  '@ts-nocheck', '# sourceMappingURL=x', '\u00a0', '\ufeff', 'a\u00adb', '\u{e0001}', '-->', '<!--', ']', ' as [',
];

/** The introspection data of a service that uses such texts wherever it can. */
function parseHostile(): ReturnType<typeof parseIntrospection> {
  const attribute = (text: string): string => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
  return parseIntrospection(`<node><interface name="a.B">
    <method name="__proto__"/><method name="constructor"/><method name="default"/><method name="M">${
  HOSTILE.map((text) => `<arg type="s" name="${attribute(text)}"><annotation name="${attribute(text)}" value="${attribute(text)}&#10;"/></arg>`).join('')
}</method>
    ${HOSTILE.map((text) => `<property name="${attribute(text)}" type="s" access="read"/>`).join('')}
    ${HOSTILE.map((text) => `<method name="${attribute(text)}\n"><arg type="${attribute(text)}"/></method>`).join('')}
    ${HOSTILE.map((text) => `<annotation name="${attribute(text)}" value="${attribute(text)}"/>`).join('')}
  </interface></node>`);
}

test('no text of a service can become code: names, annotations, the origin, and problems', () => {
  const parsed = parseHostile();
  expect(Object.keys(parsed.interfaces[0]?.properties ?? {})).toEqual(HOSTILE);
  const origins = [...HOSTILE, ...HOSTILE.map((text) => `x\n${text}\r${text}`)];
  const modules = origins.map((origin) => formatDefinitions(parsed, { origin, from: 'SRC/interface/define.js' }));
  for (const module of modules) {
    // Every character is visible, and every line outside of the definition is a comment.
    expect(module.replace(/\n/g, '')).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
    const head = module.slice(0, module.indexOf('export const'));
    expect(head.split('\n').filter((line) => line !== '' && !/^\/\/ (Origin|Problem|Interface|Definitions|Labels|and)\b/.test(line)))
      .toEqual([`import { defineInterface } from 'SRC/interface/define.js';`]);
  }
  const { B } = run(modules[0] ?? '');
  expect(Object.keys(B?.properties ?? {})).toEqual(HOSTILE);
  expect(Object.keys(B?.methods ?? {})).toEqual(['__proto__', 'constructor', 'default', 'M']);
  expect(B?.methods['M']?.inNames).toEqual(HOSTILE);
  expect(Object.entries(B?.annotations ?? {})).toEqual(HOSTILE.map((text) => [text, text]));
  expect(B?.methods['M']?.inAnnotations.map((each) => Object.entries(each)))
    .toEqual(HOSTILE.map((text) => [[text, `${text}\n`]]));
});

/** For each service, one of its interfaces and the type of one of its members. */
const TYPED: Readonly<Record<string, readonly [name: string, typed: string, type: string]>> = {
  mpris: ['Player', "PropertyValue<Spec, 'Position'>", 'bigint'],
  avahi: ['Server', "CallResult<Spec, 'GetHostName'>", 'string'],
  bluez: ['Device1', "CallArguments<Spec, 'ConnectProfile'>", '[arg1: string]'],
  hostname1: ['Hostname1', "PropertyValue<Spec, 'Hostname'>", 'string'],
  logind: ['Manager', "CallResult<Spec, 'ListSessions'>", '[string, number, string, string, string][]'],
  networkmanager: ['NetworkManager', "PropertyValue<Spec, 'Devices'>", 'string[]'],
  notifications: ['Notifications', "CallResult<Spec, 'Notify'>", 'number'],
  systemd1: ['Manager', "CallArguments<Spec, 'StartUnit'>", '[name: string, mode: string]'],
  upower: ['UPower', "PropertyValue<Spec, 'OnBattery'>", 'boolean'],
};

test('the modules of well-known services and of a hostile one compile, and members have types', async () => {
  expect(services.map(({ service }) => service).sort()).toEqual(Object.keys(TYPED).sort());
  const modules = Object.fromEntries(some(Object.entries(TYPED), 9).flatMap(([service, [name, typed, type]]) => {
    const { parsed } = services.find((each) => each.service === service)!; // they are all there
    return [
      [`${service}.ts`, formatDefinitions(parsed, { from: 'SRC/interface/define.js' })],
      [`${service}-types.ts`, `
import type { CallArguments, CallResult, PropertyValue } from 'SRC/interface/infer.js';
import type { HandlersOf, SpecOf } from 'SRC/interface/definition-types.js';
import type { ${name} } from './${service}.js';
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;
declare function same<_ extends true>(): void;
type Spec = SpecOf<typeof ${name}>;
same<Same<${typed}, ${type}>>();
export declare const all: HandlersOf<typeof ${name}>;
// No import may be unused.
export declare const used: [CallArguments<Spec, never>, CallResult<Spec, never>, PropertyValue<Spec, never>];
`],
    ];
  }));
  const hostile = formatDefinitions(parseHostile(), { origin: HOSTILE[0], from: 'SRC/interface/define.js' });
  const { diagnostics, output } = await compileText(hostile, modules);
  expect(diagnostics).toEqual([]);
  expect(output).not.toContain('error');
}, 120_000);

test('an interface or option that is not valid is refused before anything is written', () => {
  const strict = (xml: string): unknown => formatDefinitions(parseIntrospection(xml, { strict: true }));
  expect(() => strict(`<node><interface name="a.B'});evil({x:'"/></node>`)).toThrow(DefinitionError);
  expect(() => strict(`<node><interface name="a.B"><method name="a-b"/></interface></node>`)).toThrow(DefinitionError);
  expect(() => formatDefinitions('<node/>' as never)).toThrow(ArgumentError);
  expect(() => formatDefinitions({ interfaces: [] }, { form: 'x' } as never)).toThrow(/unknown option "form"/);
});
