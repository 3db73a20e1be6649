// The error of a service file that cannot be used. Tests: service-file.test.ts, exec-line.test.ts.
// Specification: Message Bus Starting Services.

/** The mistake in a service file. */
export type ServiceFileErrorCode =
  /** A line is neither a group, nor a key with a value, nor a comment. */
  | 'LINE_INVALID'
  /** The group `D-BUS Service` is missing. */
  | 'GROUP_MISSING'
  /** A key that every service file must have is missing. */
  | 'KEY_MISSING'
  /** The value of a key is not valid. */
  | 'VALUE_INVALID';

/** A service file that cannot be used. */
export class ServiceFileError extends Error {
  override readonly name = 'ServiceFileError';
  readonly code: ServiceFileErrorCode;
  /** The line of the mistake, from 1; undefined if the error is about the whole file. */
  readonly line: number | undefined;

  constructor(code: ServiceFileErrorCode, problem: string, line?: number) {
    super(line === undefined ? problem : `line ${line}: ${problem}`);
    this.code = code;
    this.line = line;
  }
}
