// Counts the bytes that clients have sent and that are not handled: nearly always the start of a message whose rest has
// not come. A user can connect as often as it likes, so all of them together are limited, and not only each.
// (Not in the specification; max_message_size of dbus-daemon(1) limits one message.) Tests: intake.test.ts.

/** Most bytes that wait for the rest of their messages, of all clients together (512 MiB). */
const MAX_TOTAL_BYTES = 2 ** 29;
/** A client with more bytes (1 MiB) sends a long message. Shorter ones are not looked at. */
const MANY_BYTES = 2 ** 20;

/** A client, as the intake sees it. */
export interface Sender {
  /** Bytes that have come and are not handled. */
  incomingBytes: number;
  readonly peaks: { incomingBytes: number };
}

/** The incoming side of a bus. */
export class Intake<Client extends Sender> {
  readonly #maxTotalBytes: number;
  /** The clients that had many bytes waiting when they last sent some. */
  readonly #long = new Set<Client>();

  constructor(maxTotalBytes = MAX_TOTAL_BYTES) {
    this.#maxTotalBytes = maxTotalBytes;
  }

  /** Takes note of what waits after a chunk of a client; returns the client that must be disconnected, if any. */
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
