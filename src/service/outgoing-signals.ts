// The signals that the objects of a link send: those of their interfaces, and the announcements of their properties.
// It knows no calls. Tests: export-object.test.ts. Specification: Message Types (SIGNAL), PropertiesChanged.
import { countDrop } from '../connection/drops.js';
import { ConnectionClosedError } from '../connection/errors.js';
import type { MessageLink } from '../connection/link.js';
import type { CallContext } from '../interface/definition.js';
import { Properties } from '../interface/standard.js';
import { methodCall, signal } from '../wire/messages/message.js';
import type { ExportedMembers } from './exported-interface.js';
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

/** Sends a signal of an object; does nothing if the link is closed. One that is being restored counts it as dropped. */
export function sendSignal(link: MessageLink<boolean>, path: string, content: OutgoingSignal): void {
  const { interface: interfaceName, member, signature, body, destination } = content;
  try {
    link.send(signal({ path, interface: interfaceName, member, signature, body, destination }));
  } catch (error) {
    if (!(error instanceof ConnectionClosedError)) throw error;
    if (error.code === 'CONNECTION_LOST') countDrop(link, 'undeliverable', { error });
  }
}

/** Announces the property changes of one interface of one object. */
export function propertyChanges(
  link: MessageLink<boolean>, { path, turnEnd }: { readonly path: string; readonly turnEnd: TurnEnd },
  members: ExportedMembers,
): PropertyChanges {
  const { name: interfaceName } = members;
  return new PropertyChanges(members, {
    send: (changed, invalidated) => {
      const { args: signature } = Properties.signals.PropertiesChanged;
      const body = [interfaceName, changed, invalidated];
      sendSignal(link, path, { interface: Properties.name, member: 'PropertiesChanged', signature, body });
    },
    contextFor: (name) => ownContext(link, path, { interfaceName, name }),
    turnEnd,
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
