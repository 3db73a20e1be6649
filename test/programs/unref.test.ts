// What keeps a process alive: programs with a connection that end by themselves, and some that do not. They run at the
// same time.
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { some } from '../support/extent.js';
import { type PrivateBus, startPrivateBus } from '../support/private-bus.js';
import { describeWith, run, start } from '../support/programs.js';

const library = new URL('../../dist/index.js', import.meta.url).href;
const cwd = fileURLToPath(new URL('../..', import.meta.url));
const node = (code: string): readonly string[] => [
  '--input-type=module', '--eval', `import { defineInterface, exportObject, sessionBus } from '${library}';\n${code}`,
];

/** A call that is not answered: its receiver is the program itself. */
const NEVER = `bus.handleMethodCalls(() => {}); void bus.call({ destination: bus.uniqueName, path: '/', member: 'M' });`;

describeWith('dbus-daemon')('a program with a connection', { concurrent: true }, () => {
  let bus: PrivateBus;

  beforeAll(async () => {
    bus = await startPrivateBus();
  });
  afterAll(() => bus?.stop());

  test.each(some([
    ['that is closed', 'await bus.listNames(); await bus.close();'],
    ['that is unreferenced', 'await bus.listNames(); bus.unref();'],
    ['that is unreferenced while a call waits for its reply', `${NEVER} bus.unref();`],
    ['that was unreferenced before a call was made', `bus.unref(); ${NEVER}`],
    ['that is unreferenced while it waits for an owner', 'void bus.waitForOwner("a.c", { timeout: 300_000 }); await bus.listNames(); bus.unref();'],
    [
      'that serves objects and is unreferenced',
      'const I = defineInterface({ name: "a.B" }); exportObject(bus, "/", I.implement({})); await bus.requestName("a.b"); bus.unref();',
    ],
    ['that subscribes and does not count', 'await bus.subscribe({}, () => {}).ready; bus.unref();'],
  ], 3))('%s ends by itself', async (_, code) => {
    const program = node(`const bus = await sessionBus();\n${code}\nconsole.log('done');`);
    const { stdout, stderr, code: status } = await run(process.execPath, program, { env: bus.env, cwd });
    expect({ stdout, stderr, status }).toEqual({ stdout: 'done\n', stderr: '', status: 0 });
  });

  test('that is unreferenced ends by itself while the connection is restored, even while a call waits', async () => {
    await using other = await startPrivateBus();
    const code = `const bus = await sessionBus({ reconnect: { initialDelay: 60_000 } });
      bus.unref();
      const timer = setInterval(() => {}, 1_000);
      bus.watchConnection(() => {
        void bus.listNames();
        clearInterval(timer);
        console.log('lost');
      });
      console.log('done');`;
    await using running = await start(process.execPath, node(code), { env: other.env, cwd });
    await running.line('done');
    await other.stop();
    expect(await running.end()).toMatchObject({ stdout: 'done\nlost\n', stderr: '', code: 0 });
  });

  test.each(some([
    ['again', 'bus.unref(); bus.ref();'],
    ['at first', ''],
  ], 2))('that is referenced %s runs until it is stopped', async (_, code) => {
    const program = node(`const bus = await sessionBus();\n${code}\nconsole.log('done');\nawait bus.closed; console.log('closed')`);
    await using running = await start(process.execPath, program, { env: bus.env, cwd });
    await running.line('done');
    await new Promise((resolve) => setTimeout(resolve, 300));
    running.kill('SIGTERM');
    expect((await running.end()).signal).toBe('SIGTERM');
  });
});
