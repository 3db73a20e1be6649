// The options of a call: their types, their check, and the flags of its message. Valid options are checked without a
// look-up in a table. It knows no connections. Tests: options.test.ts. Specification: Message Format (flags).
import { MessageFlag } from '../wire/constants.js';
import type { BodyInputOf, CheckedSignature } from '../wire/infer.js';
import {
  ABORT_SIGNAL, ANY, checkOptions, FLAG, isAbortSignal, MILLISECONDS, type OptionRule, type OptionRules, TEXT,
} from '../wire/options.js';

/** How long a call waits for its reply. */
export interface WaitOptions {
  /** Milliseconds until the call rejects with {@link CallTimeoutError}; default: 25,000. Infinity means never. */
  readonly timeout?: number | undefined;
  /** Ends the wait when it aborts; the call then rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * The types of `noReply` in the options of one call: true or false. Null is not a possible value: it means that the
 * type is asked for without a call, as by ReturnType, which then gets the usual result of a method.
 */
export type NoReply = boolean | null;

/** The result of a call: `Empty` if `Silent` is true, because there is no reply; either of the two for `boolean`. */
export type ReplyOf<Result, Empty, Silent extends NoReply> =
  [null] extends [Silent] ? Result : Silent extends true ? Empty : Result;

/** The flags of a call. `Silent` is the type of `noReply`. ‹Message Format› */
export interface CallFlags<Silent extends NoReply = boolean> {
  /** The bus must not start a service for this call. */
  readonly noAutoStart?: boolean | undefined;
  /** The receiver may ask a user for permission before it replies, which can take minutes. */
  readonly allowInteractiveAuthorization?: boolean | undefined;
  /** No reply is sent; the call resolves with an empty body as soon as it is queued. */
  readonly noReply?: (Silent & boolean) | undefined;
}

/** Defaults for the options of calls. An option of a call that is undefined counts as not given. */
export interface CallDefaults {
  /** Milliseconds until a call rejects with {@link CallTimeoutError}; default: 25,000. Infinity means never. */
  readonly timeout?: number | undefined;
  /** The bus must not start a service for a call. */
  readonly noAutoStart?: boolean | undefined;
  /** The receiver may ask a user for permission before it replies, which can take minutes. */
  readonly allowInteractiveAuthorization?: boolean | undefined;
}

/** A METHOD_CALL, and how to wait for its reply. */
export interface CallOptions<
  In extends string = string, Out extends string = string, Silent extends NoReply = boolean,
> extends WaitOptions, CallFlags<Silent> {
  /**
   * The bus name of the receiver. Leave it out on a link without a bus; on a bus, a call without it is for the bus
   * itself, which answers with UnknownMethod.
   */
  readonly destination?: string | undefined;
  /** The path of the object. */
  readonly path: string;
  /** The interface of the method. If it is left out, the receiver chooses an interface that has the method. */
  readonly interface?: string | undefined;
  /** The name of the method. */
  readonly member: string;
  /** The types of `body`. If it is left out, the call has no arguments. */
  readonly signature?: CheckedSignature<In> | undefined;
  /** The arguments: one value for each type of `signature`. */
  readonly body?: BodyInputOf<In> | undefined;
  /**
   * The file descriptors that the call carries, on a connection whose transport carries them; see
   * {@link attachDescriptors}. A UNIX_FD in `body` is an index of them.
   */
  readonly descriptors?: readonly number[] | undefined;
  /** The signature that the reply must have; it also gives the result its type. If left out, any signature is valid. */
  readonly replySignature?: CheckedSignature<Out> | undefined;
}

export const WAIT_RULES: OptionRules<WaitOptions> = { timeout: MILLISECONDS, signal: ABORT_SIGNAL };

export const CALL_FLAG_RULES: OptionRules<CallFlags> = {
  noAutoStart: FLAG, allowInteractiveAuthorization: FLAG, noReply: FLAG,
};

/** The rules of {@link CallDefaults}. */
export const CALL_DEFAULT_RULES: OptionRules<CallDefaults> = {
  timeout: MILLISECONDS, noAutoStart: FLAG, allowInteractiveAuthorization: FLAG,
};

/** The rule of an option that has the defaults of calls; its own options are checked by their rules. */
export const CALL_DEFAULTS: OptionRule = {
  must: 'the defaults of calls',
  accepts: (value) => {
    checkOptions('callDefaults', value, CALL_DEFAULT_RULES);
    return true;
  },
};

/** No defaults but those of the library. */
export const NO_DEFAULTS: CallDefaults = Object.freeze({});

/** The defaults of `first`, completed by those of `second`. */
export function mergeDefaults(first: CallDefaults, second: CallDefaults): CallDefaults {
  return {
    timeout: first.timeout ?? second.timeout,
    noAutoStart: first.noAutoStart ?? second.noAutoStart,
    allowInteractiveAuthorization: first.allowInteractiveAuthorization ?? second.allowInteractiveAuthorization,
  };
}

// The parts of the message are checked when it is written.
const MESSAGE_RULES = {
  destination: ANY, path: ANY, interface: ANY, member: ANY, signature: ANY, body: ANY, descriptors: ANY,
  replySignature: TEXT,
};
const CALL_RULES: OptionRules<CallOptions> = { ...MESSAGE_RULES, ...WAIT_RULES, ...CALL_FLAG_RULES };

/**
 * Checks the options of a call.
 * @throws {ArgumentError} if a key is unknown or a value is not valid
 */
export function checkCallOptions(options: WaitOptions & CallFlags & { readonly replySignature?: unknown }): void {
  if (typeof options !== 'object' || options === null) {
    checkOptions('call', options ?? null, CALL_RULES);
    return;
  }
  if (!areCallOptions(options)) checkOptions('call', options, CALL_RULES);
}

function areCallOptions(options: WaitOptions & CallFlags & { readonly replySignature?: unknown }): boolean {
  try {
    const { timeout, signal, noAutoStart, allowInteractiveAuthorization, noReply, replySignature } = options;
    return hasOnlyCallKeys(options) &&
      (timeout === undefined || (typeof timeout === 'number' && timeout >= 0)) &&
      (signal === undefined || isAbortSignal(signal)) &&
      (replySignature === undefined || typeof replySignature === 'string') &&
      isFlag(noAutoStart) && isFlag(allowInteractiveAuthorization) && isFlag(noReply);
  } catch {
    return false; // a revoked proxy, or a getter that throws
  }
}

function isFlag(value: unknown): boolean {
  return value === undefined || typeof value === 'boolean';
}

/** A loop with a switch: this runs for every call, and a look-up for each key is slower. */
function hasOnlyCallKeys(options: object): boolean {
  for (const key in options) {
    switch (key) {
      case 'destination': case 'path': case 'interface': case 'member': case 'signature': case 'body':
      case 'replySignature': case 'timeout': case 'signal': case 'noReply': case 'noAutoStart':
      case 'allowInteractiveAuthorization': case 'descriptors':
        break;
      default:
        return false;
    }
  }
  return true;
}

/** The flags byte of a call. `hasNoReply` is used if `noReply` is left out, and `defaults` for the other flags. */
export function flagsOf(
  { noReply, noAutoStart, allowInteractiveAuthorization }: CallFlags<NoReply>, hasNoReply = false,
  defaults: CallDefaults = NO_DEFAULTS,
): number {
  return (
    ((noReply ?? hasNoReply) ? MessageFlag.NO_REPLY_EXPECTED : 0) |
    ((noAutoStart ?? defaults.noAutoStart) === true ? MessageFlag.NO_AUTO_START : 0) |
    ((allowInteractiveAuthorization ?? defaults.allowInteractiveAuthorization) === true
      ? MessageFlag.ALLOW_INTERACTIVE_AUTHORIZATION : 0)
  );
}
