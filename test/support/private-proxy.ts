// A private dbus-daemon behind xdg-dbus-proxy, as a sandboxed program has its bus. Clients connect to the socket of the
// proxy; without options it passes everything, with a filter it passes what its policy names. ‹xdg-dbus-proxy(1)›

import { join } from 'node:path';
import { environmentOf, type PrivateBus, type PrivateBusOptions, startPrivateDaemon } from './private-bus.js';
import { start } from './programs.js';
import { until } from './waiting.js';

/** The programs that it needs. */
export const PROXY_PROGRAMS = ['dbus-daemon', 'xdg-dbus-proxy'] as const;

/** A bus behind a proxy, and the bus without it. */
export interface ProxiedBus extends PrivateBus {
  readonly direct: PrivateBus;
}

/** Starts a private dbus-daemon and a proxy, and resolves once both listen. `restart` is for the daemon alone. */
export async function startProxiedBus(
  options: PrivateBusOptions = {}, policy: readonly string[] = [],
): Promise<ProxiedBus> {
  const direct = await startPrivateDaemon(options);
  const socketPath = join(direct.directory, 'proxy');
  const address = `unix:path=${socketPath}`;
  const env = environmentOf(address);
  const proxy = await start('xdg-dbus-proxy', ['--fd=1', direct.address, socketPath, ...policy], { env });
  await until(() => proxy.stdout === 'x'); // it listens
  const stop = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<void> => {
    await proxy[Symbol.asyncDispose]();
    await direct.stop(signal);
  };
  return {
    direct, address, socketPath, env, stop,
    guid: direct.guid,
    directory: direct.directory,
    get pid() {
      return direct.pid;
    },
    restart: (signal) => direct.restart(signal),
    [Symbol.asyncDispose]: () => stop(),
  };
}

/** One more bus for the tables of private-broker.ts. */
export const PROXIED_BUS = {
  program: 'dbus-daemon through xdg-dbus-proxy', required: PROXY_PROGRAMS, startBus: () => startProxiedBus(),
} as const;
