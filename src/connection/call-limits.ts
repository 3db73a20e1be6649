// The limits of the calls in progress on one link: their options, defaults and check. callers.ts counts the calls.
// Tests: options.test.ts, callers.test.ts. Specification: Error names (LimitsExceeded).
import type { OptionRules } from '../wire/options.js';

/**
 * The limits of the calls that have arrived and whose handlers have not answered yet: handlers of exported objects, and
 * of {@link MessageLink.handleMethodCalls} if they return a promise. Further calls are answered with LimitsExceeded.
 */
export interface CallLimits {
  /** Most calls in progress, 1 or more. Default: 32,768. */
  readonly maxCalls?: number | undefined;
  /**
   * Most calls in progress of one caller on a bus, so that no caller can use up `maxCalls`, 1 or more. Default: 1,024.
   */
  readonly maxCallsPerCaller?: number | undefined;
  /**
   * Most bytes of memory of the arguments of all calls in progress: 24 for each byte of a message with containers or
   * texts in arrays, or with variants, and one for each other byte. A call that is alone may take more, and a call of
   * less than 512 bytes counts by number only. Default: 512 MiB.
   */
  readonly maxCallMemory?: number | undefined;
  /** The same for the calls of one caller on a bus, of any length. Default: 256 MiB. */
  readonly maxCallMemoryPerCaller?: number | undefined;
}

const CALLS = {
  must: 'a number of calls, 1 or more, or Infinity',
  accepts: (value: unknown) => value === Infinity || (Number.isInteger(value) && Number(value) >= 1),
};
const BYTES = {
  must: 'a number of bytes, 0 or more, or Infinity',
  accepts: (value: unknown) => value === Infinity || (Number.isInteger(value) && Number(value) >= 0),
};

/** The rules of {@link CallLimits}. */
export const CALL_LIMIT_RULES: OptionRules<CallLimits> = {
  maxCalls: CALLS, maxCallsPerCaller: CALLS, maxCallMemory: BYTES, maxCallMemoryPerCaller: BYTES,
};

/** {@link CallLimits} with all defaults filled in. */
export type FullCallLimits = { readonly [K in keyof CallLimits]-?: number };

/** Picks the limits of calls out of the options of a connection. */
export function callLimits({
  maxCalls = 32_768, maxCallsPerCaller = 1_024, maxCallMemory = 2 ** 29, maxCallMemoryPerCaller = 2 ** 28,
}: CallLimits = {}): FullCallLimits {
  return { maxCalls, maxCallsPerCaller, maxCallMemory, maxCallMemoryPerCaller };
}
