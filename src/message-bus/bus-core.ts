// The state of a bus that its parts share: the clients, their names, their rules and the open calls. It makes no
// decisions; router.ts, departures.ts, name-changes.ts and the driver make them. Specification: Message Bus
// Specification. Tests: test/interop/bus-rules.test.ts.
import { randomBytes } from 'node:crypto';
import { BUS_NAME } from '../protocol/bus.js';
import { errorReply } from '../wire/messages/message.js';
import { type Activator, NO_ACTIVATOR } from './activator.js';
import type { Client } from './client.js';
import { Delivery } from './delivery.js';
import type { Limits } from './limits.js';
import { NameRegistry } from './names.js';
import { type BusError, PendingReplies } from './pending-replies.js';
import type { RoutedMessage } from './routed-message.js';

/** Longest text of an error. Texts repeat names of clients, which can have any length if they are not valid. */
const MAX_TEXT_LENGTH = 1_000;

function shortened(text: string): string {
  if (text.length <= MAX_TEXT_LENGTH) return text;
  return `${text.slice(0, MAX_TEXT_LENGTH).toWellFormed()}…`; // the cut may split a surrogate pair
}

/** The state of one bus. */
export class BusCore {
  /** The id of the bus, 32 hex digits; not the GUID of an address. ‹org.freedesktop.DBus.GetId› */
  readonly id = randomBytes(16).toString('hex');
  readonly limits: Limits;
  /** The names of optional behavior that parts of the bus add. ‹Message Bus Properties› */
  readonly moreFeatures: readonly string[];
  /** All connected clients, in any state except gone. */
  readonly connected = new Set<Client>();
  /** The registered clients by unique name. */
  readonly clients = new Map<string, Client>();
  readonly names: NameRegistry<Client>;
  readonly replies: PendingReplies<Client>;
  readonly delivery: Delivery;
  activator: Activator = NO_ACTIVATOR;
  /** Peaks for Debug.Stats. */
  readonly peaks = { rules: 0, rulesOfOne: 0, names: 0, namesOfOne: 0 };
  #connections = 0;
  /** How many registered clients each user has. */
  readonly #clientsOfUser = new Map<number | undefined, number>();

  constructor(limits: Limits, moreFeatures: readonly string[] = []) {
    this.limits = limits;
    this.moreFeatures = moreFeatures;
    this.names = new NameRegistry(limits.maxNamesPerConnection);
    this.delivery = new Delivery({
      maxOutgoingBytes: limits.maxOutgoingBytes,
      isNameOf: (name, client) => this.isNameOf(name, client),
    });
    this.replies = new PendingReplies({
      maxPerCaller: limits.maxRepliesPerConnection,
      timeout: limits.replyTimeout,
      answer: (caller, serial, error) => this.#answer(caller, serial, error),
    });
  }

  /** A unique name that no connection of this bus has had. ‹Message Bus Names› */
  nextUniqueName(): string {
    return `:1.${this.#connections++}`;
  }

  /** How many registered clients a user has. */
  countOfUser(uid: number | undefined): number {
    return this.#clientsOfUser.get(uid) ?? 0;
  }

  /** Gives a client its unique name. */
  register(client: Client): void {
    const { uid } = client.identity;
    client.register(this.nextUniqueName());
    this.clients.set(client.uniqueName, client);
    this.#clientsOfUser.set(uid, this.countOfUser(uid) + 1);
  }

  /** Updates the peak numbers of names; must be called after a client has got a name. */
  countNames({ places, peaks }: Client): void {
    const count = places.size + 1;
    peaks.names = Math.max(peaks.names, count);
    this.peaks.namesOfOne = Math.max(this.peaks.namesOfOne, count);
    this.peaks.names = Math.max(this.peaks.names, this.clients.size + this.names.size);
  }

  /** Removes the unique name of a client. */
  unregister(client: Client): void {
    const { uid } = client.identity;
    this.clients.delete(client.uniqueName);
    const count = this.countOfUser(uid) - 1;
    if (count > 0) this.#clientsOfUser.set(uid, count);
    else this.#clientsOfUser.delete(uid);
    for (const forget of client.departures) forget();
    client.departures.clear();
  }

  /** The client that has a unique name, or the present owner of a well-known name. */
  clientOf(name: string): Client | undefined {
    return name.startsWith(':') ? this.clients.get(name) : this.names.ownerOf(name);
  }

  /** Whether the bus itself or a client has the name now. */
  hasOwner(name: string): boolean {
    return name === BUS_NAME || this.clientOf(name) !== undefined;
  }

  /** Whether a name means this client: its unique name, or a name that it owns. */
  isNameOf(name: string, client: Client): boolean {
    return this.clientOf(name) === client;
  }

  /** Answers a message with an error of the bus itself, if its sender waits for a reply. */
  refuse(message: RoutedMessage, errorName: string, text: string): void {
    if (message.wantsReply) this.reject(message, errorName, text);
  }

  /** Answers a message with an error of the bus itself, although its sender may not wait for a reply. */
  reject({ sender, header }: RoutedMessage, errorName: string, text: string): void {
    if (sender === undefined) return;
    this.#answer(sender, header.serial, { errorName, message: shortened(text) });
  }

  #answer(client: Client, serial: number, error: BusError): void {
    const call = { serial, sender: undefined }; // the destination is written when it is sent
    this.delivery.fromBus(errorReply(call, error), client);
  }
}
