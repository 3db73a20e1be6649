// No message takes more memory than its receiver allows: the valid bodies that take the most, 60 MiB each, in a process
// of their own with a small heap, which a message that is too large for it would end. Needs dist/.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const program = fileURLToPath(new URL('worst-messages.mjs', import.meta.url));

/** Signature, verdict, and MiB of heap of each message, as the program prints them. */
function run(heap: number, ...args: readonly string[]): readonly (readonly [string, string, number])[] {
  const { stdout, stderr, status } = spawnSync(
    process.execPath, [`--max-old-space-size=${heap}`, program, ...args], { encoding: 'utf8', timeout: 280_000 },
  );
  expect([status, stderr]).toEqual([0, '']);
  return stdout.trimEnd().split('\n').map((line) => {
    const [signature = '', verdict = '', heapUsed = ''] = line.split(' ');
    return [signature, verdict, Number(heapUsed)] as const;
  });
}

test('a heap of 1 GiB survives the worst messages if they may have 2^20 values', () => {
  const results = run(1024, String(2 ** 20));
  expect(results.length).toBeGreaterThanOrEqual(19);
  const refused = results.filter(([, verdict]) => verdict !== 'valid').map(([signature]) => signature);
  expect(new Set(refused)).toEqual(
    new Set(['aa{sv}', 'aa{yy}', 'aay', 'aau', 'aas', 'av', 'as', 'ao', 'ag', 'a(y)', 'a(yv)', 'a{uy}']),
  );
  expect(new Set(results.map(([, verdict]) => verdict))).toEqual(new Set(['valid', 'TOO_MANY_VALUES']));
}, 300_000);

test('a message is checked without memory for its values', () => {
  for (const [signature, verdict, heapUsed] of run(64)) {
    expect([signature, verdict]).toEqual([signature, 'valid']);
    expect(heapUsed, signature).toBeLessThan(32);
  }
}, 300_000);
