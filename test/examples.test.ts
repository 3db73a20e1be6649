// The programs in examples/, run as their users run them: with `dbus-wire` as built, on the file that comes with them,
// a socket, a real bus. Needs dist/, which `npm test` builds first.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { decodeMessage } from '../src/wire/index.js';
import { heavyDescribeWith, heavyTest } from './support/extent.js';
import { dbusSendCall, gdbusCall } from './support/foreign.js';
import { type PrivateBus, startPrivateBus } from './support/private-bus.js';
import { describeWith, run, start } from './support/programs.js';
import { scratchDirectory } from './support/reaper.js';

const example = (name: string): string => fileURLToPath(new URL(`../examples/${name}`, import.meta.url));

/** The output of an example that ends well and says nothing on standard error. */
async function outputOf(name: string, ...args: string[]): Promise<string> {
  const ended = await run(process.execPath, [example(name), ...args]);
  expect(ended).toMatchObject({ code: 0, stderr: '' });
  return ended.stdout;
}

test('every example is run here', () => {
  const programs = readdirSync(example('.')).filter((name) => name.endsWith('.mjs'));
  expect(programs.sort()).toEqual(['dissect.mjs', 'one-sentence.mjs', 'own-socket.mjs', 'proxy.mjs', 'reconnect.mjs']);
});

describe('dissect.mjs', () => {
  const capture = readFileSync(example('capture.bin'));
  const titles = (output: string): readonly string[] => output.split('\n').filter((line) => line.startsWith('#'));

  test('prints the capture in the package', async () => {
    const output = await outputOf('dissect.mjs');
    expect(titles(output)).toEqual([
      '# message 1, 169 bytes at offset 0: signal NameAcquired',
      '# message 2, 169 bytes at offset 169: signal NameLost',
      '# message 3, 144 bytes at offset 338: method_call Hello',
      '# message 4, 89 bytes at offset 482: method_return to serial 1',
      '# message 5, 189 bytes at offset 571: signal NameOwnerChanged',
      '# message 6, 169 bytes at offset 760: signal NameAcquired',
      '# message 7, 167 bytes at offset 929: method_call GetNameOwner',
      '# message 8, 203 bytes at offset 1096: error org.freedesktop.DBus.Error.NameHasNoOwner',
      '# message 9, 169 bytes at offset 1299: signal NameLost',
      '# message 10, 189 bytes at offset 1468: signal NameOwnerChanged',
    ]);
    expect(output).toContain(`body[0]: length of text: ${'com.example.Nobody'.length}\n`);
    expect(output).toMatch(/^[0-9a-f ]+ STRING "com\.example\.Nobody"$/m);
    // Every byte is there, or, in the middle of a long text, counted.
    const rows = [...output.matchAll(/^(?:[0-9a-f]{4}| {4}) {2}((?:[0-9a-f]{2} ?){1,8})/gm)];
    const digits = rows.map(([, hex = '']) => hex.replaceAll(' ', '')).join('');
    const left = [...output.matchAll(/… (\d+) more$/gm)].reduce((sum, [, count]) => sum + Number(count), 0);
    expect(digits.length / 2 + left).toBe(capture.length);
    expect(left).toBeLessThan(200);
  });

  heavyTest('prints a stream up to a mistake or to its early end, and the reason', async () => {
    const directory = scratchDirectory();
    const file = (name: string, bytes: Uint8Array): string => {
      writeFileSync(join(directory, name), bytes);
      return join(directory, name);
    };
    const cut = await outputOf('dissect.mjs', file('cut', capture.subarray(0, 300)));
    expect(titles(cut)).toEqual([
      '# message 1, 169 bytes at offset 0: signal NameAcquired',
      '# message 2, 131 bytes at offset 169: MESSAGE_TRUNCATED',
    ]);
    expect(cut.trimEnd().split('\n').at(-1)).toMatch(/^0083 {2}!! +MESSAGE_TRUNCATED: .*$/);

    const oneMore = capture.subarray(0, 170);
    const junk = await outputOf('dissect.mjs', file('junk', oneMore));
    expect(titles(junk).at(-1)).toBe('# message 2, 1 bytes at offset 169: MESSAGE_TRUNCATED');

    const broken = Uint8Array.from(capture.subarray(0, 169));
    expect(decodeMessage(broken).body).toEqual([':1.0']);
    broken[168] = 7; // the NUL of the text
    const withError = await outputOf('dissect.mjs', file('broken', broken));
    expect(titles(withError)).toEqual(['# message 1, 169 bytes at offset 0: signal NameAcquired']);
    expect(withError).toMatch(/^00a8 {2}!! +STRING_NOT_TERMINATED: body\[0\]/m);
    const first = await outputOf('dissect.mjs', file('first', Buffer.from('no message at all, not even the first')));
    expect(first).toMatch(/^0000 {2}!! +BYTE_ORDER_INVALID: /m);
  });
});

test('own-socket.mjs', async () => {
  expect(await outputOf('own-socket.mjs')).toBe(
    'client: Add(2147483647, 1) is 2147483648n\n' +
    'client: Divide(1, 0) org.freedesktop.DBus.Error.UnknownMethod no method Divide with arguments "ii"\n' +
    'server: BYTE_ORDER_INVALID at byte 0, closing\n' +
    'client: the server has closed the connection\n',
  );
});

describeWith('dbus-daemon', 'dbus-send', 'gdbus')('proxy.mjs', () => {
  const nobody = { destination: 'com.example.Old', path: '/', interface: 'org.freedesktop.DBus' };

  test('prints the messages between programs and the bus, and redirects calls', async () => {
    await using bus = await startPrivateBus();
    const socketPath = join(bus.directory, 'proxy');
    const args = [example('proxy.mjs'), socketPath, 'com.example.Old=org.freedesktop.DBus'];
    await using proxy = await start(process.execPath, args, { env: bus.env });
    await proxy.line(`listening at ${socketPath}`);
    const address = `unix:path=${socketPath}`;
    const through: PrivateBus = { ...bus, address, env: { ...bus.env, DBUS_SESSION_BUS_ADDRESS: address } };

    const names = await dbusSendCall(through, nobody, 'ListNames');
    expect(names).toMatchObject({ code: 0, stderr: '' });
    expect(names.stdout).toContain('string "org.freedesktop.DBus"');
    await proxy.line(/^-> \? > org\.freedesktop\.DBus: method_call 1 org\.freedesktop\.DBus\.Hello$/);
    await proxy.line(/^<- org\.freedesktop\.DBus > :1\.\d+: method_return 1 to 1$/);
    await proxy.line(/^-> \? > com\.example\.Old: method_call 2 org\.freedesktop\.DBus\.ListNames$/);
    await proxy.line(/^<- org\.freedesktop\.DBus > :1\.\d+: method_return \d+ to 2$/);

    // GDBus asks for descriptors to be passed, and must be content without.
    const owner = await gdbusCall(through, nobody, 'GetNameOwner', ['org.freedesktop.DBus']);
    expect(owner).toMatchObject({ code: 0, stdout: "('org.freedesktop.DBus',)\n" });
    await proxy.line(/^-> \? > com\.example\.Old: method_call \d+ org\.freedesktop\.DBus\.GetNameOwner$/);

    const refused = await dbusSendCall(through, { ...nobody, destination: 'com.example.None' }, 'ListNames');
    expect(refused.stderr).toContain('org.freedesktop.DBus.Error.ServiceUnknown');
    await proxy.line(/^<- org\.freedesktop\.DBus > :1\.\d+: error \d+ to 2 .*\.Error\.ServiceUnknown$/);

    expect(await proxy.stop()).toMatchObject({ code: 0, stderr: '' });
    expect(existsSync(socketPath)).toBe(false);
  });

  heavyTest('prints how it is used', async () => {
    await using bus = await startPrivateBus();
    const ended = await run(process.execPath, [example('proxy.mjs')], { env: bus.env });
    expect(ended).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('usage: ') });
  });
});

heavyDescribeWith('dbus-daemon')('reconnect.mjs', () => {
  test('keeps the name and the subscription through three restarts of the bus, and prints their length', async () => {
    const output = await outputOf('reconnect.mjs');
    const lines = output.trimEnd().split('\n');
    const gone = /: gone for \d+ ms/;
    expect(lines.filter((line) => line.startsWith('service') && gone.test(line) && line.endsWith('primary owner of its name')))
      .toHaveLength(3);
    expect(lines.filter((line) => line.startsWith('client') && gone.test(line))).toHaveLength(3);
    const [, counted, received] = /counted to (\d+), the client has received (\d+) /.exec(output) ?? [];
    expect(Number(received)).toBeGreaterThan(100);
    expect(Number(received)).toBeLessThanOrEqual(Number(counted));
    expect(lines.at(-1)).toMatch(/^3 gaps, \d+ ticks while the service had no bus, 0 dropped by the client$/);
  });
});
