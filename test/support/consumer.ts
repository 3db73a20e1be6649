// A consumer of the package: a folder into which the package is installed from its tarball, without a network.
// Needs dist/, which `npm test` builds first.

import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { NPM_ENV, QUIET } from './npm.js';
import { type Ended, run } from './programs.js';
import { scratchDirectory } from './reaper.js';
import type { Compilation } from './typescript-consumers.js';

export const repository = fileURLToPath(new URL('../..', import.meta.url));
export const manifest = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as { version: string };

/** The folder of a user of the package. */
export interface Consumer {
  readonly folder: string;
  /** The folder of the installed package. */
  readonly installed: string;
  /** Runs a command in the folder. It must succeed and print nothing on stderr. Resolves to its output. */
  readonly use: (command: string, ...args: string[]) => Promise<string>;
  /** Writes a file below the folder. */
  readonly write: (file: string, text: string) => void;
  /** Compiles in a folder below, in which @types/node is installed unless the options name the types. */
  readonly compile: (compiler: string, compilation: Compilation) => Promise<void>;
}

/** Packs the package and installs it in a new folder. */
export async function installPackage(): Promise<Consumer> {
  if (!existsSync(join(repository, 'dist'))) throw new Error('dist/ is missing: run `npm run build` first');
  const folder = scratchDirectory();
  const use: Consumer['use'] = async (command, ...args) => {
    const ended = await run(command, args, { cwd: folder, env: NPM_ENV, timeout: 60_000 });
    expect(ended, ended.stdout).toMatchObject({ code: 0, stderr: '' } satisfies Partial<Ended>);
    return ended.stdout;
  };
  const write: Consumer['write'] = (file, text) => {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  };
  const compile: Consumer['compile'] = async (compiler, [below, files, options]) => {
    // The declarations of the package are checked, and those of Node. Those of the compiler are its own business.
    const config = { compilerOptions: { noEmit: true, skipDefaultLibCheck: true, ...options }, files: Object.keys(files) };
    write(join(below, 'tsconfig.json'), JSON.stringify(config));
    write(join(below, 'package.json'), '{ "type": "module" }');
    for (const [file, text] of Object.entries(files)) write(join(below, file), text);
    const types = join(folder, below, 'node_modules', '@types');
    if (!('types' in options) && !existsSync(types)) {
      mkdirSync(types, { recursive: true });
      symlinkSync(join(repository, 'node_modules', '@types', 'node'), join(types, 'node'));
    }
    // Older compilers have one thread only, and no flag for that.
    const flags = compiler.startsWith(repository) ? ['--singleThreaded'] : [];
    expect(await use(process.execPath, join(compiler, 'bin', 'tsc'), '-p', below, ...flags), below).toBe('');
  };

  const pack = ['pack', '--ignore-scripts', ...QUIET, '--pack-destination', folder];
  expect(await run('npm', pack, { cwd: repository, env: NPM_ENV, timeout: 60_000 })).toMatchObject({ code: 0 });
  const tarball = `dbus-wire-${manifest.version}.tgz`;
  expect(readdirSync(folder)).toEqual([tarball]);
  write('package.json', '{ "private": true }');
  await use('npm', 'install', '--offline', ...QUIET, `./${tarball}`);
  return { folder, installed: join(folder, 'node_modules', 'dbus-wire'), use, write, compile };
}
