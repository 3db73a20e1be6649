// A real message bus for one test file: dbus-daemon with a configuration of its own in a fresh directory.
// It neither reads nor touches the machine's session bus. ‹Message Bus Specification; dbus-daemon(1)›

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chosenBus } from './chosen-bus.js';
import { type Program, start } from './programs.js';
import { builtProgram } from './built.js';
import { scratchDirectory } from './reaper.js';

export interface PrivateBusOptions {
  /** Limits by their name in the daemon's configuration, e.g. `{ max_match_rules_per_connection: 4 }`. */
  readonly limits?: Readonly<Record<string, number>>;
  /** Activation: well-known name to the command line that the daemon starts when the name is called. */
  readonly activatable?: Readonly<Record<string, string>>;
  /** Complete service files by file name, for tests of a file that is shipped. */
  readonly serviceFiles?: Readonly<Record<string, string>>;
  /** Rules that come after "allow everything", e.g. `<deny own="com.example.Taken"/>`. */
  readonly policy?: string;
  /** The program that is started with the configuration; dbus-daemon, or the bus that was chosen instead, by default. */
  readonly daemon?: DaemonProgram;
}

/** A program with the command line of dbus-daemon. */
export type DaemonProgram = 'dbus-daemon' | 'dbus-wire-bus';

/** A running daemon. `await using bus = await startPrivateBus()` ends it with the block, `bus.stop()` by hand. */
export interface PrivateBus extends AsyncDisposable {
  /** The address to connect to, without the daemon's GUID. */
  readonly address: string;
  /** The GUID that the daemon announces at first, 32 hex digits. */
  readonly guid: string;
  readonly socketPath: string;
  /** Scratch directory of this bus; gone after `stop`. */
  readonly directory: string;
  readonly pid: number;
  /** Ends the daemon by a signal and starts it again on the same socket; its GUID and its pid are new. */
  restart(signal?: NodeJS.Signals): Promise<void>;
  /** The variables that make this bus, and no other, the session bus of a program. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Ends the daemon and waits for that; further calls do nothing. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

// The limits that dbus-daemon ships for session buses. Its built-in ones are for the system bus, with 32 MiB a message.
const SESSION_LIMITS: Readonly<Record<string, number>> = {
  max_incoming_bytes: 1_000_000_000,
  max_outgoing_bytes: 1_000_000_000,
  max_message_size: 1_000_000_000,
  service_start_timeout: 120_000,
  max_connections_per_user: 100_000,
  max_completed_connections: 100_000,
  max_names_per_connection: 50_000,
  max_match_rules_per_connection: 50_000,
  max_replies_per_connection: 50_000,
};

/** The variables that make the bus at this address the only session bus that a program finds. */
export function environmentOf(address: string): PrivateBus['env'] {
  return {
    DBUS_SESSION_BUS_ADDRESS: address,
    DBUS_SYSTEM_BUS_ADDRESS: undefined,
    DBUS_STARTER_ADDRESS: undefined,
    DBUS_STARTER_BUS_TYPE: undefined,
    XDG_RUNTIME_DIR: undefined,
    DISPLAY: undefined,
  };
}

/** Starts a private dbus-daemon, or the bus that was chosen instead of it, and resolves once it listens. */
export async function startPrivateBus(options: PrivateBusOptions = {}): Promise<PrivateBus> {
  const startChosen = chosenBus();
  if (startChosen !== undefined && options.daemon === undefined) return startChosen(options);
  return startPrivateDaemon(options);
}

/** Starts a private dbus-daemon, or the program of the options, whichever bus was chosen. */
export async function startPrivateDaemon(options: PrivateBusOptions = {}): Promise<PrivateBus> {
  const [command, ...first] =
    options.daemon === 'dbus-wire-bus' ? [process.execPath, builtProgram('bus')] as const : ['dbus-daemon'] as const;
  const directory = scratchDirectory();
  const socketPath = join(directory, 'bus');
  const serviceDirectory = join(directory, 'services');
  const configFile = join(directory, 'bus.conf');
  mkdirSync(serviceDirectory);
  for (const [name, command] of Object.entries(options.activatable ?? {})) {
    writeFileSync(join(serviceDirectory, `${name}.service`), `[D-BUS Service]\nName=${name}\nExec=${command}\n`);
  }
  for (const [file, text] of Object.entries(options.serviceFiles ?? {})) {
    writeFileSync(join(serviceDirectory, file), text);
  }
  writeFileSync(configFile, configuration(socketPath, serviceDirectory, options));

  const address = `unix:path=${socketPath}`;
  const env = environmentOf(address);
  const flags = [`--config-file=${configFile}`, '--nofork', '--nopidfile', '--nosyslog', '--print-address'];
  const launch = async (): Promise<readonly [Program, string]> => {
    const program = await start(command, [...first, ...flags], { env, cwd: directory });
    const [, guid = ''] = await program.line(/^unix:path=.*,guid=([0-9a-f]{32})$/);
    return [program, guid];
  };
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    daemon.kill(signal);
    await daemon.exited;
    await daemon[Symbol.asyncDispose](); // ends the services that it has activated
  };
  let [daemon, guid] = await launch();

  const stop = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<void> => {
    await end(signal);
    rmSync(directory, { recursive: true, force: true });
  };
  const restart = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<void> => {
    await end(signal);
    [daemon] = await launch();
  };
  return {
    address,
    guid,
    socketPath,
    directory,
    get pid() {
      return daemon.pid;
    },
    env,
    restart,
    stop,
    [Symbol.asyncDispose]: () => stop(),
  };
}

function configuration(socketPath: string, serviceDirectory: string, options: PrivateBusOptions): string {
  const limits = Object.entries({ ...SESSION_LIMITS, ...options.limits })
    .map(([name, value]) => `  <limit name="${name}">${value}</limit>\n`)
    .join('');
  return `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
  "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path=${socketPath}</listen>
  <auth>EXTERNAL</auth>
  <servicedir>${serviceDirectory}</servicedir>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
    ${options.policy ?? ''}
  </policy>
${limits}</busconfig>
`;
}
