// Passes received messages on, one by one, while the messages that they cause can leave: it holds them back while
// the transport is congested, and after a number of calls lets their handlers answer first. It reads only the type of a
// message. Specification: Message Format. Tests: inlet.test.ts, test/hostile/bursts.test.ts.
import { MESSAGE_TYPE_CODE } from '../wire/constants.js';
import type { FrameReader } from '../wire/messages/framing.js';
import type { Transport } from './transport.js';

/**
 * After this many calls, further messages wait until all microtasks have run: handlers that wait for nothing else have
 * then answered, and the size of their answers is known.
 */
const CALLS_AT_ONCE = 64;

const RESOLVED = Promise.resolve();

/** The transport and the receiver of an inlet. */
export interface InletOptions {
  readonly transport: Transport;
  /** It must not keep chunks. */
  readonly frames: FrameReader;
  /** Takes one message; it is valid until this returns. */
  readonly handOn: (frame: Uint8Array) => void;
}

/** The messages that arrive on a transport. */
export class Inlet {
  readonly #transport: Transport;
  readonly #frames: FrameReader;
  readonly #handOn: (frame: Uint8Array) => void;
  /** The messages that wait, and how many of them were passed on. They are not in the memory of a chunk. */
  #held: readonly Uint8Array[] = [];
  #next = 0;
  /** Whether a tick that passes on further messages is scheduled. */
  #isContinuing = false;
  readonly #continueNextTick = (): void => process.nextTick(this.#continueNow);
  readonly #continueNow = (): void => {
    this.#isContinuing = false;
    this.relieved();
  };

  constructor({ transport, frames, handOn }: InletOptions) {
    this.#transport = transport;
    this.#frames = frames;
    this.#handOn = handOn;
  }

  /** Takes a chunk of the transport. */
  receive(chunk: Uint8Array): void {
    const frames = this.#frames.push(chunk);
    if (this.#next < this.#held.length || this.#isContinuing) {
      this.#hold([...this.#held.slice(this.#next), ...copiesOf(frames, chunk)]);
      return;
    }
    const count = this.#pass(frames, 0);
    if (count < frames.length) this.#hold(copiesOf(frames.slice(count), chunk));
    else this.#checkEnd();
  }

  /** Continues after a congestion. */
  relieved(): void {
    if (this.#isContinuing) return;
    this.#next = this.#pass(this.#held, this.#next);
    if (this.#next < this.#held.length) return;
    this.#hold([]);
    this.#checkEnd();
  }

  #hold(frames: readonly Uint8Array[]): void {
    this.#held = frames;
    this.#next = 0;
  }

  /** Passes on the messages that begin at index `from`; returns the index of the first that has to wait. */
  #pass(frames: readonly Uint8Array[], from: number): number {
    let index = from;
    let calls = 0;
    while (index < frames.length && !this.#transport.isCongested) {
      const frame = frames[index]!; // below the length
      if (frame[1] === MESSAGE_TYPE_CODE.method_call && ++calls > CALLS_AT_ONCE) {
        this.#isContinuing = true;
        void RESOLVED.then(this.#continueNextTick);
        break;
      }
      index++;
      this.#handOn(frame);
    }
    return index;
  }

  /** If the rest of the stream cannot be divided into messages, ends it after the complete messages. */
  #checkEnd(): void {
    if (this.#frames.failure !== undefined) this.#transport.destroy(this.#frames.failure);
  }
}

/** The same frames, without those in the memory of the chunk, which is copied once. */
function copiesOf(frames: readonly Uint8Array[], chunk: Uint8Array): readonly Uint8Array[] {
  const { buffer } = chunk;
  const first = frames.find((frame) => frame.buffer === buffer);
  if (first === undefined) return frames;
  const start = first.byteOffset;
  const copy = new Uint8Array(chunk.subarray(start - chunk.byteOffset)); // slice() of a Buffer would be a view
  return frames.map((frame) => {
    if (frame.buffer !== buffer) return frame;
    return copy.subarray(frame.byteOffset - start, frame.byteOffset - start + frame.length);
  });
}
