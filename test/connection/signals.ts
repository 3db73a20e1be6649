// Signals, and a server that plays a bus, for the tests of subscriptions and of what they need from the bus.
import { errorReply, type Message, methodReturn, type Signal, signal } from '../../src/wire/messages/message.js';
import { type Answer, answerAsBus, type BusLink, type FakePeer } from './fake-server.js';

export const SERVICE = 'com.example.Service';
export const BUS = 'org.freedesktop.DBus';
export const RULE = { interface: 'a.B', member: 'Happened' } as const;
/** Refuses a call as a bus with too many rules does. */
export const refused: Answer = (call) => errorReply(call, { errorName: `${BUS}.Error.LimitsExceeded`, message: 'too many' });

/** Answers GetNameOwner with these owners, and other calls as `otherwise` does. */
export const owned = (owners: Readonly<Record<string, string>>, otherwise: Answer = answerAsBus): Answer => (call, peer) => {
  const owner = call.member === 'GetNameOwner' ? owners[call.body[0] as string] : undefined;
  return owner === undefined ? otherwise(call, peer) : methodReturn(call, { signature: 's', body: [owner] });
};

export const happened = (n: number, sender = ':1.9'): Signal => ({
  ...signal({ path: '/', ...RULE, signature: 'u', body: [n] }),
  sender,
});
export const ownerChanged = (name: string, previous: string, owner: string, sender = BUS): Signal => ({
  ...signal({
    path: '/org/freedesktop/DBus', interface: BUS, member: 'NameOwnerChanged', signature: 'sss',
    body: [name, previous, owner],
  }),
  sender,
});

/** Sends signals. Resolves after the client has seen them and the server has seen the calls that they cause. */
export async function deliver(
  { bus, peer }: Pick<BusLink, 'bus' | 'peer'>,
  ...parts: readonly (Message | Uint8Array)[]
): Promise<void> {
  peer.send(...parts);
  await bus.call({ path: '/', member: 'Ping' }); // the client has seen all signals before the reply
  await bus.call({ path: '/', member: 'Ping' }); // the server has seen what the client sent because of them
}

/** The calls of AddMatch and RemoveMatch that a server has got. */
export function ruleCalls(peer: FakePeer): [member: unknown, text: unknown][] {
  const calls = peer.messages.filter(({ member }) => member === 'AddMatch' || member === 'RemoveMatch');
  return calls.map(({ member, body: [text] }) => [member, text]);
}
