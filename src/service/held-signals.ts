// Keeps the signals about one object in order while the first of them waits, such as an InterfacesAdded whose values
// are still being read: the others are held until it is sent. It knows neither messages nor objects.
// Tests: export-object-manager.test.ts. (No clause of the specification.)

/** Most signals about one object that wait; then they are sent without waiting any longer. */
const MAX_HELD = 1_000;

/** A signal, or several, that wait. */
interface Held {
  readonly send: () => void;
  isReady: boolean;
}

/** The signals about one path, in order. */
interface Queue {
  readonly waiting: Held[];
  isSending: boolean;
}

/** The signals of one link that wait. */
export class HeldSignals {
  readonly #byPath = new Map<string, Queue>();

  /** Whether signals about a path wait. */
  has(path: string): boolean {
    return this.#byPath.has(path);
  }

  /** Sends a signal about a path, after everything about it that waits. */
  add(path: string, send: () => void): void {
    const queue = this.#byPath.get(path);
    if (queue === undefined) return send();
    queue.waiting.push({ send, isReady: true });
    if (queue.waiting.length > MAX_HELD) this.#release(path, queue);
  }

  /**
   * Sends a signal about a path when `ready` has resolved; it must not reject. Returns a function that sends it without
   * waiting longer.
   */
  hold(path: string, ready: Promise<unknown>, send: () => void): () => void {
    const held: Held = { send, isReady: false };
    const queue = this.#byPath.get(path) ?? { waiting: [], isSending: false };
    this.#byPath.set(path, queue);
    queue.waiting.push(held);
    const release = (): void => {
      held.isReady = true;
      this.#sendReady(path, queue);
    };
    void ready.then(release);
    return release;
  }

  /** Sends everything that waits. */
  releaseAll(): void {
    for (const [path, queue] of [...this.#byPath]) this.#release(path, queue);
  }

  #release(path: string, queue: Queue): void {
    for (const held of queue.waiting) held.isReady = true;
    this.#sendReady(path, queue);
  }

  #sendReady(path: string, queue: Queue): void {
    if (queue.isSending) return; // the signals that are added meanwhile are sent afterwards
    const { waiting } = queue;
    queue.isSending = true;
    while (waiting[0]?.isReady) waiting.shift()!.send(); // there is one
    queue.isSending = false;
    if (waiting.length === 0 && this.#byPath.get(path) === queue) this.#byPath.delete(path);
  }
}
