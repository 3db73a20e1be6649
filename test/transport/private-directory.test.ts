// Which directories count as private to the user of this process.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { isPrivateDirectory } from '../../src/transport/private-directory.js';

function directory(mode = 0o700): string {
  const path = mkdtempSync(join(tmpdir(), 'private-'));
  onTestFinished(() => rmSync(path, { recursive: true }));
  chmodSync(path, mode);
  return path;
}

test.each([
  ['700', true], ['744', true], ['710', false], ['701', false], ['711', false], ['755', false], ['1777', false],
])('whether a directory of this user in /tmp with mode %s is private: %s', (mode, expected) => {
  expect(isPrivateDirectory(directory(Number.parseInt(mode, 8)))).toBe(expected);
});

test('a directory of another user is not private', () => {
  expect(isPrivateDirectory(directory(), 54_321)).toBe(false);
});

test('a directory is not private if others can replace it', () => {
  const parent = directory(0o777);
  const own = join(parent, 'own');
  mkdirSync(own, { mode: 0o700 });
  expect(isPrivateDirectory(own)).toBe(false);
  chmodSync(parent, 0o1777);
  expect(isPrivateDirectory(own)).toBe(true);
});

test('a file, a missing directory, and a directory on a system without user ids are not private', () => {
  const own = directory();
  writeFileSync(join(own, 'file'), '');
  expect(isPrivateDirectory(join(own, 'file'))).toBe(false);
  expect(isPrivateDirectory(join(own, 'missing'))).toBe(false);
  expect(isPrivateDirectory(own, undefined)).toBe(process.getuid !== undefined); // undefined takes the default
});
