// The diagnostics channels of connections: each message in and out, and the start and end of connections. No event is
// created for a channel without a subscriber. drops.ts has the channel of dropped messages. Tests: diagnostics.test.ts.
// (No clause of the specification.)
import { channel } from 'node:diagnostics_channel';
import type { MessageHeader } from '../wire/messages/decode.js';
import type { Message } from '../wire/messages/message.js';
import type { ConnectionClosedError } from './errors.js';
import type { Gap } from './gap.js';

/** On `dbus-wire:message-in`: a message has arrived whose header is valid. It is published before it is delivered. */
export interface MessageIn {
  /** The number of the connection in this process, from 1; it stays the same when the connection is restored. */
  readonly connection: number;
  /** The message; its body is decoded only if it is read. */
  readonly message: MessageHeader;
  /** The length of the whole message. */
  readonly bytes: number;
}

/** On `dbus-wire:message-out`: a message was accepted and leaves at the end of the turn. */
export interface MessageOut {
  readonly connection: number;
  /** The message as it was given, with its body. */
  readonly message: Message;
  /** The serial with which it is sent. */
  readonly serial: number;
}

/** On `dbus-wire:connect`: a connection is open and, on a bus, has its unique name. */
export interface Connected {
  readonly connection: number;
  /** The GUID of the server. */
  readonly guid: string;
  /** The unique name; undefined without a bus. */
  readonly uniqueName: string | undefined;
}

/** On `dbus-wire:reconnect`: a connection is restored, and so is everything that the program wants of the bus. */
export interface Reconnected extends Connected {
  /** The unique name on the connection that has ended. */
  readonly previousUniqueName: string;
  /** From the end of one connection until the bus has accepted the next one, in milliseconds. */
  readonly downtime: number;
  /** How many attempts were made; the last one has succeeded. */
  readonly attempts: number;
}

/**
 * On `dbus-wire:disconnect`: a connection has ended. If all attempts to restore it fail, this is published again.
 */
export interface Disconnected {
  readonly connection: number;
  /** Why; its `cause` is undefined if this side has closed the connection. */
  readonly error: ConnectionClosedError;
  /** Whether attempts to restore it follow. */
  readonly isRestorable: boolean;
}


const messagesIn = channel('dbus-wire:message-in');
const messagesOut = channel('dbus-wire:message-out');
const connects = channel('dbus-wire:connect');
const disconnects = channel('dbus-wire:disconnect');
const reconnects = channel('dbus-wire:reconnect');

let connectionCount = 0;

/** The number of the next connection. */
export function nextConnection(): number {
  return ++connectionCount;
}

export function publishIn(connection: number, message: MessageHeader, bytes: number): void {
  if (messagesIn.hasSubscribers) messagesIn.publish({ connection, message, bytes } satisfies MessageIn);
}

export function publishOut(connection: number, message: Message, serial: number): void {
  if (messagesOut.hasSubscribers) messagesOut.publish({ connection, message, serial } satisfies MessageOut);
}

export function publishConnect(connection: number, guid: string, uniqueName: string | undefined): void {
  if (connects.hasSubscribers) connects.publish({ connection, guid, uniqueName } satisfies Connected);
}

export function publishDisconnect(connection: number, error: ConnectionClosedError, isRestorable: boolean): void {
  if (disconnects.hasSubscribers) disconnects.publish({ connection, error, isRestorable } satisfies Disconnected);
}

export function publishReconnect(connection: number, guid: string, gap: Gap): void {
  if (!reconnects.hasSubscribers) return;
  const { uniqueName, previousUniqueName, downtime, attempts } = gap;
  reconnects.publish({ connection, guid, uniqueName, previousUniqueName, downtime, attempts } satisfies Reconnected);
}
