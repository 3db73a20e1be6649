// Dicts whose keys are chosen to collide, sent to a service and to a client, each in a process of its own: they are
// refused, others are served, and the link stays.
import { expect, test } from 'vitest';
import { startFakeServer } from '../connection/fake-server.js';
import { type RawField, rawMessage } from '../connection/raw-message.js';
import { some } from '../support/extent.js';
import { COLLIDING, dictOf } from './colliding-keys.js';
import { startVictim } from './victim.js';

const NAME = 'com.example.Victim';
const fields = (member: string, signature: string, path = '/victim'): RawField[] =>
  [[1, 'o', path], [2, 's', NAME], [3, 's', member], [7, 's', ':1.9'], [8, 'g', signature]];

/** Type of the keys and bytes of each dict, by title; small types have fewer keys that collide. */
const DICTS = some(Object.entries(COLLIDING), 4).map(([name, make]) => {
  const type = name[0]!; // the names are not empty
  return { name, type, body: dictOf(type, make(1_000)) };
});

test('a call with dict keys that collide gets an error reply, and later calls are answered', async () => {
  await using server = await startFakeServer();
  await using service = await startVictim('service', { peer: server.address });
  const peer = await server.peer();
  let serial = 0;
  for (const { name, type, body } of DICTS) {
    const call = rawMessage({ type: 1, fields: fields(`Keys_${type}`, `a{${type}y}`), body, serial: ++serial });
    const nothing = rawMessage({ type: 1, fields: fields('Nothing', `a{${type}y}`), body, serial: ++serial });
    const text = Buffer.of(1, 0, 0, 0, 0x61, 0); // the STRING "a"
    const echo = rawMessage({ type: 1, fields: fields('Echo', 's'), body: text, serial: ++serial });
    peer.send(call, nothing, echo);
    expect(await peer.reply(serial - 2), name).toMatchObject({
      errorName: 'org.freedesktop.DBus.Error.InvalidArgs', body: [expect.stringContaining('collide')],
    });
    expect(await peer.reply(serial - 1), name).toMatchObject({ errorName: 'org.freedesktop.DBus.Error.UnknownMethod' });
    expect(await peer.reply(serial), name).toMatchObject({ type: 'method_return', body: ['a'] });
  }
  expect(await service.ask('counts')).toMatchObject({ keys: 0 });
  expect((await service.report()).dropped).toEqual({ 'invalid message': DICTS.length });
  await service.survives();
});

test('a reply with dict keys that collide rejects its call, and a signal with such keys is dropped', async () => {
  await using server = await startFakeServer();
  await using client = await startVictim('client', { peer: server.address });
  const peer = await server.peer();
  await client.ask('subscribe', { member: 'Changed' });
  for (const [index, { name, type, body }] of DICTS.entries()) {
    const signature = `a{${type}y}`;
    await client.ask('begin', name, { member: `Get${index}` });
    const { serial } = await peer.call(`Get${index}`);
    const reply: RawField[] = [[5, 'u', serial], [7, 's', NAME], [8, 'g', signature]];
    peer.send(
      rawMessage({ type: 4, fields: fields('Changed', signature), body, serial: 1 }),
      rawMessage({ type: 2, fields: reply, body, serial: 2 }),
    );
    expect(await client.ask('end', name), name).toMatchObject({ error: 'DICT_KEYS_COLLIDE' });
  }
  expect((await client.report()).dropped).toEqual({ 'invalid message': 2 * DICTS.length });
  await client.survives();
});
