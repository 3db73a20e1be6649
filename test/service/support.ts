// A service without a connection: it receives calls as messages and sends messages. All messages are encoded and
// decoded on the way, so that only valid ones pass.

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { onTestFinished } from 'vitest';
import { CallRefusal } from '../../src/connection/call-router.js';
import { type CallLimits, callLimits } from '../../src/connection/call-limits.js';
import { Callers, type WatchDepartures } from '../../src/connection/callers.js';
import { ConnectionClosedError } from '../../src/connection/errors.js';
import { DBusError } from '../../src/protocol/errors.js';
import type { Implementation } from '../../src/interface/definition.js';
import { Dispatcher, type DispatcherOptions } from '../../src/service/dispatch.js';
import { exportedInterface } from '../../src/service/exported-interface.js';
import type { HandlerError } from '../../src/service/failure-reports.js';
import { ObjectTree } from '../../src/service/object-tree.js';
import type { MessageSink } from '../../src/service/replies.js';
import { standardInterfaces } from '../../src/service/standard-interfaces.js';
import { TurnEnd } from '../../src/service/turn-end.js';
import { MessageFlag } from '../../src/wire/constants.js';
import { decodeMessage } from '../../src/wire/messages/decode.js';
import { encodeMessage } from '../../src/wire/messages/encode.js';
import { errorReply, type Message, type MethodCall } from '../../src/wire/messages/message.js';

export const CALLER = ':1.7';

/** Takes messages as a connection does: encoded, or refused with an error. */
export class RecordingSink implements MessageSink {
  readonly sent: Message[] = [];
  isClosed = false;

  send(message: Message): number {
    if (this.isClosed) throw new ConnectionClosedError('the connection was closed');
    const serial = this.sent.length + 1;
    this.sent.push(decodeMessage(encodeMessage(message, { serial, allowUnixFds: false })));
    return serial;
  }
}

/** A call as it arrives from a bus: decoded from bytes, with a sender. */
export function incomingCall(parts: Partial<MethodCall> & Pick<MethodCall, 'path' | 'member'>): MethodCall {
  const call: MethodCall = {
    type: 'method_call', flags: 0, serial: 1, byteOrder: 'little', interface: undefined, errorName: undefined,
    replySerial: undefined, destination: 'com.example.Service', sender: CALLER, signature: '', unixFds: 0,
    unknownFields: [], body: [], ...parts,
  };
  return decodeMessage(encodeMessage(call, { serial: call.serial })) as MethodCall; // as it was encoded
}

/** Runs whole calls, and refuses them as a link does. */
export class TestDispatcher extends Dispatcher {
  readonly #sink: MessageSink;

  constructor(options: DispatcherOptions) {
    super(options);
    this.#sink = options.sink;
  }

  /** `length` is the length of the message that the call says to have had. */
  dispatch(call: MethodCall, length = 0): void | Promise<void> {
    const decision = this.route(call, length);
    if (!(decision instanceof CallRefusal)) return decision.run(call);
    const isReplyWanted = (call.flags & MessageFlag.NO_REPLY_EXPECTED) === 0;
    if (isReplyWanted && !(this.#sink as RecordingSink).isClosed) {
      const { errorName, message } = decision;
      this.#sink.send(errorReply(call, { errorName, message }));
    }
  }
}

export interface Service {
  readonly tree: ObjectTree;
  readonly sink: RecordingSink;
  readonly dispatcher: TestDispatcher;
  readonly abort: AbortController;
  /** A caller leaves the bus. */
  readonly leave: (name: string) => void;
  /** Whether the service watches which callers leave. */
  readonly isWatching: () => boolean;
  /** Dispatches a call and resolves to the messages that were sent for it. */
  call(parts: Parameters<typeof incomingCall>[0]): Promise<readonly Message[]>;
}

/** A service with objects by path, and with limits of the calls in progress other than the defaults. */
export function serviceOf(objects: Readonly<Record<string, readonly Implementation[]>>, limits: CallLimits = {}): Service {
  const tree = new ObjectTree();
  for (const [path, implementations] of Object.entries(objects)) {
    tree.add(path, implementations.map((implementation) => exportedInterface(implementation)));
  }
  const sink = new RecordingSink();
  const abort = new AbortController();
  const standard = standardInterfaces(tree, sink);
  let leave: ((name: string) => void) | undefined;
  const watchDepartures: WatchDepartures = (onLeave) => void (leave = onLeave);
  const closedSignal = abort.signal;
  const callers = new Callers(watchDepartures, closedSignal, callLimits(limits));
  const dispatcher = new TestDispatcher({ tree, standard, sink, closedSignal, callers, turnEnd: new TurnEnd() });
  return {
    tree, sink, dispatcher, abort,
    leave: (name) => leave?.(name),
    isWatching: () => leave !== undefined,
    call: async (parts) => {
      const before = sink.sent.length;
      await dispatcher.dispatch(incomingCall(parts));
      return sink.sent.slice(before);
    },
  };
}

/** A link without a connection: calls are given to its handler, and what it sends is collected. */
export function loopback() {
  let handler: (call: MethodCall) => unknown;
  const sent: Message[] = [];
  const abort = new AbortController();
  const link = {
    closedSignal: abort.signal,
    handleMethodCalls: (run: typeof handler) => {
      handler = run;
      return () => {};
    },
    send: (message: Message) => {
      return sent.push(decodeMessage(encodeMessage(message, { serial: 1, allowUnixFds: false })));
    },
  };
  /** Makes a call and resolves to the messages that were sent until its handler has answered. */
  const call = async (parts: Parameters<typeof incomingCall>[0]): Promise<Message[]> => {
    await handler(incomingCall(parts));
    return sent.splice(0);
  };
  return { link: link as never, call, sent, abort };
}

/** The reports about handlers that are published until the end of the test. */
export function recordHandlerErrors(): HandlerError[] {
  const reports: HandlerError[] = [];
  const listener = (report: unknown): void => void reports.push(report as HandlerError);
  subscribe('dbus-wire:handler-error', listener);
  onTestFinished(() => void unsubscribe('dbus-wire:handler-error', listener));
  return reports;
}

/** An object that throws whenever it is inspected. */
export function revokedProxy(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

/**
 * Values other than ordinary errors that a handler can throw, by title; each is created anew. See {@link errorNameFor}
 * for what the caller gets.
 */
export const EXOTIC_ERRORS: readonly (readonly [title: string, thrown: () => unknown])[] = [
  ['null', () => null],
  ['undefined', () => undefined],
  ['a symbol', () => Symbol('thrown')],
  ['an object without prototype', () => Object.create(null) as unknown],
  ['a revoked proxy', revokedProxy],
  ['an error whose message throws', () => withGetter(new Error('text'), 'message')],
  ['an error whose stack throws', () => withGetter(new Error('text'), 'stack')],
  ['an error whose message is a number', () => Object.assign(new Error('text'), { message: 42 })],
  ['a DBusError whose name throws', () => withGetter(new DBusError('com.example.Error.A', 'text'), 'errorName')],
  ['a DBusError whose body throws', () => withGetter(new DBusError('com.example.Error.A', 'text'), 'body')],
  ['a DBusError whose body throws a revoked proxy', () => new DBusError('com.example.Error.A', 'text', {
    signature: 'a{sv}', body: [{ get key() { throw revokedProxy(); } }], // not an Error, on purpose
  })],
  ['a DBusError whose name is not valid', () => Object.assign(new DBusError('a.b', 'text'), { errorName: 'no name' })],
];

/** The name of the ERROR that a caller gets for one of {@link EXOTIC_ERRORS}. */
export function errorNameFor(title: string): string {
  return title.startsWith('a DBusError whose body') ? 'com.example.Error.A' : 'org.freedesktop.DBus.Error.Failed';
}

function withGetter(error: Error, key: string): Error {
  return Object.defineProperty(error, key, {
    get: () => {
      throw new Error(`${key} cannot be read`);
    },
  });
}
