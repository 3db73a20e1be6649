// Delivers messages to clients: to the addressed client, to all with a matching rule, to monitors and to eavesdroppers;
// to each at most once. A client for which too many bytes wait, because it does not read, is marked to be disconnected;
// stream-transport.ts ends one that reads nothing for ten seconds.
// It does not decide whether a message may be sent (router.ts). Tests: delivery.test.ts. Specification: Message Bus
// Message Routing, Match Rules (eavesdrop), BecomeMonitor.
import { BUS_NAME } from '../protocol/bus.js';
import { ErrorName } from '../protocol/error-names.js';
import { MessageFlag } from '../wire/constants.js';
import { errorReply, type Message } from '../wire/messages/message.js';
import type { Client } from './client.js';
import { MatchIndex } from './match-index.js';
import { refusalText, refusingSide } from './permissions.js';
import { type IsNameOf, RoutedMessage } from './routed-message.js';

/** The state of a bus that delivery uses. */
export interface DeliveryOptions {
  readonly maxOutgoingBytes: number;
  readonly isNameOf: IsNameOf;
}

/** A client for which more bytes wait (8 MiB) is slow. */
const MANY_BYTES = 2 ** 23;
/** The most bytes that wait for all slow clients together (512 MiB), since a user can have many connections. */
const MAX_TOTAL_BYTES = 2 ** 29;

/** The outgoing side of a bus. */
export class Delivery {
  /** The rules for broadcasts. */
  readonly rules = new MatchIndex<Client>();
  /** The rules that also ask for messages to others. */
  readonly eavesdroppers = new MatchIndex<Client>();
  /** The rules of monitors. */
  readonly monitors = new MatchIndex<Client>();
  readonly #maxOutgoingBytes: number;
  readonly #isNameOf: IsNameOf;
  /** The clients that have too many bytes waiting. */
  #overflowing: Client[] = [];
  /** The clients that were slow when they last got a message. */
  readonly #slow = new Set<Client>();
  /** Counts deliveries, so that a client gets a message once even if several of its rules match. */
  #delivery = 0;

  constructor({ maxOutgoingBytes, isNameOf }: DeliveryOptions) {
    this.#maxOutgoingBytes = maxOutgoingBytes;
    this.#isNameOf = isNameOf;
  }

  /** Returns the clients that must be disconnected because they do not read, and clears the list. */
  takeOverflowing(): readonly Client[] {
    if (this.#overflowing.length === 0) return this.#overflowing;
    const taken = this.#overflowing;
    this.#overflowing = [];
    return taken;
  }

  /** Shows a message to the monitors. It comes before every other delivery of the message. */
  capture(message: RoutedMessage): void {
    if (this.monitors.size > 0) this.#toMatching(this.monitors, message, ++this.#delivery);
  }

  /** Delivers a message to its recipient, and to eavesdroppers. */
  unicast(message: RoutedMessage, recipient: Client): void {
    const { bytes } = message;
    if (bytes === undefined) return;
    this.#toClient(recipient, bytes);
    this.overhear(message);
  }

  /** Delivers a message to eavesdroppers: one that is addressed to the bus, or that its recipient has got already. */
  overhear(message: RoutedMessage): void {
    if (this.eavesdroppers.size === 0) return;
    const delivery = ++this.#delivery;
    if (message.recipient !== undefined) message.recipient.lastDelivery = delivery;
    this.#toMatching(this.eavesdroppers, message, delivery);
  }

  /** Delivers a signal to all clients that have a rule for it. */
  broadcast(message: RoutedMessage): void {
    this.#toMatching(this.rules, message, ++this.#delivery);
  }

  /** Sends a message of the bus itself to one client. Monitors see it, but eavesdroppers do not. */
  fromBus(message: Message, recipient: Client): void {
    const addressed = addressedTo(message, recipient);
    if (this.monitors.size === 0 && recipient.policy === undefined) {
      if (this.#hasRoom(recipient)) recipient.send(addressed);
      return;
    }
    const routed = RoutedMessage.ofBus(addressed, recipient.nextSerial(), this.#isNameOf);
    routed.recipient = recipient;
    this.capture(routed);
    // A policy can withhold signals of the bus from a client, but not replies.
    const side = message.type === 'signal' ? refusingSide(routed, recipient, false) : undefined;
    if (side !== undefined) this.#showRefusal(routed, side);
    else if (routed.bytes !== undefined) this.#toClient(recipient, routed.bytes);
  }

  /** Broadcasts a signal of the bus itself. */
  broadcastFromBus(message: Message): void {
    const routed = RoutedMessage.ofBus(fromBus(message), 1, this.#isNameOf);
    this.capture(routed);
    this.#toMatching(this.rules, routed, ++this.#delivery);
  }

  #toMatching(index: MatchIndex<Client>, message: RoutedMessage, delivery: number): void {
    index.match(message, (client) => {
      if (client.lastDelivery === delivery) return;
      client.lastDelivery = delivery;
      const { bytes } = message;
      if (bytes === undefined) return;
      const isCopy = index === this.eavesdroppers;
      const side = index === this.monitors ? undefined : refusingSide(message, client, isCopy);
      if (side !== undefined) {
        if (!isCopy) this.#showRefusal(message, side);
        return;
      }
      if (message.sender === undefined && message.recipient === undefined) writeSerial(bytes, client.nextSerial());
      this.#toClient(client, bytes);
    });
  }

  /**
   * Shows the monitors that a message is refused. Its sender does not get the error, because other clients have got the
   * message.
   */
  #showRefusal(message: RoutedMessage, side: 'send' | 'receive'): void {
    if (this.monitors.size === 0) return;
    const refused = { serial: message.header.serial, sender: message.senderName };
    const error = { errorName: ErrorName.ACCESS_DENIED, message: refusalText(side, message) };
    const shown = RoutedMessage.ofBus(fromBus(errorReply(refused, error)), 1, this.#isNameOf);
    shown.recipient = message.sender;
    this.capture(shown);
  }

  #toClient(client: Client, bytes: Uint8Array): void {
    if (this.#hasRoom(client)) client.sendBytes(bytes);
  }

  #hasRoom(client: Client): boolean {
    const { queuedBytes } = client.transport;
    if (queuedBytes > client.peaks.outgoingBytes) client.peaks.outgoingBytes = queuedBytes;
    if (queuedBytes > this.#maxOutgoingBytes) {
      this.#overflowing.push(client);
      return false;
    }
    return queuedBytes <= MANY_BYTES || this.#haveAllRoom(client);
  }

  /** Whether all queues together are short enough. If not, the client with the longest one is disconnected. */
  #haveAllRoom(client: Client): boolean {
    this.#slow.add(client);
    let total = 0;
    let longest = client;
    for (const each of this.#slow) {
      const { queuedBytes } = each.transport;
      if (each.state === 'gone' || queuedBytes <= MANY_BYTES) {
        this.#slow.delete(each);
        continue;
      }
      total += queuedBytes;
      if (queuedBytes > longest.transport.queuedBytes) longest = each;
    }
    if (total <= MAX_TOTAL_BYTES) return true;
    this.#overflowing.push(longest);
    return longest !== client;
  }
}

/** Messages of the bus are little-endian, as encodeMessage() makes them unless asked otherwise. */
function writeSerial(bytes: Uint8Array, serial: number): void {
  for (let place = 0; place < 4; place++) bytes[8 + place] = (serial >>> (8 * place)) & 0xff;
}

/** The same message with the bus as its sender; it requires no reply. */
function fromBus(message: Message, destination = message.destination): Message {
  return {
    type: message.type,
    flags: message.flags | MessageFlag.NO_REPLY_EXPECTED,
    serial: 0,
    byteOrder: 'little',
    path: message.path,
    interface: message.interface,
    member: message.member,
    errorName: message.errorName,
    replySerial: message.replySerial,
    destination,
    sender: BUS_NAME,
    signature: message.signature,
    unixFds: 0,
    unknownFields: message.unknownFields,
    body: message.body,
  } as Message; // it has the fields that its type requires
}

function addressedTo(message: Message, { uniqueName }: Client): Message {
  return fromBus(message, uniqueName === '' ? undefined : uniqueName);
}
