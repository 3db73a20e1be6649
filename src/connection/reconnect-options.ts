// The options of reconnecting, their defaults and their check. It makes no attempts: reconnection.ts does. Tests:
// reconnect.test.ts. (No clause of the specification.)
import {
  ABORT_SIGNAL, checkOptions, integer, MILLISECONDS, type OptionRule, type OptionRules,
} from '../wire/options.js';
import type { BackoffOptions } from './backoff.js';

/** How a connection to a bus is restored after it has ended, and the limits of calls that wait meanwhile. */
export interface ReconnectOptions {
  /** The delay before the first attempt, in milliseconds, not Infinity; it doubles after each failure. Default: 100. */
  readonly initialDelay?: number | undefined;
  /** The longest delay between two attempts, in milliseconds; Infinity for no limit. Default: 30,000. */
  readonly maxDelay?: number | undefined;
  /**
   * The most attempts in a row; after the last one the connection has ended. Default: Infinity. A connection that ends
   * again within a second, or before it has lasted as long as the delay that is due, counts as a failed attempt.
   */
  readonly maxAttempts?: number | undefined;
  /** The part of each delay that is chosen at random, from 0 to 1. Default: 0.5. */
  readonly jitter?: number | undefined;
  /**
   * Ends the attempts when it aborts: a connection that is being restored ends at once, and an open one is not restored
   * when it next breaks.
   */
  readonly signal?: AbortSignal | undefined;
  /** How many calls wait for the next connection; a further call rejects. Default: 1,024. */
  readonly maxWaitingCalls?: number | undefined;
  /** How many bytes the messages of these calls may have. Default: 16 MiB. */
  readonly maxWaitingBytes?: number | undefined;
}

const COUNT: OptionRule = {
  must: 'a whole number, 0 or more, or Infinity',
  accepts: (value) => value === Infinity || (Number.isInteger(value) && Number(value) >= 0),
};

/** After an infinite delay there would be no attempt. */
const FINITE: OptionRule = {
  must: 'a number of milliseconds, 0 or more, and less than Infinity',
  accepts: (value) => typeof value === 'number' && value >= 0 && value < Infinity,
};

const RECONNECT_RULES: OptionRules<ReconnectOptions> = {
  initialDelay: FINITE,
  maxDelay: MILLISECONDS,
  maxAttempts: COUNT,
  jitter: { must: 'a number from 0 to 1', accepts: (value) => typeof value === 'number' && value >= 0 && value <= 1 },
  signal: ABORT_SIGNAL,
  maxWaitingCalls: integer(0, 2 ** 20),
  maxWaitingBytes: integer(0, 2 ** 30),
};

/** The rule of the option `reconnect`; its own options are checked by {@link reconnectionOf}. */
export const RECONNECT: OptionRule = {
  must: 'true, false, or the options of reconnecting',
  accepts: (value) => typeof value === 'boolean' || (typeof value === 'object' && value !== null),
};

/** All options of reconnecting. */
export interface ReconnectSettings extends BackoffOptions {
  readonly signal: AbortSignal | undefined;
  readonly maxWaitingCalls: number;
  readonly maxWaitingBytes: number;
}

/**
 * The settings for a value of the option `reconnect`; undefined if connections are not restored.
 * @throws {ArgumentError} if a key is unknown or a value is not valid
 */
export function reconnectionOf(value: boolean | ReconnectOptions | undefined): ReconnectSettings | undefined {
  if (value === undefined || value === false) return undefined;
  const options = value === true ? {} : value;
  checkOptions('reconnect', options, RECONNECT_RULES);
  const {
    initialDelay = 100, maxDelay = 30_000, maxAttempts = Infinity, jitter = 0.5, signal,
    maxWaitingCalls = 1_024, maxWaitingBytes = 2 ** 24,
  } = options;
  return { initialDelay, maxDelay, maxAttempts, jitter, signal, maxWaitingCalls, maxWaitingBytes };
}
