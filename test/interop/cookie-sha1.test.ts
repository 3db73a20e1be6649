// DBUS_COOKIE_SHA1 with the reference implementation: a bus that accepts nothing else, as its client.
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { connectToBus } from '../../src/connection/bus.js';
import { ConnectError } from '../../src/transport/errors.js';
import { describeWith, start } from '../support/programs.js';
import { scratchDirectory } from '../support/reaper.js';

/** A bus that accepts DBUS_COOKIE_SHA1 only, with a home directory of its own, which becomes ours too. */
async function startBus(auth = 'DBUS_COOKIE_SHA1') {
  const directory = scratchDirectory();
  vi.stubEnv('HOME', directory);
  onTestFinished(() => void vi.unstubAllEnvs());
  const file = join(directory, 'bus.conf');
  writeFileSync(file, `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
    "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
    <busconfig><type>session</type><listen>unix:path=${directory}/bus</listen><auth>${auth}</auth>
    <policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
    </policy></busconfig>`);
  const flags = [`--config-file=${file}`, '--nofork', '--nopidfile', '--nosyslog', '--print-address'];
  const daemon = await start('dbus-daemon', flags, { env: { HOME: directory, DBUS_SESSION_BUS_ADDRESS: undefined } });
  onTestFinished(async () => void (await daemon.stop()));
  await daemon.line(/guid=/);
  return { address: `unix:path=${directory}/bus`, keyrings: join(directory, '.dbus-keyrings') };
}

describeWith('dbus-daemon')('a bus that accepts DBUS_COOKIE_SHA1 only', () => {
  test('accepts us, after it has rejected EXTERNAL, or at once if we try nothing else', async () => {
    const { address, keyrings } = await startBus();
    for (const mechanisms of [undefined, ['DBUS_COOKIE_SHA1'] as const]) {
      await using bus = await connectToBus(address, { mechanisms });
      expect(bus.uniqueName).toMatch(/^:1\./);
    }
    expect(readdirSync(keyrings)).toEqual(['org_freedesktop_general']);
  });

  test('is not connected to by EXTERNAL', async () => {
    const { address } = await startBus();
    const error: unknown = await connectToBus(address, { mechanisms: ['EXTERNAL'] }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ConnectError);
    expect((error as ConnectError).message).toContain('it offers "DBUS_COOKIE_SHA1"');
  });
});
