// The demo, as `npm run demo` runs it, without a session bus: the commands that it proposes at its end work.
// Needs dist/, which `npm test` builds first.
import { delimiter } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { describeWith, run, start } from './support/programs.js';
import { scratchDirectory } from './support/reaper.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const demo = fileURLToPath(new URL('../scripts/demo.mjs', import.meta.url));
const WITHOUT_BUS = { DBUS_SESSION_BUS_ADDRESS: undefined, XDG_RUNTIME_DIR: undefined, NO_COLOR: '1' };

describeWith('dbus-daemon', 'dbus-run-session')('the demo', () => {
  test('ends well, and the commands that it proposes work', async () => {
    const { code, stdout, stderr } = await run(process.execPath, [demo], { cwd: root, env: WITHOUT_BUS, timeout: 60_000 });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const proposed = stdout.slice(stdout.indexOf('To do it yourself')).split('\n').filter((line) => line.startsWith('$ '));
    const [first = '', service = '', client = ''] = proposed.map((line) => line.slice(2));

    await using shell = await start('sh', ['-c', first], { cwd: root, env: WITHOUT_BUS });
    shell.write(`${service}\n`);
    await shell.line(/^ready /);
    shell.write(`${client}\n`);
    await shell.line(/^Your random number is: \d+$/);
    shell.endInput();
    expect((await shell.end()).code).toBe(0);
  }, 90_000);
});

test('the demo names the missing programs in one sentence if there is neither a bus nor dbus-daemon', async () => {
  const env = { ...WITHOUT_BUS, PATH: [scratchDirectory(), scratchDirectory()].join(delimiter) };
  const { code, stdout, stderr } = await run(process.execPath, [demo], { cwd: root, env });
  expect({ code, stdout }).toEqual({ code: 1, stdout: '\n# There is no session bus here.\n' });
  expect(stderr).toMatch(/^There is no bus to use and no dbus-daemon to start one: install it \(.*\) and run the demo again\.\n$/);
});
