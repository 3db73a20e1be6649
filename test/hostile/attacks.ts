// Bodies on their way to a program under attack: as calls to a service, and as replies to a client.
import type { FakePeer } from '../connection/fake-server.js';
import { type RawField, rawMessage } from '../connection/raw-message.js';
import type { Victim } from './victim.js';
import type { Body } from './zeros.js';

const PATH = '/victim';
const INTERFACE = 'com.example.Victim';

/** A call of a method that takes a body of any type. */
export function callTaking({ signature, bytes }: Body, serial: number): Buffer {
  const fields: RawField[] = [[1, 'o', PATH], [2, 's', INTERFACE], [3, 's', 'TakeAny'], [8, 'g', signature]];
  return rawMessage({ type: 1, fields, body: bytes, serial });
}

/** A signal with such a body. */
export function signalWith({ signature, bytes }: Body, serial: number): Buffer {
  const fields: RawField[] = [[1, 'o', PATH], [2, 's', INTERFACE], [3, 's', 'Happened'], [8, 'g', signature]];
  return rawMessage({ type: 4, fields, body: bytes, serial });
}

/** The text of the error with which a service answers each body; the type of the reply if that is no error. */
export async function refusalsOf(peer: FakePeer, bodies: readonly Body[]): Promise<string[]> {
  const refusals: string[] = [];
  for (const [i, body] of bodies.entries()) {
    peer.send(callTaking(body, i + 1));
    const reply = await peer.reply(i + 1);
    refusals.push(reply.type === 'error' ? String(reply.body[0]) : String(reply.type));
  }
  return refusals;
}

/** The code of the error with which a call of a client rejects that gets each body, after its signature. */
export async function rejectionsOf(
  client: Victim, peer: FakePeer, bodies: readonly Body[],
): Promise<[signature: string, error: string | undefined][]> {
  const rejections: [string, string | undefined][] = [];
  for (const [i, { signature, bytes }] of bodies.entries()) {
    await client.ask('begin', String(i), { member: `Get${i}` });
    const { serial } = await peer.call(`Get${i}`);
    const fields: RawField[] = [[5, 'u', serial], [7, 's', INTERFACE], [8, 'g', signature]];
    peer.send(rawMessage({ type: 2, fields, body: bytes, serial: i + 1 }));
    const { error } = await client.ask<{ readonly error?: string }>('end', String(i));
    rejections.push([signature, error]);
  }
  return rejections;
}
