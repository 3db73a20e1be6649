// Builds a folder that users load: one file for each door of the package and for each program, with source maps, and
// the declarations of all sources. Entry points share their common code, so that a class is the same in each of them.
// The bundler is the one that vitest brings. Usage: node scripts/build.mjs [FOLDER], dist by default.

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

async function bundle(folder) {
  const { rolldown } = await importThrough(['vitest/package.json', 'vite', 'rolldown']);
  const write = async (entries, chunkFileNames) => {
    const bundler = await rolldown({
      cwd: root,
      input: entries,
      platform: 'node',
      transform: { target: 'es2022' },
    });
    await bundler.write({
      dir: folder,
      format: 'es',
      sourcemap: true,
      sourcemapExcludeSources: true, // the package has them
      entryFileNames: '[name].js',
      chunkFileNames,
    });
    await bundler.close();
  };
  await write(DOORS, 'shared/[name].js');
  for (const [name, source] of Object.entries(PROGRAMS)) await write({ [name]: source }, `${name}-[name].js`);
}

const folder = join(root, process.argv[2] ?? 'dist');
const areTypesRight =
  compile(['-p', 'tsconfig.json', '--emitDeclarationOnly', '--outDir', folder]) && compile(['-p', 'tsconfig.pure.json']);
if (areTypesRight) await bundle(folder);
else process.exitCode = 1;
