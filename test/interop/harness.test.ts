// The base of the interop tests, tested without any code of the library: the private bus, the foreign programs, the
// dbus-python service, and that all of them end. A failure here says nothing about the library.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { heavyDescribeWith, heavyTest } from '../support/extent.js';
import { busctl, busctlCall, dbusMonitor, dbusSend, dbusSendCall, gdbus, gdbusCall } from '../support/foreign.js';
import { pythonService } from '../support/foreign.js';
import { startPrivateBus, type PrivateBus } from '../support/private-bus.js';
import { describeWith, PYTHON, reasonToSkip, run, start, type Program } from '../support/programs.js';
import { scratchDirectory } from '../support/reaper.js';
import { until } from '../support/waiting.js';

const types = { destination: 'com.example.Types1', path: '/com/example/Types1', interface: 'com.example.Types1' };
const driver = {
  destination: 'org.freedesktop.DBus',
  path: '/org/freedesktop/DBus',
  interface: 'org.freedesktop.DBus',
};

/** A process that has ended counts as gone even before its parent has collected it. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

describe('programs', () => {
  test('a run collects both outputs and the exit code', async () => {
    const ended = await run('/bin/sh', ['-c', 'cat; echo err >&2; exit 3'], { input: 'in' });
    expect(ended).toEqual({ code: 3, signal: null, stdout: 'in', stderr: 'err\n' });
  });

  test('a run that takes too long is killed, and the error contains its output', async () => {
    const slow = run('/bin/sh', ['-c', 'echo before; sleep 60; echo after'], { timeout: 200 });
    await expect(slow).rejects.toThrow(/before\n--- stderr\n---\ndid not end in 200 ms/);
  });

  test('a missing program is an error', async () => {
    await expect(run('no-such-program-here')).rejects.toThrow('ENOENT');
  });

  test('complete lines are found in order, across chunks, on either stream', async () => {
    const script = 'printf on; sleep 0.1; printf "e\\ntwo 2\\n"; echo e >&2; read x; echo $x';
    await using program = await start('/bin/sh', ['-c', script]);
    expect((await program.line(/^one$/))[0]).toBe('one');
    expect((await program.line(/two (\d)/))[1]).toBe('2');
    await program.line('e', { stream: 'stderr' });
    const tooLate = program.line('one', { timeout: 50 });
    await expect(tooLate).rejects.toThrow('no line of stdout that matches /one/ after 50 ms');
    program.write('three\n');
    await program.line('three');
    await expect(program.line('four')).rejects.toThrow(/ended before a line/);
  });

  test('the processes that a program started end with it', async () => {
    const program = await start('/bin/sh', ['-c', 'sleep 60 & echo $!; wait']);
    const pid = Number((await program.line(/^\d+$/))[0]);
    expect(isRunning(pid)).toBe(true);
    await program[Symbol.asyncDispose]();
    await until(() => !isRunning(pid), 'the grandchild is gone');
  });

  test('a missing program fails the suite if CI is set, and skips it otherwise', () => {
    vi.stubEnv('CI', 'true');
    expect(() => reasonToSkip('sh', 'no-such-program')).toThrow('not installed: no-such-program (in CI');
    vi.stubEnv('CI', undefined);
    expect(reasonToSkip('sh', 'no-such-program', 'nor-this')).toBe('not installed: no-such-program, nor-this');
    expect(reasonToSkip('sh')).toBeUndefined();
    vi.unstubAllEnvs();
  });

  heavyTest.each(['SIGKILL', 'SIGINT', 'SIGTERM'] as const)('no program survives a worker that %s ends', async (signal) => {
    // A process of its own with the same support code, the way a test worker has it.
    const directory = scratchDirectory();
    const repository = fileURLToPath(new URL('../..', import.meta.url));
    const compiler = join(repository, 'node_modules/typescript/bin/tsc');
    const options = '--ignoreConfig --singleThreaded --target ES2022 --module NodeNext --types node --outDir';
    const flags = [...options.split(' '), directory];
    const reaper = join(repository, 'test/support/reaper.ts');
    const compiled = await run(process.execPath, [compiler, ...flags, reaper], { cwd: repository });
    expect(compiled).toMatchObject({ code: 0, stdout: '' });
    const worker = `
      import { spawn } from 'node:child_process';
      import { adopt, scratchDirectory } from ${JSON.stringify(join(directory, 'reaper.js'))};
      const child = spawn('/bin/sleep', ['60'], { detached: true, stdio: 'ignore' });
      adopt(child);
      console.log('pid', child.pid, scratchDirectory());
      setInterval(() => {}, 1000);
    `;
    await using program = await start(process.execPath, ['--input-type=module', '-e', worker]);
    const [, pid, scratch = ''] = await program.line(/^pid (\d+) (.+)$/);
    expect(isRunning(Number(pid)) && existsSync(scratch)).toBe(true);
    program.kill(signal);
    await until(() => !isRunning(Number(pid)) && !existsSync(scratch), `${pid} and ${scratch} are gone`);
  });
});

describeWith('dbus-daemon', 'dbus-send', 'gdbus', 'busctl')('a private bus', () => {
  test('listens on a short path, accepts three implementations, and ends with its block', async () => {
    let pid: number;
    let directory: string;
    {
      await using bus = await startPrivateBus();
      ({ pid, directory } = bus);
      expect(Buffer.byteLength(bus.socketPath)).toBeLessThan(108);
      expect(bus.guid).toMatch(/^[0-9a-f]{32}$/);
      expect(isRunning(pid)).toBe(true);
      const ids = await Promise.all([
        gdbusCall(bus, driver, 'GetId'),
        busctlCall(bus, driver, 'GetId'),
        dbusSendCall(bus, driver, 'GetId'),
      ]);
      expect(ids.map((ended) => ended.stderr + /[0-9a-f]{32}/.exec(ended.stdout)?.[0])).not.toContain('undefined');
      expect(ids.map((ended) => ended.code)).toEqual([0, 0, 0]);
    }
    expect(isRunning(pid)).toBe(false);
    expect(existsSync(directory)).toBe(false);
  });

  test('does not know the names of another private bus', async () => {
    await using one = await startPrivateBus();
    await using other = await startPrivateBus();
    expect(one.guid).not.toBe(other.guid);
    expect(one.address).not.toBe(other.address);
  });

  test('can be stopped twice, and abruptly', async () => {
    const bus = await startPrivateBus();
    await bus.stop('SIGKILL');
    await bus.stop();
    expect(isRunning(bus.pid)).toBe(false);
  });

  test('enforces the limits of its configuration', async () => {
    await using bus = await startPrivateBus({ limits: { max_names_per_connection: 1 } }); // the unique name is one
    const ended = await gdbusCall(bus, driver, 'RequestName', ['com.example.A', '4']);
    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain('org.freedesktop.DBus.Error.LimitsExceeded');
  });

  test('enforces the policy of its configuration', async () => {
    await using bus = await startPrivateBus({ policy: '<deny own="com.example.Taken"/>' });
    const denied = await gdbusCall(bus, driver, 'RequestName', ['com.example.Taken', '4']);
    expect(denied.stderr).toContain('org.freedesktop.DBus.Error.AccessDenied');
    const allowed = await gdbusCall(bus, driver, 'RequestName', ['com.example.Free', '4']);
    expect(allowed.stdout).toBe('(uint32 1,)\n');
  });
});

describeWith('dbus-daemon', 'gdbus', 'dbus-python')('activation', () => {
  test('a call to the name starts the program, which ends with the bus', async () => {
    const script = fileURLToPath(new URL('./services/types_service.py', import.meta.url));
    const bus = await startPrivateBus({ activatable: { 'com.example.Types1': `${PYTHON} ${script}` } });
    let pid: number;
    try {
      const who = await gdbusCall(bus, types, 'WhoAmI');
      expect(who.stderr).toBe('');
      const ended = await gdbusCall(bus, driver, 'GetConnectionUnixProcessID', ['com.example.Types1']);
      pid = Number(/\(uint32 (\d+),\)/.exec(ended.stdout)?.[1]);
      expect(isRunning(pid)).toBe(true);
    } finally {
      await bus.stop();
    }
    await until(() => !isRunning(pid), 'the activated program is gone');
  });
});

heavyDescribeWith('dbus-daemon', 'gdbus', 'busctl', 'dbus-send', 'dbus-monitor', 'dbus-python')('the types service', () => {
  let bus: PrivateBus;
  let service: Program;
  beforeAll(async () => {
    bus = await startPrivateBus();
    service = await pythonService(bus, 'types_service');
  });
  afterAll(async () => {
    await service?.[Symbol.asyncDispose]();
    await bus?.stop();
  });

  // busctl sends values in the form in which it prints an answer: the signature, then the values.
  test.each([
    ['EchoByte', 'y', '200'],
    ['EchoBoolean', 'b', 'true'],
    ['EchoInt16', 'n', '-32768'],
    ['EchoUInt16', 'q', '65535'],
    ['EchoInt32', 'i', '-2147483648'],
    ['EchoUInt32', 'u', '4294967295'],
    ['EchoInt64', 'x', '-9223372036854775808'],
    ['EchoUInt64', 't', '18446744073709551615'],
    ['EchoDouble', 'd', '0.125'],
    ['EchoString', 's', '"text of words"'],
    ['EchoObjectPath', 'o', '"/a/b"'],
    ['EchoSignature', 'g', '"a{sv}(ii)"'],
    ['EchoVariant', 'v', 'n -5'],
    ['EchoVariant', 'v', 'a{sv} 1 "k" v ai 2 1 2'],
    ['EchoVariants', 'av', '2 s "x" (iv) 1 d 0.5'],
    ['EchoBytes', 'ay', '3 1 2 3'],
    ['EchoBytes', 'ay', '0'],
    ['EchoBooleans', 'ab', '2 true false'],
    ['EchoInt16s', 'an', '2 -1 1'],
    ['EchoInt32s', 'ai', '3 -1 0 1'],
    ['EchoUInt64s', 'at', '0'],
    ['EchoDoubles', 'ad', '2 -0.5 1e+100'],
    ['EchoStrings', 'as', '2 "" "b"'],
    ['EchoObjectPaths', 'ao', '1 "/"'],
    ['EchoArrays', 'aas', '2 1 "a" 0'],
    ['EchoByteArrays', 'aay', '2 1 9 0'],
    ['EchoStruct', '(sib)', '"s" -1 false'],
    ['EchoNestedStruct', '(y(x(sv))as)', '1 -2 "deep" u 7 2 "a" "b"'],
    ['EchoStructs', 'a(ius)', '2 -1 1 "a" -2 2 "b"'],
    ['EchoDictionary', 'a{sv}', '1 "k" (ii) 1 2'],
    ['EchoStringDictionary', 'a{ss}', '2 "a" "1" "b" "2"'],
    ['EchoByteDictionary', 'a{ys}', '1 7 "seven"'],
    ['EchoInt64Dictionary', 'a{xd}', '1 -1 0.5'],
    ['EchoPathDictionary', 'a{oa{sa{sv}}}', '1 "/a" 1 "com.example.I" 1 "P" u 1'],
    ['EchoDictionaries', 'aa{sv}', '2 0 1 "k" b true'],
  ])('%s returns %s %s unchanged', async (member, signature, values) => {
    const words = [...values.matchAll(/"([^"]*)"|\S+/g)].map(([word, text]) => text ?? word);
    const ended = await busctlCall(bus, types, member, [signature, ...words]);
    expect(ended.stderr).toBe('');
    expect(ended.stdout.trimEnd()).toBe(`${signature} ${values}`);
  });

  test('has an echo for every basic and container type code', () => {
    const source = readFileSync(fileURLToPath(new URL('./services/types_service.py', import.meta.url)), 'utf8');
    const echoes = [...source.matchAll(/^ {4}'Echo\w+': '(.+)'/gm)].map(([, signature]) => signature).join('');
    expect([...'ybnqiuxtdsogva({'].filter((code) => !echoes.includes(code))).toEqual([]);
  });

  test('replies with several values, one or zero', async () => {
    expect((await gdbusCall(bus, types, 'Divide', ['-7', '2'])).stdout).toBe('(-3, -1)\n');
    expect((await gdbusCall(bus, types, 'Nothing')).stdout).toBe('()\n');
    expect((await gdbusCall(bus, types, 'EmptyContainers')).stdout).toBe('(@as [], @a{sv} {}, @a(ix) [], @ay [])\n');
    expect((await gdbusCall(bus, types, 'WhoAmI')).stdout).toMatch(/^\(':1\.\d+',\)\n$/);
    const extremes = await dbusSendCall(bus, types, 'Extremes');
    expect(extremes.stdout.split('\n').slice(1).map((line) => line.trim())).toEqual([
      'byte 255', 'boolean true', 'int16 -32768', 'uint16 65535', 'int32 -2147483648', 'uint32 4294967295',
      'int64 -9223372036854775808', 'uint64 18446744073709551615', 'double 4.94066e-324', 'string "é中😀"',
      'object path "/"', 'signature ""', 'variant       struct {', 'byte 1', 'int64 2', '}', '',
    ]);
  });

  test('returns a text of the values that it read', async () => {
    expect((await gdbusCall(bus, types, 'EchoString', ['grüße 😀'])).stdout).toBe("('grüße 😀',)\n");
    const args = ['1', 'true', '-2', '3', '-4', '5', '-6', '7', '0.5', 'é', '/p', 'as'];
    const described = await busctlCall(bus, types, 'Describe', ['ybnqiuxtdsog', ...args]);
    expect(described.stdout).toBe('s "1|1|-2|3|-4|5|-6|7|0.5|\\303\\251|/p|as"\n');
    const variant = await busctlCall(bus, types, 'DescribeVariant', ['v', 'v', 'x', '9']);
    expect(variant.stdout).toContain('Int64 level 2');
  });

  test('replies with its own errors and with standard ones', async () => {
    const own = await dbusSendCall(bus, types, 'Fail', ['string:no luck']);
    expect(own).toMatchObject({ code: 1, stderr: 'Error com.example.Types1.Error.Custom: no luck\n' });
    expect((await dbusSendCall(bus, types, 'Crash')).stderr).toContain('Error org.freedesktop.DBus.Python.ValueError');
    expect((await dbusSendCall(bus, types, 'Missing')).stderr).toContain('org.freedesktop.DBus.Error.UnknownMethod');
    expect((await dbusSendCall(bus, types, 'Divide', ['int32:1', 'int32:0'])).stderr).toContain('DivisionByZero');
  });

  test('replies late or never on request', async () => {
    expect((await busctlCall(bus, types, 'Sleep', ['u', '300'])).stdout).toBe('u 300\n');
    const never = await busctl(bus, ['--timeout=0.2', 'call', types.destination, types.path, types.interface, 'Never']);
    expect(never.code).toBe(1);
  });

  test('replies with a megabyte', async () => {
    const { stdout } = await dbusSendCall(bus, types, 'Bytes', ['uint32:1000000']);
    const bytes = stdout.slice(stdout.indexOf('[') + 1).match(/\b[0-9a-f]{2}\b/g) ?? [];
    expect(bytes.length).toBe(1_000_000);
    expect(bytes[511]).toBe('ff');
    const strings = await busctlCall(bus, types, 'Strings', ['u', '1000']);
    expect(strings.stdout).toMatch(/^as 1000 "string 0" .* "string 999"\n$/);
  });

  test('has properties with their access, and announces changes', async () => {
    await using monitor = await start('gdbus', ['monitor', '--address', bus.address, '--dest', types.destination], {
      env: bus.env,
    });
    await monitor.line(/The name .* is owned by/);
    const property = (verb: string, ...args: string[]) =>
      busctl(bus, [verb, types.destination, types.path, types.interface, ...args]);
    expect((await property('get-property', 'Version', 'Title', 'Level')).stdout).toBe('u 1\ns "untitled"\nd 0.5\n');
    expect((await property('set-property', 'Title', 's', 'new')).code).toBe(0);
    await monitor.line("PropertiesChanged ('com.example.Types1', {'Title': <'new'>}, @as [])");
    expect((await property('set-property', 'Level', 'd', '2')).code).toBe(0);
    await monitor.line("PropertiesChanged ('com.example.Types1', @a{sv} {}, ['Level'])");
    expect((await property('set-property', 'Secret', 's', 'x')).code).toBe(0);
    expect((await property('get-property', 'Secret')).stderr).toContain('Access denied');
    expect((await property('set-property', 'Version', 'u', '2')).stderr).toContain('read-only');
    expect((await property('set-property', 'Title', 'u', '2')).stderr).toContain('wrong type');
    const properties = { ...types, interface: 'org.freedesktop.DBus.Properties' };
    const all = await gdbusCall(bus, properties, 'GetAll', [types.interface]);
    expect(all.stdout).toContain("'Title': <'new'>");
    expect(all.stdout).not.toContain('Secret');
  });

  test('emits signals that a monitor sees', async () => {
    await using monitor = await dbusMonitor(bus, ["type='signal',interface='com.example.Types1'"]);
    const call = ['--type=method_call', '--dest=com.example.Types1', types.path];
    await dbusSend(bus, [...call, 'com.example.Types1.Emit', 'uint32:2']);
    await monitor.line('member=Ticked');
    await monitor.line('uint32 0');
    await monitor.line('string "tick 0"');
    await monitor.line('string "tick 1"');
    await gdbusCall(bus, types, 'EmitOthers');
    await monitor.line('member=Emptied');
    await monitor.line('member=Described');
    await monitor.line('int64 -1');
  });

  test('counts calls that expect no reply', async () => {
    await dbusSend(bus, ['--type=method_call', '--dest=com.example.Types1', types.path, 'com.example.Types1.Ping']);
    await until(async () => (await gdbusCall(bus, types, 'Pings')).stdout === '(uint32 1,)\n');
  });

  test('has introspection data and managed objects', async () => {
    const where = ['--dest', types.destination, '--object-path', types.path];
    expect((await gdbus(bus, 'introspect', where)).stdout).toContain('EchoPathDictionary(in  a{oa{sa{sv}}}');
    const manager = { ...types, interface: 'org.freedesktop.DBus.ObjectManager' };
    const managed = await gdbusCall(bus, manager, 'GetManagedObjects');
    expect(managed.stdout.match(/objectpath '[^']+'|'\/com[^']+'/g)).toHaveLength(3);
    expect(managed.stdout).toContain("'Label': <'item 2'>");
  });

  test('can die during a call, or end normally', async () => {
    await using mortal = await pythonService(bus, 'types_service', ['--name', 'com.example.Mortal1']);
    const died = await dbusSendCall(bus, { ...types, destination: 'com.example.Mortal1' }, 'Die');
    expect(died.stderr).toContain('org.freedesktop.DBus.Error.NoReply');
    expect((await mortal.end()).code).toBe(7);
    await using polite = await pythonService(bus, 'types_service', ['--name', 'com.example.Mortal1']);
    await gdbusCall(bus, { ...types, destination: 'com.example.Mortal1' }, 'Quit');
    expect((await polite.end()).code).toBe(0);
  });
});
