// The foreign programs that the tests run on a bus, each with the flags for that bus.
// Knows command lines only; the tests check what the programs print.

import { fileURLToPath } from 'node:url';
import type { PrivateBus } from './private-bus.js';
import { PYTHON, run, start, type Ended, type Program, type RunOptions } from './programs.js';

/** The place of a method: destination, object path, interface. */
export interface Target {
  readonly destination: string;
  readonly path: string;
  readonly interface: string;
}

type Words = readonly string[];

/** `gdbus COMMAND --address … ARGS` */
export function gdbus(bus: PrivateBus, command: string, args: Words, options?: RunOptions): Promise<Ended> {
  return run('gdbus', [command, '--address', bus.address, ...args], withBus(bus, options));
}

/** `gdbus call` of one method; arguments are GVariant texts, the output is a GVariant tuple. */
export function gdbusCall(bus: PrivateBus, target: Target, member: string, args: Words = []): Promise<Ended> {
  const method = `${target.interface}.${member}`;
  const where = ['--dest', target.destination, '--object-path', target.path, '--method', method];
  return gdbus(bus, 'call', [...where, '--', ...args]);
}

/** `busctl --address=… ARGS` */
export function busctl(bus: PrivateBus, args: Words, options?: RunOptions): Promise<Ended> {
  return run('busctl', [`--address=${bus.address}`, '--no-pager', ...args], withBus(bus, options));
}

/** `busctl call` of one method; `args` is a signature and its values, the output is the same. */
export function busctlCall(bus: PrivateBus, target: Target, member: string, args: Words = []): Promise<Ended> {
  return busctl(bus, ['call', '--', target.destination, target.path, target.interface, member, ...args]);
}

/** `dbus-send ARGS` on the bus; sends a signal without `--type=method_call` or `--print-reply`. */
export function dbusSend(bus: PrivateBus, args: Words, options?: RunOptions): Promise<Ended> {
  return run('dbus-send', [`--bus=${bus.address}`, ...args], withBus(bus, options));
}

/** `dbus-send --print-reply` of one method; arguments are written `type:value`. */
export function dbusSendCall(bus: PrivateBus, target: Target, member: string, args: Words = []): Promise<Ended> {
  const where = [`--dest=${target.destination}`, target.path, `${target.interface}.${member}`];
  return dbusSend(bus, ['--print-reply', ...where, ...args]);
}

/** `dbus-monitor` on the bus, after it became a monitor; of all messages if there are no match rules. */
export async function dbusMonitor(bus: PrivateBus, rules: Words = []): Promise<Program> {
  const monitor = await start('dbus-monitor', ['--address', bus.address, ...rules], { env: bus.env });
  await monitor.line('member=NameLost'); // a connection that becomes a monitor loses its unique name
  return monitor;
}

/** `test/interop/services/NAME.py` with the Python of the distribution, once it has printed its ready line. */
export async function pythonService(bus: PrivateBus, name: string, args: Words = []): Promise<Program> {
  const script = fileURLToPath(new URL(`../interop/services/${name}.py`, import.meta.url));
  const service = await start(PYTHON, [script, ...args], { env: bus.env });
  try {
    await service.line(/^ready /);
  } catch (error) {
    await service[Symbol.asyncDispose]();
    throw error;
  }
  return service;
}

function withBus(bus: PrivateBus, options: RunOptions = {}): RunOptions {
  return { ...options, env: { ...bus.env, ...options.env } };
}
