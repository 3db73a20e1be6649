// Watches of all names below a prefix. The server plays a bus and decides in what order its replies and its signals
// arrive, and what they are.
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { errorReply, type Message, methodReturn } from '../../src/wire/messages/message.js';
import { extent } from '../support/extent.js';
import { until } from '../support/waiting.js';
import { type Answer, answerAsBus, startBusLink } from './fake-server.js';
import { BUS, deliver, owned, ownerChanged, refused, ruleCalls } from './signals.js';
import { uncaughtException } from './uncaught.js';

const ALL = 'org.players.*';
const VLC = 'org.players.vlc';
const MPV = 'org.players.mpv';

/** A bus with these names, one for each owner. */
const withNames = (owners: Readonly<Record<string, string>>, names: readonly string[] = Object.keys(owners)): Answer =>
  owned(owners, (call, peer) =>
    call.member === 'ListNames' ? methodReturn(call, { signature: 'as', body: [[BUS, ':1.7', ...names]] }) : answerAsBus(call, peer));

/** What a listener has got. */
function recorder(): { readonly seen: unknown[]; readonly listener: (...args: unknown[]) => void } {
  const seen: unknown[] = [];
  return { seen, listener: (owner, previous, name) => seen.push([name, owner, previous]) };
}

describe('a watch of a namespace', () => {
  test('reports the present names, then each change, and never a name of another namespace', async () => {
    const names = { [VLC]: ':1.8', 'org.players': ':1.8', 'org.playersX.a': ':1.8', [MPV]: ':1.9', 'org.other.a': ':1.9' };
    await using link = await startBusLink({ answer: withNames(names) });
    const { seen, listener } = recorder();
    const watch = link.bus.watchOwner(ALL, listener);
    expect([seen, [...watch.owners]]).toEqual([[], []]);
    await watch.ready;
    expect(seen).toEqual([[VLC, ':1.8', undefined], [MPV, ':1.9', undefined]]);
    seen.length = 0;
    await deliver(
      link,
      ownerChanged(MPV, ':1.9', ''), ownerChanged('org.players.a.b', '', ':1.9'), ownerChanged('org.other.b', '', ':1.9'),
      ownerChanged('org.players', ':1.8', ''), ownerChanged(VLC, ':1.8', ':1.10'), ownerChanged(':1.9', ':1.9', ''),
      ownerChanged('org.players.forged', '', ':1.66', ':1.66'),
    );
    expect(seen).toEqual([
      [MPV, undefined, ':1.9'], ['org.players.a.b', ':1.9', undefined], [VLC, ':1.10', ':1.8'],
    ]);
    expect([watch.owner, [...watch.owners]]).toEqual([undefined, [[VLC, ':1.10'], ['org.players.a.b', ':1.9']]]);
    await watch.close();
    await watch.close();
    const rule = `type='signal',sender='${BUS}',interface='${BUS}',member='NameOwnerChanged',`
      + `path='/org/freedesktop/DBus',arg0namespace='org.players'`;
    expect(ruleCalls(link.peer)).toEqual([['AddMatch', rule], ['RemoveMatch', rule]]);
  });

  test('misses and repeats no change if names change while the bus is asked', async () => {
    const answer: Answer = (call, peer) => {
      const [name] = call.body;
      if (call.member === 'ListNames') {
        peer.send(ownerChanged('org.players.new', '', ':1.20'), ownerChanged(MPV, ':1.9', ''));
        return methodReturn(call, { signature: 'as', body: [[VLC, MPV, 'org.players.new', 'org.players.gone', VLC]] });
      }
      if (name === VLC && call.member === 'GetNameOwner') peer.send(ownerChanged(VLC, ':1.8', ':1.11'));
      return owned({ [VLC]: ':1.8', [MPV]: ':1.9', 'org.players.new': ':1.20' })(call, peer);
    };
    await using link = await startBusLink({ answer });
    const { seen, listener } = recorder();
    await link.bus.watchOwner(ALL, listener).ready;
    await deliver(link, ownerChanged(VLC, ':1.11', ':1.12'));
    expect(seen).toEqual([
      ['org.players.new', ':1.20', undefined], [VLC, ':1.11', undefined], [VLC, ':1.12', ':1.11'],
    ]);
    expect(link.peer.calls('GetNameOwner').map(({ body }) => body[0])).toEqual([VLC, 'org.players.gone']);
  });

  test('uses the newer of two messages in one chunk', async () => {
    const held: Message[] = [];
    const answer: Answer = (call, peer) => {
      if (call.member !== 'GetNameOwner') return withNames({ [VLC]: ':1.8' })(call, peer);
      held.push(methodReturn(call, { signature: 's', body: [':1.8'] }));
      peer.send(...held, ownerChanged(VLC, ':1.8', ''));
      return undefined;
    };
    await using link = await startBusLink({ answer });
    const { seen, listener } = recorder();
    const watch = link.bus.watchOwner(ALL, listener);
    await watch.ready;
    expect([seen, watch.owners.size]).toEqual([[], 0]);
  });

  test('of a namespace that is already watched reports the same, and asks the bus nothing', async () => {
    await using link = await startBusLink({ answer: withNames({ [VLC]: ':1.8' }) });
    const [first, second, third] = [recorder(), recorder(), recorder()];
    const one = link.bus.watchOwner(ALL, first.listener);
    const two = link.bus.watchOwner(ALL, second.listener);
    await Promise.all([one.ready, two.ready]);
    const three = link.bus.watchOwner(ALL, third.listener);
    expect(third.seen).toEqual([]);
    await three.ready;
    await deliver(link, ownerChanged(VLC, ':1.8', ''));
    const all = [[VLC, ':1.8', undefined], [VLC, undefined, ':1.8']];
    expect([first.seen, second.seen, third.seen]).toEqual([all, all, all]);
    await Promise.all([one, two].map((watch) => watch.close()));
    await deliver(link, ownerChanged(VLC, '', ':1.9'));
    expect([first.seen.length, third.seen.length]).toEqual([2, 3]);
    expect(ruleCalls(link.peer)).toHaveLength(1);
    expect(link.peer.calls('ListNames')).toHaveLength(1);
  });

  test('that begins in a listener reports each name once', async () => {
    await using link = await startBusLink({ answer: withNames({ [VLC]: ':1.8' }) });
    const { seen, listener } = recorder();
    const first = link.bus.watchOwner(ALL, (owner) => {
      if (owner === ':1.10') link.bus.watchOwner(ALL, listener);
    });
    await first.ready;
    await deliver(link, ownerChanged(VLC, ':1.8', ':1.10'), ownerChanged(VLC, ':1.10', ':1.11'));
    expect(seen).toEqual([[VLC, ':1.11', undefined]]);
  });

  test('can be closed by its listener, at the first name or at a change', async () => {
    await using link = await startBusLink({ answer: withNames({ [VLC]: ':1.8', [MPV]: ':1.9' }) });
    const seen: unknown[] = [];
    const atOnce = link.bus.watchOwner(ALL, (_owner, _previous, name) => {
      seen.push(name);
      void atOnce.close();
    });
    const later = link.bus.watchOwner(ALL, (owner, _previous, name) => {
      if (owner === undefined) void later.close();
      else seen.push(`later ${name}`);
    });
    await Promise.all([atOnce.ready, later.ready]);
    await deliver(link, ownerChanged(VLC, ':1.8', ''), ownerChanged(VLC, '', ':1.9'));
    expect(seen).toEqual([VLC, `later ${VLC}`, `later ${MPV}`]);
    expect(ruleCalls(link.peer)).toHaveLength(2);
  });

  test('that is closed at once never calls its listener', async () => {
    await using link = await startBusLink({ answer: withNames({ [VLC]: ':1.8' }) });
    const { seen, listener } = recorder();
    const watch = link.bus.watchOwner(ALL, listener);
    await watch.close();
    await watch.ready;
    await sleep(5);
    expect(seen).toEqual([]);
    expect(link.peer.calls('GetNameOwner')).toEqual([]);
  });

  test('continues if its listener throws, and so do the others', async () => {
    await using link = await startBusLink({ answer: withNames({ [VLC]: ':1.8', [MPV]: ':1.9' }) });
    let calls = 0;
    link.bus.watchOwner(ALL, () => {
      if (calls++ === 0) throw new Error('of the listener');
    });
    const { seen, listener } = recorder();
    const uncaught = uncaughtException();
    await link.bus.watchOwner(ALL, listener).ready;
    expect(await uncaught).toMatchObject({ message: 'of the listener' });
    expect([calls, seen.length]).toEqual([2, 2]);
  });

  test('handles many names, and asks for the owners of a few at a time', async () => {
    const count = extent(150, 3_000);
    const names = Array.from({ length: count }, (_, index) => `org.players.n${index}`);
    const owners = Object.fromEntries(names.map((name, index) => [name, `:1.${index + 100}`]));
    let waiting = 0;
    let most = 0;
    const answer: Answer = (call, peer) => {
      if (call.member !== 'GetNameOwner') return withNames(owners)(call, peer);
      most = Math.max(most, ++waiting);
      setImmediate(() => {
        waiting--;
        peer.send(owned(owners)(call, peer)!);
      });
      return undefined;
    };
    await using link = await startBusLink({ answer });
    const { seen, listener } = recorder();
    const watch = link.bus.watchOwner(ALL, listener);
    await watch.ready;
    expect([seen.length, watch.owners.size]).toEqual([count, count]);
    expect(most).toBeLessThanOrEqual(64);
  });

  test.each<[string, Answer, object]>([
    ['refuses the rule', (call, peer) => (call.member === 'AddMatch' ? refused : answerAsBus)(call, peer), { name: 'DBusError' }],
    [
      'refuses to list its names', (call, peer) => (call.member === 'ListNames' ? refused : answerAsBus)(call, peer),
      { name: 'DBusError' },
    ],
    [
      'lists other types',
      (call, peer) => (call.member === 'ListNames' ? methodReturn(call, { signature: 'au', body: [[1]] }) : answerAsBus(call, peer)),
      { name: 'UnexpectedSignatureError' },
    ],
    [
      'answers with other types than an owner',
      (call, peer) => (call.member === 'GetNameOwner' ? methodReturn(call, { signature: 'u', body: [1] }) : withNames({ [VLC]: ':1.8' })(call, peer)),
      { name: 'UnexpectedSignatureError' },
    ],
  ])('is not ready if the bus %s, and the next watch asks again', async (_, hostile, error) => {
    let isHostile = true;
    const answer: Answer = (call, peer) => (isHostile ? hostile : withNames({ [VLC]: ':1.8' }))(call, peer);
    await using link = await startBusLink({ answer });
    const { seen, listener } = recorder();
    await expect(link.bus.watchOwner(ALL, listener).ready).rejects.toMatchObject(error);
    isHostile = false;
    const next = recorder();
    await link.bus.watchOwner(ALL, next.listener).ready;
    expect([seen, next.seen]).toEqual([[], [[VLC, ':1.8', undefined]]]);
  });

  test('rejects if the connection ends while the bus is asked', async () => {
    const answer: Answer = (call, peer) => (call.member === 'GetNameOwner' ? undefined : withNames({ [VLC]: ':1.8' })(call, peer));
    await using link = await startBusLink({ answer });
    const watch = link.bus.watchOwner(ALL, () => {});
    await until(() => link.peer.calls('GetNameOwner').length > 0);
    link.peer.socket.destroy();
    await expect(watch.ready).rejects.toMatchObject({ name: 'ConnectionClosedError' });
  });

  test('has no owner for a name about which the bus refuses to reply', async () => {
    const answer: Answer = (call, peer) => (call.member === 'GetNameOwner' && call.body[0] === 'org.players.'
      ? errorReply(call, { errorName: `${BUS}.Error.InvalidArgs`, message: 'no' })
      : withNames({ [VLC]: ':1.8' }, ['org.players.', VLC])(call, peer));
    await using link = await startBusLink({ answer });
    const watch = link.bus.watchOwner(ALL, () => {});
    await watch.ready;
    expect([...watch.owners.keys()]).toEqual([VLC]);
  });
});

test.each(['*', '.*', 'a..b.*', ':1.*', '1a.*', 'a.*.b', 'org.players*', `${'a'.repeat(254)}.*`])(
  'a namespace that is not valid (%s) is refused before the bus is asked',
  async (name) => {
    await using link = await startBusLink();
    expect(() => link.bus.watchOwner(name, () => {})).toThrow(expect.objectContaining({ code: 'NAME_INVALID' }) as Error);
    expect(ruleCalls(link.peer)).toEqual([]);
  },
);

test('a watch of one name also has a map with its owner, and its listener gets the name', async () => {
  await using link = await startBusLink({ answer: owned({ [VLC]: ':1.8' }) });
  const { seen, listener } = recorder();
  const watch = link.bus.watchOwner(VLC, listener);
  expect(watch.owners.size).toBe(0);
  await watch.ready;
  expect([seen, [...watch.owners]]).toEqual([[[VLC, ':1.8', undefined]], [[VLC, ':1.8']]]);
});
