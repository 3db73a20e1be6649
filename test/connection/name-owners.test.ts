// The owners of bus names: whose signals a subscription gets, and what a watch of a name reports. The server plays a bus
// and decides in what order its replies and its signals arrive.
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { type Message, methodReturn } from '../../src/wire/messages/message.js';
import { type Answer, answerAsBus, startBusLink } from './fake-server.js';
import { queued } from './queued.js';
import { rawMessage } from './raw-message.js';
import { uncaughtException } from './uncaught.js';
import { BUS, deliver, happened, owned, ownerChanged, refused, RULE, ruleCalls, SERVICE } from './signals.js';

describe('the sender of a rule', () => {
  const rule = { ...RULE, sender: SERVICE };

  test('that is a well-known name matches its present owner', async () => {
    await using link = await startBusLink({ answer: owned({ [SERVICE]: ':1.9' }) });
    const subscription = link.bus.subscribe(rule);
    await subscription.ready;
    await deliver(
      link,
      happened(1), happened(2, ':1.66'), happened(3, BUS), { ...happened(4), sender: SERVICE },
      ownerChanged(SERVICE, ':1.9', ''), happened(5),
      ownerChanged(SERVICE, '', ':1.10'), happened(6, ':1.10'), happened(7),
      ownerChanged(SERVICE, ':1.10', ':1.66', ':1.66'), happened(8, ':1.66'), happened(9, ':1.10'),
      ownerChanged('com.example.Other', '', ':1.66'), happened(10, ':1.66'),
    );
    // The bus is believed when it says that the well-known name itself is the sender: no client can.
    expect(await queued(subscription)).toEqual([1, 4, 6, 9]);
  });

  test('that is a unique name matches that connection', async () => {
    await using link = await startBusLink();
    const subscription = link.bus.subscribe({ ...RULE, sender: ':1.9' });
    await deliver(link, happened(1), happened(2, ':1.10'), happened(3));
    expect(await queued(subscription)).toEqual([1, 3]);
    expect(link.peer.calls('GetNameOwner')).toEqual([]);
  });

  test('that is the name of the bus matches the bus', async () => {
    await using link = await startBusLink();
    const subscription = link.bus.subscribe({ ...RULE, sender: BUS });
    await deliver(link, happened(1), happened(2, BUS));
    expect(await queued(subscription)).toEqual([2]);
    expect(link.peer.calls('GetNameOwner')).toEqual([]);
  });

  test('is not compared if the rule has no sender', async () => {
    await using link = await startBusLink();
    const subscription = link.bus.subscribe(RULE);
    await deliver(link, happened(1), happened(2, BUS), happened(3, ':1.10'));
    expect(await queued(subscription)).toEqual([1, 2, 3]);
  });

  test('is known for signals that arrive in one chunk with the replies of the bus', async () => {
    const held: Message[] = [];
    const answer: Answer = (call, peer) => {
      const reply = owned({ [SERVICE]: ':1.9' })(call, peer);
      if (call.member === 'Hello' || reply === undefined) return reply;
      held.push(reply);
      if (held.length === 3) peer.send(...held, happened(1), happened(2, ':1.10'), happened(3));
      return undefined;
    };
    await using link = await startBusLink({ answer });
    const subscription = link.bus.subscribe(rule);
    expect((await subscription.next()).value.body).toEqual([1]);
    expect((await subscription.next()).value.body).toEqual([3]);
    expect(held.map(({ type }) => type)).toEqual(['method_return', 'method_return', 'method_return']);
  });

  test('may change while the bus is asked: the change counts, and not the older reply', async () => {
    const answer: Answer = (call, peer) => {
      if (call.member === 'GetNameOwner') peer.send(ownerChanged(SERVICE, ':1.8', ':1.9'));
      return owned({ [SERVICE]: ':1.8' })(call, peer);
    };
    await using link = await startBusLink({ answer });
    const seen: unknown[] = [];
    const watch = link.bus.watchOwner(SERVICE, (owner, previous) => seen.push([owner, previous]));
    const subscription = link.bus.subscribe(rule);
    await Promise.all([watch.ready, subscription.ready]);
    await deliver(link, happened(1, ':1.8'), happened(2, ':1.9'));
    expect(await queued(subscription)).toEqual([2]);
    expect([watch.owner, seen]).toEqual([':1.9', [[':1.9', undefined]]]);
  });

  test('has no owner if the reply of the bus has another signature', async () => {
    const answer: Answer = (call, peer) =>
      call.member === 'GetNameOwner' ? methodReturn(call, { signature: 'u', body: [7] }) : answerAsBus(call, peer);
    await using link = await startBusLink({ answer });
    const watch = link.bus.watchOwner(SERVICE, () => {});
    await watch.ready;
    expect(watch.owner).toBeUndefined();
  });
});

describe('a watch of a name', () => {
  test('reports the present owner and each change, in order, and never synchronously', async () => {
    await using link = await startBusLink({ answer: owned({ [SERVICE]: ':1.9' }) });
    const seen: unknown[] = [];
    const first = link.bus.watchOwner(SERVICE, (owner, previous) => seen.push(['first', owner, previous]));
    expect([first.owner, seen]).toEqual([undefined, []]);
    await first.ready;
    const second = link.bus.watchOwner(SERVICE, (owner, previous) => seen.push(['second', owner, previous]));
    expect([second.owner, seen]).toEqual([':1.9', [['first', ':1.9', undefined]]]);
    await second.ready;
    await deliver(link, ownerChanged(SERVICE, ':1.9', ':1.10'), ownerChanged(SERVICE, ':1.10', ''));
    await first.close();
    await deliver(link, ownerChanged(SERVICE, '', ':1.11'));
    expect(seen).toEqual([
      ['first', ':1.9', undefined], ['second', ':1.9', undefined],
      ['first', ':1.10', ':1.9'], ['second', ':1.10', ':1.9'],
      ['first', undefined, ':1.10'], ['second', undefined, ':1.10'],
      ['second', ':1.11', undefined],
    ]);
    expect(ruleCalls(link.peer)).toHaveLength(1);
    await second.close();
    await second.close();
    expect(ruleCalls(link.peer)).toHaveLength(2);
  });

  test('that begins in a listener reports the change in progress once', async () => {
    await using link = await startBusLink({ answer: owned({ [SERVICE]: ':1.9' }) });
    const seen: unknown[] = [];
    const first = link.bus.watchOwner(SERVICE, (owner) => {
      if (owner === ':1.10') link.bus.watchOwner(SERVICE, (later, previous) => seen.push([later, previous]));
    });
    await first.ready;
    await deliver(link, ownerChanged(SERVICE, ':1.9', ':1.10'), ownerChanged(SERVICE, ':1.10', ':1.11'));
    expect(seen.at(-1)).toEqual([':1.11', seen.length === 1 ? undefined : ':1.10']);
    expect(seen.length).toBeLessThan(3);
  });

  test('without an owner is ready and reports nothing', async () => {
    await using link = await startBusLink();
    const seen: unknown[] = [];
    await using watch = link.bus.watchOwner(SERVICE, (owner) => seen.push(owner));
    await watch.ready;
    await sleep(0);
    expect([watch.owner, seen]).toEqual([undefined, []]);
  });

  test('that the bus refuses does not affect the next watch', async () => {
    let refusals = 1;
    const once: Answer = (call, peer) =>
      call.member === 'AddMatch' && refusals-- > 0 ? refused(call, peer) : owned({ [SERVICE]: ':1.9' })(call, peer);
    await using link = await startBusLink({ answer: once });
    const first = link.bus.watchOwner(SERVICE, () => {});
    await expect(first.ready).rejects.toMatchObject({ name: 'DBusError' });
    const seen: unknown[] = [];
    const second = link.bus.watchOwner(SERVICE, (owner) => seen.push(owner));
    await second.ready;
    await first.close();
    await deliver(link, ownerChanged(SERVICE, ':1.9', ':1.10'));
    expect([seen, second.owner]).toEqual([[':1.9', ':1.10'], ':1.10']);
    expect(ruleCalls(link.peer)).toHaveLength(2);
  });

  test('removes its rule if the bus cannot be asked for the owner', async () => {
    const answer: Answer = (call, peer) => {
      if (call.member !== 'GetNameOwner') return answerAsBus(call, peer);
      const fields = [[5, 'u', call.serial], [8, 'g', 's']] as const;
      peer.send(rawMessage({ type: 2, fields })); // without the text that it promises
      return undefined;
    };
    await using link = await startBusLink({ answer });
    const watch = link.bus.watchOwner(SERVICE, () => {});
    await expect(watch.ready).rejects.toMatchObject({ code: 'VALUE_TRUNCATED' });
    await deliver(link);
    expect(ruleCalls(link.peer)).toHaveLength(2);
  });

  test('reports nothing after the listener of another one has closed it', async () => {
    await using link = await startBusLink({ answer: owned({ [SERVICE]: ':1.9' }) });
    const seen: unknown[] = [];
    const first = link.bus.watchOwner(SERVICE, (owner) => {
      if (owner === ':1.10') void second.close();
    });
    const second = link.bus.watchOwner(SERVICE, (owner) => seen.push(owner));
    await Promise.all([first.ready, second.ready]);
    await deliver(link, ownerChanged(SERVICE, ':1.9', ':1.10'));
    expect(seen).toEqual([':1.9']);
  });

  test('reports nothing after it is closed', async () => {
    await using link = await startBusLink({ answer: owned({ [SERVICE]: ':1.9' }) });
    const seen: unknown[] = [];
    const kept = link.bus.watchOwner(SERVICE, () => {});
    await kept.ready;
    const watch = link.bus.watchOwner(SERVICE, (owner) => seen.push(owner));
    await watch.close();
    await deliver(link, ownerChanged(SERVICE, ':1.9', ''));
    expect(seen).toEqual([]);
  });

  test('whose listener throws affects neither other listeners nor subscriptions', async () => {
    await using link = await startBusLink({ answer: owned({ [SERVICE]: ':1.9' }) });
    const uncaught = uncaughtException();
    const seen: unknown[] = [];
    const first = link.bus.watchOwner(SERVICE, () => {
      throw new Error('ours');
    });
    const second = link.bus.watchOwner(SERVICE, (owner) => seen.push(owner));
    const subscription = link.bus.subscribe({ ...RULE, sender: SERVICE });
    const changes = link.bus.subscribe({ interface: BUS, member: 'NameOwnerChanged' });
    await Promise.all([first.ready, second.ready, subscription.ready, changes.ready]);
    expect(await uncaught).toMatchObject({ message: 'ours' });
    const again = uncaughtException();
    await deliver(link, ownerChanged(SERVICE, ':1.9', ':1.10'), happened(1, ':1.10'));
    expect(await again).toMatchObject({ message: 'ours' });
    expect([seen, await queued(subscription), await queued(changes)]).toEqual([[':1.9', ':1.10'], [1], [SERVICE]]);
  });

  test('rejects if the connection ends or has ended; a watch whose `ready` is not awaited is silent', async () => {
    const answer: Answer = (call, peer) => (call.member === 'Hello' ? answerAsBus(call, peer) : undefined);
    await using link = await startBusLink({ answer });
    const watch = link.bus.watchOwner(SERVICE, () => {});
    link.peer.socket.destroy();
    await expect(watch.ready).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
    await watch.close();
    const late = link.bus.watchOwner(SERVICE, () => {});
    await expect(late.ready).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
    link.bus.watchOwner(SERVICE, () => {}); // whose `ready` nobody looks at
    await sleep(5);
  });
});

describe('a reply to a call of a well-known name', () => {
  test('is accepted from the owner of the name, and from earlier owners while it was watched', async () => {
    await using link = await startBusLink({ answer: owned({ [SERVICE]: ':1.9' }) });
    const { bus, peer } = link;
    await bus.watchOwner(SERVICE, () => {}).ready;
    const result = bus.call({ destination: SERVICE, path: '/', member: 'Ask', replySignature: 's' });
    const call = await peer.call('Ask');
    const answer = (sender: string): Uint8Array =>
      peer.encode(methodReturn(call, { signature: 's', body: [sender] }), { sender });
    await deliver(link, ownerChanged(SERVICE, ':1.9', ':1.10'));
    peer.send(answer(':1.66'), answer(':1.9'));
    expect(await result).toEqual([':1.9']);
    expect(bus.dropped.get('unexpected reply')).toBe(1);
  });

  test('is accepted from any sender if the name is not watched', async () => {
    await using link = await startBusLink();
    const result = link.bus.call({ destination: SERVICE, path: '/', member: 'Ask' });
    const call = await link.peer.call('Ask');
    link.peer.send(link.peer.encode(methodReturn(call), { sender: ':1.66' }));
    expect(await result).toEqual([]);
  });
});

test.each(['com.example.A', '1.7', '', ':1'])('a bus that answers Hello with "%s" is refused', async (name) => {
  const answer: Answer = (call, peer) =>
    call.member === 'Hello' ? methodReturn(call, { signature: 's', body: [name] }) : answerAsBus(call, peer);
  await expect(startBusLink({ answer })).rejects.toThrow('it must be a unique name');
});
