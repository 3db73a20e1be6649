// The files, users and groups of this machine, as configurations need them.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SYSTEM_SOURCE } from '../../../src/message-bus/configuration/system-source.js';
import { scratchDirectory } from '../../support/reaper.js';

test('a file and a directory are read, and a missing one is not an error', () => {
  const directory = scratchDirectory();
  writeFileSync(join(directory, 'a.conf'), 'text');
  expect(SYSTEM_SOURCE.readFile(join(directory, 'a.conf'))).toBe('text');
  expect(SYSTEM_SOURCE.listDirectory(directory)).toEqual(['a.conf']);
  expect(SYSTEM_SOURCE.readFile(join(directory, 'b.conf'))).toBeUndefined();
  expect(SYSTEM_SOURCE.listDirectory(join(directory, 'b'))).toEqual([]);
});

test('a directory cannot be read as a file', () => {
  const directory = scratchDirectory();
  mkdirSync(join(directory, 'a'));
  expect(() => SYSTEM_SOURCE.readFile(join(directory, 'a'))).toThrow('it is a directory: it must be a file');
});

test('users and groups have ids if the system knows them', () => {
  expect(SYSTEM_SOURCE.idOf('user', 'root')).toBe(0);
  expect(SYSTEM_SOURCE.idOf('user', 'nobody knows this one')).toBeUndefined();
  expect(SYSTEM_SOURCE.idOf('group', '')).toBeUndefined();
});
