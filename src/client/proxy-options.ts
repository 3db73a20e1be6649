// The options of a proxy, of its calls and of its signals, and their rules. Tests: test/connection/options.test.ts.
// Specification: Message Format (flags).
import {
  CALL_DEFAULT_RULES, CALL_FLAG_RULES, type CallDefaults, type CallFlags, type NoReply, WAIT_RULES, type WaitOptions,
} from '../connection/call-options.js';
import { SUBSCRIBE_RULES, type SubscribeOptions } from '../connection/subscription.js';
import { ANY, FUNCTION, type OptionRules } from '../wire/options.js';

/** Options for reading properties. */
export interface ProxyReadOptions extends WaitOptions, Omit<CallFlags, 'noReply'> {
  /**
   * Called with the file descriptors of the reply, before the call resolves: a UNIX_FD in the result is an index of
   * them. They then belong to the program, which must close them. They are empty if the reply carries none; without a
   * reply the listener is not called.
   */
  readonly onDescriptors?: ((descriptors: readonly number[]) => void) | undefined;
}

/**
 * Options of one call: the last argument of every method of a proxy, after all in-arguments. With `noReply` the method
 * resolves with undefined as soon as the call is queued. By default the definition says whether there is a reply.
 * `Silent` is the type of `noReply`.
 */
export interface ProxyCallOptions<Silent extends NoReply = boolean> extends WaitOptions, CallFlags<Silent> {
  /**
   * The file descriptors that the call carries, on a connection whose transport carries them; a UNIX_FD in an argument
   * is an index of them.
   */
  readonly descriptors?: readonly number[] | undefined;
  /**
   * Called with the file descriptors of the reply, before the call resolves: a UNIX_FD in the result is an index of
   * them. They then belong to the program, which must close them. They are empty if the reply carries none; without a
   * reply the listener is not called.
   */
  readonly onDescriptors?: ((descriptors: readonly number[]) => void) | undefined;
}

/**
 * The remote object of a proxy, and the defaults of its calls. The default of the connection is used for one that is
 * left out.
 */
export interface ProxyTarget extends CallDefaults {
  /** The bus name to which calls go and from which signals come. It can be omitted only on a link without a bus. */
  readonly destination?: string | undefined;
  /** The path of the object. */
  readonly path: string;
}

/** No options: the defaults. */
export const NO_OPTIONS: ProxyCallOptions = Object.freeze({});

const { noReply: NO_REPLY_RULE, ...READ_FLAG_RULES } = CALL_FLAG_RULES;
export const READ_RULES: OptionRules<ProxyReadOptions> = { ...WAIT_RULES, ...READ_FLAG_RULES, onDescriptors: FUNCTION };
export const CALL_RULES: OptionRules<ProxyCallOptions> = { ...READ_RULES, noReply: NO_REPLY_RULE, descriptors: ANY };

const { signature: _, ...SIGNAL_STREAM_RULES } = SUBSCRIBE_RULES; // the definition has the signature
export const SIGNAL_RULES: OptionRules<Omit<SubscribeOptions, 'signature'>> = SIGNAL_STREAM_RULES;

// The destination and the path are checked by their grammar, the descriptors when they are attached to the message.
export const TARGET_RULES: OptionRules<ProxyTarget> = { destination: ANY, path: ANY, ...CALL_DEFAULT_RULES };
