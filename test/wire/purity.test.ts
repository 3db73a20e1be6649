// The built wire layer needs ECMAScript only: it works in a context without the globals of Node or of browsers. And it
// loads in parts: importing one function does not load the code of others. Needs dist/, which `npm test` builds first.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, posix } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { heavyTest, some } from '../support/extent.js';
import { loadMessages } from '../support/fixtures.js';
import { run } from '../support/programs.js';
import { scratchDirectory } from '../support/reaper.js';

const dist = new URL('../../dist/wire/', import.meta.url);
const source = new URL('../../src/wire/', import.meta.url);

beforeAll(() => {
  if (!existsSync(dist)) throw new Error('dist/ is missing: run `npm run build` first');
});

/** Short and long texts: TextEncoder and TextDecoder, if they exist, must not change the result. */
function texts(): readonly string[] {
  const edges = '\u0001\u007f\u0080\u07ff\u0800\uffff';
  const samples = ['', 'a', 'ASCII only, ', 'Grüße ', '日本語', '👍🏽 ', edges, '\ufeff', 'e\u0301'];
  const lone = ['\ud800', `${'x'.repeat(100)}\udfff`, 'a\0b', `${'ü'.repeat(100)}\0`];
  return [...samples, ...samples.map((sample) => sample.repeat(40)), '\u{10ffff}'.repeat(5000), ...lone];
}

describe('without Node', () => {
  const messages = some(loadMessages(), 5).flatMap(({ captured, twin }) => [captured.bytes, twin.bytes]);
  const input = {
    messages: messages.map((bytes) => Buffer.from(bytes).toString('hex')),
    // Each message with one byte changed, for every hundredth byte: errors of many kinds.
    broken: messages.flatMap((bytes) => Array.from({ length: Math.ceil(bytes.length / 100) }, (_, i) => {
      const broken = Buffer.from(bytes);
      broken[i * 100 + (bytes.length % 100)] = 0xfe;
      return broken.toString('hex');
    })),
    texts: texts(),
  };
  let inside: { globals: readonly string[]; modules: number; result: string; inNode: string };

  beforeAll(async () => {
    const flags = ['--experimental-vm-modules', '--no-warnings'];
    const script = fileURLToPath(new URL('pure/context.mjs', import.meta.url));
    const ended = await run(process.execPath, [...flags, script], { input: JSON.stringify(input) });
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    inside = JSON.parse(ended.stdout) as typeof inside;
  });

  test('the context of the tests has only the globals of ECMAScript', () => {
    expect(inside.globals).toEqual(expect.arrayContaining(['Uint8Array', 'Map', 'BigInt']));
    const absent = ['TextEncoder', 'TextDecoder', 'Buffer', 'process', 'console', 'require', 'setTimeout', 'URL'];
    expect(inside.globals.filter((name) => absent.includes(name))).toEqual([]);
    expect(inside.modules).toBeGreaterThan(1); // program.mjs and the door
  });

  test('messages, errors and texts are the same as in Node', () => {
    expect(JSON.parse(inside.result)).toEqual(JSON.parse(inside.inNode));
    expect(inside.result).toContain('\u{10ffff}');
    expect(inside.result).toContain('MarshalError STRING_NOT_WELL_FORMED');
    expect(inside.result).toContain('UnmarshalError ');
  });
});

describe('the parts of the wire layer', () => {
  const files = (): readonly string[] =>
    readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));

  const imported = new Map<string, readonly string[]>();

  /** The files whose code a file needs, relative to src/wire/. */
  function importsOf(file: string): readonly string[] {
    const known = imported.get(file);
    if (known !== undefined) return known;
    const code = readFileSync(new URL(file, source), 'utf8');
    const specifiers = [...code.matchAll(/^(?:import|export)(?! type\b)[^'"]*\bfrom '(\.[^']+)\.js';$/gm)];
    const names = specifiers.map(([, specifier = '']) => posix.join(posix.dirname(file), `${specifier}.ts`));
    imported.set(file, names);
    return names;
  }

  /** A file and all files whose code it needs. */
  function closure(file: string, needed = new Set<string>()): ReadonlySet<string> {
    if (needed.has(file)) return needed;
    needed.add(file);
    for (const name of importsOf(file)) closure(name, needed);
    return needed;
  }

  const isDissection = (file: string): boolean => file.startsWith('dissect/');

  test('include marshal, which needs no code for messages, unmarshaling or dissection', () => {
    const needed = [...closure('values/marshal.ts')];
    expect(needed).toContain('signature.ts');
    const isForeign = (file: string): boolean => /^(messages|dissect)\/|^values\/unmarshal/.test(file);
    expect(needed.filter(isForeign)).toEqual([]);
    expect(files().filter(isForeign).length).toBeGreaterThan(10);
  });

  test('need no code for dissection and routing, except index.ts', () => {
    const isRouting = (file: string): boolean => /^messages\/(readdress|stamp-sender)\.ts$/.test(file);
    expect(files().filter(isRouting)).toHaveLength(2);
    for (const file of files()) {
      if (file === 'index.ts' || isDissection(file) || isRouting(file)) continue;
      const needed = [...closure(file)].filter((name) => name !== file);
      expect(needed.filter((name) => isDissection(name) || isRouting(name)), file).toEqual([]);
    }
  });

  heavyTest('are left out by a bundler if they are not used', async () => {
    const all = await bundle('export * from "dbus-wire/wire";');
    const marshal = await bundle('export { marshal } from "dbus-wire/wire";');
    expect(all.code).toContain('not read');
    expect(marshal.code).toContain('VALUE_OUT_OF_RANGE');
    expect(marshal.code).not.toContain('not read');
    expect(marshal.code).not.toContain('MESSAGE_TRUNCATED');
    expect(marshal.code.length).toBeLessThan(all.code.length * 0.6);
  });
});

interface Chunk {
  readonly type: string;
  readonly code: string;
  readonly modules: Readonly<Record<string, { readonly renderedLength: number }>>;
}
interface Bundler {
  build(options: object): Promise<readonly { readonly output: readonly Chunk[] }[]>;
}

/** Bundles an entry module into one file, with the bundler that vitest brings. */
async function bundle(entry: string): Promise<{ code: string; modules: readonly string[] }> {
  const resolve = createRequire(createRequire(import.meta.url).resolve('vitest/package.json')).resolve;
  const { build } = (await import(pathToFileURL(resolve('vite')).href)) as Bundler;
  const directory = scratchDirectory();
  const file = join(directory, 'entry.js');
  writeFileSync(file, entry);
  const [built] = await build({
    root: directory,
    configFile: false,
    logLevel: 'silent',
    resolve: { alias: { 'dbus-wire/wire': fileURLToPath(new URL('index.js', dist)) } },
    build: { write: false, minify: false, target: 'es2022', lib: { entry: file, formats: ['es'] } },
  });
  const [chunk] = built?.output ?? [];
  if (chunk === undefined) throw new Error('the bundler produced no output');
  const modules = Object.entries(chunk.modules).filter(([, { renderedLength }]) => renderedLength > 0);
  return { code: chunk.code, modules: modules.map(([name]) => name) };
}
