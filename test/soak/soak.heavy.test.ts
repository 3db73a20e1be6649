// Ten seconds of the soak program, which `npm run soak` runs for any time.
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { describeWith, run } from '../support/programs.js';

const program = fileURLToPath(new URL('soak.mjs', import.meta.url));

describeWith('dbus-daemon')('a service and fifty clients', () => {
  test('leave nothing behind after ten seconds of work and two restarts of the bus', { timeout: 120_000 }, async () => {
    const { stdout, stderr, code } = await run(process.execPath, ['--expose-gc', program, '--seconds', '10'], {
      timeout: 110_000,
    });
    expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
    expect(stdout).toMatch(/^10 s, 50 clients: .* 2 restarts/);
    expect(stdout).toMatch(/\nnothing grows\n$/);
  });

  test.each([
    [['--seconds', 'x'], 'seconds is "x": it must be a number above 0'],
    [['--clients', '0'], 'clients is "0": it must be a number above 0'],
  ])('are not started with %j', async (args, text) => {
    const { stderr, code } = await run(process.execPath, ['--expose-gc', program, ...args]);
    expect(stderr).toContain(text);
    expect(code).toBe(2);
  });
});
