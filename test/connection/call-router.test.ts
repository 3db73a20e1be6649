// Routing of method calls by their headers: a call that is refused is answered without values of its body, one that is
// accepted is run with them.

import { expect, onTestFinished, test } from 'vitest';
import { CallRefusal, type CallRouter, routeCalls } from '../../src/connection/call-router.js';
import { methodCall, type MethodCall, methodReturn } from '../../src/wire/messages/message.js';
import { type Link, startLink } from './fake-server.js';
import { rawMessage } from './raw-message.js';

async function linked(): Promise<Link> {
  const link = await startLink();
  onTestFinished(() => link[Symbol.asyncDispose]());
  return link;
}

const REFUSAL = new CallRefusal('com.example.Error.No', 'not here');
const CALL_FIELDS = [[1, 'o', '/'], [3, 's', 'Wrong'], [8, 'g', 'b']] as const;
/** A call whose body is a BOOLEAN of 2, which no receiver of values accepts. */
const INVALID_BODY = rawMessage({ type: 1, serial: 70, fields: CALL_FIELDS, body: Uint8Array.of(2, 0, 0, 0) });

test('a call that is refused by its header gets an error reply, and its body is not decoded', async () => {
  const { connection, peer } = await linked();
  const seen: string[] = [];
  const route: CallRouter['route'] = (header) => {
    seen.push(`${header.member} ${header.signature} ${'body' in header}`);
    return REFUSAL;
  };
  routeCalls(connection, { route });
  peer.send(INVALID_BODY);
  expect(await peer.reply(70)).toMatchObject({ type: 'error', errorName: 'com.example.Error.No', body: ['not here'] });
  expect([seen, [...connection.dropped]]).toEqual([['Wrong b false'], []]);
});

test('a call that is accepted by its header is run with its body, unless the body is not valid', async () => {
  const { connection, peer } = await linked();
  const bodies: unknown[] = [];
  const run = (call: MethodCall): void => {
    bodies.push(call.body);
    connection.send(methodReturn(call));
  };
  const stop = routeCalls(connection, { route: () => ({ run }) });
  const call = { ...methodCall({ path: '/', member: 'M', signature: 'u', body: [7] }), serial: 71 };
  peer.send(INVALID_BODY, peer.encode(call, { serial: 71 }));
  expect(await peer.reply(71)).toMatchObject({ type: 'method_return' });
  expect(await peer.reply(70)).toMatchObject({ errorName: 'org.freedesktop.DBus.Error.InvalidArgs' });
  expect([bodies, connection.dropped.get('invalid message')]).toEqual([[[7]], 1]);
  stop();
  peer.send(peer.encode(call, { serial: 72 }));
  expect(await peer.reply(72)).toMatchObject({ errorName: 'org.freedesktop.DBus.Error.UnknownObject' });
});

test('a link has only one router or handler at a time', async () => {
  const { connection } = await linked();
  const stop = routeCalls(connection, { route: () => REFUSAL });
  expect(() => connection.handleMethodCalls(() => {})).toThrow('has a handler of method calls already');
  expect(() => routeCalls(connection, { route: () => REFUSAL })).toThrow('has a handler of method calls already');
  stop();
  connection.handleMethodCalls(() => {});
});

test('calls on a link that this library did not make are routed after they are decoded', async () => {
  const { connection, peer } = await linked();
  const foreign = {
    call: connection.call.bind(connection), send: connection.send.bind(connection),
    subscribe: connection.subscribe.bind(connection),
    handleMethodCalls: connection.handleMethodCalls.bind(connection),
    drained: connection.drained.bind(connection), closed: connection.closed, closedSignal: connection.closedSignal,
  };
  routeCalls(foreign, { route: () => REFUSAL });
  peer.send(peer.encode(methodCall({ path: '/', member: 'M' }), { serial: 72 }));
  expect(await peer.reply(72)).toMatchObject({ errorName: 'com.example.Error.No' });
});
