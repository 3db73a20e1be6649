// Introspection data as GLib and this library read them: of well-known services, of files on this machine, and many
// mutated ones; and real services that are asked by a running program.

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  type Annotations, type Bus, connectToBus, formatDefinitions, introspect, parseIntrospection, type ParsedNode,
} from '../../src/index.js';
import { splitSignature } from '../../src/wire/index.js';
import { IntrospectionError } from '../../src/interface/errors.js';
import { capturedXml } from '../interface/support.js';
import { extent, heavyTest } from '../support/extent.js';
import { pythonService } from '../support/foreign.js';
import { type PrivateBus, startPrivateBus } from '../support/private-bus.js';
import { describeWith, type Program, PYTHON } from '../support/programs.js';
import { compileText, randomBelow, repository } from '../types/support.js';

type Pairs = readonly (readonly [string, string])[];
type GlibArguments = readonly (readonly [name: string, type: string, annotations: Pairs])[];

/** What GLib reads of one object. */
interface GlibNode {
  readonly name: string | null;
  readonly interfaces: readonly {
    readonly name: string;
    readonly annotations: Pairs;
    readonly methods: readonly (readonly [name: string, ins: GlibArguments, outs: GlibArguments, annotations: Pairs])[];
    readonly signals: readonly (readonly [name: string, args: GlibArguments, annotations: Pairs])[];
    readonly properties: readonly (readonly [name: string, type: string, flags: number, annotations: Pairs])[];
  }[];
  readonly children: readonly GlibNode[];
}

function readByGlib(texts: readonly string[]): readonly (GlibNode | null)[] {
  const script = join(repository, 'test/interop/callers/glib_nodes.py');
  const { stdout, stderr } = spawnSync(PYTHON, [script], {
    input: JSON.stringify(texts), encoding: 'utf8', maxBuffer: 2 ** 30,
  });
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as (GlibNode | null)[];
}

const ACCESS = { 1: 'read', 2: 'write', 3: 'readwrite' } as const;
const STANDARD = /^org\.freedesktop\.DBus\.(Deprecated|Method\.NoReply|Property\.EmitsChangedSignal)$/;
const custom = (pairs: Pairs): Pairs => pairs.filter(([name]) => !STANDARD.test(name));
const DEPRECATED = 'org.freedesktop.DBus.Deprecated';
const NO_REPLY = 'org.freedesktop.DBus.Method.NoReply';
const CHANGES = 'org.freedesktop.DBus.Property.EmitsChangedSignal';
const valueOf = (pairs: Pairs, key: string): string | undefined => pairs.find(([name]) => name === key)?.[1];
const isSet = (pairs: Pairs, key: string): boolean => valueOf(pairs, key) === 'true';

/** The types of arguments, their names and their annotations. GLib makes a name such as `arg_0` if there is none. */
const argumentsOf = (args: GlibArguments): string => args.map(([name, type, notes]) =>
  `${/^arg_\d+$/.test(name) ? '' : name}:${type}${JSON.stringify(firsts(notes))}`).join();

/** The first of each name: GLib keeps all of them, and finds the first. */
function firsts<Row extends readonly [string, ...unknown[]]>(rows: readonly Row[]): readonly Row[] {
  return rows.filter(([name], index) => rows.findIndex(([other]) => other === name) === index);
}

/** An object as lines, which are equal if both read the same. */
function linesOfGlib(node: GlibNode): readonly string[] {
  return [
    `object ${node.name ?? ''}`,
    ...node.interfaces.flatMap((each) => [
      `interface ${each.name} ${JSON.stringify(firsts(custom(each.annotations)))}`,
      ...firsts(each.methods).map(([name, ins, outs, notes]) => `method ${name} ${argumentsOf(ins)} ${argumentsOf(outs)} ${
        isSet(notes, DEPRECATED)} ${isSet(notes, NO_REPLY)} ${JSON.stringify(firsts(custom(notes)))}`),
      ...firsts(each.signals).map(([name, args, notes]) =>
        `signal ${name} ${argumentsOf(args)} ${isSet(notes, DEPRECATED)} ${JSON.stringify(firsts(custom(notes)))}`),
      ...firsts(each.properties).map(([name, type, flags, notes]) => `property ${name} ${type} ${ACCESS[flags as 1]} ${
        isSet(notes, DEPRECATED)} ${valueOf(notes, CHANGES) ?? valueOf(each.annotations, CHANGES) ?? 'true'} ${
        JSON.stringify(firsts(custom(notes)))}`),
    ]),
    ...node.children.flatMap(linesOfGlib),
  ];
}

function linesOfOurs(node: ParsedNode): readonly string[] {
  const notes = (annotations: Annotations): string => JSON.stringify(Object.entries(annotations)
    .filter(([name]) => !STANDARD.test(name)));
  const args = (signature: string, names: readonly string[], annotations: readonly Annotations[]): string =>
    splitSignature(signature).map((type, index) =>
      `${names[index] ?? ''}:${type}${JSON.stringify(Object.entries(annotations[index] ?? {}))}`).join();
  return [
    `object ${node.name ?? ''}`,
    ...node.interfaces.flatMap((each) => [
      `interface ${each.name} ${notes(each.annotations)}`,
      ...Object.entries(each.methods).map(([name, method]) => `method ${name} ${
        args(method.in, method.inNames, method.inAnnotations)} ${args(method.out, method.outNames, method.outAnnotations)} ${
        method.deprecated} ${method.noReply} ${notes(method.annotations)}`),
      ...Object.entries(each.signals).map(([name, signal]) => `signal ${name} ${
        args(signal.args, signal.argNames, signal.argAnnotations)} ${signal.deprecated} ${notes(signal.annotations)}`),
      ...Object.entries(each.properties).map(([name, { type, access, deprecated, emitsChanged, annotations }]) =>
        `property ${name} ${type} ${access} ${deprecated} ${emitsChanged} ${notes(annotations)}`),
    ]),
    ...node.children.flatMap(linesOfOurs),
  ];
}

/** The texts of fixtures and of the machine. */
function realTexts(): readonly string[] {
  const folders = [join(repository, 'fixtures/introspection'), '/usr/share/dbus-1/interfaces'].filter(existsSync);
  const files = folders.flatMap((folder) => readdirSync(folder).map((file) => join(folder, file)));
  return [
    ...files.filter((file) => file.endsWith('.xml')).map((file) => readFileSync(file, 'utf8')),
    ...(['bus', 'glib', 'libdbus'] as const).map(capturedXml),
  ];
}

describeWith('dbus-python')('GLib', () => {
  test('reads the same names, types and annotations of real introspection data as this library', () => {
    const texts = realTexts();
    const read = readByGlib(texts);
    expect(texts.length).toBeGreaterThan(11);
    texts.forEach((text, index) => {
      const glib = read[index];
      if (glib === null || glib === undefined) throw new Error(`GLib refuses ${text.slice(0, 200)}`);
      const ours = parseIntrospection(text);
      expect(ours.problems).toEqual([]);
      expect(linesOfOurs(ours)).toEqual(linesOfGlib(glib));
    });
  });

  heavyTest('reads data whose definitions compile, with the strictest options', async () => {
    const modules = realTexts().map((text) => formatDefinitions(parseIntrospection(text), { from: 'SRC/interface/define.js' }));
    const [first = '', ...others] = modules;
    const { diagnostics, output } = await compileText(first, Object.fromEntries(others.map((text, n) => [`m${n}.ts`, text])));
    expect(diagnostics, output).toEqual([]);
  }, 60_000);

  heavyTest('reads no member of mutated introspection data that this library neither reads nor lists as a problem', () => {
    const seed = 11_260;
    const below = randomBelow(seed);
    const pieces = [
      '"', '<', '>', '/', ' ', 'a', '&amp;', '&x;', '<arg type="k"/>', '<arg type="u"/>', '<method name="M"/>', ' name="x"',
      '<annotation name="n" value="v"/>', '<!-- c -->', '<x:y/>', 'text', '<node name="n"/>', '<interface name="a.B"/>', '\u0001',
      '<property name="P" type="s" access="read"/>', '<signal name="S"/>', '</method>', '<![CDATA[ <a> ]]>', '<?p?>', '-', '.',
    ];
    const sources = realTexts().map((text) => text.slice(0, 4_000)).map((text) => (
      // A whole document of the first interfaces, so that mutated texts are short.
      text.includes('</interface>') && !text.trimEnd().endsWith('</node>')
        ? `${text.slice(0, text.lastIndexOf('</interface>'))}</interface></node>` : text
    ));
    const texts = Array.from({ length: extent(600, 3_000) }, (_, round) => {
      let text = sources[round % sources.length] ?? '';
      for (let change = 0; change <= below(3); change++) {
        const at = below(text.length);
        const near = below(2) === 0 ? text.indexOf('>', at) + 1 : at; // between elements, or anywhere
        text = text.slice(0, near) + (pieces[below(pieces.length)] ?? '') + text.slice(near + (below(3) === 0 ? below(6) : 0));
      }
      return text;
    });
    const accepted = { both: 0, same: 0 };
    readByGlib(texts).forEach((glib, index) => {
      if (glib === null) return;
      const text = texts[index] ?? '';
      let ours;
      try {
        ours = parseIntrospection(text);
      } catch (error) {
        // GLib passes over more of what is not XML: markup inside of markup, and names that are none.
        if (!(error instanceof IntrospectionError)) throw error;
        expect(['MARKUP_INVALID', 'XML_NAME_INVALID', 'NOT_TERMINATED', 'ROOT_INVALID']).toContain(error.code);
        return;
      }
      accepted.both++;
      const read = new Set(linesOfOurs(ours));
      const missing = linesOfGlib(glib).filter((line) => !read.has(line));
      if (missing.length === 0) accepted.same++;
      // Each line that we do not have is about a thing with a problem: its own, or that of a part of it.
      const named = ours.problems.flatMap(({ path }) => path);
      const unexplained = missing.filter((line) => !named.includes(line.split(' ')[1] ?? '') && ours.problems.length === 0);
      expect(unexplained, `seed ${seed}, text ${index}: ${text}`).toEqual([]);
    });
    expect(accepted.both).toBeGreaterThan(extent(80, 400));
    expect(accepted.same).toBeGreaterThan(extent(40, 200));
  }, 60_000);
});

describeWith('dbus-daemon', 'dbus-python')('a service on dbus-python', () => {
  let daemon: PrivateBus;
  let bus: Bus;
  let service: Program;
  beforeAll(async () => {
    daemon = await startPrivateBus();
    service = await pythonService(daemon, 'types_service');
    bus = await connectToBus(daemon.address);
  });
  afterAll(async () => {
    await bus?.close();
    await service?.[Symbol.asyncDispose]();
    await daemon?.stop();
  });

  heavyTest('is explored, called, and written as a module that compiles', async () => {
    const root = await introspect(bus, { destination: 'com.example.Types1', path: '/' }, { depth: 8 });
    expect(root.failures).toEqual([]);
    const module = formatDefinitions(root, { from: 'SRC/interface/define.js' });
    expect(module).toContain('export const Types1 = defineInterface({');
    const { diagnostics } = await compileText(module);
    expect(diagnostics).toEqual([]);
    const [com] = root.children;
    const [example] = com?.children ?? [];
    const types = example?.children.find(({ definitions }) => 'com.example.Types1' in definitions);
    expect(await types?.proxy('com.example.Types1')['Divide']?.(7, 2)).toEqual([3, 1]);
  }, 60_000);

  test('is on a bus that can be explored too', async () => {
    const object = await introspect(bus, { destination: 'org.freedesktop.DBus', path: '/org/freedesktop/DBus' });
    expect(object.problems).toEqual([]);
    const names = await object.proxy('org.freedesktop.DBus')['ListNames']?.();
    expect(names).toContain(bus.uniqueName);
  });
});
