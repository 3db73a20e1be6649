// Whether a message may pass: its sender must have called Hello, and the policies of both sides must allow it. It
// also makes the texts of the refusals. Specification: org.freedesktop.DBus.Hello; none for policies, which
// dbus-daemon(1) describes under <policy>.
// Tests: permissions.test.ts, test/interop/bus-rules.test.ts.
import { BUS_NAME } from '../protocol/bus.js';
import type { Client } from './client.js';
import type { RoutedMessage } from './routed-message.js';

/** All names of a client. A policy goes through them once for each rule. */
function namesOf({ uniqueName, places }: Client): readonly string[] {
  const names = uniqueName === '' ? [] : [uniqueName];
  for (const { name } of places) names.push(name);
  return names;
}

/** The text of AccessDenied for a call to the bus by a client that has no name yet; undefined if it is Hello. */
export function refusalBeforeHello({ state }: Client, isHello: boolean): string | undefined {
  if (state !== 'new' || isHello) return undefined;
  return 'Client tried to send a message other than Hello without being registered';
}

/** Whether the sender may send a message to a service that is not running. If not, the service is not started. */
export function mayStart({ header, sender }: RoutedMessage, name: string): boolean {
  const passage = { peerNames: [name], isRequestedReply: false, isEavesdropped: false };
  return sender?.policy?.maySend(header, passage) !== false;
}

/**
 * The side that refuses a message; undefined if neither does. `recipient` is undefined for the bus itself, `isExpected`
 * is false for an unrequested reply.
 */
export function refusingSide(
  message: RoutedMessage, recipient: Client | undefined, isEavesdropped: boolean, isExpected = true,
): 'send' | 'receive' | undefined {
  const { header, sender } = message;
  if (sender?.policy === undefined && recipient?.policy === undefined) return undefined;
  const isRequestedReply = isExpected && header.replySerial !== undefined;
  const allNamesOf = (client?: Client): readonly string[] => (client === undefined ? [BUS_NAME] : namesOf(client));
  const there = { peerNames: allNamesOf(recipient), isRequestedReply, isEavesdropped };
  if (sender?.policy?.maySend(header, there) === false) return 'send';
  const back = { peerNames: allNamesOf(sender), isRequestedReply, isEavesdropped };
  return recipient?.policy?.mayReceive(header, back) === false ? 'receive' : undefined;
}

/** The text of AccessDenied: that of the reference implementation, without the credentials. */
export function refusalText(side: 'send' | 'receive', message: RoutedMessage): string {
  const { type, interface: interfaceName, member, errorName, destination } = message.header;
  const shown = (text: string | undefined): string => `"${text ?? '(unset)'}"`;
  const parts = [
    `type="${type}"`, `sender=${shown(message.senderName)}`, `interface=${shown(interfaceName)}`,
    `member=${shown(member)}`, `error name=${shown(errorName)}`, `destination=${shown(destination)}`,
  ];
  return `Rejected ${side} message by the policy of the bus; ${parts.join(' ')}`;
}
