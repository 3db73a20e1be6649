// Takes the bytes of clients: cuts them into messages, checks each message, and passes it to the router. A client that
// sends an invalid message, or one that it must not send, is disconnected; so is the client with the most bytes of
// incomplete messages if all clients together have too many, since a user can connect as often as it likes. It does not
// know where messages go. Specification: Invalid Protocol and Spec Extensions; max_message_size of dbus-daemon(1).
import { Inlet } from '../transport/inlet.js';
import type { TransportEvents } from '../transport/transport.js';
import { UnmarshalError } from '../wire/errors.js';
import { checkBody, decodeHeaderAs, type MessageHeader } from '../wire/messages/decode.js';
import { FrameReader } from '../wire/messages/framing.js';
import { toReading } from '../wire/values/read-options.js';
import type { BusCore } from './bus-core.js';
import type { Client } from './client.js';
import { disconnect, disconnectSlow } from './departures.js';
import { ProtocolViolation } from './errors.js';

/** The most bytes that wait for the rest of their messages, of all clients together (512 MiB). */
const MAX_TOTAL_BYTES = 2 ** 29;
/** A client with more bytes (1 MiB) sends a long message. Shorter ones are not considered. */
const MANY_BYTES = 2 ** 20;

/**
 * Reads at most 65,536 values in the unknown header fields of a message. Values can take more than twenty times as much
 * memory as their bytes: without a limit, one message of 64 MiB would take 1.5 GiB, and keep the bus busy for seconds.
 */
const HEADER_READING = toReading({ maxValues: 2 ** 16 });

/** Handles one valid message; its bytes are not used after this returns. */
export type Route = (client: Client, header: MessageHeader, frame: Uint8Array) => void;

/** The incoming side of a bus. */
export class Intake {
  readonly #core: BusCore;
  readonly #route: Route;
  readonly #incomplete = new IncompleteMessages<Client>();

  constructor(core: BusCore, route: Route) {
    this.#core = core;
    this.#route = route;
  }

  /** The receiver of the bytes of a client. */
  open(client: Client): Pick<TransportEvents, 'receive' | 'relieved'> {
    const { transport } = client;
    const frames = new FrameReader({ maxMessageLength: this.#core.limits.maxMessageSize });
    const inlet = new Inlet({ transport, frames, handOn: (frame) => this.#take(client, frame) });
    return {
      receive: (chunk) => {
        client.incomingBytes += chunk.length;
        inlet.receive(chunk);
        const greedy = this.#incomplete.note(client);
        if (greedy !== undefined) disconnect(this.#core, greedy, ProtocolViolation.tooMuchIncomplete());
      },
      relieved: () => inlet.relieved(),
    };
  }

  /** Must be called when the transport of a client has ended. */
  close(client: Client): void {
    this.#incomplete.forget(client);
  }

  #take(client: Client, frame: Uint8Array): void {
    client.incomingBytes -= frame.length;
    if (client.state === 'gone') return;
    try {
      this.#route(client, readHeader(client, frame), frame);
    } catch (error) {
      // The sender is disconnected if a message breaks a rule, and if the bus fails to handle it.
      if (!(error instanceof UnmarshalError || error instanceof ProtocolViolation)) warnOfMistake(error);
      disconnect(this.#core, client, error as Error);
    }
    disconnectSlow(this.#core);
  }
}

/** Checks a whole message. @throws {UnmarshalError | ProtocolViolation} if the client must not send it */
function readHeader(client: Client, frame: Uint8Array): MessageHeader {
  const header = decodeHeaderAs(HEADER_READING, frame);
  checkBody(header, frame);
  if (header.unixFds > 0) throw ProtocolViolation.descriptors(header.unixFds);
  if (client.state === 'monitor') throw ProtocolViolation.monitorSends();
  return header;
}

/** Reports an error of the bus itself, which must not end the process and all other connections. */
function warnOfMistake(error: unknown): void {
  const detail = error instanceof Error ? error.stack : undefined;
  const text = `the message bus could not handle a message, and disconnected its sender: ${String(error)}`;
  process.emitWarning(text, { type: 'MessageBusWarning', code: 'DBUS_WIRE_MESSAGE_NOT_HANDLED', detail });
}

/* Incomplete messages ------------------------------------------------------------------------------------------- */

/** The counts of the bytes of a client. */
export interface Sender {
  /** Received bytes that are not handled yet. */
  incomingBytes: number;
  readonly peaks: { incomingBytes: number };
}

/**
 * Counts the bytes that clients have sent and that are not handled: nearly always the start of a message whose rest has
 * not arrived.
 */
export class IncompleteMessages<Client extends Sender> {
  readonly #maxTotalBytes: number;
  /** The clients that had many bytes waiting when they last sent some. */
  readonly #long = new Set<Client>();

  constructor(maxTotalBytes = MAX_TOTAL_BYTES) {
    this.#maxTotalBytes = maxTotalBytes;
  }

  /** Notes the bytes that wait after a chunk of a client; returns the client that must be disconnected, if any. */
  note(client: Client): Client | undefined {
    const { incomingBytes, peaks } = client;
    if (incomingBytes > peaks.incomingBytes) peaks.incomingBytes = incomingBytes;
    if (incomingBytes <= MANY_BYTES) return undefined;
    this.#long.add(client);
    let total = 0;
    let longest = client;
    for (const each of this.#long) {
      if (each.incomingBytes <= MANY_BYTES) this.#long.delete(each);
      else total += each.incomingBytes;
      if (each.incomingBytes > longest.incomingBytes) longest = each;
    }
    return total > this.#maxTotalBytes ? longest : undefined;
  }

  /** Forgets a client that has ended. */
  forget(client: Client): void {
    client.incomingBytes = 0;
    this.#long.delete(client);
  }
}
