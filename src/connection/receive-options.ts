// The options for what a connection receives: the limits on the length and the values of a message and on the calls in
// progress (call-limits.ts), whether arrays of numbers are typed arrays, and the defaults of calls (call-options.ts).
// Tests: options.test.ts, test/hostile/limits.test.ts.
// Specification: Message Format (maximum length of a message).
import { READER_RULES } from '../wire/messages/framing.js';
import type { OptionRules } from '../wire/options.js';
import { READ_RULES, type Reading, toReading } from '../wire/values/read-options.js';
import { CALL_LIMIT_RULES, type CallLimits } from './call-limits.js';
import { CALL_DEFAULTS, type CallDefaults } from './call-options.js';
import type { SerialOrder } from './serials.js';

/**
 * Default of `maxValues`. At 250 bytes each, that many values take 262 MB, and the arrays of numbers that fit into the
 * same message take 512 MB more: a program with a heap of 1 GiB survives any one message. The
 * 10,000 objects of a large ObjectManager, with thirty properties each, have 940,000 values.
 */
const DEFAULT_MAX_VALUES = 2 ** 20;

/**
 * The limits of what a connection receives and of the calls in progress, and how it reads numbers. `Typed` is the type
 * of `typedArrays`.
 */
export interface ReceiveOptions<Typed extends boolean = false> extends CallLimits {
  /**
   * Longest message that is accepted, in bytes, from 16 to 128 MiB; 128 MiB, the limit of the specification, unless
   * given. A longer message ends the connection, because it is refused by its first 16 bytes, and nothing after them
   * can be read. `maxValues` refuses only the message itself.
   */
  readonly maxMessageLength?: number | undefined;
  /**
   * The most values in the body of one message, 0 or more. Default: 1,048,576. A message with more is dropped and
   * counted as 'invalid message': if it is a call, it is answered with InvalidArgs; if it is a reply, its call rejects;
   * the connection continues. Every argument, element, key, field, and content of a variant is a value; elements of an
   * array of a fixed-size type do not count. A value takes at most about 250 bytes of memory.
   */
  readonly maxValues?: number | undefined;
  /**
   * Whether arrays of numbers arrive as typed arrays: `ad` as a Float64Array, `ai` as an Int32Array, `ax` as a
   * BigInt64Array, and so on; `ab` stays an array of booleans. Default: false. `ay` is always a Uint8Array.
   * The types follow: `sessionBus({ typedArrays: true })` is a `Bus<true>`, whose `call`, proxies and signals have the
   * types of typed arrays. The handlers of an object on it are given to `implementTyped()`.
   */
  readonly typedArrays?: Typed | undefined;
  /**
   * The serials of the messages that are sent: 'random', so that no other program can guess the serial of a call and
   * answer it, or 'increasing', for a bus that is reached through a proxy that filters: xdg-dbus-proxy closes a
   * connection on which they do not increase. Default: 'increasing' in the sandbox of Flatpak, 'random' elsewhere.
   * ‹Message Format›
   */
  readonly serials?: SerialOrder | undefined;
  /**
   * The defaults of all calls on this connection, those of its own methods and of proxies included. The defaults of a
   * proxy take precedence over these, and the options of a call over both.
   */
  readonly callDefaults?: CallDefaults | undefined;
}

/** The rules of {@link ReceiveOptions}. */
export const RECEIVE_RULES: OptionRules<ReceiveOptions<boolean>> = {
  maxMessageLength: READER_RULES.maxMessageLength,
  maxValues: READ_RULES.maxValues,
  typedArrays: READ_RULES.typedArrays,
  maxCalls: CALL_LIMIT_RULES.maxCalls,
  maxCallsPerCaller: CALL_LIMIT_RULES.maxCallsPerCaller,
  maxCallMemory: CALL_LIMIT_RULES.maxCallMemory,
  maxCallMemoryPerCaller: CALL_LIMIT_RULES.maxCallMemoryPerCaller,
  serials: { must: `'random' or 'increasing'`, accepts: (value) => value === 'random' || value === 'increasing' },
  callDefaults: CALL_DEFAULTS,
};

/** How a connection reads values. */
export function receiveReading({ maxValues = DEFAULT_MAX_VALUES, typedArrays }: ReceiveOptions<boolean>): Reading {
  return toReading({ maxValues, typedArrays });
}

/** Picks the receiver's options out of the options of a connection. */
export function receiveOptions<Typed extends boolean>({
  maxMessageLength, maxValues, typedArrays, maxCalls, maxCallsPerCaller, maxCallMemory, maxCallMemoryPerCaller,
  serials, callDefaults,
}: ReceiveOptions<Typed>): ReceiveOptions<Typed> {
  return {
    maxMessageLength, maxValues, typedArrays, maxCalls, maxCallsPerCaller, maxCallMemory, maxCallMemoryPerCaller,
    serials, callDefaults,
  };
}

/** Whether a connection with these options reads typed arrays. */
export function typedArraysOf<Typed extends boolean>({ typedArrays = false as Typed }: ReceiveOptions<Typed>): Typed {
  return typedArrays; // without the option, Typed is false: see the functions that open connections
}
