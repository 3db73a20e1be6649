// The other real message bus: dbus-broker, in a fresh directory and without systemd. It starts no services.
// Needs `dbus-broker` and the Python of the distribution with PyGObject.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { environmentOf, type PrivateBus, startPrivateBus } from './private-bus.js';
import { startPrivateMessageBus } from './private-message-bus.js';
import { type Program, PYTHON, start } from './programs.js';
import { scratchDirectory } from './reaper.js';

const CONTROLLER = fileURLToPath(new URL('broker.py', import.meta.url));
const LIMITS = [
  '--max-bytes', '1000000000', '--max-fds', '4096', '--max-matches', '1000000', '--max-objects', '1000000',
];

/** Starts a private dbus-broker and resolves once it listens. */
async function startPrivateBroker(): Promise<PrivateBus> {
  const directory = scratchDirectory();
  const socketPath = join(directory, 'bus');
  const address = `unix:path=${socketPath}`;
  const env = environmentOf(address);
  const launch = async (): Promise<readonly [Program, string]> => {
    const program = await start(PYTHON, [CONTROLLER, socketPath, ...LIMITS], { env, cwd: directory });
    const [, guid = ''] = await program.line(/^ready ([0-9a-f]{32})$/);
    return [program, guid];
  };
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    controller.kill(signal); // the broker ends when its controller is gone
    await controller.exited;
    await controller[Symbol.asyncDispose]();
  };
  let [controller, guid] = await launch();

  const stop = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<void> => {
    await end(signal);
    rmSync(directory, { recursive: true, force: true });
  };
  const restart = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<void> => {
    await end(signal);
    rmSync(socketPath, { force: true });
    [controller] = await launch();
  };
  return {
    address, guid, socketPath, directory, env, restart, stop,
    get pid() {
      return controller.pid;
    },
    [Symbol.asyncDispose]: () => stop(),
  };
}

/** The real buses, each with what its tests require: `describeWith(...required)`. */
export const REAL_BUSES = [
  { program: 'dbus-daemon', required: ['dbus-daemon'], startBus: () => startPrivateBus() },
  { program: 'dbus-broker', required: ['dbus-broker', 'dbus-python'], startBus: startPrivateBroker },
] as const;

/** The real buses and our own. */
export const ALL_BUSES = [
  ...REAL_BUSES,
  { program: 'our message bus', required: [], startBus: () => startPrivateMessageBus() },
] as const;
