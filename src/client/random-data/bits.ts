// The one argument of the client program: a number of bits, that is, any INT32. Knows no bus.

/** An argument that is no number of bits; the message is what the program prints. */
export class BitsError extends Error {
  override readonly name = 'BitsError';
}

const MIN_INT32 = -(2 ** 31);
const MAX_INT32 = 2 ** 31 - 1;

/**
 * Reads a number of bits: an optional sign and decimal digits. Whether so many can be had is the service's to say.
 * @throws {BitsError} where it is none, or no INT32
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
 * Takes arguments such as `-5` out of a command line, where they would be read as options. What follows an option of
 * `valued` belongs to that option, and what follows `--` is no option anyway.
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
