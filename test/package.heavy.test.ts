// The package as its users get it: packed, installed in an empty folder without a network, and used from there, also by
// the newest TypeScript. typescript.heavy.test.ts has the older compilers, package.test.ts all that can be seen without
// npm. Needs dist/, which `npm run test:heavy` builds first.

import { existsSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Consumer, installPackage, manifest, repository } from './support/consumer.js';
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

  test('contains all files of dist/ and src/', () => {
    for (const folder of ['dist', 'src']) {
      const names = (parent: string): readonly string[] => {
        const files = filesBelow(join(parent, folder));
        return files.map((file) => relative(parent, file)).sort();
      };
      expect(names(installed)).toEqual(names(repository));
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

  test('the entry point ./auth can be imported', async () => {
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
  test.each(compilations)('the newest compiler accepts %s', async (...compilation) => {
    await consumer.compile(join(repository, 'node_modules', 'typescript'), compilation);
  });
});

describe('the programs', () => {
  test.each(['dbus-wire-service', 'dbus-wire-client', 'dbus-wire-bus'])('%s is installed and prints its version', async (program) => {
    expect(await use(join(consumer.folder, 'node_modules/.bin', program), '--version')).toContain(manifest.version);
  });
});
