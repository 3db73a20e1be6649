// Every kind of address that dbus-daemon can listen at, reached by the text that it prints; and a bus behind a program.
import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { connectToBus } from '../../src/connection/open-bus.js';
import { formatAddress, parseAddresses } from '../../src/protocol/address.js';
import { signal } from '../../src/wire/messages/message.js';
import { describeWith, type Program, start } from '../support/programs.js';
import { scratchDirectory } from '../support/reaper.js';

const OPEN = '<auth>ANONYMOUS</auth><auth>EXTERNAL</auth><allow_anonymous/>';

const configuration = (listen: readonly string[], auth: string): string => `<!DOCTYPE busconfig PUBLIC
  "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
  "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  ${listen.map((address) => `<listen>${address}</listen>`).join('\n  ')}
  ${auth}
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
`;

/** A daemon that listens at these addresses, and the addresses that it prints. */
async function listenAt(listen: readonly string[], auth = OPEN): Promise<{ daemon: Program; printed: readonly string[] }> {
  const directory = scratchDirectory();
  const file = join(directory, 'bus.conf');
  writeFileSync(file, configuration(listen, auth));
  const flags = [`--config-file=${file}`, '--nofork', '--nopidfile', '--nosyslog', '--print-address'];
  const daemon = await start('dbus-daemon', flags, { env: { TMPDIR: directory } });
  const [list] = await daemon.line(/^\S+$/);
  return { daemon, printed: list.split(';') };
}

const padsAbstractNames = /^(0|1\.[0-3]?\d|1\.4[0-7])\./.test(process.versions.uv);

describeWith('dbus-daemon')('an address that dbus-daemon prints', () => {
  test.each<[what: string, listen: () => string, printed: RegExp]>([
    ['for a directory', () => `unix:dir=${scratchDirectory()}`, /^unix:path=/],
    ['for a directory for temporary files', () => `unix:tmpdir=${scratchDirectory()}`, /^unix:path=|^unix:abstract=/],
    ['for TCP', () => 'tcp:host=localhost,port=0', /^tcp:host=localhost,port=\d+/],
    ['for TCP with a family', () => 'tcp:host=127.0.0.1,port=0,family=ipv4', /^tcp:host=127.0.0.1,port=\d+,family=ipv4/],
    ['for TCP with IPv6', () => 'tcp:host=%3a%3a1,port=0,family=ipv6', /^tcp:host=%3a%3a1,port=\d+,family=ipv6/],
    ['for TCP at all interfaces', () => 'tcp:host=localhost,bind=*,port=0', /^tcp:host=localhost.*port=\d+/],
    ['for TCP with a nonce', () => 'nonce-tcp:host=localhost,port=0', /^nonce-tcp:.*noncefile=/],
  ])('%s accepts our connection', async (_, listen, expected) => {
    const { daemon, printed } = await listenAt([listen()]);
    await using _daemon = daemon;
    expect(printed).toEqual([expect.stringMatching(expected)]);
    const [address = ''] = printed;
    const bus = await connectToBus(address, { mechanisms: address.startsWith('unix:') ? undefined : ['ANONYMOUS'] });
    expect(bus.guid).toBe(parseAddresses(address)[0]?.guid);
    expect(await bus.listNames()).toContain(bus.uniqueName);
    await bus.close();
  });

  test.each(['tcp:host=localhost,port=0,family=ipv4', 'nonce-tcp:host=localhost,port=0,family=ipv4'])(
    'for %s accepts our cookie if no mechanism is chosen', async (address) => {
      const home = scratchDirectory();
      chmodSync(home, 0o700);
      vi.stubEnv('HOME', home);
      onTestFinished(() => void vi.unstubAllEnvs());
      const { daemon, printed } = await listenAt([address], '');
      await using _ = daemon;
      const bus = await connectToBus(printed[0] ?? '');
      expect(await bus.listNames()).toContain(bus.uniqueName);
      await bus.close();
    },
  );

  test('for an abstract name works, or is refused with the reason if this Node cannot use it', async () => {
    const { daemon, printed } = await listenAt([`unix:abstract=/tmp/dbus-wire-${process.pid}`]);
    await using _ = daemon;
    const connecting = connectToBus(printed[0] ?? '');
    if (padsAbstractNames) return await expect(connecting).rejects.toThrow('changes abstract names');
    await (await connecting).close();
  });

  test('for TCP with a nonce fails with a wrong nonce, and the next address of the list is used', async () => {
    const { daemon, printed } = await listenAt(['nonce-tcp:host=localhost,port=0', `unix:dir=${scratchDirectory()}`]);
    await using _ = daemon;
    const nonceFile = join(scratchDirectory(), 'nonce');
    writeFileSync(nonceFile, new Uint8Array(16));
    const [unix = '', tcp = ''] = [...printed].sort((a, b) => Number(a.startsWith('nonce')) - Number(b.startsWith('nonce')));
    const keys = new Map(parseAddresses(tcp)[0]?.keys).set('noncefile', nonceFile);
    const wrong = formatAddress({ transport: 'nonce-tcp', keys });
    await expect(connectToBus(wrong)).rejects.toThrow(
      /: (the server closed the connection before it answered AUTH|read ECONNRESET \(the server reset the connection\))/,
    );
    await using bus = await connectToBus(`${wrong};${unix}`);
    expect(bus.guid).toBe(parseAddresses(unix)[0]?.guid);
  });

  test('is used if it is the last of four and the only one that works', async () => {
    const { daemon, printed } = await listenAt([`unix:dir=${scratchDirectory()}`]);
    await using _ = daemon;
    const list = ['unix:path=/nonexistent', 'vsock:cid=2,port=1', 'unixexec:path=false', ...printed].join(';');
    await using bus = await connectToBus(list);
    expect(bus.uniqueName).toMatch(/^:1\./);
  });
});

describeWith('dbus-daemon', 'systemd-stdio-bridge')('a bus that is reached through a program', () => {
  let daemon: Program;
  let address: string;
  beforeAll(async () => {
    const started = await listenAt([`unix:dir=${scratchDirectory()}`]);
    daemon = started.daemon;
    const keys = { path: 'systemd-stdio-bridge', argv1: '-p', argv2: started.printed[0] ?? '' };
    address = formatAddress({ transport: 'unixexec', keys });
  });
  afterAll(() => daemon?.[Symbol.asyncDispose]());

  test('delivers a signal of a megabyte', async () => {
    const bus = await connectToBus(address);
    const other = await connectToBus(address);
    const subscription = other.subscribe({ interface: 'com.example.A', member: 'Happened' });
    await subscription.ready;
    const long = 'x'.repeat(1_000_000);
    bus.send(signal({ path: '/', interface: 'com.example.A', member: 'Happened', signature: 's', body: [long] }));
    const next = await subscription.next();
    expect((next.value as { body: [string] }).body[0] === long).toBe(true);
    await Promise.all([bus.close(), other.close()]);
  });

  test('can be reached through a shell script, as through ssh', async () => {
    const script = join(scratchDirectory(), 'remote-shell');
    writeFileSync(script, '#!/bin/sh\nshift\nexec "$@"\n');
    chmodSync(script, 0o700);
    const [program, flag, place] = ['systemd-stdio-bridge', '-p', parseAddresses(address)[0]?.keys.get('argv2') ?? ''];
    const keys = { path: script, argv1: 'host', argv2: program, argv3: flag, argv4: place };
    await using bus = await connectToBus(formatAddress({ transport: 'unixexec', keys }));
    expect(existsSync(script) && bus.uniqueName).toMatch(/^:1\./);
  });
});
