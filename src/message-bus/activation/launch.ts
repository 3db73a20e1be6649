// Starts the program of a service, and reports how it ended. It does not wait for the name of the service.
// Tests: launch.test.ts. Specification: Message Bus Starting Services.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { ErrorName } from '../../protocol/error-names.js';
import type { ActivatableService } from './service-file.js';

/** The failure of starting a service: the name of an error, and its text. */
export interface StartFailure {
  readonly name: string;
  readonly text: string;
}

/** A program that was started. */
export interface LaunchedProgram {
  /**
   * Resolves when the program has ended: with the failure, or with undefined if its status is 0, because it may
   * continue in the background. Never rejects.
   */
  readonly ended: Promise<StartFailure | undefined>;
  /** Ends the program if it still runs. */
  kill(signal: NodeJS.Signals): void;
}

/** The texts of the system for errors of starting a program. */
const SYSTEM_TEXTS: Readonly<Record<string, string>> = {
  ENOENT: 'No such file or directory',
  EACCES: 'Permission denied',
  ENOEXEC: 'Exec format error',
  ENOTDIR: 'Not a directory',
  E2BIG: 'Argument list too long',
  ENOMEM: 'Cannot allocate memory',
};

/** Starts a service. Its standard input is empty; its output goes to the output of the bus. */
export function launch(service: ActivatableService, environment: NodeJS.ProcessEnv): LaunchedProgram {
  const [program, ...args] = service.command;
  if (program === undefined) throw new Error('a command without a program'); // service-file.ts has checked it
  const failed = (error: unknown): StartFailure => {
    const { code = '', message } = error as NodeJS.ErrnoException; // of spawn
    const reason = SYSTEM_TEXTS[code] ?? message;
    return { name: ErrorName.SPAWN_EXEC_FAILED, text: `Failed to execute program ${service.name}: ${reason}` };
  };
  try {
    const child = spawn(fileOf(program), args, { env: environment, stdio: ['ignore', 'inherit', 'inherit'] });
    child.unref(); // the bus keeps the process alive, not its services
    const ended = new Promise<StartFailure | undefined>((resolve) => {
      child.on('error', (error) => resolve(failed(error)));
      child.on('exit', (status, signal) => resolve(failureOf(service.name, status, signal)));
    });
    return { ended, kill: (signal) => void child.kill(signal) };
  } catch (error) {
    return { ended: Promise.resolve(failed(error)), kill: () => {} }; // such as a NUL in an argument
  }
}

/** A path of the program. Service files name files: a name without a slash is in no directory of PATH. */
function fileOf(program: string): string {
  if (program === '') throw Object.assign(new Error('the program is empty: it must be a path'), { code: 'ENOENT' });
  return program.includes('/') ? program : `./${program}`;
}

function failureOf(name: string, status: number | null, signal: NodeJS.Signals | null): StartFailure | undefined {
  if (signal !== null) {
    const number = constants.signals[signal];
    return { name: ErrorName.SPAWN_CHILD_SIGNALED, text: `Process ${name} received signal ${number}` };
  }
  if (status === 0) return undefined;
  return { name: ErrorName.SPAWN_CHILD_EXITED, text: `Process ${name} exited with status ${status}` };
}
