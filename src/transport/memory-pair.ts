// A pair of transports in one process, without sockets and without a handshake: the messages of one end arrive at the
// other. Each end is a stream of Node under a StreamTransport, so that both follow the rules of transport.ts about
// order, congestion and ends. It does not know messages. (Not in the specification.) Tests: memory-pair.test.ts.
import { Duplex } from 'node:stream';
import { FIXED_HEADER_LENGTH, MAX_MESSAGE_LENGTH } from '../wire/constants.js';
import { checkOptions, integer, type OptionRules } from '../wire/options.js';
import { isGuid } from '../wire/uuid.js';
import { EndOfStreamError } from './errors.js';
import { cryptoModule } from './late-modules.js';
import { StreamTransport } from './stream-transport.js';
import type { Transport } from './transport.js';

/** Options of {@link memoryPair}. */
export interface MemoryPairOptions {
  /** The GUID of both transports, 32 hex digits. Default: a random one. */
  readonly guid?: string | undefined;
  /** Longest message that is sent, in bytes, from 16 to 128 MiB. Default: 128 MiB, the limit of the specification. */
  readonly maxSendLength?: number | undefined;
}

const PAIR_RULES: OptionRules<MemoryPairOptions> = {
  guid: { must: 'a GUID, 32 hex digits', accepts: (value) => typeof value === 'string' && isGuid(value) },
  maxSendLength: integer(FIXED_HEADER_LENGTH, MAX_MESSAGE_LENGTH),
};

/** Bytes that an end holds for its reader (64 KiB), as a socket does. If there are more, the writer has to wait. */
const BUFFER_LENGTH = 2 ** 16;

type Callback = (error?: Error | null) => void;

/** One end of a pair of streams: the other end reads what is written to it. */
class MemoryEnd extends Duplex {
  #other: MemoryEnd | undefined;
  /** Reports to the other end that its last chunk was taken; undefined unless the other end waits for that. */
  #taken: Callback | undefined;

  static pair(): readonly [MemoryEnd, MemoryEnd] {
    const one = new MemoryEnd({ highWaterMark: BUFFER_LENGTH });
    const other = new MemoryEnd({ highWaterMark: BUFFER_LENGTH });
    one.#other = other;
    other.#other = one;
    return [one, other];
  }

  /** Delivers a chunk in a later tick: never inside the call of the writer. */
  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: Callback): void {
    const copy = new Uint8Array(chunk); // the writer uses its memory again
    process.nextTick(() => {
      const other = this.#other;
      if (other === undefined || other.destroyed) done(new EndOfStreamError());
      else other.#take(copy, done);
    });
  }

  #take(chunk: Uint8Array, done: Callback): void {
    this.#taken = done;
    if (this.push(chunk)) this.#endTaking();
  }

  override _read(): void {
    this.#endTaking();
  }

  #endTaking(error?: Error): void {
    const taken = this.#taken;
    this.#taken = undefined;
    taken?.(error);
  }

  override _final(done: Callback): void {
    process.nextTick(() => this.#endOther());
    done();
  }

  /** The other end gets the end of the stream after all chunks. */
  #endOther(): void {
    const other = this.#other;
    if (other !== undefined && !other.destroyed && !other.readableEnded) other.push(null);
  }

  override _destroy(error: Error | null, done: Callback): void {
    process.nextTick(() => {
      this.#endTaking(new EndOfStreamError());
      this.#endOther();
      this.#other = undefined;
    });
    done(error);
  }
}

const NO_BYTES = new Uint8Array(0);

/**
 * Two transports in this process that are connected with each other: messages that are written to one arrive at the
 * other, in a later tick. They are authenticated from the start. Each can be passed to a connection or a bus, or be
 * served by a message bus.
 * @throws {ArgumentError} if an option is unknown, or its value is not valid
 */
export function memoryPair(options: MemoryPairOptions = {}): readonly [Transport, Transport] {
  checkOptions('memoryPair', options, PAIR_RULES);
  const { guid = cryptoModule().randomUUID().replaceAll('-', ''), maxSendLength } = options;
  const [one, other] = MemoryEnd.pair();
  const handshaken = { guid: guid.toLowerCase(), rest: NO_BYTES };
  return [
    new StreamTransport(one, handshaken, { maxSendLength }),
    new StreamTransport(other, handshaken, { maxSendLength }),
  ];
}
