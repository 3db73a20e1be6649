// Messages that are received and not delivered: counted by reason on their link, and published on a diagnostics channel.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { expect, test } from 'vitest';
import { countDrop, type Drop, DropCounter, shareDrops } from '../../src/connection/drops.js';
import { methodCall, methodReturn, signal } from '../../src/wire/messages/message.js';
import { nextSignal } from '../support/waiting.js';
import { startLink } from './fake-server.js';
import { rawMessage } from './raw-message.js';

const METHOD = { path: '/', member: 'Method' } as const;
const happened = () => signal({ path: '/', interface: 'a.B', member: 'Happened', signature: 'u', body: [0] });

test('dropped messages are published on the channel dbus-wire:drop', async () => {
  await using link = await startLink();
  const drops: Drop[] = [];
  const onDrop = (drop: unknown): void => void drops.push(drop as Drop);
  subscribe('dbus-wire:drop', onDrop);
  const reply = methodReturn({ ...methodCall(METHOD), serial: 4_000 });
  const fields = [[1, 'o', '/'], [2, 's', 'a.B'], [3, 's', 'Happened'], [8, 'g', 'b']] as const;
  const bad = rawMessage({ type: 4, fields, body: Uint8Array.of(2, 0, 0, 0) });
  link.peer.send(reply, bad, happened());
  await nextSignal(link.connection);
  unsubscribe('dbus-wire:drop', onDrop);
  expect(drops).toEqual([
    { reason: 'unexpected reply', message: expect.objectContaining({ replySerial: 4_000 }), error: undefined },
    {
      reason: 'invalid message',
      message: expect.objectContaining({ type: 'signal', member: 'Happened', signature: 'b' }),
      error: expect.objectContaining({ code: 'BOOLEAN_INVALID' }),
    },
  ]);
  expect(drops[1]?.message).not.toHaveProperty('body');
});

test('other layers count drops in the counter of their link, and in no other', () => {
  class Link {
    readonly #counter = new DropCounter();
    static {
      shareDrops((link) => (#counter in link ? link.#counter : undefined));
    }
    get dropped() {
      return [...this.#counter.snapshot()];
    }
  }
  const [link, other] = [new Link(), new Link()];
  countDrop(link, 'unexpected signature', {});
  countDrop({}, 'unexpected signature', {}); // a link that is not of this library
  countDrop(new Proxy(link, {}), 'unexpected signature', {});
  expect([link.dropped, other.dropped]).toEqual([[['unexpected signature', 1]], []]);
});
