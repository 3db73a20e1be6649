// The context that a handler gets after its arguments, and whether a handler failed only because its signal aborted.
// It knows no replies. Tests: dispatch.test.ts, properties.test.ts.
// Specification: org.freedesktop.DBus.NameOwnerChanged.
import type { Callers } from '../connection/callers.js';
import type { CallContext } from '../interface/definition.js';
import type { ConnectionCredentials } from '../protocol/credentials.js';
import type { MethodCall } from '../wire/messages/message.js';
import { isA } from './failure-reports.js';
import type { ObjectNode } from './object-node.js';
import { ANSWER_UNWANTED, TimeLimit } from './time-limit.js';

/** Asks the bus about the program with a unique name. */
export type AskCredentials = (name: string) => Promise<ConnectionCredentials | undefined>;

/** The parts that the contexts of all calls of one link share. */
export interface ContextSource {
  /** Counts the calls in progress. */
  readonly callers: Callers;
  /** Aborts when replies can no longer be delivered. */
  readonly closedSignal: AbortSignal;
  /** Undefined on a link without a bus. */
  readonly askCredentials?: AskCredentials | undefined;
}

/** The context of one call. The signal is made when the handler first reads it. */
export class HandlerContext implements CallContext {
  readonly sender: string | undefined;
  readonly message: MethodCall;
  readonly #source: ContextSource;
  #signal: AbortSignal | undefined;
  #credentials: Promise<ConnectionCredentials | undefined> | undefined;
  readonly #breaks: number;
  #node: ObjectNode | undefined;
  #timeLimit: TimeLimit | undefined;
  #isUnwanted = false;
  #isOnlyRead = false;
  #isOver = false;

  constructor(message: MethodCall, source: ContextSource) {
    this.sender = message.sender;
    this.message = message;
    this.#source = source;
    this.#breaks = source.callers.breaks;
  }

  /** The object of a call, if it is one of a subtree. */
  static nodeOf(context: CallContext): ObjectNode | undefined {
    return #node in context ? context.#node : undefined;
  }

  /** Sets the object of the call. */
  setNode(node: ObjectNode | undefined): void {
    this.#node = node;
  }

  /** The signal of a context if a handler has read it. */
  static signalRead(context: CallContext): AbortSignal | undefined {
    return #signal in context ? context.#signal : undefined;
  }

  /** The time limit that all waits for the answer of a call share; a new one if there is no call. */
  static timeLimitOf(context: CallContext): TimeLimit {
    return #timeLimit in context ? (context.#timeLimit ??= new TimeLimit()) : new TimeLimit();
  }

  /** The caller has left, or the link has ended: no program waits for the answer. */
  abandon(): void {
    this.#isUnwanted = true;
    if (this.#isOnlyRead) HandlerContext.timeLimitOf(this).stop();
  }

  /** Notes that the answer has no effect besides its reply: its waits end if no program waits for it. */
  static onlyReads(context: CallContext): void {
    if (!(#isOnlyRead in context)) return;
    context.#isOnlyRead = true;
    if (context.#isUnwanted || context.#source.closedSignal.aborted) context.abandon();
  }

  get signal(): AbortSignal {
    // After the call has ended, its caller may have left already: departures are no longer reported for it.
    this.#signal ??= this.#isOver ? this.#source.closedSignal : this.#source.callers.signalOf(this.sender);
    return this.#signal;
  }

  credentials(): Promise<ConnectionCredentials | undefined> {
    if (this.#credentials !== undefined) return this.#credentials; // those of the caller, even if it has left
    const { askCredentials, callers } = this.#source;
    const isGone = callers.breaks !== this.#breaks; // on the next connection its name may be that of another program
    if (askCredentials === undefined || this.sender === undefined || isGone) return Promise.resolve(undefined);
    this.#credentials = askCredentials(this.sender);
    return this.#credentials;
  }

  end(): void {
    this.#isOver = true;
  }
}

/** See {@link HandlerContext.timeLimitOf}. */
export function timeLimitOf(context: CallContext): TimeLimit {
  return HandlerContext.timeLimitOf(context);
}

/**
 * The time limit of an answer that has no effect besides its reply. It stops when the caller leaves or the link ends.
 */
export function readLimitOf(context: CallContext): TimeLimit {
  HandlerContext.onlyReads(context);
  return HandlerContext.timeLimitOf(context);
}

/**
 * Whether a handler failed because its signal has aborted: with the reason of the signal, or with an AbortError, as
 * functions of Node that accept a signal do. Such a failure is not reported, because no caller waits for the reply; nor
 * is the end of a wait for the handler.
 */
export function hasGivenUp(context: CallContext, error: unknown): boolean {
  if (error === ANSWER_UNWANTED) return true;
  const signal = HandlerContext.signalRead(context);
  if (signal === undefined || !signal.aborted) return false;
  if (error === signal.reason) return true;
  try {
    return isA(error, Error) && error.name === 'AbortError';
  } catch {
    return false; // `name` may be a getter that throws
  }
}
