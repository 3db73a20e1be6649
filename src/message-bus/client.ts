// One connection to the bus, as the bus knows it: its transport, its state, its names and rules. It has data, and the
// two ways to send bytes; the name registry, the index and the router decide about changes. Tests:
// test/interop/bus-rules.test.ts. Specification: Message Bus Message Routing, Message Bus Names.
import type { Transport } from '../transport/transport.js';
import { MAX_UINT32 } from '../wire/constants.js';
import { decodeMessage, type MessageHeader } from '../wire/messages/decode.js';
import type { Message } from '../wire/messages/message.js';
import { senderField, type SenderField } from '../wire/messages/stamp-sender.js';
import type { Identity } from './identity.js';
import type { IndexedRule } from './match-index.js';
import type { NameHolder, NameQueue } from './names.js';

/**
 * A client is new until Hello, then registered. A monitor has lost its names and only receives. Nothing is sent to a
 * client that is gone.
 */
export type ClientState = 'new' | 'registered' | 'monitor' | 'gone';

/** How a message travels. */
export interface Passage {
  /** The names of the other side: owned, or waited for. The bus itself has `org.freedesktop.DBus`. */
  readonly peerNames: readonly string[];
  /** Whether the message answers a call of its receiver that waits. */
  readonly isRequestedReply: boolean;
  /** Whether the receiver gets a copy of a message for another. */
  readonly isEavesdropped: boolean;
}

/** What one client may do. permissions.ts asks it; the rules are in configuration files. */
export interface ClientPolicy {
  mayOwn(name: string): boolean;
  maySend(message: MessageHeader, passage: Passage): boolean;
  mayReceive(message: MessageHeader, passage: Passage): boolean;
}

/** The sender of messages that a client sends before Hello, as monitors see it. */
const NOT_ACTIVE: SenderField = senderField(':not.active.yet');

/** A rule of a client: how often the client has added it, and its places in the indexes. */
export interface ClientRule {
  count: number;
  readonly broadcast: IndexedRule<Client>;
  /** Set if the rule also asks for messages that are addressed to others. */
  readonly eavesdrop: IndexedRule<Client> | undefined;
}

/** One connection to the bus. */
export class Client implements NameHolder {
  readonly transport: Transport;
  readonly identity: Identity;
  /** The policy of the client; undefined if it may do everything. */
  readonly policy: ClientPolicy | undefined;
  state: ClientState = 'new';
  /** Empty before Hello. It is kept after the end, for messages about the client. */
  uniqueName = '';
  /** The SENDER of its messages. */
  sender = NOT_ACTIVE;
  readonly places = new Set<NameQueue<NameHolder>>();
  readonly ownedNames = new Set<string>();
  /** Its match rules by their text in canonical form. */
  readonly rules = new Map<string, ClientRule>();
  /** Its rules as a monitor. */
  readonly monitorRules: IndexedRule<Client>[] = [];
  /** How many rules it has, each counted as often as it was added. */
  ruleCount = 0;
  /** The number of rules that its rules count as for the limit; see costOf() in client-rules.ts. */
  ruleCost = 0;
  /** The functions that are called when it leaves, or becomes a monitor: they forget its waiting messages and calls. */
  readonly departures = new Set<() => void>();
  /** The delivery that reached it last; see delivery.ts. */
  lastDelivery = 0;
  /** Bytes that it has sent and that are not handled; see intake.ts. */
  incomingBytes = 0;
  /** Peaks and totals for Debug.Stats. */
  readonly peaks = { rules: 0, names: 0, incomingBytes: 0, outgoingBytes: 0 };
  #serial = 0;

  constructor(transport: Transport, identity: Identity, policy?: ClientPolicy) {
    this.transport = transport;
    this.identity = identity;
    this.policy = policy;
  }

  /** Gives the client its unique name: from now on it is registered. */
  register(uniqueName: string): void {
    this.uniqueName = uniqueName;
    this.sender = senderField(uniqueName);
    this.state = 'registered';
  }

  /** The serial of the next message of the bus itself to this client. */
  nextSerial(): number {
    this.#serial = this.#serial === MAX_UINT32 ? 1 : this.#serial + 1;
    return this.#serial;
  }

  /** Queues a message of the bus itself; returns its serial. */
  send(message: Message): number {
    const serial = this.nextSerial();
    if (this.state !== 'gone') this.transport.write(message, { serial });
    return serial;
  }

  /** Queues a whole message. */
  sendBytes(bytes: Uint8Array): void {
    if (this.state === 'gone') return;
    const { transport } = this;
    if (transport.writeBytes !== undefined) {
      transport.writeBytes(bytes);
    } else {
      const message = decodeMessage(bytes);
      transport.write(message, { serial: message.serial });
    }
  }
}
