// The signals that the objects of a link send: those of their interfaces, and the announcements of their properties.
// It knows no calls. Tests: export-object.test.ts. Specification: Message Types (SIGNAL), PropertiesChanged.
import { countDrop } from '../connection/drops.js';
import { ConnectionClosedError } from '../connection/errors.js';
import type { MessageLink } from '../connection/link.js';
import { maxSendLengthOf } from '../connection/send-limit.js';
import type { CallContext } from '../interface/definition.js';
import { ObjectManager, Properties } from '../interface/standard.js';
import { errorAt } from '../wire/error-place.js';
import { decodeMessage } from '../wire/messages/decode.js';
import { type Message, methodCall, signal } from '../wire/messages/message.js';
import { OutputBuffer } from '../wire/messages/output-buffer.js';
import type { ExportedMembers } from './exported-interface.js';
import { reportHandlerError } from './failure-reports.js';
import { HeldSignals } from './held-signals.js';
import { PropertyChanges } from './property-changes.js';
import type { TurnEnd } from './turn-end.js';

/** A signal without the path of its object. */
export interface OutgoingSignal {
  readonly interface: string;
  readonly member: string;
  readonly signature: string;
  readonly body: readonly unknown[];
  readonly destination?: string | undefined;
}

const heldByLink = new WeakMap<MessageLink<boolean>, HeldSignals>();

/** The signals of a link that wait for others. */
export function heldSignalsOf(link: MessageLink<boolean>): HeldSignals {
  const known = heldByLink.get(link);
  if (known !== undefined) return known;
  const { name } = ObjectManager;
  const held = new HeldSignals((error) => {
    reportHandlerError({ error, interface: name, member: 'InterfacesAdded', call: undefined });
  });
  heldByLink.set(link, held);
  return held;
}

/**
 * Sends a signal of an object, after those about the object that wait. Does nothing if the link is closed. A link that
 * is being restored counts it as dropped.
 */
export function sendSignal(link: MessageLink<boolean>, path: string, content: OutgoingSignal): void {
  const held = heldByLink.get(link);
  if (held === undefined || !held.has(path)) return sendAtOnce(link, path, content);
  const { interface: interfaceName, member, signature, body, destination } = content;
  const message = signal({ path, interface: interfaceName, member, signature, body, destination });
  const copy = checkedCopy(link, message);
  held.add(path, () => {
    try {
      sendMessage(link, copy);
    } catch (error) { // the link was restored with a lower limit, or is not one of this library
      reportHandlerError({ error, interface: interfaceName, member, call: undefined });
    }
  });
}

/**
 * A copy of a message that is sent later. It is checked now, as the link checks it: the caller gets the error, and may
 * change the values before the message is sent.
 */
function checkedCopy(link: MessageLink<boolean>, message: Message): Message {
  const output = new OutputBuffer({ maxMessageLength: maxSendLengthOf(link) });
  try {
    output.append(message, { serial: 1 });
  } catch (error) {
    throw errorAt(error, message, sendSignal);
  }
  return decodeMessage(output.take());
}

/** Sends a signal of an object as {@link sendSignal} does, without waiting for others. */
export function sendAtOnce(link: MessageLink<boolean>, path: string, content: OutgoingSignal): void {
  const { interface: interfaceName, member, signature, body, destination } = content;
  sendMessage(link, signal({ path, interface: interfaceName, member, signature, body, destination }));
}

function sendMessage(link: MessageLink<boolean>, message: Message): void {
  try {
    link.send(message);
  } catch (error) {
    if (!(error instanceof ConnectionClosedError)) throw error;
    if (error.code === 'CONNECTION_LOST') countDrop(link, 'undeliverable', { error });
  }
}

/** The object whose property changes are announced. */
export interface ChangingObject {
  readonly path: string;
  readonly turnEnd: TurnEnd;
  /** Whether clients see the object at its path now. If this function is absent, they do. */
  readonly isShown?: (() => boolean) | undefined;
  /** Called when nothing is left to be read or announced. */
  readonly idle?: (() => void) | undefined;
}

/** Announces the property changes of one interface of one object. */
export function propertyChanges(
  link: MessageLink<boolean>, { path, turnEnd, isShown, idle }: ChangingObject, members: ExportedMembers,
): PropertyChanges {
  const { name: interfaceName } = members;
  return new PropertyChanges(members, {
    send: (changed, invalidated) => {
      if (isShown?.() === false) return;
      const { args: signature } = Properties.signals.PropertiesChanged;
      const body = [interfaceName, changed, invalidated];
      sendSignal(link, path, { interface: Properties.name, member: 'PropertiesChanged', signature, body });
    },
    contextFor: (name) => ownContext(link, path, { interfaceName, name }),
    turnEnd, idle,
  });
}

/** The context of a `get` that runs for a signal: the same as in a call of Get, but without a sender. */
export function ownContext(
  { closedSignal }: MessageLink<boolean>,
  path: string,
  { interfaceName, name }: { readonly interfaceName: string; readonly name: string },
): CallContext {
  const body = [interfaceName, name] as const;
  const message = methodCall({ path, interface: Properties.name, member: 'Get', signature: 'ss', body });
  return { sender: undefined, message, signal: closedSignal, credentials: async () => undefined };
}

/** The context of a handler of a subtree that runs for a signal: as in a call of GetAll, but without a sender. */
export function ownObjectContext({ closedSignal }: MessageLink<boolean>, path: string): CallContext {
  const message = methodCall({ path, interface: Properties.name, member: 'GetAll', signature: 's', body: [''] });
  return { sender: undefined, message, signal: closedSignal, credentials: async () => undefined };
}
