// Passes signals to a function instead of a reader: it is called as each signal arrives, so that no signal waits or is
// dropped. It does not know rules or connections. Tests: signal-listener.test.ts. (No clause of the specification.)
import { runListener } from '../transport/waiting.js';
import type { CheckedSignature, ReadBodyOf } from '../wire/infer.js';
import type { Signal } from '../wire/messages/message.js';
import { ABORT_SIGNAL, FUNCTION, type OptionRules, TEXT } from '../wire/options.js';
import type { Gap } from './gap.js';

/** A signal whose body has the types of a signature; `Typed` says whether arrays of numbers are typed arrays. */
export type SignalOf<Args extends string = string, Typed extends boolean = false> = Omit<Signal, 'body'> & {
  readonly body: ReadBodyOf<Args, Typed>;
};

/**
 * Called with each signal as it arrives, before any later message is read; a promise that it returns is not awaited. An
 * exception becomes an uncaught exception of the process, and the subscription continues.
 */
export type SignalListener<Args extends string = string, Typed extends boolean = false> = (
  signal: SignalOf<Args, Typed>,
) => void;

/** How a subscription with a listener behaves. */
export interface ListenOptions<Args extends string = string> {
  /** Ends the subscription when it aborts. */
  readonly signal?: AbortSignal | undefined;
  /**
   * The only signature that is delivered, which gives the body of the signal its types; signals with another one are
   * dropped and counted. Default: any.
   */
  readonly signature?: CheckedSignature<Args> | undefined;
  /** Called when the connection was lost and is restored: signals that were sent meanwhile are missing. */
  readonly onGap?: ((gap: Gap) => void) | undefined;
}

/** The rules of {@link ListenOptions}. */
export const LISTEN_RULES: OptionRules<ListenOptions> = { signal: ABORT_SIGNAL, signature: TEXT, onGap: FUNCTION };

/** A subscription whose signals go to a listener. */
export interface ListenedSubscription extends AsyncDisposable {
  /**
   * Resolves when the bus has the rule and the sender's owner is known, or after `close`. Rejects if the bus refuses,
   * or if the subscription ends first, by its AbortSignal or the end of the connection.
   */
  readonly ready: Promise<void>;
  /** How many signals were dropped because they had another signature. */
  readonly dropped: number;
  /** How many times the connection was lost and restored: signals that were sent meanwhile are missing. */
  readonly gaps: number;
  /**
   * Resolves when the subscription has ended, and never rejects: with the reason of its AbortSignal, the error of a bus
   * that refuses the rule, or the {@link ConnectionClosedError} of the connection; with undefined after `close`.
   */
  readonly closed: Promise<unknown>;
  /** Ends the subscription and removes its match rule; the listener is not called again. */
  close(): Promise<void>;
}

/** The receiver of the signals of a subscription: a queue, or a listener. */
export interface SignalSink {
  /** How many signals it has dropped. */
  readonly dropped: number;
  /** Takes a signal whose message has this many bytes. */
  push(signal: Signal, bytes: number): void;
  /** Signals may be missing from here on. */
  noteGap(gap: Gap): void;
  /** Takes no more signals; the error, if it is given, is the reason. */
  end(error?: { readonly reason: unknown }): void;
}

/** Passes signals to a listener. */
export class SignalListening implements SignalSink {
  readonly dropped = 0;
  readonly closed: Promise<unknown>;
  readonly #listener: SignalListener;
  readonly #onGap: ((gap: Gap) => void) | undefined;
  #isEnded = false;
  #resolveClosed!: (reason: unknown) => void; // set by the promise in the constructor

  constructor(listener: SignalListener, onGap?: (gap: Gap) => void) {
    this.#listener = listener;
    this.#onGap = onGap;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  push(signal: Signal): void {
    if (this.#isEnded) return;
    runListener(() => this.#listener(signal as SignalOf)); // its body is an array
  }

  noteGap(gap: Gap): void {
    if (!this.#isEnded) runListener(() => this.#onGap?.(gap));
  }

  end(error?: { readonly reason: unknown }): void {
    this.#isEnded = true;
    this.#resolveClosed(error?.reason);
  }
}
