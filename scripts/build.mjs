// Builds a folder that users load: one file for each door of the package and for each program, with source maps, and
// the declarations of all sources. Doors share their common code, so that a class is the same in each of them: a file of
// shared/ has the names of the doors that load it. The bundler is the one that vitest brings. Usage: node scripts/build.mjs [FOLDER], dist by default.

import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** The output of each door, without its ending, and its source. */
const DOORS = {
  index: 'src/index.ts',
  'wire/index': 'src/wire/index.ts',
  'auth/index': 'src/auth/index.ts',
  'message-bus/index': 'src/message-bus/index.ts',
};
/** Programs share nothing: what starts loads one file. */
const PROGRAMS = {
  'dbus-wire-service': 'src/service/random-data/main.ts',
  'dbus-wire-client': 'src/client/random-data/main.ts',
  'dbus-wire-bus': 'src/message-bus/program/main.ts',
};

/** Runs the TypeScript compiler; prints its errors and returns whether there are none. */
function compile(args) {
  const compiler = join(root, 'node_modules/typescript/bin/tsc');
  return spawnSync(process.execPath, [compiler, ...args], { cwd: root, stdio: 'inherit' }).status === 0;
}

/** The module of a package that only another package depends on. */
async function importThrough(packages) {
  let file = join(root, 'package.json');
  for (const name of packages) file = createRequire(file).resolve(name);
  return import(pathToFileURL(file).href);
}

/** The name of a door in the names of shared files. */
const nameOfDoor = (door) => (door === 'index' ? 'main' : door.split('/')[0]);

/** The same text for the same modules. */
const keyOf = ({ moduleIds }) => [...moduleIds].sort().join('\n');

/** The names of the doors that load each shared file, joined by hyphens. */
function namesOfShared(outputs) {
  const chunks = new Map(outputs.filter(({ type }) => type === 'chunk').map((chunk) => [chunk.fileName, chunk]));
  const doorsOf = new Map();
  for (const door of Object.keys(DOORS)) {
    const left = [`${door}.js`];
    const seen = new Set(left);
    for (let file = left.pop(); file !== undefined; file = left.pop()) {
      const { imports = [] } = chunks.get(file) ?? {}; // a module of Node is no chunk
      for (const imported of imports.filter((each) => chunks.has(each) && !seen.has(each))) {
        seen.add(imported);
        left.push(imported);
        doorsOf.set(imported, [...doorsOf.get(imported) ?? [], nameOfDoor(door)]);
      }
    }
  }
  return new Map([...doorsOf].map(([file, doors]) => [keyOf(chunks.get(file)), doors.join('-')]));
}

async function bundle(folder) {
  const { rolldown } = await importThrough(['vitest/package.json', 'vite', 'rolldown']);
  const write = async (entries, chunkFileNames) => {
    const bundler = await rolldown({
      cwd: root,
      input: entries,
      platform: 'node',
      transform: { target: 'es2022' },
    });
    const options = { format: 'es', entryFileNames: '[name].js' };
    const shared = namesOfShared((await bundler.generate(options)).output);
    await bundler.write({
      ...options,
      dir: folder,
      sourcemap: true,
      sourcemapExcludeSources: true, // the package has them
      chunkFileNames: (chunk) => chunkFileNames.replace('[doors]', shared.get(keyOf(chunk))),
    });
    await bundler.close();
  };
  await write(DOORS, 'shared/[doors].js');
  for (const [name, source] of Object.entries(PROGRAMS)) await write({ [name]: source }, `${name}-[name].js`);
}

const folder = join(root, process.argv[2] ?? 'dist');
const areTypesRight =
  compile(['-p', 'tsconfig.json', '--emitDeclarationOnly', '--outDir', folder]) && compile(['-p', 'tsconfig.pure.json']);
if (areTypesRight) await bundle(folder);
else process.exitCode = 1;
