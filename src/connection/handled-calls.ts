// The calls of a link whose handler the application has registered with handleMethodCalls. They count as calls in
// progress until the promise of the handler settles. It knows no objects. Tests: callers.test.ts, link.test.ts.
// Specification: Message Types (METHOD_CALL).
import { argumentError } from '../wire/arguments.js';
import type { MethodCall } from '../wire/messages/message.js';
import type { CallRefusal, CallRouter, CallRunner, MethodCallHeader, RoutedLink } from './call-router.js';
import { argumentMemory } from './call-limits.js';
import { type Callers, callersOf } from './callers.js';
import type { MessageLink, MethodCallHandler } from './link.js';

/** One call that is accepted: its arguments take `memory` bytes. */
class HandledCall implements CallRunner {
  readonly #calls: HandledCalls;
  readonly #memory: number;

  constructor(calls: HandledCalls, memory: number) {
    this.#calls = calls;
    this.#memory = memory;
  }

  run(call: MethodCall): void | Promise<void> {
    return this.#calls.run(call, this.#memory);
  }
}

/** Accepts all calls up to the limits of the link. */
class HandledCalls implements CallRouter {
  readonly #handler: MethodCallHandler;
  readonly #callers: Callers;

  constructor(handler: MethodCallHandler, callers: Callers) {
    this.#handler = handler;
    this.#callers = callers;
  }

  route({ sender, signature }: MethodCallHeader, length: number): CallRunner | CallRefusal {
    const memory = argumentMemory(signature, length);
    return this.#callers.refusal(sender, memory) ?? new HandledCall(this, memory);
  }

  handleBreak(reason: unknown): void {
    this.#callers.abandonAll(reason);
  }

  run(call: MethodCall, memory: number): void | Promise<void> {
    const handler = this.#handler;
    const answer = handler(call);
    if (answer === undefined) return;
    return new Promise((resolve, reject) => {
      void this.#await(answer, { sender: call.sender, memory, abandon: resolve }).then(resolve, reject);
    });
  }

  async #await(
    answer: Promise<void>,
    { sender, memory, abandon }: {
      readonly sender: string | undefined; readonly memory: number; readonly abandon: () => void;
    },
  ): Promise<void> {
    const running = { memory, abandon };
    const caller = this.#callers.begin(sender, running);
    try {
      await answer;
    } catch (error) {
      if (caller.isGone) void Promise.reject(error as Error); // no caller waits, but it is an uncaught exception too
      throw error;
    } finally {
      this.#callers.end(caller, running);
    }
  }
}

/**
 * Registers the handler of the calls of a link; returns the function that removes it.
 * @throws {HandlerInUseError} if the link has a handler or a router already
 * @throws {ArgumentError} if `handler` is not a function
 */
export function handleCalls(
  link: MessageLink<boolean>, routed: RoutedLink, handler: MethodCallHandler,
): () => void {
  if (typeof handler !== 'function') {
    throw argumentError('handleMethodCalls', 'the handler must be a function', handler);
  }
  return routed.routeCalls(new HandledCalls(handler, callersOf(link)));
}
