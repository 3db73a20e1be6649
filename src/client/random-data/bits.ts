// The argument of the client program: a number of bits, any INT32. It knows no bus.

/** An argument that is not a number of bits; the program prints the message. */
export class BitsError extends Error {
  override readonly name = 'BitsError';
}

const MIN_INT32 = -(2 ** 31);
const MAX_INT32 = 2 ** 31 - 1;

/**
 * Reads a number of bits: an optional sign and decimal digits. The service decides how many bits it draws.
 * @throws {BitsError} if the text is not an integer, or out of the range of INT32
 */
export function parseBits(text: string): number {
  if (!/^[-+]?[0-9]+$/.test(text)) throw new BitsError('input argument must be integer');
  const bits = Number(text);
  if (bits < MIN_INT32 || bits > MAX_INT32) {
    throw new BitsError(`input argument must be integer from ${MIN_INT32} to ${MAX_INT32}`);
  }
  return bits + 0; // "-0" is 0
}

/**
 * Takes arguments such as `-5` out of a command line, where they would be read as options. An argument after an option
 * in `valued` is the value of that option; arguments after `--` are never options.
 */
export function splitNegativeNumbers(
  args: readonly string[],
  valued: ReadonlySet<string>,
): { readonly args: readonly string[]; readonly negatives: readonly string[] } {
  const end = args.indexOf('--');
  const isNegative = (argument: string, index: number): boolean =>
    (end < 0 || index < end) && /^-\.?[0-9]/.test(argument) && !valued.has(args[index - 1] ?? '');
  return {
    args: args.filter((argument, index) => !isNegative(argument, index)),
    negatives: args.filter(isNegative),
  };
}
