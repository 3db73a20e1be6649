// The command line of dbus-wire-bus: the options that people and test harnesses give to dbus-daemon, and those of
// `run`, which are dbus-run-session's. It reads no file and knows no bus. Tests: command-line.test.ts.
// (Not in the specification; dbus-daemon(1), dbus-run-session(1).)
import { resolve } from 'node:path';
import { packageVersion, parseOptions, UsageError } from '../../program-options.js';

const HELP = `\
Usage: dbus-wire-bus [options]
       dbus-wire-bus run [--config-file FILE] [--] COMMAND [ARGUMENT …]

Runs a message bus until it is interrupted (Ctrl-C) or terminated. With \`run\`
the bus exists while COMMAND runs, and is COMMAND's session bus. The options are
those of dbus-daemon.

  --session             be a session bus (default)
  --config-file FILE    read a configuration file of dbus-daemon
  --address ADDR        listen at this D-Bus address, such as unix:runtime=yes,
                        instead of those of the configuration
  --print-address[=FD]  print the address, on standard output or a descriptor
  --print-pid[=FD]      print the process id, likewise
  --fork                go into the background once clients can connect
  --nofork              stay in the foreground (default)
  --introspect          print the introspection data of the bus itself
  -h, --help            show this text
  --version             show the version
  --nopidfile, --nosyslog, --syslog, --syslog-only, --systemd-activation
                        accepted, without effect

SIGHUP makes it read its configuration and the service files again.

Exit codes: 0 stopped, 1 the bus cannot be started, 64 wrong usage, 74 the
output cannot be written. With \`run\`, that of COMMAND, or 128 and the number of
the signal that ended it; 126 COMMAND cannot be executed, 127 it is not there,
or the bus cannot be started.
`;

const RUN_OPTIONS = {
  'config-file': { type: 'string' },
  session: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
} as const;

const OPTIONS = {
  ...RUN_OPTIONS,
  system: { type: 'boolean' },
  address: { type: 'string' },
  'print-address': { type: 'string' },
  'print-pid': { type: 'string' },
  fork: { type: 'boolean' },
  nofork: { type: 'boolean' },
  introspect: { type: 'boolean' },
  nopidfile: { type: 'boolean' },
  syslog: { type: 'boolean' },
  'syslog-only': { type: 'boolean' },
  nosyslog: { type: 'boolean' },
  'systemd-activation': { type: 'boolean' },
  forked: { type: 'boolean' }, // by fork.ts, which starts the program again
} as const;

/** The settings of a bus. */
export interface BusChoice {
  /** An absolute path; undefined for a session bus without a file. */
  readonly configFile: string | undefined;
  /** The addresses instead of those of the file. */
  readonly address: string | undefined;
  /** Further names for the property Features. */
  readonly features: readonly string[];
}

/** How the bus runs as a program of its own. */
export interface ServeSettings extends BusChoice {
  readonly kind: 'serve';
  /** The descriptors that get the address and the process id. */
  readonly addressDescriptor: number | undefined;
  readonly pidDescriptor: number | undefined;
  readonly fork: boolean;
  /** Whether this is the process in the background; see fork.ts. */
  readonly isForked: boolean;
  /** The options that have no effect on this bus. */
  readonly ignored: readonly string[];
}

/** How the bus runs for one command. */
export interface RunSettings extends BusChoice {
  readonly kind: 'run';
  readonly command: string;
  readonly args: readonly string[];
}

/** A text that is all that the program has to print. */
export interface PrintSettings {
  readonly kind: 'print';
  readonly text: string;
}

/** The introspection data of the bus are asked for. */
export interface IntrospectSettings {
  readonly kind: 'introspect';
}

/** The command line, as it was read. */
export type Settings = ServeSettings | RunSettings | PrintSettings | IntrospectSettings;

/**
 * Reads the command line.
 * @throws {UsageError} if it is not valid
 */
export function parseCommandLine(args: readonly string[]): Settings {
  return args[0] === 'run' ? parseRun(args.slice(1)) : parseServe(args);
}

function parseServe(args: readonly string[]): Settings {
  const { values } = parseOptions({ args: joinDescriptors(args), options: OPTIONS });
  const text = textOf(values);
  if (text !== undefined) return text;
  if (values.introspect === true) return { kind: 'introspect' };
  if (values.system === true) {
    const reason = 'it must know the users of its clients, and Node cannot ask the system for them';
    throw new UsageError(`Option '--system' is refused: a system bus is for several users, so that ${reason}`);
  }
  if (values.session === true && values['config-file'] !== undefined) {
    throw new UsageError("Options '--session' and '--config-file' exclude each other");
  }
  const ignored = (['syslog', 'syslog-only', 'systemd-activation'] as const).filter((name) => values[name] === true);
  return {
    kind: 'serve',
    configFile: fileOf(values['config-file']),
    address: values.address,
    // Programs that pass the option look for the name; services are still started without systemd.
    features: values['systemd-activation'] === true ? ['SystemdActivation'] : [],
    addressDescriptor: descriptorOf('print-address', values['print-address']),
    pidDescriptor: descriptorOf('print-pid', values['print-pid']),
    fork: values.fork === true && values.nofork !== true,
    isForked: values.forked === true,
    ignored: ignored.map((name) => `--${name}`),
  };
}

function parseRun(args: readonly string[]): Settings {
  const first = firstArgument(args);
  const { values } = parseOptions({ args: args.slice(0, first), options: RUN_OPTIONS });
  const text = textOf(values);
  if (text !== undefined) return text;
  const [command, ...rest] = args.slice(args[first] === '--' ? first + 1 : first);
  if (command === undefined || command === '') {
    throw new UsageError("'run' must be followed by a command, such as run -- npm test");
  }
  const configFile = fileOf(values['config-file']);
  return { kind: 'run', configFile, address: undefined, features: [], command, args: rest };
}

/** The index of `--`, or else of the first argument that is neither an option nor the value of one. */
function firstArgument(args: readonly string[]): number {
  const index = args.findIndex(
    (arg, at) => arg === '--' || (!arg.startsWith('-') && args[at - 1] !== '--config-file'));
  return index < 0 ? args.length : index;
}

function textOf(values: { readonly help?: boolean; readonly version?: boolean }): PrintSettings | undefined {
  if (values.help === true) return { kind: 'print', text: HELP };
  return values.version === true ? { kind: 'print', text: `${packageVersion()}\n` } : undefined;
}

/** Joins `--print-address FD` into one argument; without a descriptor the option means standard output. */
function joinDescriptors(args: readonly string[]): string[] {
  const joined: string[] = [];
  for (let index = 0; index < args.length; index++) {
    const arg = args[index]!; // inside its length
    if (arg !== '--print-address' && arg !== '--print-pid') {
      joined.push(arg);
      continue;
    }
    const next = args[index + 1];
    const isDescriptor = next !== undefined && /^\d+$/.test(next);
    joined.push(`${arg}=${isDescriptor ? next : 1}`);
    if (isDescriptor) index++;
  }
  return joined;
}

const MAX_DESCRIPTOR = 2 ** 20;

function descriptorOf(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,7}$/.test(text) && Number(text) <= MAX_DESCRIPTOR) return Number(text);
  throw new UsageError(`Option '--${option}' must be a file descriptor, not '${text}'`);
}

function fileOf(text: string | undefined): string | undefined {
  if (text === '') throw new UsageError("Option '--config-file' must be a file");
  return text === undefined ? undefined : resolve(text);
}
