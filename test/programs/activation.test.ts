// The activation file in examples/: a bus that has it starts the service program at the first call.

import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { connectToBus } from '../../src/connection/open-bus.js';
import { RANDOM_DATA_BUS_NAME } from '../../src/random-data.js';
import { builtProgram, runClient, runService } from '../support/built.js';
import { heavyTest, some } from '../support/extent.js';
import { type DaemonProgram, type PrivateBus, startPrivateBus } from '../support/private-bus.js';
import { describeWith } from '../support/programs.js';
import { scratchDirectory } from '../support/reaper.js';

const FILE = 'com.larry-price.test.service';
const activationFile = readFileSync(new URL(`../../examples/${FILE}`, import.meta.url), 'utf8');

/** A bus with the program in its PATH, where npm puts it when the package is installed. */
async function startActivatingBus(daemon: DaemonProgram): Promise<PrivateBus> {
  const bin = scratchDirectory();
  const program = join(bin, 'dbus-wire-service');
  writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${builtProgram('service')}' "$@"\n`);
  chmodSync(program, 0o755);
  const path = process.env['PATH'];
  process.env['PATH'] = `${bin}${delimiter}${path}`;
  try {
    const bus = await startPrivateBus({ daemon, serviceFiles: { [FILE]: activationFile } });
    onTestFinished(() => bus.stop());
    return bus;
  } finally {
    process.env['PATH'] = path;
  }
}

test('the activation file has the file name of the bus name that it activates', () => {
  expect(activationFile).toContain(`\nName=${RANDOM_DATA_BUS_NAME}\n`);
  expect(FILE).toBe(`${RANDOM_DATA_BUS_NAME}.service`);
});

const DAEMONS = [['dbus-daemon', ['dbus-daemon']], ['dbus-wire-bus', []]] as const;

for (const [daemon, required] of some(DAEMONS, 2)) describeWith(...required)(`on ${daemon} the activation file`, () => {
  heavyTest('lets the first call start the program, once', async () => {
    const bus = await startActivatingBus(daemon);
    await using connection = await connectToBus(bus.address);
    expect(await connection.getNameOwner(RANDOM_DATA_BUS_NAME)).toBeUndefined();
    const clients = await Promise.all([runClient(bus, ['8']), runClient(bus, ['100']), runClient(bus, ['-s', '0'])]);
    for (const ended of clients) {
      expect(ended).toMatchObject({ code: 0, stderr: '' });
      expect(ended.stdout).toMatch(/^Your random number is: \d+\n$/);
    }
    const owner = await connection.getNameOwner(RANDOM_DATA_BUS_NAME);
    expect(owner).toMatch(/^:1\.\d+$/);
    expect(await runClient(bus, ['8'])).toMatchObject({ code: 0 });
    expect(await connection.getNameOwner(RANDOM_DATA_BUS_NAME)).toBe(owner);
  });

  heavyTest('does not replace a service that is running: a second one refuses to run', async () => {
    const bus = await startActivatingBus(daemon);
    expect(await runClient(bus, ['8'])).toMatchObject({ code: 0 });
    expect(await runService(bus)).toMatchObject({ code: 1, stdout: 'service is already running\n' });
  });

  test('of a program that is not installed is an error of the call', async () => {
    const activatable = { [RANDOM_DATA_BUS_NAME]: '/nonexistent/dbus-wire-service' };
    await using bus = await startPrivateBus({ daemon, activatable });
    const { code, stdout, stderr } = await runClient(bus, ['8']);
    expect([code, stderr]).toEqual([2, '']);
    expect(stdout).toMatch(/^Failed to initialize D-Bus object: 'org\.freedesktop\.DBus\.Error\.Spawn\.\w+: .+'\n$/);
  });
});
