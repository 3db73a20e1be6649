// The demo, as `npm run demo` runs it, without a session bus: the commands that it proposes at its end work.
// Needs dist/, which `npm run test:heavy` builds first.
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { describeWith, run, start } from './support/programs.js';
import { scratchDirectory } from './support/reaper.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const demo = fileURLToPath(new URL('../scripts/demo.mjs', import.meta.url));
const WITHOUT_BUS = { DBUS_SESSION_BUS_ADDRESS: undefined, XDG_RUNTIME_DIR: undefined, NO_COLOR: '1' };

/** Runs the demo, and then the commands that it proposes at its end. */
async function runDemo(env: Readonly<Record<string, string | undefined>>): Promise<string> {
  const { code, stdout, stderr } = await run(process.execPath, [demo], { cwd: root, env, timeout: 60_000 });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const proposed = stdout.slice(stdout.indexOf('To do it yourself')).split('\n').filter((line) => line.startsWith('$ '));
  const [first = '', service = '', client = ''] = proposed.map((line) => line.slice(2));

  await using shell = await start('/bin/sh', ['-c', first], { cwd: root, env });
  shell.write(`${service}\n`);
  await shell.line(/^ready /);
  shell.write(`${client}\n`);
  await shell.line(/^Your random number is: \d+$/);
  shell.endInput();
  expect((await shell.end()).code).toBe(0);
  return stdout;
}

describeWith('dbus-daemon', 'dbus-run-session')('the demo', () => {
  test('succeeds with dbus-daemon, and the commands that it proposes work', async () => {
    expect(await runDemo(WITHOUT_BUS)).toContain('$ dbus-daemon --nofork');
  }, 90_000);
});

test('the demo succeeds on a machine with only Node and a shell', async () => {
  const programs = scratchDirectory();
  symlinkSync(process.execPath, join(programs, 'node'));
  symlinkSync('/bin/sh', join(programs, 'sh'));
  const stdout = await runDemo({ ...WITHOUT_BUS, PATH: programs });
  expect(stdout).toContain('$ dbus-wire-bus --print-address');
  expect(stdout).toContain('$ node dist/dbus-wire-bus.js run -- sh');
}, 90_000);
