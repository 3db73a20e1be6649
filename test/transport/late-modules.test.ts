// The modules of Node that are loaded on first use: no file of the library that every client loads imports them.
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { childProcessModule, cryptoModule, dnsModule } from '../../src/transport/late-modules.js';

test('the modules have the functions of their names', () => {
  expect(cryptoModule().randomBytes(3)).toHaveLength(3);
  expect(typeof childProcessModule().spawn).toBe('function');
  expect(typeof dnsModule().lookup).toBe('function');
});

test.each(['transport', 'connection', 'client', 'interface', 'protocol', 'auth', 'wire'])(
  'no file of src/%s imports one of them',
  (layer) => {
    const folder = new URL(`../../src/${layer}/`, import.meta.url);
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
    const eager = files.filter((file) => (
      /^import (?!type\b)[^;]*'node:(crypto|child_process|dns\/promises|dns)'/m.test(
        readFileSync(new URL(file, folder), 'utf8'),
      )
    ));
    expect(eager).toEqual([]);
  },
);

test.each(['transport', 'connection', 'message-bus'])('no file of src/%s uses the clock of node:perf_hooks', (layer) => {
  const folder = new URL(`../../src/${layer}/`, import.meta.url);
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  expect(files.filter((file) => readFileSync(new URL(file, folder), 'utf8').includes('performance.now'))).toEqual([]);
});
