// Runs one command with a session bus of its own, as dbus-run-session does: the bus lives in this process, ends with
// the command, and the exit code of the command becomes that of the program.
// Tests: run-command.test.ts. (Not in the specification; dbus-run-session(1).)
import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { type Complain, startChosenBus } from './chosen-bus.js';
import type { RunSettings } from './command-line.js';
import { EXIT } from './failures.js';

/** Variables about other buses, which are removed from the environment of the command. */
const FOREIGN = ['DBUS_SESSION_BUS_PID', 'DBUS_SESSION_BUS_WINDOWID', 'DBUS_STARTER_ADDRESS', 'DBUS_STARTER_BUS_TYPE'];

/** Runs the command; resolves to the exit code. Throws the errors of {@link startChosenBus}. */
export async function runCommand(settings: RunSettings, complain: Complain): Promise<number> {
  const forwarding = new Forwarding();
  const bus = await startChosenBus(settings, complain);
  try {
    const environment: NodeJS.ProcessEnv = { ...process.env, DBUS_SESSION_BUS_ADDRESS: bus.address };
    for (const name of FOREIGN) delete environment[name];
    const child = spawn(settings.command, settings.args, { stdio: 'inherit', env: environment });
    forwarding.to(child);
    return await exitCodeOf(child, settings.command, complain);
  } finally {
    await bus.close();
  }
}

/** Resolves when the command has ended, or cannot be started. */
function exitCodeOf(child: ChildProcess, command: string, complain: Complain): Promise<number> {
  return new Promise((resolve) => {
    child.on('error', (error: NodeJS.ErrnoException) => {
      const isMissing = error.code === 'ENOENT';
      complain(isMissing ? `${command}: there is no such command` : `${command}: ${error.message}`);
      resolve(isMissing ? EXIT.NOT_FOUND : EXIT.NOT_EXECUTABLE);
    });
    child.on('exit', (code, signal) => {
      resolve(signal === null ? code ?? EXIT.NOT_FOUND : EXIT.SIGNAL + constants.signals[signal]);
    });
  });
}

/** The signals that are passed on to the command. A terminal sends the first two to the command itself. */
const SIGNALS = ['SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const;
const OF_TERMINAL: ReadonlySet<string> = new Set(['SIGINT', 'SIGQUIT']);

/** Passes signals on to the command; a signal that arrives before the command is started is passed on afterwards. */
class Forwarding {
  #child: ChildProcess | undefined;
  readonly #early: NodeJS.Signals[] = [];

  constructor() {
    for (const signal of SIGNALS) process.on(signal, () => this.#forward(signal));
  }

  to(child: ChildProcess): void {
    this.#child = child;
    for (const signal of this.#early.splice(0)) this.#forward(signal);
  }

  #forward(signal: NodeJS.Signals): void {
    if (this.#child === undefined) this.#early.push(signal);
    else if (!(OF_TERMINAL.has(signal) && process.stdin.isTTY === true)) this.#child.kill(signal);
  }
}
