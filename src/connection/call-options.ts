// The options of a call: what they are, how they are checked, and the flags that they stand for. Options that are in
// order are checked without a look-up. Specification: Message Format (flags).
import { MessageFlag } from '../wire/constants.js';
import type { BodyInputOf, CheckedSignature } from '../wire/infer.js';
import {
  ABORT_SIGNAL, ANY, checkOptions, FLAG, isAbortSignal, MILLISECONDS, type OptionRules, TEXT,
} from '../wire/options.js';

/** How long a call waits and what ends it early. */
export interface WaitOptions {
  /** Milliseconds until the call rejects with {@link CallTimeoutError}; 25,000 unless given, Infinity for never. */
  readonly timeout?: number | undefined;
  /** Ends the call, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** What a call asks of the bus and of its receiver. */
export interface CallFlags {
  /** The bus must not start a service for this call. */
  readonly noAutoStart?: boolean | undefined;
  /** The caller is ready to wait while a user is asked for permission. */
  readonly allowInteractiveAuthorization?: boolean | undefined;
  /** Asks for no reply at all; the call resolves with an empty body as soon as it is queued. */
  readonly noReply?: boolean | undefined;
}

/** A METHOD_CALL and how its reply is awaited. */
export interface CallOptions<In extends string = string, Out extends string = string> extends WaitOptions, CallFlags {
  readonly destination?: string | undefined;
  readonly path: string;
  readonly interface?: string | undefined;
  readonly member: string;
  /** The types of `body`; no arguments where it is left out. */
  readonly signature?: CheckedSignature<In> | undefined;
  readonly body?: BodyInputOf<In> | undefined;
  /** The types that the reply must have; they are checked, and type the result. Any where it is left out. */
  readonly replySignature?: CheckedSignature<Out> | undefined;
}

export const WAIT_RULES: OptionRules<WaitOptions> = { timeout: MILLISECONDS, signal: ABORT_SIGNAL };

export const CALL_FLAG_RULES: OptionRules<CallFlags> = {
  noAutoStart: FLAG, allowInteractiveAuthorization: FLAG, noReply: FLAG,
};

// What goes into the message is checked as it is written.
const CALL_RULES: OptionRules<CallOptions> = {
  destination: ANY, path: ANY, interface: ANY, member: ANY, signature: ANY, body: ANY, replySignature: TEXT,
  ...WAIT_RULES, ...CALL_FLAG_RULES,
};

/**
 * Holds the options of a call to their rules.
 * @throws {ArgumentError} if a key is unknown or a value is not valid
 */
export function checkCallOptions(options: WaitOptions & CallFlags & { readonly replySignature?: unknown }): void {
  if (typeof options !== 'object' || options === null) {
    checkOptions('call', options ?? null, CALL_RULES);
    return;
  }
  const { timeout, signal, noAutoStart, allowInteractiveAuthorization, noReply, replySignature } = options;
  if (
    hasOnlyCallKeys(options) &&
    (timeout === undefined || (typeof timeout === 'number' && timeout >= 0)) &&
    (signal === undefined || isAbortSignal(signal)) &&
    (replySignature === undefined || typeof replySignature === 'string') &&
    isFlag(noAutoStart) && isFlag(allowInteractiveAuthorization) && isFlag(noReply)
  ) return;
  checkOptions('call', options, CALL_RULES);
}

function isFlag(value: unknown): boolean {
  return value === undefined || typeof value === 'boolean';
}

/** A loop with a switch, since this runs with each call and nothing is quicker. */
function hasOnlyCallKeys(options: object): boolean {
  for (const key in options) {
    switch (key) {
      case 'destination': case 'path': case 'interface': case 'member': case 'signature': case 'body':
      case 'replySignature': case 'timeout': case 'signal': case 'noReply': case 'noAutoStart':
      case 'allowInteractiveAuthorization':
        break;
      default:
        return false;
    }
  }
  return true;
}

/** The flags byte of a call. */
export function flagsOf({ noReply, noAutoStart, allowInteractiveAuthorization }: CallFlags): number {
  return (
    (noReply === true ? MessageFlag.NO_REPLY_EXPECTED : 0) |
    (noAutoStart === true ? MessageFlag.NO_AUTO_START : 0) |
    (allowInteractiveAuthorization === true ? MessageFlag.ALLOW_INTERACTIVE_AUTHORIZATION : 0)
  );
}
