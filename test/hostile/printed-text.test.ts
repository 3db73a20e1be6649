// Texts of a peer that would change a terminal: neither program prints them as they are, and no warning does.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Bus } from '../../src/connection/bus.js';
import { connectToBus } from '../../src/connection/open-bus.js';
import { DBusError } from '../../src/protocol/errors.js';
import { RANDOM_DATA_BUS_NAME, RANDOM_DATA_PATH, RandomData } from '../../src/random-data.js';
import { exportObject } from '../../src/service/export-object.js';
import { builtProgram, runClient } from '../support/built.js';
import { extent, heavyTest, some } from '../support/extent.js';
import { type PrivateBus, startPrivateBus } from '../support/private-bus.js';
import { describeWith, run } from '../support/programs.js';
import type { Random } from '../fuzz/random.js';
import { seededRandom } from './seeded.js';
import { startVictim } from './victim.js';

const TARGET = { destination: 'com.example.Victim', path: '/victim', interface: 'com.example.Victim' } as const;

/** C0, DEL, C1, the characters of bidirectional texts, separators of lines: what a terminal obeys. */
const ACTIVE = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;
const ACTIVE_PIECES = [
  '\u001b[2J', '\u001b]0;title\u0007', '\u009b31m', '\r', '\n', '\t', '\u0001', '\u0008', '\u007f', '\u0085', '\u202e',
  '\u2066', '\u2069', '\u200f', '\u061c', '\u2028',
];
const PIECES = [...ACTIVE_PIECES, '1', '8', 'text'];

function activeText(random: Random): string {
  const pieces = Array.from({ length: random.between(1, 6) }, () => random.pick(PIECES));
  return [...pieces, random.pick(ACTIVE_PIECES)].join('');
}

describeWith('dbus-daemon')('on a bus,', () => {
  let daemon: PrivateBus;
  let bus: Bus;
  beforeAll(async () => {
    daemon = await startPrivateBus();
    bus = await connectToBus(daemon.address);
  });
  afterAll(async () => {
    await bus.close();
    await daemon.stop();
  });

  test('warnings about handlers escape the text of peers, and are few', async () => {
    const random = seededRandom();
    await using service = await startVictim('service', { bus: daemon.address });
    const calls = Array.from({ length: extent(100, 500) }, () =>
      bus.call({ ...TARGET, member: 'Throw', signature: 's', body: [activeText(random)] }));
    for (const outcome of await Promise.allSettled(calls)) {
      expect(outcome).toMatchObject({ reason: { errorName: 'org.freedesktop.DBus.Error.Failed' } });
    }
    service.program.endInput();
    const { code, stderr } = await service.program.end();
    expect(code).toBe(0);
    expect(stderr).not.toMatch(ACTIVE);
    const warnings = stderr.match(/HandlerErrorWarning/g)?.length;
    expect(warnings).toBeGreaterThan(0);
    expect(warnings).toBeLessThan(10);
  });

  heavyTest('the client program escapes the text of a service', async () => {
    const random = seededRandom();
    let answer: () => string = () => '';
    const emit = (job: string, result: string): void => implementation.emit('slow_result', job, result);
    const implementation = RandomData.implement({
      methods: {
        quick: () => answer(),
        slow: () => {
          const result = answer();
          setImmediate(() => emit('job', result));
          return 'job';
        },
        slow_result: () => '',
      },
    });
    exportObject(bus, RANDOM_DATA_PATH, implementation);
    await bus.requestName(RANDOM_DATA_BUS_NAME);
    const text = (): string => activeText(random);
    const kinds: readonly (() => string)[] = [
      () => text(),
      () => `1${text()}`,
      () => `${text()}1`,
      () => '1e9',
      () => ' 1',
      () => { throw new DBusError('com.example.Error', text()); },
      () => { throw new DBusError('org.freedesktop.DBus.Error.ServiceUnknown', text()); },
      () => { throw new DBusError('org.freedesktop.DBus.Error.NoReply', text()); },
    ];
    for (const kind of some(kinds, 3)) {
      answer = kind;
      const options = ['--json', '--slow'].filter(() => random.chance(0.5));
      const { code, stdout, stderr } = await runClient(daemon, options);
      expect(code).not.toBe(0);
      const printed = stdout + stderr;
      expect(printed).not.toMatch(ACTIVE);
      expect(printed).toMatch(/^[^\n]+\n$/); // one line
    }
    await bus.releaseName(RANDOM_DATA_BUS_NAME);
  });

  const programs = ['service', 'client'] as const;
  test.each(some(programs, 2))('the %s program ends with one sentence if its output device is full', async (name) => {
    const command = ['-c', '"$1" "$2" --help > /dev/full', 'sh', process.execPath, builtProgram(name)];
    const { code, stderr } = await run('sh', command, { env: daemon.env });
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/^[^\n]+\n$/);
  });
});
