// How the two programs print: text from other programs is escaped, output that cannot be written ends the
// program with one sentence, and no error is too strange to be reported. It knows neither program.
// Tests: test/programs/output.test.ts. Node: process.stdout, process.stderr.
import { printable } from './wire/printable.js';

/** Exit code if standard output cannot be written: EX_IOERR of sysexits.h. */
export const EXIT_OUTPUT = 74;

/** A failure as it is reported: a line for one of the streams, and the exit code. */
export interface Failure {
  readonly code: number;
  readonly stream: 'stdout' | 'stderr';
  readonly text: string;
}

/** Prints a line, which may have text from other programs. */
export function printLine(stream: Failure['stream'], text: string): void {
  process[stream].write(`${printable(text)}\n`);
}

/** Prints the report of a failure; returns its exit code. */
export function report({ code, stream, text }: Failure): number {
  printLine(stream, text);
  return code;
}

/**
 * Ends the program if its output cannot be written, as on a full disk, with one sentence on standard error. A reader
 * that ends first, as `head` does, is no failure. If standard error cannot be written, there is nowhere to report it.
 */
export function guardOutput(program: string): void {
  process.stderr.on('error', () => {});
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return;
    printLine('stderr', `${program}: standard output cannot be written: ${error.message}`);
    process.exit(EXIT_OUTPUT);
  });
}

/** The text of an error, or of another value that was thrown. */
export function textOfError(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The report of whatever was thrown: of another error in its place if it cannot be inspected, as a getter throws. */
export function describeAny(thrown: unknown, describe: (error: unknown) => Failure): Failure {
  try {
    const failure = describe(thrown);
    if (typeof failure.text === 'string') return failure;
  } catch {
    // a getter, or a proxy
  }
  return describe(new Error('an error that cannot be inspected'));
}
