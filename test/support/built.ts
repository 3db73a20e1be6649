// The programs of this package as they are published: the files in dist/, which `npm test` builds first.

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { PrivateBus } from './private-bus.js';
import { type Ended, type Program, type ProgramOptions, run, type RunOptions, start } from './programs.js';

/** The file of a program; it is executable by Node. */
export function builtProgram(name: 'service' | 'client' | 'bus'): string {
  const file = fileURLToPath(new URL(`../../dist/dbus-wire-${name}.js`, import.meta.url));
  if (!existsSync(file)) throw new Error(`${file} is not there: \`npm run build\` first`);
  return file;
}

/** The service program on a bus, once it owns its name. */
export async function startService(
  bus: PrivateBus,
  args: readonly string[] = [],
  options?: ProgramOptions,
): Promise<Program> {
  const service = await launchService(bus, args, options);
  try {
    await service.line(/^ready /);
  } catch (error) {
    await service[Symbol.asyncDispose]();
    throw error;
  }
  return service;
}

/** The service program, as soon as it is started. */
export function launchService(
  bus: PrivateBus,
  args: readonly string[] = [],
  options?: ProgramOptions,
): Promise<Program> {
  return start(process.execPath, [builtProgram('service'), ...args], withBus(bus, options));
}

/** The service program, run to its end. */
export function runService(bus: PrivateBus, args: readonly string[] = [], options?: RunOptions): Promise<Ended> {
  return run(process.execPath, [builtProgram('service'), ...args], withBus(bus, options));
}

/** The client program, as soon as it is started. */
export function launchClient(
  bus: PrivateBus,
  args: readonly string[] = [],
  options?: ProgramOptions,
): Promise<Program> {
  return start(process.execPath, [builtProgram('client'), ...args], withBus(bus, options));
}

/** The client program, run to its end. */
export function runClient(bus: PrivateBus, args: readonly string[] = [], options?: RunOptions): Promise<Ended> {
  return run(process.execPath, [builtProgram('client'), ...args], withBus(bus, options));
}

function withBus(bus: PrivateBus, options: RunOptions = {}): RunOptions {
  return { ...options, env: { ...bus.env, NO_COLOR: undefined, ...options.env } };
}
