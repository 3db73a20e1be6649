// The interface of a policy: it decides whether a client may own a name, and send or receive a message. A bus without a
// policy allows everything. admission.ts uses it, configuration files have the rules. Specification: none
// (dbus-daemon(1), <policy>). Tests: admission.test.ts.
import type { MessageHeader } from '../wire/messages/decode.js';

/** How a message travels. */
export interface Passage {
  /** The names of the other side: owned, or waited for. The bus itself has `org.freedesktop.DBus`. */
  readonly peerNames: readonly string[];
  /** Whether the message answers a call of its receiver that waits. */
  readonly isRequestedReply: boolean;
  /** Whether the receiver gets a copy of a message for another. */
  readonly isEavesdropped: boolean;
}

/** What one client may do. */
export interface ClientPolicy {
  mayOwn(name: string): boolean;
  maySend(message: MessageHeader, passage: Passage): boolean;
  mayReceive(message: MessageHeader, passage: Passage): boolean;
}
