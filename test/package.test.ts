// The package as far as it can be seen without npm: what package.json names is in dist/, and Node finds the entry points.
// package.heavy.test.ts packs and installs it. Needs dist/, which `npm test` builds first.

import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { run } from './support/programs.js';
import { scratchDirectory } from './support/reaper.js';

const repository = fileURLToPath(new URL('..', import.meta.url));
const manifest = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as {
  readonly version: string;
  readonly files: readonly string[];
  readonly bin: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>;
};
const doors = Object.values(manifest.exports).flatMap((target) => (typeof target === 'string' ? [] : [target]));

/** The files below dist/, relative to it. */
const built = readdirSync(join(repository, 'dist'), { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => relative(join(repository, 'dist'), join(entry.parentPath, entry.name)))
  .sort();

describe('package.json', () => {
  test('names files that exist, and no folder of the development', () => {
    const named = [...manifest.files, ...Object.values(manifest.bin), ...doors.flatMap(({ types, default: file }) => [types, file])];
    expect(named.filter((file) => !existsSync(join(repository, file)))).toEqual([]);
    expect(manifest.files).toEqual(['dist', 'src', 'docs', 'examples', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md']);
  });

  test('names programs that begin with the line that lets a shell run them', () => {
    for (const [name, file] of Object.entries(manifest.bin)) {
      expect(file).toBe(`dist/${name}.js`);
      expect(readFileSync(join(repository, file), 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
    }
  });
});

describe('dist/', () => {
  test('has one file for each entry point and each program, and a few that the entry points share', () => {
    const loaded = built.filter((name) => name.endsWith('.js'));
    const shared = loaded.filter((name) => name.startsWith('shared'));
    const sharedBy = shared.map((name) => basename(name, '.js').replace('message-bus', 'bus').split('-'));
    expect(sharedBy.length).toBeLessThan(7); // one for each set of entry points that share something,
    expect(sharedBy.every((names) => names.length > 1 && new Set(names).size === names.length)).toBe(true); // named by it
    expect(new Set(sharedBy.flat())).toEqual(new Set(['main', 'wire', 'auth', 'bus']));
    const named = [...doors.map((door) => door.default), ...Object.values(manifest.bin)];
    expect(loaded.filter((name) => !shared.includes(name)))
      .toEqual(named.map((file) => relative('dist', file)).sort());
  });

  test('has a source map and a declaration map for every file, and every source that they name', () => {
    const outputs = built.filter((file) => /\.(js|d\.ts)$/.test(file)).map((name) => join(repository, 'dist', name));
    expect(outputs.length).toBeGreaterThan(20);
    for (const output of outputs) {
      const text = readFileSync(output, 'utf8');
      if (output.endsWith('.js') && /^(import [^;]*;\s*)*export \{[^}]*\};\s*$/.test(text)) continue; // it has no code
      const mapFile = join(dirname(output), /^\/\/# sourceMappingURL=(.+)$/m.exec(text)?.[1] ?? 'no name');
      if (!existsSync(mapFile)) expect.fail(`${output} has no map`);
      const map = JSON.parse(readFileSync(mapFile, 'utf8')) as { sourceRoot?: string; sources: string[] };
      const sources = map.sources.map((source) => join(dirname(mapFile), map.sourceRoot ?? '', source));
      if (sources.length === 0) expect.fail(`${mapFile} names no source`);
      const isThere = (source: string): boolean => existsSync(source) && source.startsWith(join(repository, 'src'));
      const missing = sources.filter((source) => !isThere(source));
      if (missing.length > 0) expect.fail(`${mapFile} names sources that are missing: ${missing.join(', ')}`);
    }
  });
});

test('the entry points can be imported and required, without a warning, and no other file', async () => {
  const folder = scratchDirectory();
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(repository, join(folder, 'node_modules', 'dbus-wire'));
  writeFileSync(join(folder, 'use.mjs'), `
    import { createRequire } from 'node:module';
    const require = createRequire(import.meta.url);
    const names = { '': 'sessionBus', '/wire': 'decodeMessage', '/auth': 'AuthClient', '/message-bus': 'startMessageBus' };
    for (const [door, name] of Object.entries(names)) {
      const imported = (await import('dbus-wire' + door))[name];
      console.log(typeof imported, require('dbus-wire' + door)[name] === imported);
    }
    console.log(require('dbus-wire/package.json').version);
    try { require('dbus-wire/dist/shared/main-wire.js'); } catch (error) { console.log(error.code); }
  `);
  const { code, stdout, stderr } = await run(process.execPath, ['use.mjs'], { cwd: folder });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toBe(`${'function true\n'.repeat(4)}${manifest.version}\nERR_PACKAGE_PATH_NOT_EXPORTED\n`);
});
