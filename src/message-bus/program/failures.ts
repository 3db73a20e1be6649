// The reports of dbus-wire-bus about failures, with their exit codes. Knows error classes, no bus.
// Tests: program.test.ts.
import { EXIT_USAGE, UsageError } from '../../program-options.js';
import { describeAny, EXIT_OUTPUT, textOfError } from '../../program-output.js';
import { OutputError } from './announce.js';

/** Exit codes of the program. */
export const EXIT = {
  OK: 0,
  /** The bus cannot be started, or something unexpected happened. */
  FAILED: 1,
  USAGE: EXIT_USAGE,
  OUTPUT: EXIT_OUTPUT,
  /** The command of `run` cannot be executed. */
  NOT_EXECUTABLE: 126,
  /** The command of `run` does not exist, or `run` itself fails. */
  NOT_FOUND: 127,
  /** Added to the number of the signal that has ended a program. */
  SIGNAL: 128,
} as const;

/** A line of the program on standard error. */
export function complaint(problem: string): string {
  return `dbus-wire-bus: ${problem}`;
}

/** The report of an error, and the exit code. */
export interface DescribedFailure {
  readonly code: number;
  readonly problem: string;
}

/** The report of any error. `code` is that of an error about neither the command line nor the output. */
export function describeFailure(thrown: unknown, code: number = EXIT.FAILED): DescribedFailure {
  const { code: chosen, text } = describeAny(thrown, (error) => {
    if (error instanceof UsageError) {
      return { code: EXIT.USAGE, stream: 'stderr', text: `${error.message} (see --help)` };
    }
    return { code: error instanceof OutputError ? EXIT.OUTPUT : code, stream: 'stderr', text: textOfError(error) };
  });
  return { code: chosen, problem: text };
}
