// The handlers of method calls that have not answered yet, for close(), which waits for them. A handler may wait for
// close() itself: the two must not wait for each other. The stack of the call of close() says from which handler it
// comes, since the engine adds the async functions that wait, and each handler is awaited by a function with a name of
// its own. Bun does not add all of them, so that an AsyncLocalStorage finds the handler there; on Node 20 it would slow
// down all promises. Tests: running-handlers.test.ts. (No clause of the specification.)

import type { AsyncLocalStorage } from 'node:async_hooks';
import type { MethodCall } from '../wire/messages/message.js';
import type { CallRunner } from './call-router.js';

type AwaitAnswer = (answer: Promise<void>) => Promise<void>;

/** One run of a handler, as the storage knows it; its slot is undefined before the first `await` and after the end. */
export interface HandlerRun {
  slot: HandlerSlot | undefined;
}

type RunStorage = AsyncLocalStorage<HandlerRun>;

/** Undefined on engines whose stacks show the handler. */
function makeStorage(): RunStorage | undefined {
  if (process.versions['bun'] === undefined) return undefined;
  return new (process.getBuiltinModule('node:async_hooks').AsyncLocalStorage)();
}

/** The place of one running handler; it is used again for a later one. */
class HandlerSlot {
  /** Set if there is a storage. */
  handlerRun: HandlerRun | undefined;
  readonly name: string;
  /** Whether the handler has called close(). */
  isClosing = false;
  /** Waits for the answer; on the stack of what the handler calls, this function has the name of the slot. */
  readonly awaitAnswer: AwaitAnswer;

  constructor(name: string, onEnd: (slot: HandlerSlot) => void) {
    this.name = name;
    const awaitAnswer: AwaitAnswer = async (answer) => {
      try {
        await answer; // a rejection is an uncaught exception of the process
      } finally {
        onEnd(this);
      }
    };
    Object.defineProperty(awaitAnswer, 'name', { value: name });
    this.awaitAnswer = awaitAnswer;
  }
}

/** How many engines there were: the names of their handlers must differ. */
let engineCount = 0;

/** The running handlers of one engine. */
export class RunningHandlers {
  readonly #storage: RunStorage | undefined;
  readonly #engine = ++engineCount;
  readonly #running = new Set<HandlerSlot>();
  readonly #idle: HandlerSlot[] = [];
  #slotCount = 0;
  /** Whether a handler is in its first, synchronous part, and has called close() there. */
  #isStarting = false;
  #closesAtStart = false;
  #wake: () => void = () => {};
  readonly #onEnd = (slot: HandlerSlot): void => {
    slot.isClosing = false;
    if (slot.handlerRun !== undefined) slot.handlerRun.slot = undefined;
    this.#running.delete(slot);
    this.#idle.push(slot);
    this.#wake();
  };

  constructor(storage = makeStorage()) {
    this.#storage = storage;
  }

  /** Runs a call. Its handler counts as running until its promise has settled. Throws what the runner throws. */
  run(runner: CallRunner, call: MethodCall): void {
    this.#closesAtStart = false;
    this.#isStarting = true;
    const handlerRun: HandlerRun | undefined = this.#storage === undefined ? undefined : { slot: undefined };
    let answer: void | Promise<void>;
    try {
      answer = handlerRun === undefined ? runner.run(call) : this.#storage?.run(handlerRun, () => runner.run(call));
    } finally {
      this.#isStarting = false;
    }
    if (answer === undefined) return;
    const slot = this.#idle.pop() ?? this.#newSlot();
    slot.isClosing = this.#closesAtStart;
    slot.handlerRun = handlerRun;
    if (handlerRun !== undefined) handlerRun.slot = slot;
    this.#running.add(slot);
    void slot.awaitAnswer(answer);
  }

  #newSlot(): HandlerSlot {
    return new HandlerSlot(`handler ${++this.#slotCount} of dbus-wire link ${this.#engine} `, this.#onEnd);
  }

  /** Must be called in each call of close(): notes whether it comes from a running handler. */
  noteClose(): void {
    if (this.#isStarting) this.#closesAtStart = true;
    else if (this.#running.size > 0) this.#noteCaller();
  }

  #noteCaller(): void {
    if (this.#storage !== undefined) {
      const slot = this.#storage.getStore()?.slot;
      if (slot !== undefined) slot.isClosing = true;
      this.#wake();
      return;
    }
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = Infinity;
    const stack = String(new Error().stack);
    Error.stackTraceLimit = stackTraceLimit;
    for (const slot of this.#running) {
      if (stack.includes(slot.name)) slot.isClosing = true;
    }
    this.#wake();
  }

  /** Resolves when all handlers have answered, except for those that have called close(). */
  async ended(): Promise<void> {
    while ([...this.#running].some(({ isClosing }) => !isClosing)) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    // A handler that does not wait for close() may answer in this turn.
    if (this.#running.size > 0) await new Promise(setImmediate);
  }
}
