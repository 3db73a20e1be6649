// The limits of the calls in progress on one link: their options and defaults, the memory that a call takes, and the
// refusal of a call that exceeds a limit. It counts nothing: callers.ts does.
// Tests: options.test.ts, callers.test.ts. Specification: Error names (LimitsExceeded).
import { ErrorName } from '../protocol/error-names.js';
import { counted } from '../wire/counted.js';
import type { OptionRules } from '../wire/options.js';
import { CallRefusal } from './call-router.js';

/**
 * The limits of the calls that have arrived and whose handlers have not answered yet: handlers of exported objects, and
 * of {@link MessageLink.handleMethodCalls} if they return a promise. Further calls are answered with LimitsExceeded.
 */
export interface CallLimits {
  /** The most calls in progress, 1 or more. Default: 32,768. */
  readonly maxCalls?: number | undefined;
  /**
   * The most calls in progress of one caller on a bus, 1 or more, so that no caller can use up `maxCalls`.
   * Default: 1,024.
   */
  readonly maxCallsPerCaller?: number | undefined;
  /**
   * The most bytes of memory of the arguments of all calls in progress: 24 for each byte of a message with containers
   * or texts in arrays, or with variants, and one for each other byte. A call that is alone may take more, and a call
   * of less than 512 bytes counts by number only. Default: 512 MiB.
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

/** Memory of the most expensive values for each byte of their message. */
const MEMORY_PER_BYTE = 24;

/** The most that the values of one message take, at the default limit of a connection: about 250 bytes each. */
const MAX_VALUE_MEMORY = 2 ** 28;

/**
 * Bytes of a message below which its arguments are not estimated, and no limit of memory for all callers applies: as
 * many such calls as can be in progress by default take less than that limit, whatever their arguments are.
 */
const SHORT = 512;

/** A signature with variants, or with arrays of containers or texts: those are many values for few bytes. */
const MANY_VALUES = /v|a[^ybnqiuxtdh]/;

/** The memory in bytes that the arguments of a call take at most, by the signature and the length of its message. */
export function argumentMemory(signature: string, length: number): number {
  if (length < SHORT) return length;
  return MANY_VALUES.test(signature) ? length + Math.min(MEMORY_PER_BYTE * length, MAX_VALUE_MEMORY) : length;
}

/** The calls in progress on a link, or of one of its callers, and the memory of their arguments in bytes. */
interface CallLoad {
  readonly calls: number;
  readonly memory: number;
}

/** The refusal of a call whose arguments take `memory` bytes, if all callers together have too much in progress. */
export function refusalByLink(
  { maxCalls, maxCallMemory }: FullCallLimits, load: CallLoad, memory: number,
): CallRefusal | undefined {
  if (load.calls >= maxCalls) return limitExceeded(`the link has ${counted(maxCalls, 'call')} in progress`);
  if (load.memory + memory > maxCallMemory && load.calls > 0 && memory >= SHORT) {
    return limitExceeded(`the arguments of the calls in progress take about ${maxCallMemory} bytes`);
  }
  return undefined;
}

/** The refusal of a call whose arguments take `memory` bytes, if its caller has too much in progress. */
export function refusalByCaller(
  { maxCallsPerCaller, maxCallMemoryPerCaller }: FullCallLimits, load: CallLoad, memory: number,
): CallRefusal | undefined {
  if (load.calls === 0) return undefined;
  if (load.calls >= maxCallsPerCaller) {
    return limitExceeded(`this caller has ${counted(maxCallsPerCaller, 'call')} in progress`);
  }
  if (load.memory + memory > maxCallMemoryPerCaller) {
    const found = 'the arguments of the calls of this caller in progress take about';
    return limitExceeded(`${found} ${maxCallMemoryPerCaller} bytes`);
  }
  return undefined;
}

function limitExceeded(found: string): CallRefusal {
  return new CallRefusal(ErrorName.LIMITS_EXCEEDED, `${found}: there must not be more`);
}
