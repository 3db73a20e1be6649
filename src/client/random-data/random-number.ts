// Checks that the answer of a service is a number before it is printed as one. Tests: random-number.test.ts.
import { quote } from '../../wire/describe.js';

/** Longest part of an answer that the error repeats. */
const MAX_SHOWN = 40;

/** The service has answered with a text that is not a number. */
export class NotANumberError extends Error {
  override readonly name = 'NotANumberError';

  constructor(text: string) {
    super(`the service answered ${quote(text, MAX_SHOWN)}: it must be a number in decimal digits`);
  }
}

/**
 * The number in an answer.
 * @throws {NotANumberError} if the text has anything but decimal digits after a sign
 */
export function randomNumberOf(text: string): string {
  if (!/^-?\d+$/.test(text)) throw new NotANumberError(text);
  return text;
}
