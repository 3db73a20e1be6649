// Decides about each valid message of a client: whether it is allowed, and whether it goes to the bus itself, to the
// owner of a name, to all clients with a matching rule, or is dropped; before Hello, a client may only call the bus.
// intake.ts checks it before, delivery.ts sends, the driver answers. Specification: Message Bus Message Routing,
// Message Bus Names. Tests: test/interop/bus-rules.test.ts.
import { BUS_NAME } from '../protocol/bus.js';
import { ErrorName } from '../protocol/error-names.js';
import { MessageFlag } from '../wire/constants.js';
import type { MessageHeader } from '../wire/messages/decode.js';
import { type Waiting, waitingOf } from './activator.js';
import type { BusCore } from './bus-core.js';
import type { Client } from './client.js';
import { disconnectSlow } from './departures.js';
import { ProtocolViolation } from './errors.js';
import { mayStart, refusalBeforeHello, refusalText, refusingSide } from './permissions.js';
import { type IsNameOf, RoutedMessage } from './routed-message.js';

/** Answers calls to the bus itself. */
export interface CallReceiver {
  /** Answers a call to the name of the bus; returns false if it has failed. */
  handle(message: RoutedMessage, client: Client): boolean;
  /** Answers a call without a destination, which is for the bus as a peer. */
  handleAsPeer(message: RoutedMessage, client: Client): void;
}

/** The router of one bus. */
export class Router {
  readonly #core: BusCore;
  readonly #driver: CallReceiver;
  readonly #isNameOf: IsNameOf = (name, client) => this.#core.isNameOf(name, client);

  constructor(core: BusCore, driver: CallReceiver) {
    this.#core = core;
    this.#driver = driver;
    core.replies.onExpired = () => disconnectSlow(core);
  }

  /**
   * Handles one valid message; its bytes are not used after this returns.
   * @throws {ProtocolViolation} if the client must be disconnected
   */
  route(client: Client, header: MessageHeader, frame: Uint8Array): void {
    const { type, destination } = header;
    if (typeof type === 'number') return; // must be ignored ‹Message Types›
    const message = RoutedMessage.received(header, frame, client, this.#isNameOf);
    if (destination === undefined && type !== 'signal') {
      if (type === 'method_call') this.#driver.handleAsPeer(message, client);
      return;
    }
    if (destination === BUS_NAME && (client.state === 'registered' || type === 'method_call')) {
      this.#toBus(message, client);
      return;
    }
    const recipient = destination === undefined ? undefined : this.#core.clientOf(destination);
    message.recipient = recipient;
    this.#core.delivery.capture(message);
    if (client.state === 'new') throw ProtocolViolation.notRegistered();
    if (destination === undefined) this.#broadcast(message);
    else if (recipient === undefined) this.#toNobody(message, destination);
    else this.#unicast(message, recipient);
  }

  #toBus(message: RoutedMessage, client: Client): void {
    const { type, member, interface: interfaceName } = message.header;
    const { delivery } = this.#core;
    const isHello = member === 'Hello' && (interfaceName === undefined || interfaceName === BUS_NAME);
    const isFirst = isHello && client.state === 'new' && type === 'method_call'; // the driver shows it to monitors
    if (!isFirst) delivery.capture(message);
    if (type === 'method_call' && !this.#call(message, client, isHello)) return;
    delivery.overhear(message); // not if it has failed, as in the reference implementation
  }

  /** Calls a method of the bus; returns false if the call fails. */
  #call(message: RoutedMessage, client: Client, isHello: boolean): boolean {
    const beforeHello = refusalBeforeHello(client, isHello);
    if (beforeHello !== undefined) {
      this.#core.refuse(message, ErrorName.ACCESS_DENIED, beforeHello);
      return false;
    }
    const side = client.state === 'new' ? undefined : refusingSide(message, undefined, false);
    if (side === undefined) return this.#driver.handle(message, client);
    this.#core.reject(message, ErrorName.ACCESS_DENIED, refusalText(side, message));
    return false;
  }

  #broadcast(message: RoutedMessage): void {
    if (message.bytes === undefined) throw ProtocolViolation.tooLong();
    this.#core.delivery.broadcast(message);
  }

  /** Starts the service of the name, or answers that there is none. */
  #toNobody(message: RoutedMessage, name: string): void {
    const { type, flags } = message.header;
    const isStarting = (flags & MessageFlag.NO_AUTO_START) === 0 && (type === 'method_call' || type === 'signal');
    if (!isStarting) {
      this.#core.refuse(message, ErrorName.NAME_HAS_NO_OWNER, `Name "${name}" does not exist`);
    } else if (!mayStart(message, name) && this.#core.activator.names().includes(name)) {
      this.#core.reject(message, ErrorName.ACCESS_DENIED, refusalText('send', message));
    } else if (name.startsWith(':') || !this.#core.activator.start(name, this.#held(message, name))) {
      const problem = `The name ${name} was not provided by any .service files`;
      this.#core.refuse(message, ErrorName.SERVICE_UNKNOWN, problem);
    }
  }

  /**
   * A message that waits for a service. It keeps a copy of the bytes that are passed on, which have no unknown header
   * fields: these can be long, and their values take many times as much memory.
   * @throws {ProtocolViolation} if it is too long to be delivered; this must not happen to the owner of the name later
   */
  #held({ sender, bytes }: RoutedMessage, name: string): Waiting {
    if (bytes === undefined) throw ProtocolViolation.tooLong();
    const core = this.#core;
    const client = sender!; // the bus itself starts no services
    const held = bytes.slice();
    const restored = (): RoutedMessage => RoutedMessage.stamped(held, client, this.#isNameOf);
    return waitingOf(client, {
      bytes: held.length,
      deliver: () => {
        const recipient = core.clientOf(name);
        if (recipient === undefined) return;
        const message = restored();
        message.recipient = recipient;
        this.#unicast(message, recipient);
      },
      fail: (errorName, text) => core.refuse(restored(), errorName, text),
    });
  }

  #unicast(message: RoutedMessage, recipient: Client): void {
    if (message.bytes === undefined) throw ProtocolViolation.tooLong();
    if (!this.#isAllowed(message, recipient)) return;
    this.#core.delivery.unicast(message, recipient);
  }

  /** Whether a reply is expected, or a call can be: it must not have the serial of an open one. */
  #isAllowed(message: RoutedMessage, recipient: Client): boolean {
    const { replies } = this.#core;
    const { header } = message;
    const sender = message.sender!; // the bus itself does not go through the router
    const isAdmitted = replies.admits(header, sender, recipient);
    const side = refusingSide(message, recipient, false, isAdmitted);
    if (side !== undefined) {
      this.#core.reject(message, ErrorName.ACCESS_DENIED, refusalText(side, message)); // even if it is a signal
      return false;
    }
    if (!isAdmitted) return false; // a reply without an open call
    if (!message.wantsReply) return true;
    const refusal = replies.expect(sender, recipient, header.serial);
    if (refusal !== undefined) this.#core.refuse(message, refusal.errorName, refusal.message);
    return refusal === undefined;
  }
}
