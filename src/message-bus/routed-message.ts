// One message on its way through the bus: its header is decoded once, its bytes are stamped with the sender once, and
// the texts in its body are read only if a rule asks for them. It decides nothing.
// Specification: Message Bus Message Routing. Tests: test/interop/bus-rules.test.ts.
import { BUS_NAME } from '../protocol/bus.js';
import { decodeHeader, type MessageHeader } from '../wire/messages/decode.js';
import { encodeMessage } from '../wire/messages/encode.js';
import { type Message, wantsReply } from '../wire/messages/message.js';
import { stampSender } from '../wire/messages/stamp-sender.js';
import { textArguments } from '../wire/messages/text-arguments.js';
import type { Client } from './client.js';
import { type MatchedMessage, MAX_TEXTS } from './match-index.js';

const NO_NAMES: ReadonlySet<string> = new Set();

/** Whether a name belongs to a client now. */
export type IsNameOf = (name: string, client: Client) => boolean;

/** A message and its sender. */
export class RoutedMessage implements MatchedMessage {
  readonly header: MessageHeader;
  readonly senderNames: ReadonlySet<string>;
  /**
   * The client to which it is addressed; undefined for the bus itself, for a name without an owner, and for a
   * broadcast.
   */
  recipient: Client | undefined = undefined;
  readonly #isNameOf: IsNameOf;
  readonly #frame: Uint8Array;
  readonly #sender: Client | undefined;
  #bytes: Uint8Array | undefined;
  #texts: readonly (string | undefined)[] | undefined;

  private constructor(header: MessageHeader, frame: Uint8Array, sender: Client | undefined, isNameOf: IsNameOf) {
    this.header = header;
    this.#frame = frame;
    this.#sender = sender;
    this.#isNameOf = isNameOf;
    this.senderNames = sender === undefined ? NO_NAMES : sender.ownedNames;
    this.#bytes = sender === undefined ? frame : undefined;
  }

  /** A valid message of a client. The frame must not change until the message has been handled. */
  static received(header: MessageHeader, frame: Uint8Array, sender: Client, isNameOf: IsNameOf): RoutedMessage {
    return new RoutedMessage(header, frame, sender, isNameOf);
  }

  /** A message of a client that has the name of its sender already, as `bytes` has it. */
  static stamped(bytes: Uint8Array, sender: Client, isNameOf: IsNameOf): RoutedMessage {
    const message = new RoutedMessage(decodeHeader(bytes), bytes, sender, isNameOf);
    message.#bytes = bytes;
    return message;
  }

  /** A message of the bus itself. */
  static ofBus(message: Message, serial: number, isNameOf: IsNameOf): RoutedMessage {
    const bytes = encodeMessage(message, { serial });
    return new RoutedMessage(decodeHeader(bytes), bytes, undefined, isNameOf);
  }

  /** The client that sent it; undefined for the bus itself. */
  get sender(): Client | undefined {
    return this.#sender;
  }

  get senderName(): string {
    return this.#sender === undefined ? BUS_NAME : this.#sender.sender.name;
  }

  /** The message as it was received. */
  get frame(): Uint8Array {
    return this.#frame;
  }

  /**
   * The message as it is passed on, with the name of its sender; undefined if it is too long with that name.
   * The receivers must copy it at once.
   */
  get bytes(): Uint8Array | undefined {
    if (this.#bytes !== undefined || this.#sender === undefined) return this.#bytes;
    return (this.#bytes = stampSender(this.header, this.#frame, this.#sender.sender));
  }

  get texts(): readonly (string | undefined)[] {
    return (this.#texts ??= textArguments(this.header, this.#frame, MAX_TEXTS));
  }

  /** Whether the sender waits for a reply. */
  get wantsReply(): boolean {
    return this.header.type === 'method_call' && wantsReply(this.header);
  }

  isAddressedTo(name: string): boolean {
    if (this.recipient === undefined) return this.header.destination === name;
    return this.#isNameOf(name, this.recipient);
  }
}
