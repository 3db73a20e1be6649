// The error of a configuration file that cannot be used. It names the file and the line.
// Tests: read-configuration.test.ts. (No clause of the specification.)
import type { XmlErrorCode } from '../../interface/xml-reader.js';

/** The mistake in a configuration file. */
export type ConfigurationErrorCode =
  | XmlErrorCode
  /** The file does not exist, or cannot be read. */
  | 'FILE_UNREADABLE'
  /** A file includes itself, directly or through other files, or files are included too deep. */
  | 'INCLUDE_INVALID';

/** A configuration file that cannot be used. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
  readonly code: ConfigurationErrorCode;
  readonly file: string;
  /** The line of the mistake, from 1; undefined if the error is about the whole file. */
  readonly line: number | undefined;

  constructor(
    code: ConfigurationErrorCode,
    problem: string,
    at: { readonly file: string; readonly line?: number | undefined },
    options?: ErrorOptions,
  ) {
    super(`${at.file}${at.line === undefined ? '' : `:${at.line}`}: ${problem}`, options);
    this.code = code;
    this.file = at.file;
    this.line = at.line;
  }
}
