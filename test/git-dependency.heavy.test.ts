// The package as a git dependency: npm clones a repository with the files of this one, builds it and installs what it
// has built.

import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { INSTALL_TIMEOUT, NPM_ENV, npmInstall } from './support/npm.js';
import { describeWith, run } from './support/programs.js';
import { scratchDirectory } from './support/reaper.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };

/** A git repository whose one commit has the files of this folder as they are now, whether they are committed or not. */
async function commitAll(repository: string): Promise<void> {
  const isSource = (file: string): boolean => !/^(node_modules|dist|dist-.*|\.git|\.setup-lock)$/.test(basename(file));
  cpSync(root, repository, { recursive: true, filter: isSource });
  const identity = ['-c', 'user.name=Test', '-c', 'user.email=test@example.com'];
  const env = { GIT_CONFIG_GLOBAL: '/dev/null', GIT_DIR: undefined, GIT_WORK_TREE: undefined, GIT_INDEX_FILE: undefined };
  for (const args of [['init', '--quiet'], ['add', '--all'], [...identity, 'commit', '--quiet', '--message=All']]) {
    expect(await run('git', args, { cwd: repository, env, timeout: 60_000 })).toMatchObject({ code: 0 });
  }
}

describeWith('git')('a git dependency', () => {
  test('is built by npm, and its entry points work with import and with require()', async (context) => {
    const directory = scratchDirectory();
    const repository = join(directory, 'repository');
    const consumer = join(directory, 'consumer');
    await commitAll(repository);
    mkdirSync(consumer);
    writeFileSync(join(consumer, 'package.json'), '{ "private": true }');
    await npmInstall(context, consumer, `git+${pathToFileURL(repository)}`);

    const modules = readdirSync(join(consumer, 'node_modules')).filter((name) => !name.startsWith('.'));
    expect(modules).toEqual(['dbus-wire']);
    const installed = join(consumer, 'node_modules', 'dbus-wire');
    expect(existsSync(join(installed, 'test'))).toBe(false);
    expect(existsSync(join(installed, 'node_modules'))).toBe(false);

    const use = async (file: string, text: string): Promise<unknown> => {
      writeFileSync(join(consumer, file), text);
      return await run(process.execPath, [file], { cwd: consumer, env: NPM_ENV });
    };
    const print = 'console.log(typeof sessionBus, typeof decodeMessage);';
    const ended = { code: 0, stdout: 'function function\n', stderr: '' };
    expect(await use('doors.mjs', `
      import { sessionBus } from 'dbus-wire';
      import { decodeMessage } from 'dbus-wire/wire';
      ${print}
    `)).toMatchObject(ended);
    expect(await use('doors.cjs', `
      const { sessionBus } = require('dbus-wire');
      const { decodeMessage } = require('dbus-wire/wire');
      ${print}
    `)).toMatchObject(ended);
    const program = join(consumer, 'node_modules', '.bin', 'dbus-wire-client');
    expect((await run(program, ['--version'], { cwd: consumer })).stdout).toContain(manifest.version);
  }, INSTALL_TIMEOUT + 60_000);
});
