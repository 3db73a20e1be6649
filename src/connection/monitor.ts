// A monitor of a bus: a connection that gets copies of the messages of others, complete and in order, and sends
// nothing. It has no names, no calls and no objects: the bus removes them. Tests: monitor.test.ts,
// test/interop/become-monitor.test.ts. Specification: org.freedesktop.DBus.Monitoring.BecomeMonitor.
import { BUS_NAME, BUS_OBJECT } from '../protocol/bus.js';
import { formatMatchRule } from '../protocol/format-match-rule.js';
import type { MatchRule } from '../protocol/match-rule.js';
import { onAbort } from '../transport/waiting.js';
import { sessionBusAddress } from '../transport/well-known-buses.js';
import { argumentError, isArray } from '../wire/arguments.js';
import { blaming } from '../wire/error-place.js';
import { decodeBodyAs, decodeHeaderAs, type MessageHeader } from '../wire/messages/decode.js';
import { type Message, methodCall } from '../wire/messages/message.js';
import { checkOptions, type OptionRules, TEXT } from '../wire/options.js';
import type { Reading } from '../wire/values/read-options.js';
import { CONNECT_RULES, type ConnectOptions } from './connection.js';
import { publishIn } from './diagnostics.js';
import type { DropReason } from './drops.js';
import type { ConnectionClosedError } from './errors.js';
import { greetBus } from './hello.js';
import type { LinkCore } from './link-core.js';
import { toDBusError } from './pending-call.js';
import { receiveReading } from './receive-options.js';
import { OVERFLOW, type OverflowPolicy, SignalQueue } from './signal-queue.js';
import { QUEUE_LIMIT_RULES } from './subscription.js';

/** How many messages a monitor keeps for a slow reader, unless its options say otherwise. */
const DEFAULT_QUEUE_LIMIT = 16_384;
/** How many bytes of messages a monitor keeps, unless its options say otherwise: 16 MiB. */
const DEFAULT_QUEUE_BYTES = 2 ** 24;

/** The bus of a monitor, and the limits of its queue. */
export interface MonitorOptions extends ConnectOptions {
  /** Milliseconds for each address, with its Hello, and as many for the answer to BecomeMonitor. Default: 25,000. */
  readonly connectTimeout?: number | undefined;
  /** The addresses of the bus. Default: those of the session bus. */
  readonly addresses?: string | undefined;
  /** The most messages that are kept until they are read; default: 16,384. Above it, one is dropped and counted. */
  readonly queueLimit?: number | undefined;
  /** The most bytes of these messages; default: 16 MiB. A single message may have more. */
  readonly queueBytes?: number | undefined;
  /** What happens when a message arrives and the queue is full, as with a subscription. Default: `'drop oldest'`. */
  readonly overflow?: OverflowPolicy | undefined;
}

const MONITOR_RULES: OptionRules<MonitorOptions> = {
  ...CONNECT_RULES, ...QUEUE_LIMIT_RULES, addresses: TEXT, overflow: OVERFLOW,
};

/**
 * The messages on a bus in order, for one reader: `for await (const message of monitor)`. Each has the `serial` and the
 * `sender` with which it was sent. Reading throws {@link ConnectionClosedError} after the bus has ended, and after the
 * messages that have arrived before.
 */
export interface Monitor extends AsyncIterableIterator<Message>, AsyncDisposable {
  /** The bus's GUID, 32 hex digits. */
  readonly guid: string;
  /** How many messages arrived and were not delivered, by reason: a full queue, or a message that is not valid. */
  readonly dropped: ReadonlyMap<DropReason, number>;
  /** Resolves when the connection has ended, and never rejects; the error's `cause` says why. */
  readonly closed: Promise<ConnectionClosedError>;
  /** Ends the monitor as `close` does; a `for await` loop that is left early calls it. */
  return(): Promise<IteratorResult<Message>>;
  /** Ends the monitor; queued messages are discarded. */
  close(): Promise<void>;
}

/** A connection that the bus has made a monitor. */
class BusMonitor implements Monitor {
  readonly #core: LinkCore;
  readonly #queue: SignalQueue<Message>;
  readonly #reading: Reading;
  /** The unique name that the connection had. */
  readonly #formerName: string;

  constructor(core: LinkCore, formerName: string, options: MonitorOptions) {
    const { queueLimit = DEFAULT_QUEUE_LIMIT, queueBytes = DEFAULT_QUEUE_BYTES, overflow } = options;
    this.#core = core;
    this.#formerName = formerName;
    this.#reading = receiveReading(options);
    this.#queue = new SignalQueue({
      limit: queueLimit, maxBytes: queueBytes, overflow,
      onDrop: (message) => core.drops.count('queue overflow', { message }),
      onOverflow: () => void core.engine.close({ timeout: 0 }),
    });
    core.engine.divert((frame) => this.#take(frame));
    void core.closed.then((reason) => this.#queue.end({ reason }));
  }

  #take(frame: Uint8Array): void {
    let header: MessageHeader | undefined;
    let message: Message;
    try {
      header = decodeHeaderAs(this.#reading, frame);
      publishIn(this.#core.id, header, frame.length);
      if (this.#isFarewell(header)) return;
      message = decodeBodyAs(this.#reading, header, frame);
    } catch (error) {
      this.#core.drops.count('invalid message', { message: header, error });
      return;
    }
    this.#queue.push(message, frame.length);
  }

  /** Whether the message is NameLost for the connection itself, which is not a copy of a message of others. */
  #isFarewell({ type, sender, destination, member }: MessageHeader): boolean {
    return type === 'signal' && member === 'NameLost' && sender === BUS_NAME && destination === this.#formerName;
  }

  get guid(): string {
    return this.#core.engine.guid;
  }

  get dropped(): ReadonlyMap<DropReason, number> {
    return this.#core.drops.snapshot();
  }

  get closed(): Promise<ConnectionClosedError> {
    return this.#core.closed;
  }

  next(): Promise<IteratorResult<Message>> {
    return this.#queue.next();
  }

  async return(): Promise<IteratorResult<Message>> {
    await this.close();
    return { value: undefined, done: true };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async close(): Promise<void> {
    this.#queue.discard();
    await this.#core.engine.close({ timeout: 0 }); // there is nothing to send
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/**
 * Opens a separate connection to a bus and makes it a monitor: it gets a copy of each message that one of the rules
 * matches, or of all messages if there is no rule. A monitor sends nothing and answers no call. On the system bus only
 * the administrator can become a monitor.
 * @throws {InvalidNameError | MatchRuleError} if a bus would refuse a rule
 * @throws {DBusError} `AccessDenied` if the bus does not permit it, `UnknownInterface` or `UnknownMethod` if the bus
 *   has no monitors
 * @throws {CallTimeoutError} if the bus does not answer in time
 * @throws {ArgumentError} if an option is unknown or its value is not valid; and the errors of {@link connectToBus}
 */
export async function becomeMonitor(rules: readonly MatchRule[] = [], options: MonitorOptions = {}): Promise<Monitor> {
  if (!isArray(rules)) throw argumentError('becomeMonitor', 'the rules must be an array', rules);
  checkOptions('becomeMonitor', options, MONITOR_RULES);
  const texts = blaming(becomeMonitor, () => rules.map((rule) => formatMatchRule(rule)));
  const { addresses = sessionBusAddress(), signal, connectTimeout } = options;
  const { core, uniqueName } = await blaming(becomeMonitor, () => greetBus(addresses, options));
  const call = methodCall({
    ...BUS_OBJECT, interface: `${BUS_NAME}.Monitoring`, member: 'BecomeMonitor', signature: 'asu', body: [texts, 0],
  });
  let endAbort = (): void => {};
  try {
    return await new Promise<Monitor>((resolve, reject) => {
      endAbort = onAbort(signal, () => reject(signal?.reason as Error)); // any value that the caller has chosen
      core.engine.request(call, (outcome) => {
        // All further messages are for the monitor.
        if ('error' in outcome) reject(outcome.error as Error); // of the engine
        else if (outcome.reply.type === 'error') reject(toDBusError(outcome.reply, call));
        else resolve(new BusMonitor(core, uniqueName, options));
      }, connectTimeout);
    });
  } catch (error) {
    await core.engine.close({ timeout: 0 });
    throw error;
  } finally {
    endAbort();
  }
}
