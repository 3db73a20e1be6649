// Asks the policies of both sides of a message, and words the refusal. policy.ts is what it asks.
// Specification: none (dbus-daemon(1), <policy>). Tests: admission.test.ts.
import { BUS_NAME } from '../protocol/bus.js';
import type { Client } from './client.js';
import type { RoutedMessage } from './routed-message.js';

/** All names of a client. */
export function* namesOf({ uniqueName, places }: Client): Generator<string> {
  if (uniqueName !== '') yield uniqueName;
  for (const { name } of places) yield name;
}

/** Which side refuses a message; undefined if neither does. `recipient` is undefined for the bus itself. */
export function refusingSide(
  message: RoutedMessage, recipient: Client | undefined, isEavesdropped: boolean,
): 'send' | 'receive' | undefined {
  const { header, sender } = message;
  if (sender?.policy === undefined && recipient?.policy === undefined) return undefined;
  const isRequestedReply = header.replySerial !== undefined; // the router has dropped the others
  const allNamesOf = (client?: Client): Iterable<string> => (client === undefined ? [BUS_NAME] : namesOf(client));
  const there = { peerNames: allNamesOf(recipient), isRequestedReply, isEavesdropped };
  if (sender?.policy?.maySend(header, there) === false) return 'send';
  const back = { peerNames: allNamesOf(sender), isRequestedReply, isEavesdropped };
  return recipient?.policy?.mayReceive(header, back) === false ? 'receive' : undefined;
}

/** The text of AccessDenied, as far as the reference implementation's can be had without credentials. */
export function refusalText(side: 'send' | 'receive', message: RoutedMessage): string {
  const { type, interface: interfaceName, member, errorName, destination } = message.header;
  const shown = (text: string | undefined): string => `"${text ?? '(unset)'}"`;
  const parts = [
    `type="${type}"`, `sender=${shown(message.senderName)}`, `interface=${shown(interfaceName)}`,
    `member=${shown(member)}`, `error name=${shown(errorName)}`, `destination=${shown(destination)}`,
  ];
  return `Rejected ${side} message by the policy of the bus; ${parts.join(' ')}`;
}
