// The package as its users get it: packed, installed in an empty folder without a network, and used from there, by the
// newest and the oldest TypeScript too. Needs dist/, which `npm test` builds first.

import { existsSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { INSTALL_TIMEOUT, NPM_ENV, npmInstall, QUIET } from './support/npm.js';
import { run, type Ended } from './support/programs.js';
import { scratchDirectory } from './support/reaper.js';

const repository = fileURLToPath(new URL('..', import.meta.url));
const manifest = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as { version: string };

let consumer: string;
let installed: string;

/** Runs a command in the consumer's folder and expects it to end well and to say nothing on stderr. */
async function use(command: string, ...args: string[]): Promise<string> {
  const ended = await run(command, args, { cwd: consumer, env: NPM_ENV, timeout: 60_000 });
  expect(ended, ended.stdout).toMatchObject({ code: 0, stderr: '' } satisfies Partial<Ended>);
  return ended.stdout;
}

function write(file: string, text: string): void {
  mkdirSync(dirname(join(consumer, file)), { recursive: true });
  writeFileSync(join(consumer, file), text);
}

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

beforeAll(async () => {
  if (!existsSync(join(repository, 'dist'))) throw new Error('dist/ is not there: `npm run build` first');
  consumer = scratchDirectory();
  installed = join(consumer, 'node_modules', 'dbus-wire');
  const pack = ['pack', '--ignore-scripts', ...QUIET, '--pack-destination', consumer];
  expect(await run('npm', pack, { cwd: repository, env: NPM_ENV, timeout: 60_000 })).toMatchObject({ code: 0 });
  const tarball = `dbus-wire-${manifest.version}.tgz`;
  expect(readdirSync(consumer)).toEqual([tarball]);
  write('package.json', '{ "private": true }');
  await use('npm', 'install', '--offline', ...QUIET, `./${tarball}`);
}, 120_000);

describe('the installed package', () => {
  test('comes alone', () => {
    expect(readdirSync(join(consumer, 'node_modules')).filter((name) => !name.startsWith('.'))).toEqual(['dbus-wire']);
    expect(existsSync(join(installed, 'node_modules'))).toBe(false);
  });

  test('brings what its users need and nothing of its development', () => {
    const brought = readdirSync(installed);
    expect(brought).toEqual(expect.arrayContaining(['LICENSE', 'README.md', 'dist', 'package.json', 'src']));
    const known = [
      'CHANGELOG.md', 'CONTRIBUTING.md', 'LICENSE', 'README.md', 'SECURITY.md', 'dist', 'docs', 'examples', 'package.json',
      'src',
    ];
    expect(brought.filter((name) => !known.includes(name))).toEqual([]);
  });

  test('has a source map and a declaration map for every file, and every source that they name', () => {
    const outputs = filesBelow(join(installed, 'dist')).filter((file) => /\.(js|d\.ts)$/.test(file));
    expect(outputs.length).toBeGreaterThan(20);
    for (const output of outputs) {
      const name = /^\/\/# sourceMappingURL=(.+)$/m.exec(readFileSync(output, 'utf8'))?.[1];
      expect(name, output).toBeDefined();
      const mapFile = join(dirname(output), name ?? '');
      const map = JSON.parse(readFileSync(mapFile, 'utf8')) as { sourceRoot?: string; sources: string[] };
      expect(map.sources.length, mapFile).toBeGreaterThan(0);
      for (const source of map.sources) {
        const target = join(dirname(mapFile), map.sourceRoot ?? '', source);
        expect(existsSync(target) && target.startsWith(join(installed, 'src')), `${mapFile}: ${source}`).toBe(true);
      }
    }
  });
});

const ROUND_TRIP = `
  const bytes = encodeMessage(methodCall({ path: '/a', member: 'B', signature: 'su', body: ['c', 7] }), { serial: 1 });
  const { type, path, member, body } = decodeMessage(bytes);
  console.log(JSON.stringify({ type, path, member, body }));
`;
const ROUND_TRIP_OUTPUT = '{"type":"method_call","path":"/a","member":"B","body":["c",7]}\n';
const WIRE_NAMES = '{ decodeMessage, encodeMessage, methodCall }';
const AUTH_ROUND_TRIP = `
  const check = () => '1000';
  const server = new AuthServer({ guid: '0'.repeat(32), mechanisms: [externalServer(check)] });
  const client = new AuthClient({ mechanisms: [external({ uid: '1000' })] });
  console.log(client.receive(server.receive(client.start()).send).done.guid);
`;
const AUTH_OUTPUT = `${'0'.repeat(32)}\n`;
const AUTH_NAMES = '{ AuthClient, AuthServer, external, externalServer }';
const NAMES = 'createProxy, defineInterface, exportObject, sessionBus, systemBus, DBusError';
const PRINT_TYPES = `console.log([${NAMES}].map((name) => typeof name).join());`;
const TYPES_OUTPUT = 'function,function,function,function,function,function\n';

describe('from JavaScript', () => {
  test('import of the wire', async () => {
    write('wire.mjs', `const ${WIRE_NAMES} = await import('dbus-wire/wire');${ROUND_TRIP}`);
    expect(await use(process.execPath, 'wire.mjs')).toBe(ROUND_TRIP_OUTPUT);
  });

  test('import of authentication', async () => {
    write('auth.mjs', `import ${AUTH_NAMES} from 'dbus-wire/auth';${AUTH_ROUND_TRIP}`);
    expect(await use(process.execPath, 'auth.mjs')).toBe(AUTH_OUTPUT);
  });

  test('import of the whole', async () => {
    write('whole.mjs', `import { ${NAMES} } from 'dbus-wire';\n${PRINT_TYPES}`);
    expect(await use(process.execPath, 'whole.mjs')).toBe(TYPES_OUTPUT);
  });

  test('require() of each entry, without a warning', async () => {
    write('wire.cjs', `const ${WIRE_NAMES} = require('dbus-wire/wire');${ROUND_TRIP}`);
    expect(await use(process.execPath, 'wire.cjs')).toBe(ROUND_TRIP_OUTPUT);
    write('auth.cjs', `const ${AUTH_NAMES} = require('dbus-wire/auth');${AUTH_ROUND_TRIP}`);
    expect(await use(process.execPath, 'auth.cjs')).toBe(AUTH_OUTPUT);
    write('whole.cjs', `const { ${NAMES} } = require('dbus-wire');\n${PRINT_TYPES}`);
    expect(await use(process.execPath, 'whole.cjs')).toBe(TYPES_OUTPUT);
  });

  test('package.json is open, everything else inside is closed', async () => {
    write('closed.cjs', `
      console.log(require('dbus-wire/package.json').version);
      try { require('dbus-wire/dist/wire/messages/message.js'); } catch (error) { console.log(error.code); }
    `);
    expect(await use(process.execPath, 'closed.cjs')).toBe(`${manifest.version}\nERR_PACKAGE_PATH_NOT_EXPORTED\n`);
  });
});

/** The oldest TypeScript that README promises: older ones lose literal types. The newest is the one that builds this. */
const OLDEST_TYPESCRIPT = '5.4.2';

const WIRE_CONSUMER = `
  import { decodeMessage, encodeMessage, methodCall, type Message } from 'dbus-wire/wire';
  const bytes: Uint8Array = encodeMessage(methodCall({ path: '/a', member: 'B' }), { serial: 1 });
  const message: Message = decodeMessage(bytes);
  if (message.type === 'method_call') {
    const path: string = message.path;
    // @ts-expect-error: a path is no number
    const wrong: number = message.path;
  }
  // @ts-expect-error: a call has a member
  methodCall({ path: '/a' });
`;

const AUTH_CONSUMER = `
  import { AuthClient, AuthError, external, type ClientProgress } from 'dbus-wire/auth';
  const client = new AuthClient({ mechanisms: [external()] });
  const bytes: Uint8Array = client.start();
  const progress: ClientProgress = client.receive(bytes);
  const fault: 'caller' | 'peer' = new AuthError('REJECTED', 'no').fault;
  // @ts-expect-error: a mechanism is no string
  new AuthClient({ mechanisms: ['EXTERNAL'] });
`;

const WHOLE_CONSUMER = `
  import { createProxy, defineInterface, exportObject, sessionBus } from 'dbus-wire';
  const Counter = defineInterface({
    name: 'com.example.Counter1',
    methods: { Add: { in: 'u', out: 'u', inNames: ['step'] } },
    properties: { Value: { type: 'u', access: 'read' } },
    signals: { Overflow: { args: 'u' } },
  });
  export async function main(): Promise<number> {
    await using bus = await sessionBus({ signal: AbortSignal.timeout(1_000) });
    const counter = createProxy(bus, Counter, { destination: 'com.example.Counter', path: '/com/example/Counter' });
    // @ts-expect-error: 'u' takes a number
    await counter.Add('1');
    // @ts-expect-error: no such method
    await counter.Subtract(1);
    const implementation = Counter.implement({
      methods: { Add: (step) => step + 1 },
      properties: { Value: { get: () => 1 } },
    });
    using exported = exportObject(bus, '/com/example/Counter', implementation);
    const value: number = await counter.$get('Value');
    const sum: number = await counter.Add(value);
    await bus.close();
    return sum;
  }
`;

type CompilerOptions = Readonly<Record<string, unknown>>;

const NODE_NEXT: CompilerOptions = { target: 'ES2022', module: 'NodeNext' };
const BUNDLER: CompilerOptions = { target: 'ES2022', module: 'ESNext', moduleResolution: 'bundler' };
const STRICT: CompilerOptions = { strict: true, exactOptionalPropertyTypes: true };
const WITHOUT_NODE: CompilerOptions = { lib: ['ES2022'], types: [] };

/** What a consumer compiles, and in which folder; declarations are checked too. */
type Compilation = readonly [folder: string, file: string, text: string, options: CompilerOptions];

/** For both compilers. */
const COMPILATIONS: readonly Compilation[] = [
  ['wire-without-node', 'wire.mts', WIRE_CONSUMER, { ...NODE_NEXT, ...STRICT, ...WITHOUT_NODE }],
  ['auth-without-node', 'auth.mts', AUTH_CONSUMER, { ...NODE_NEXT, ...STRICT, ...WITHOUT_NODE }],
  ['whole-node-next', 'whole.mts', WHOLE_CONSUMER, { ...NODE_NEXT, strict: true }],
  ['whole-bundled', 'whole.ts', WHOLE_CONSUMER, { ...BUNDLER, strict: true }],
];

/** The last two are beyond the oldest: require() of ES modules, and defaults that resolve packages. */
const NEWEST_COMPILATIONS: readonly Compilation[] = [
  ['wire-bundled', 'wire.ts', WIRE_CONSUMER, { ...BUNDLER, ...STRICT, ...WITHOUT_NODE }],
  ['whole-strictest', 'whole.mts', WHOLE_CONSUMER, { ...NODE_NEXT, ...STRICT }],
  ['whole-without-dom', 'whole.mts', WHOLE_CONSUMER, { ...NODE_NEXT, lib: ['ES2022'], strict: true }],
  ['whole-required', 'whole.cts', WHOLE_CONSUMER, { ...NODE_NEXT, strict: true }],
  ['whole-by-default', 'whole.ts', WHOLE_CONSUMER, {}],
];

describe('from TypeScript', () => {
  /** Compiles in a folder of its own, in which @types/node is installed unless the options do without types. */
  async function compile(compiler: string, [folder, file, text, options]: Compilation): Promise<void> {
    write(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: { noEmit: true, ...options }, files: [file] }));
    write(join(folder, 'package.json'), '{ "type": "module" }');
    write(join(folder, file), text);
    const types = join(consumer, folder, 'node_modules', '@types');
    if (!('types' in options) && !existsSync(types)) {
      mkdirSync(types, { recursive: true });
      symlinkSync(join(repository, 'node_modules', '@types', 'node'), join(types, 'node'));
    }
    expect(await use(process.execPath, join(compiler, 'bin', 'tsc'), '-p', folder), folder).toBe('');
  }

  test.each([...COMPILATIONS, ...NEWEST_COMPILATIONS])('the newest compiler takes %s', async (...compilation) => {
    await compile(join(repository, 'node_modules', 'typescript'), compilation);
  });

  test(`the oldest compiler, ${OLDEST_TYPESCRIPT}, takes what needs no newer one`, async (context) => {
    write(join('oldest', 'package.json'), '{ "private": true }');
    await npmInstall(context, join(consumer, 'oldest'), `typescript@${OLDEST_TYPESCRIPT}`);
    const compiler = join(consumer, 'oldest', 'node_modules', 'typescript');
    for (const compilation of COMPILATIONS) await compile(compiler, compilation);
  }, INSTALL_TIMEOUT + 120_000);
});

describe('the programs', () => {
  test.each(['dbus-wire-service', 'dbus-wire-client'])('%s is installed and tells its version', async (program) => {
    expect(await use(join(consumer, 'node_modules/.bin', program), '--version')).toContain(manifest.version);
  });
});
