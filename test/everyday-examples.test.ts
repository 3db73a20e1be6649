// The everyday programs of examples/, in strict TypeScript and without a cast: compiled by its tsconfig.json and run with
// `dbus-wire` as built, against programs that know nothing of it: dunst, gnome-keyring, Avahi, python3-dbusmock as BlueZ,
// NetworkManager and logind, and services on dbus-python. Needs dist/, which `npm test` builds first.
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { connectToBus, createProxy, defineInterface, variant } from '../src/index.js';
import { extent, heavyDescribeWith, heavyTest, some } from './support/extent.js';
import { gdbusCall, pythonService } from './support/foreign.js';
import { type PrivateBus, startPrivateBus } from './support/private-bus.js';
import { describeWith, type Program, PYTHON, run, start } from './support/programs.js';
import { scratchDirectory } from './support/reaper.js';

const repository = fileURLToPath(new URL('..', import.meta.url));
const examples = join(repository, 'examples');
const sources = readdirSync(examples).filter((name) => name.endsWith('.ts'));
const scratch = scratchDirectory();

beforeAll(async () => {
  writeFileSync(join(scratch, 'package.json'), '{ "type": "module" }');
  mkdirSync(join(scratch, 'node_modules'));
  symlinkSync(repository, join(scratch, 'node_modules', 'dbus-wire'));
  const compiler = join(repository, 'node_modules/typescript/bin/tsc');
  const args = [compiler, '-p', examples, '--noEmit', 'false', '--outDir', scratch, '--singleThreaded', '--skipLibCheck'];
  const compiled = await run(process.execPath, args, { env: { GOGC: 'off' }, timeout: 60_000 }); // no garbage collection
  expect(compiled).toMatchObject({ stdout: '', code: 0 });
});

async function startBus(options: Parameters<typeof startPrivateBus>[0] = {}): Promise<PrivateBus> {
  const bus = await startPrivateBus(options);
  onTestFinished(() => bus.stop());
  return bus;
}

async function connect(daemon: PrivateBus) {
  const bus = await connectToBus(daemon.address);
  onTestFinished(() => bus.close());
  return bus;
}

/** Both well-known buses of a program are the private one. */
const bothBuses = (bus: PrivateBus) => ({ ...bus.env, DBUS_SYSTEM_BUS_ADDRESS: bus.address });

/** Starts a program beside an example. */
async function beside(command: string, args: readonly string[], env: Readonly<Record<string, string | undefined>>) {
  const program = await start(command, args, { env, cwd: scratch });
  onTestFinished(() => program[Symbol.asyncDispose]());
  return program;
}

/** Starts an example. */
const example = (bus: PrivateBus, name: string, ...args: readonly string[]): Promise<Program> =>
  beside(process.execPath, [join(scratch, `${name}.js`), ...args], bothBuses(bus));

/** A line of a program that is there after an act of others; that is repeated until the program is ready for it. */
async function lineAfter(program: Program, pattern: RegExp, act: () => Promise<unknown>): Promise<RegExpExecArray> {
  let isSeen = false;
  const seen = program.line(pattern).finally(() => (isSeen = true));
  seen.catch(() => {}); // while an act goes on
  while (!isSeen) await act();
  return await seen;
}

/** Its output, if it ends well and says nothing on standard error. */
async function outputOf(bus: PrivateBus, name: string, ...args: readonly string[]): Promise<string> {
  const ended = await (await example(bus, name, ...args)).end();
  expect(ended).toMatchObject({ code: 0, stderr: '' });
  return ended.stdout;
}

/** A template of python3-dbusmock, and the function that tells it what is there. */
async function startMock(daemon: PrivateBus, template: string, name: string, path: string) {
  await beside(PYTHON, ['-m', 'dbusmock', '--template', template], bothBuses(daemon));
  const bus = await connect(daemon);
  await bus.waitForOwner(name);
  return (member: string, signature: string, body: readonly unknown[], object = path) => {
    const isOfBluez = template === 'bluez5' && member.startsWith('Add');
    const mock = isOfBluez ? 'org.bluez.Mock' : 'org.freedesktop.DBus.Mock';
    return bus.call({ destination: name, path: object, interface: mock, member, signature, body });
  };
}

test('every program is run here, and contains no cast', () => {
  const tests = readFileSync(fileURLToPath(import.meta.url), 'utf8');
  const isRun = (name: string): boolean => tests.includes(`, '${name.slice(0, -3)}`);
  expect(sources.filter((name) => !isRun(name))).toEqual([]);
  const casts = /\bas (?!const\b)|\bany\b|\w!|@ts-|<\w+>\w|\bunknown\b/;
  const lines = sources.flatMap((name) => readFileSync(join(examples, name), 'utf8').split('\n'));
  const code = lines.map((line) => line.replace(/\/\/.*|'[^']*'|`[^`]*`/g, ''));
  expect(code.filter((line) => casts.test(line))).toEqual([]);
});

test('the page lists every program, with its lines', () => {
  const page = readFileSync(join(examples, 'README.md'), 'utf8');
  const rows = [...page.matchAll(/^\| \[(.*?)\]\(\1\) .* \| (\d*) ?\|$/gm)].map(([, name = '', lines]) => [name, lines]);
  const expected = readdirSync(examples).filter((name) => /\.m?[jt]s$/.test(name)).map((name) => {
    const text = readFileSync(join(examples, name), 'utf8').replaceAll(/^import [^;]*;$/gm, '');
    const lines = text.split('\n').filter((line) => line.trim() !== '' && !line.trim().startsWith('//'));
    return [name, name.endsWith('.ts') ? String(lines.length) : ''];
  });
  expect(Object.fromEntries(rows)).toEqual(Object.fromEntries(expected));
});

/** Runs a program that cannot do its work, and expects one sentence on standard error, without a stack. */
async function sentenceOf(address: string, program: string, ...args: readonly string[]): Promise<string> {
  const env = { DBUS_SESSION_BUS_ADDRESS: address, DBUS_SYSTEM_BUS_ADDRESS: address };
  const folder = program.endsWith('.mjs') ? examples : scratch;
  const ended = await run(process.execPath, [join(folder, program), ...args], { env });
  expect(ended).toMatchObject({ stdout: '', stderr: expect.stringMatching(/^[^\n]+\n$/) });
  expect(ended.code).toBeGreaterThan(0);
  return ended.stderr.trim();
}

describe('with one sentence and an exit code ends', () => {
  const noBus = `unix:path=${join(scratch, 'no-bus')}`;

  test.each(some(sources.filter((name) => !['activated.ts', 'peer.ts', 'send.ts', 'unit-test.ts'].includes(name)), 20))(
    '%s without a bus', async (name) => {
      expect(await sentenceOf(noBus, name.replace('.ts', '.js'))).toContain('cannot connect to unix:path=');
    });

  heavyTest.each<readonly [program: string, args: readonly string[], sentence: string]>([
    ['activated.js', [], 'found no bus that started this program'],
    ['send.js', [], 'usage: send.ts SERVICE PATH INTERFACE.METHOD [ARGUMENT]…'],
    ['send.js', ['org.freedesktop.DBus', '/'], 'usage: send.ts'],
    ['send.js', ['org.freedesktop.DBus', '/', 'ListNames'], 'usage: send.ts'],
    ['peer.js', ['nonsense'], 'found no transport: an address must begin with one'],
    ['peer.js', [noBus], 'cannot connect to unix:path='],
    ['proxy.mjs', [], 'usage: proxy.mjs PATH [OLD=NEW]'],
    ['dissect.mjs', [join(scratch, 'no-file')], 'ENOENT: no such file'],
  ])('%s with the arguments %j', async (program, args, sentence) => {
    expect(await sentenceOf(noBus, program, ...args)).toContain(sentence);
  });

  heavyDescribeWith('dbus-daemon')('on a bus without its service', () => {
    const missing = 'was not provided by any .service files';
    test.each<readonly [program: string, args: readonly string[], sentence: string]>([
      ['avahi.js', [], missing], ['logind.js', [], missing], ['notify.js', [], missing], ['secrets.js', [], missing],
      ['mpris.js', ['nobody'], missing], ['mpris.js', ['no/body'], 'is not a valid bus name'],
      ['types.js', ['com.example.Nobody', '/'], missing], ['types.js', ['a', '/'], 'is not a valid bus name'],
      ['monitor.js', ['bad..name'], 'is not a valid bus name'],
      ['send.js', ['com.example.Nobody', '/', 'a.b.C'], missing],
      ['send.js', ['org.freedesktop.DBus', '/', 'org.freedesktop.DBus.NameHasOwner'], 'expected 1 value for'],
      ['send.js', ['org.freedesktop.DBus', '/', 'org.freedesktop.DBus.RequestName', 'a.b', 'c'],
        'Unexpected token '],
      ['send.js', ['org.freedesktop.DBus', '/', 'org.freedesktop.DBus.Sing', '1'],
        'org.freedesktop.DBus has no method org.freedesktop.DBus.Sing at /'],
    ])('%s with the arguments %j', async (program, args, sentence) => {
      expect(await sentenceOf((await startBus()).address, program, ...args)).toContain(sentence);
    });
  });
});

heavyDescribeWith('dbus-daemon', 'gdbus', 'dunst', 'Xvfb')('notify.ts, with dunst', () => {
  const dunst = {
    destination: 'org.freedesktop.Notifications', path: '/org/freedesktop/Notifications',
    interface: 'org.dunstproject.cmd0',
  };

  async function startDunst(): Promise<PrivateBus> {
    const bus = await startBus();
    const screen = await beside('Xvfb', ['-displayfd', '1', '-screen', '0', '640x480x24', '-nolisten', 'tcp'], {});
    const [display] = await screen.line(/^\d+$/);
    await beside('dunst', ['-conf', '/dev/null'], { ...bus.env, HOME: scratch, DISPLAY: `:${display}` });
    await (await connect(bus)).waitForOwner('org.freedesktop.Notifications');
    return bus;
  }

  test('prints which button is pressed', async () => {
    const bus = await startDunst();
    const program = await example(bus, 'notify');
    await lineAfter(program, /^ActionInvoked drink$/, () => gdbusCall(bus, dunst, 'NotificationAction', ['0']));
    expect(await gdbusCall(bus, dunst, 'NotificationCloseAll')).toMatchObject({ code: 0 });
    expect(await program.end()).toMatchObject({ code: 0, stderr: '' });
  });

  test('ends when the notification is closed', async () => {
    const bus = await startDunst();
    const program = await example(bus, 'notify');
    // 2 is dismissed by the user, 3 closed by a call.
    await lineAfter(program, /^NotificationClosed [23]$/, () => gdbusCall(bus, dunst, 'NotificationCloseAll'));
    expect(await program.end()).toMatchObject({ code: 0, stderr: '' });
  });
});

heavyDescribeWith('dbus-daemon', 'dbus-python')('mpris.ts', () => {
  test('lists players when they appear, play something else and disappear', async () => {
    const bus = await startBus();
    const first = await pythonService(bus, 'mpris_player', ['first']);
    onTestFinished(() => first[Symbol.asyncDispose]());
    const program = await example(bus, 'mpris');
    await program.line('org.mpris.MediaPlayer2.first Silence');
    const second = await pythonService(bus, 'mpris_player', ['second']);
    onTestFinished(() => second[Symbol.asyncDispose]());
    await program.line('org.mpris.MediaPlayer2.second Silence');
    first.write('title Noise\n');
    await program.line('org.mpris.MediaPlayer2.first Noise');
    first.write('quit\n');
    await program.line('org.mpris.MediaPlayer2.first is gone');
    second.write('title Song\n');
    await program.line('org.mpris.MediaPlayer2.second Song');
    expect(program.stderr).toBe('');
  });

  test('pauses a player', async () => {
    const bus = await startBus();
    const player = await pythonService(bus, 'mpris_player', ['one']);
    onTestFinished(() => player[Symbol.asyncDispose]());
    expect(await outputOf(bus, 'mpris', 'one')).toBe('');
    await player.line('status Paused');
  });
});

heavyDescribeWith('dbus-daemon', 'dbus-python')('survive.ts', () => {
  test('prints the volume through restarts of the player and of the bus', async () => {
    const bus = await startBus();
    let player = await pythonService(bus, 'mpris_player', ['vlc']);
    const program = await example(bus, 'survive');
    await program.line('volume 0.5');
    player.write('volume 0.25\n');
    await program.line('volume 0.25');
    await player[Symbol.asyncDispose]();
    player = await pythonService(bus, 'mpris_player', ['vlc']);
    await program.line('volume 0.5');
    await bus.restart();
    await player[Symbol.asyncDispose]();
    await program.line('reconnecting');
    await program.line('connected');
    player = await pythonService(bus, 'mpris_player', ['vlc']);
    onTestFinished(() => player[Symbol.asyncDispose]());
    await program.line('volume 0.5');
    player.write('volume 1\n');
    await program.line('volume 1');
    expect(program.stderr).toBe('');
  });
});

heavyDescribeWith('dbus-daemon', 'python-dbusmock')('on a system bus of python3-dbusmock', () => {
  test('bluez.ts lists devices and follows their names', async () => {
    const bus = await startBus();
    const mock = await startMock(bus, 'bluez5', 'org.bluez', '/org/bluez');
    await mock('AddAdapter', 'ss', ['hci0', 'my-computer']);
    await mock('AddDevice', 'sss', ['hci0', '11:22:33:44:55:66', 'phone']);
    const program = await example(bus, 'bluez');
    const path = '/org/bluez/hci0/dev_11_22_33_44_55_66';
    await program.line(`added ${path} phone`);
    await mock('UpdateProperties', 'sa{sv}', ['org.bluez.Device1', { Alias: variant('s', 'my phone') }], path);
    await program.line(`changed ${path} my phone`);
    await mock('AddDevice', 'sss', ['hci0', '11:22:33:44:55:77', 'headset']);
    await program.line('added /org/bluez/hci0/dev_11_22_33_44_55_77 headset');
    expect(program.stderr).toBe('');
  });

  test('network-manager.ts lists devices and networks', async () => {
    const bus = await startBus();
    const mock = await startMock(bus, 'networkmanager', 'org.freedesktop.NetworkManager', '/org/freedesktop/NetworkManager');
    await mock('AddEthernetDevice', 'ssi', ['mock_Ethernet1', 'eth0', 100]);
    const program = await example(bus, 'network-manager');
    await program.line('added eth0 is connected');
    await mock('AddWiFiDevice', 'ssi', ['mock_WiFi1', 'wlan0', 30]);
    await program.line('added wlan0 is in state 30');
    const device = '/org/freedesktop/NetworkManager/Devices/mock_WiFi1';
    await mock('AddAccessPoint', 'ssssuuuyu', [device, 'ap1', 'home', '00:23:F8:7E:12:BB', 2, 2425, 5400, 82, 0x400]);
    await program.line('added home 82 %');
    expect(program.stderr).toBe('');
  });

  test('logind.ts lists sessions, and prints new ones and suspends', async () => {
    const bus = await startBus();
    const mock = await startMock(bus, 'logind', 'org.freedesktop.login1', '/org/freedesktop/login1');
    await mock('AddSession', 'ssusb', ['c1', 'seat0', 1000, 'joe', true]);
    const program = await example(bus, 'logind');
    await program.line('session c1: joe (1000)');
    const manager = 'org.freedesktop.login1.Manager';
    const sent = [variant('s', 'c2'), variant('o', '/org/freedesktop/login1/session/c2')];
    await mock('EmitSignal', 'sssav', [manager, 'SessionNew', 'so', sent]);
    await program.line('SessionNew c2');
    await mock('EmitSignal', 'sssav', [manager, 'PrepareForSleep', 'b', [variant('b', true)]]);
    await program.line('going to sleep');
    expect(program.stderr).toBe('');
  });
});

heavyDescribeWith('dbus-daemon', 'gnome-keyring-daemon')('secrets.ts, with gnome-keyring', () => {
  test('keeps a password, finds it and deletes it', async () => {
    const bus = await startBus();
    const home = scratchDirectory();
    const env = { ...bus.env, HOME: home, XDG_RUNTIME_DIR: home, XDG_DATA_HOME: home, XDG_CONFIG_HOME: home };
    const keyring = await beside('gnome-keyring-daemon', ['--foreground', '--unlock', '--components=secrets'], env);
    keyring.write('a password');
    keyring.endInput();
    await (await connect(bus)).waitForOwner('org.freedesktop.secrets');
    expect(await outputOf(bus, 'secrets')).toMatch(/^\/org\/freedesktop\/secrets\/\S+ correct horse\n$/);
    expect(await outputOf(bus, 'secrets'), 'deleted the first time').toMatch(/^\S+ correct horse\n$/);
  });
});

heavyDescribeWith('dbus-daemon', 'gnome-keyring-daemon')('secrets.ts, with a gnome-keyring without a default collection', () => {
  test('ends with one sentence', async () => {
    const bus = await startBus();
    const home = scratchDirectory();
    const env = { ...bus.env, HOME: home, XDG_RUNTIME_DIR: home, XDG_DATA_HOME: home, XDG_CONFIG_HOME: home };
    await beside('gnome-keyring-daemon', ['--foreground', '--components=secrets'], env);
    await (await connect(bus)).waitForOwner('org.freedesktop.secrets');
    expect(await sentenceOf(bus.address, 'secrets.js')).toContain('there is no default keyring: create one first');
  });
});

describeWith('dbus-daemon', 'gdbus')('on a bus with clients of other implementations', () => {
  const clock = { destination: 'com.example.Clock', path: '/com/example/Clock', interface: 'com.example.Clock1' };
  const nobody = { destination: 'org.freedesktop.DBus', path: '/', interface: 'org.freedesktop.DBus' };

  heavyTest('activated.ts is started by a call, ends when idle, and is started again', async () => {
    const activatable = { 'com.example.Clock': `${process.execPath} ${join(scratch, 'activated.js')}` };
    const bus = await startBus({ activatable });
    const watch = (await connect(bus)).watchOwner('com.example.Clock', () => ended());
    let ended = (): void => {};
    for (let round = 0; round < 2; round++) {
      expect(await gdbusCall(bus, clock, 'Now')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\('\d{4}-.*Z',\)/) });
      await new Promise<void>((resolve) => {
        ended = () => void (watch.owner === undefined && resolve());
        ended();
      });
    }
  });

  heavyTest('activated.ts ends without an error if the bus ends first', async () => {
    const bus = await startBus();
    const owned = (await connect(bus)).waitForOwner('com.example.Clock');
    const program = await beside(process.execPath, [join(scratch, 'activated.js')], { DBUS_STARTER_ADDRESS: bus.address });
    await owned;
    await bus.stop();
    expect(await program.end()).toMatchObject({ code: 0, stderr: '' });
  });

  heavyTest('monitor.ts prints messages as lines of JSON', async () => {
    const bus = await startBus();
    const program = await example(bus, 'monitor');
    const act = () => gdbusCall(bus, nobody, 'NameHasOwner', ['com.example.Nobody']);
    const [line] = await lineAfter(program, /^.*"member":"NameHasOwner".*$/, act);
    expect(JSON.parse(line)).toMatchObject({
      type: 'method_call', destination: 'org.freedesktop.DBus', body: ['com.example.Nobody'],
    });
  });

  heavyTest('monitor.ts ends silently when nobody reads its output', async () => {
    const bus = await startBus();
    const command = `"${process.execPath}" "${join(scratch, 'monitor.js')}" | head -1`;
    const program = await beside('sh', ['-c', command], bothBuses(bus));
    await lineAfter(program, /member/, () => gdbusCall(bus, nobody, 'NameHasOwner', ['com.example.Nobody']));
    let hasEnded = false;
    const ended = program.end().finally(() => (hasEnded = true));
    while (!hasEnded) await gdbusCall(bus, nobody, 'NameHasOwner', ['com.example.Nobody']);
    expect(await ended).toMatchObject({ code: 0, stderr: '' });
  });

  heavyTest('send.ts calls methods with the types of introspection data', async () => {
    const bus = await startBus();
    const call = (member: string, ...args: readonly string[]) =>
      outputOf(bus, 'send', 'org.freedesktop.DBus', '/org/freedesktop/DBus', `org.freedesktop.DBus.${member}`, ...args);
    expect(await call('NameHasOwner', 'org.freedesktop.DBus')).toBe('[true]\n');
    expect(await call('RequestName', 'com.example.Name', '4')).toBe('[1]\n');
    const credentials: unknown = JSON.parse(await call('GetConnectionCredentials', 'org.freedesktop.DBus'));
    expect(credentials).toMatchObject([{ ProcessID: { signature: 'u', value: bus.pid } }]);
  });

  test('types.ts writes definitions', async () => {
    const output = await outputOf(await startBus(), 'types');
    expect(output).toContain("name: 'org.freedesktop.DBus.Monitoring'");
    expect(output).toContain('BecomeMonitor: { in: \'asu\'');
  });
});

describe('without a bus', () => {
  test('peer.ts is a server and a client', async () => {
    await using server = await start(process.execPath, [join(scratch, 'peer.js')]);
    const [address = ''] = await server.line(/^unix:path=.*/);
    for (const count of extent([1], [1, 2])) {
      const client = await run(process.execPath, [join(scratch, 'peer.js'), address]);
      expect(client).toMatchObject({ code: 0, stderr: '', stdout: `heard hello\nnumber ${count}\n` });
    }
    server.kill('SIGINT');
    expect(await server.end()).toMatchObject({ code: 0, stderr: '' });
    expect(existsSync(/path=([^,]*)/.exec(address)?.[1] ?? '/')).toBe(false);
  });

  heavyTest('unit-test.ts passes', async () => {
    const ended = await run(process.execPath, ['--test', join(scratch, 'unit-test.js')]);
    expect(ended).toMatchObject({ code: 0, stderr: '', stdout: expect.stringMatching(/^(?:#|ℹ) pass 1$/m) });
  });
});

heavyDescribeWith('dbus-daemon', 'avahi-daemon')('avahi.ts, with Avahi', () => {
  const Server = defineInterface({ name: 'org.freedesktop.Avahi.Server', methods: { EntryGroupNew: { out: 'o' } } });
  const Group = defineInterface({
    name: 'org.freedesktop.Avahi.EntryGroup',
    methods: { AddService: { in: 'iiussssqaay' }, Commit: {}, Free: {} },
  });

  test('lists services when they appear and disappear', async (context) => {
    const bus = await startBus();
    const configuration = join(scratch, 'avahi.conf');
    const settings = ['[server]', 'host-name=example', 'allow-interfaces=lo', '[publish]', 'publish-workstation=no', ''];
    writeFileSync(configuration, settings.join('\n'));
    const flags = ['--no-drop-root', '--no-rlimits', '--no-chroot', '--file', configuration];
    const avahi = await beside('avahi-daemon', flags, bothBuses(bus));
    const client = await connect(bus);
    const started = await Promise.race([client.waitForOwner('org.freedesktop.Avahi'), avahi.ended]);
    if (typeof started !== 'string') {
      process.stderr.write(`skipped, avahi-daemon does not start: ${started.stderr}\n`); // another one runs, or no right to
      return context.skip();
    }
    const destination = 'org.freedesktop.Avahi';
    const path = await createProxy(client, Server, { destination, path: '/' }).EntryGroupNew();
    const group = createProxy(client, Group, { destination, path });

    const program = await example(bus, 'avahi');
    await group.AddService(-1, 0, 0, 'Printer', '_http._tcp', '', '', 631, []);
    await group.Commit();
    await program.line(/^Printer at example\.local (?:127\.0\.0\.1|::1) 631$/);
    await group.Free();
    await program.line('Printer is gone');
    expect(program.stderr).toBe('');
  });
});

heavyDescribeWith('dbus-daemon', 'dbus-python')('tray.ts', () => {
  test('shows an item with a menu in each tray that appears', async () => {
    const bus = await startBus();
    const program = await example(bus, 'tray');
    for (const clicks of [0, 2]) {
      const tray = await pythonService(bus, 'tray');
      await tray.line(`item example face-smile ${clicks} clicks`);
      await tray.line('menu Increment, Quit');
      await tray.line(`title ${clicks + 1} clicks`);
      tray.write('Increment\n');
      await tray.line(`title ${clicks + 2} clicks`);
      if (clicks > 0) tray.write('Quit\n');
      if (clicks > 0) expect(await program.end()).toMatchObject({ code: 0, stderr: '' });
      await tray[Symbol.asyncDispose]();
    }
  });
});
