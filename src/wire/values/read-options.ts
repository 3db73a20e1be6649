// A receiver's options for values: how many it accepts in a message, and whether arrays of numbers are typed arrays.
// It knows neither bytes nor types. (Not in the specification, which limits bytes only.)
import { checkOptions, FLAG, integer, type OptionRules } from '../options.js';

/** How values are read. */
export interface ReadOptions {
  /**
   * The most values in the body of one message, and the most in its header fields; 0 or more. Default: only the length
   * of a message limits them. Every argument, element, key, field, and content of a variant is a value; elements of an
   * array of a fixed-size type do not count. The values take at most about 250 bytes of memory each, plus four to six
   * times the bytes of the message.
   */
  readonly maxValues?: number | undefined;
  /**
   * Whether arrays of numbers are typed arrays of their own memory: `ad` a Float64Array, `ai` an Int32Array, `ax` a
   * BigInt64Array, and so on; `ab` stays an array of booleans. Default: false. `ay` is always a Uint8Array.
   */
  readonly typedArrays?: boolean | undefined;
}

/** Checked {@link ReadOptions}. */
export interface Reading {
  readonly maxValues: number;
  readonly typedArrays: boolean;
}

/** More values than 128 MiB can have, and still a small integer. */
const NO_LIMIT = 2 ** 30 - 1;

/** The rules of {@link ReadOptions}. */
export const READ_RULES: OptionRules<ReadOptions> = {
  maxValues: integer(0, Number.MAX_SAFE_INTEGER),
  typedArrays: FLAG,
};

/** The specification's limits only, and plain arrays. */
export const DEFAULT_READING: Reading = { maxValues: NO_LIMIT, typedArrays: false };

/** Fills in the defaults of options, whose values must be valid. */
export function toReading(options: ReadOptions): Reading {
  const { maxValues = NO_LIMIT, typedArrays = false } = options;
  return { maxValues: Math.min(maxValues, NO_LIMIT), typedArrays };
}

/**
 * Checks the options of the public function `owner`, and fills in the defaults.
 * @throws {ArgumentError} if an option is unknown or not valid
 */
export function readingOf(owner: string, options: ReadOptions | undefined): Reading {
  if (options === undefined) return DEFAULT_READING;
  checkOptions(owner, options, READ_RULES);
  return toReading(options);
}
