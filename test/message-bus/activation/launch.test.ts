// Programs of services: how their ends are distinguished. The texts are those of dbus-daemon.
import { expect, test } from 'vitest';
import { launch } from '../../../src/message-bus/activation/launch.js';

const service = (...command: string[]) => ({
  name: 'com.example.A', command, user: undefined, systemdService: undefined,
});
const PREFIX = 'org.freedesktop.DBus.Error.Spawn.';

test.each([
  [['/nonexistent'], 'ExecFailed', 'Failed to execute program com.example.A: No such file or directory'],
  [['true'], 'ExecFailed', 'Failed to execute program com.example.A: No such file or directory'],
  [[''], 'ExecFailed', 'Failed to execute program com.example.A: No such file or directory'],
  [['/etc/passwd'], 'ExecFailed', 'Failed to execute program com.example.A: Permission denied'],
  [['/bin/sh', '-c', 'exit 3'], 'ChildExited', 'Process com.example.A exited with status 3'],
  [['/bin/sh', '-c', 'kill -9 $$'], 'ChildSignaled', 'Process com.example.A received signal 9'],
])('a program that cannot be executed, or ends with an error, has failed: %j', async (command, name, text) => {
  expect(await launch(service(...command), process.env).ended).toEqual({ name: PREFIX + name, text });
});

test('a program with a NUL in an argument has failed', async () => {
  expect(await launch(service('/bin/true', 'a\0b'), process.env).ended).toMatchObject({ name: `${PREFIX}ExecFailed` });
});

test('a program that ends with status 0 has not failed, and gets only the given environment', async () => {
  const command = ['/bin/sh', '-c', '[ "$A" = b ] && [ -z "$HOME" ]'];
  expect(await launch(service(...command), { A: 'b' }).ended).toBeUndefined();
});

test('a program can be ended', async () => {
  const program = launch(service('/bin/sleep', '60'), process.env);
  program.kill('SIGTERM');
  expect(await program.ended).toMatchObject({ text: 'Process com.example.A received signal 15' });
});
