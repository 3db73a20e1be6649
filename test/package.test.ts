// The package as its users get it: packed, installed in an empty folder without a network, and used from there, also by
// the newest TypeScript. package.heavy.test.ts has every setting, typescript.heavy.test.ts the older compilers. Needs
// dist/, which `npm test` builds first.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Consumer, installPackage, manifest, repository } from './support/consumer.js';
import { heavyTest, some } from './support/extent.js';
import { COMPILATIONS, DEFAULT_COMPILATIONS, NEWEST_COMPILATIONS } from './support/typescript-consumers.js';

let consumer: Consumer;
let installed: string;
let use: Consumer['use'];
let write: Consumer['write'];

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

beforeAll(async () => {
  consumer = await installPackage();
  ({ installed, use, write } = consumer);
}, 120_000);

describe('the installed package', () => {
  test('has no dependencies', () => {
    expect(readdirSync(join(consumer.folder, 'node_modules')).filter((name) => !name.startsWith('.'))).toEqual(['dbus-wire']);
    expect(existsSync(join(installed, 'node_modules'))).toBe(false);
  });

  test('contains the files that its users need, and no files of its development', () => {
    const brought = readdirSync(installed);
    expect(brought).toEqual(expect.arrayContaining(['LICENSE', 'README.md', 'dist', 'package.json', 'src']));
    const known = [
      'CHANGELOG.md', 'CONTRIBUTING.md', 'LICENSE', 'README.md', 'SECURITY.md', 'dist', 'docs', 'examples', 'package.json',
      'src',
    ];
    expect(brought.filter((name) => !known.includes(name))).toEqual([]);
  });

  test('has one file for each entry point and each program, and a few that the entry points share', () => {
    const loaded = filesBelow(join(installed, 'dist')).filter((file) => file.endsWith('.js'));
    const names = loaded.map((file) => relative(join(installed, 'dist'), file)).sort();
    const shared = names.filter((name) => name.startsWith('shared'));
    const doors = shared.map((name) => basename(name, '.js').replace('message-bus', 'bus').split('-'));
    expect(doors.length).toBeLessThan(7); // one for each set of entry points that share something,
    expect(doors.every((names) => names.length > 1 && new Set(names).size === names.length)).toBe(true); // named by it
    expect(new Set(doors.flat())).toEqual(new Set(['main', 'wire', 'auth', 'bus']));
    expect(names.filter((name) => !shared.includes(name))).toEqual(
      [
        'auth/index.js', 'dbus-wire-bus.js', 'dbus-wire-client.js', 'dbus-wire-service.js', 'index.js',
        'message-bus/index.js', 'wire/index.js',
      ].map((name) => join(...name.split('/'))),
    );
  });

  test('has a source map and a declaration map for every file, and every source that they name', () => {
    const outputs = filesBelow(join(installed, 'dist')).filter((file) => /\.(js|d\.ts)$/.test(file));
    expect(outputs.length).toBeGreaterThan(20);
    for (const output of outputs) {
      const text = readFileSync(output, 'utf8');
      if (output.endsWith('.js') && /^(import [^;]*;\s*)*export \{[^}]*\};\s*$/.test(text)) continue; // it has no code
      const name = /^\/\/# sourceMappingURL=(.+)$/m.exec(text)?.[1];
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
  test('the entry point ./wire can be imported', async () => {
    write('wire.mjs', `const ${WIRE_NAMES} = await import('dbus-wire/wire');${ROUND_TRIP}`);
    expect(await use(process.execPath, 'wire.mjs')).toBe(ROUND_TRIP_OUTPUT);
  });

  heavyTest('the entry point ./auth can be imported', async () => {
    write('auth.mjs', `import ${AUTH_NAMES} from 'dbus-wire/auth';${AUTH_ROUND_TRIP}`);
    expect(await use(process.execPath, 'auth.mjs')).toBe(AUTH_OUTPUT);
  });

  test('the main entry point can be imported', async () => {
    write('whole.mjs', `import { ${NAMES} } from 'dbus-wire';\n${PRINT_TYPES}`);
    expect(await use(process.execPath, 'whole.mjs')).toBe(TYPES_OUTPUT);
  });

  test('each entry point works with require(), without a warning', async () => {
    write('wire.cjs', `const ${WIRE_NAMES} = require('dbus-wire/wire');${ROUND_TRIP}`);
    expect(await use(process.execPath, 'wire.cjs')).toBe(ROUND_TRIP_OUTPUT);
    write('auth.cjs', `const ${AUTH_NAMES} = require('dbus-wire/auth');${AUTH_ROUND_TRIP}`);
    expect(await use(process.execPath, 'auth.cjs')).toBe(AUTH_OUTPUT);
    write('whole.cjs', `const { ${NAMES} } = require('dbus-wire');\n${PRINT_TYPES}`);
    expect(await use(process.execPath, 'whole.cjs')).toBe(TYPES_OUTPUT);
  });

  test('package.json can be imported, and no other file inside', async () => {
    write('closed.cjs', `
      console.log(require('dbus-wire/package.json').version);
      try { require('dbus-wire/dist/shared/main-wire.js'); } catch (error) { console.log(error.code); }
    `);
    expect(await use(process.execPath, 'closed.cjs')).toBe(`${manifest.version}\nERR_PACKAGE_PATH_NOT_EXPORTED\n`);
  });
});

describe('from TypeScript', () => {
  const compilations = [...COMPILATIONS, ...DEFAULT_COMPILATIONS, ...NEWEST_COMPILATIONS];
  test.each(some(compilations, 3))('the newest compiler accepts %s', async (...compilation) => {
    await consumer.compile(join(repository, 'node_modules', 'typescript'), compilation);
  });
});

describe('the programs', () => {
  test.each(some(['dbus-wire-service', 'dbus-wire-client', 'dbus-wire-bus'], 2))('%s is installed and prints its version', async (program) => {
    expect(await use(join(consumer.folder, 'node_modules/.bin', program), '--version')).toContain(manifest.version);
  });
});
