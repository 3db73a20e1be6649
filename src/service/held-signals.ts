// Keeps the signals about one object in order while the first of them waits, such as an InterfacesAdded whose values
// are still being read: the others are held until it is sent. It knows neither messages nor objects.
// Tests: export-object-manager.test.ts. (No clause of the specification.)

/** The most signals about one object that wait. If there are more, all are sent without waiting any longer. */
const MAX_HELD = 1_000;

/** One or more signals that wait. */
interface Held {
  readonly send: () => void;
  readonly release?: () => void;
  isReady: boolean;
}

/** The signals about one path, in order. */
interface Queue {
  readonly waiting: Held[];
  /** The index of the first that is not sent yet: removing each sent one would move the rest of a long list. */
  next: number;
  isSending: boolean;
}

/** The signals of one link that wait. */
export class HeldSignals {
  readonly #byPath = new Map<string, Queue>();
  readonly #failed: (error: unknown) => void;

  /** `failed` gets the error of a signal that waited and could not be sent; the others are sent. */
  constructor(failed: (error: unknown) => void) {
    this.#failed = failed;
  }

  /** Whether signals about a path wait. */
  has(path: string): boolean {
    return this.#byPath.has(path);
  }

  /** Sends a signal about a path, after everything about it that waits. */
  add(path: string, send: () => void): void {
    const queue = this.#byPath.get(path);
    if (queue === undefined) return send();
    this.#push(path, queue, { send, isReady: true });
  }

  /**
   * Sends a signal about a path when `ready` has resolved; `ready` must not reject. Returns a function that sends the
   * signal without waiting any longer.
   */
  hold(path: string, ready: Promise<unknown>, send: () => void): () => void {
    const release = (): void => {
      if (held.isReady) return;
      held.isReady = true;
      this.#sendReady(path, queue);
    };
    const held: Held = { send, release, isReady: false };
    const queue = this.#byPath.get(path) ?? { waiting: [], next: 0, isSending: false };
    this.#byPath.set(path, queue);
    this.#push(path, queue, held);
    void ready.then(release);
    return release;
  }

  /** Whether the signal that `release` belongs to waits, and no signal about the path waits after it. */
  isLast(path: string, release: () => void): boolean {
    return this.#byPath.get(path)?.waiting.at(-1)?.release === release;
  }

  #push(path: string, queue: Queue, held: Held): void {
    const { waiting, next } = queue;
    waiting.push(held);
    if (waiting.length - next > MAX_HELD) this.#release(path, queue);
  }

  /** Sends everything that waits. */
  releaseAll(): void {
    for (const [path, queue] of [...this.#byPath]) this.#release(path, queue);
  }

  #release(path: string, queue: Queue): void {
    const { waiting, next } = queue;
    for (let index = next; index < waiting.length; index++) waiting[index]!.isReady = true; // there is one
    this.#sendReady(path, queue);
  }

  #sendReady(path: string, queue: Queue): void {
    if (queue.isSending) return; // the signals that are added meanwhile are sent afterwards
    const { waiting } = queue;
    queue.isSending = true;
    while (waiting[queue.next]?.isReady) this.#send(waiting[queue.next++]!); // there is one
    queue.isSending = false;
    if (queue.next < waiting.length) {
      waiting.splice(0, queue.next);
      queue.next = 0;
    } else if (this.#byPath.get(path) === queue) this.#byPath.delete(path);
  }

  #send({ send }: Held): void {
    try {
      send();
    } catch (error) {
      this.#failed(error);
    }
  }
}
