// Directories of service files: the standard ones, their order, and the files that are skipped.
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { findServices, standardSessionDirectories } from '../../../src/message-bus/activation/service-directories.js';
import { scratchDirectory } from '../../support/reaper.js';

let root: string;
beforeEach(() => {
  root = scratchDirectory();
});

function put(file: string, name: string, exec = '/bin/true'): void {
  mkdirSync(join(root, file, '..'), { recursive: true });
  writeFileSync(join(root, file), `[D-BUS Service]\nName=${name}\nExec=${exec}\n`);
}
const loose = (path: string) => ({ path: join(root, path), hasStrictNames: false });

test('the standard directories of a session follow the environment', () => {
  const directories = standardSessionDirectories({
    XDG_RUNTIME_DIR: '/run/user/1', XDG_DATA_HOME: '/home/a/data', XDG_DATA_DIRS: '/x:relative::/y:/x',
  });
  expect(directories).toEqual([
    { path: '/run/user/1/dbus-1/services', hasStrictNames: true },
    { path: '/home/a/data/dbus-1/services', hasStrictNames: false },
    { path: '/x/dbus-1/services', hasStrictNames: false },
    { path: '/y/dbus-1/services', hasStrictNames: false },
  ]);
});

test('the standard directories have defaults', () => {
  const paths = standardSessionDirectories({ XDG_DATA_HOME: '' }).map(({ path }) => path);
  expect(paths[0]).toMatch(/\/\.local\/share\/dbus-1\/services$/);
  expect(paths.slice(1)).toEqual(['/usr/local/share/dbus-1/services', '/usr/share/dbus-1/services']);
});

test('the first directory takes precedence, and the name of a file need not be that of its service', () => {
  put('a/any.service', 'com.example.A', '/bin/first');
  put('b/com.example.A.service', 'com.example.A', '/bin/second');
  put('b/com.example.B.service', 'com.example.B');
  put('b/com.example.C', 'com.example.C');
  const { services, skipped } = findServices([loose('a'), loose('b'), loose('missing')]);
  expect([...services].map(([name, { command }]) => [name, command])).toEqual([
    ['com.example.A', ['/bin/first']], ['com.example.B', ['/bin/true']],
  ]);
  expect(skipped).toEqual([]);
});

test('a directory with strict names uses only files that are named after their service', () => {
  put('a/any.service', 'com.example.A');
  put('a/com.example.B.service', 'com.example.B');
  const { services, skipped } = findServices([{ path: join(root, 'a'), hasStrictNames: true }]);
  expect([...services.keys()]).toEqual(['com.example.B']);
  expect(skipped).toEqual([
    { file: join(root, 'a/any.service'), reason: 'the file must be named com.example.A.service' },
  ]);
});

test('service files that are not valid are skipped, and the reason is reported', () => {
  put('a/good.service', 'com.example.Good');
  writeFileSync(join(root, 'a/empty.service'), '');
  writeFileSync(join(root, 'a/large.service'), '#'.repeat(65_537));
  const service = '[D-BUS Service]\nName=com.example.Largest\nExec=/bin/true\n';
  writeFileSync(join(root, 'a/largest.service'), service + '#'.repeat(65_536 - service.length));
  mkdirSync(join(root, 'a/folder.service'));
  symlinkSync('/nonexistent', join(root, 'a/link.service'));
  const { services, skipped } = findServices([loose('a')]);
  expect([...services.keys()]).toEqual(['com.example.Good', 'com.example.Largest']);
  expect(skipped.map(({ file, reason }) => [file.slice(root.length + 3), reason.replace(/, stat .*/, '')])).toEqual([
    ['empty.service', '[D-BUS Service] is missing: a service file must have it'],
    ['folder.service', 'it must be a regular file'],
    ['large.service', 'the file has 65537 bytes: it must have at most 65536'],
    ['link.service', 'ENOENT: no such file or directory'],
  ]);
});
