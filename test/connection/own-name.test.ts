// Owning a name: the states of the handle, its callbacks, and how it ends. The server plays a bus and decides in what
// order its replies and its signals arrive. The real buses are in test/interop/owners.test.ts.
import { getEventListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { type OwnedName, ownName, type OwnNameOptions } from '../../src/connection/own-name.js';
import { methodReturn } from '../../src/wire/messages/message.js';
import { until } from '../support/waiting.js';
import { type Answer, type BusLink, startBusLink, UNIQUE_NAME } from './fake-server.js';
import { deliver, owned, ownerChanged, refused, SERVICE } from './signals.js';
import { uncaughtException } from './uncaught.js';

const OWNER = 1;
const IN_QUEUE = 2;
const EXISTS = 3;

/** A bus that answers RequestName with this code, after the signals that a bus sends first. */
const answering = (code: number, { owner = '' } = {}): Answer => owned(owner === '' ? {} : { [SERVICE]: owner }, (call, peer) => {
  if (call.member === 'RequestName') {
    if (code === OWNER) peer.send(ownerChanged(SERVICE, owner, UNIQUE_NAME));
    return methodReturn(call, { signature: 'u', body: [code] });
  }
  if (call.member === 'ReleaseName') return methodReturn(call, { signature: 'u', body: [1] });
  return owned({})(call, peer);
});

/** A handle, and what its callbacks have got. */
function begin({ bus }: BusLink, options: OwnNameOptions = {}): { readonly name: OwnedName; readonly seen: unknown[] } {
  const seen: unknown[] = [];
  const name = ownName(bus, SERVICE, {
    acquired: () => seen.push('acquired'),
    queued: (owner) => seen.push(['queued', owner]),
    replaced: (owner) => seen.push(['replaced', owner]),
    lost: (reason) => seen.push(['lost', reason.name]),
    ...options,
  });
  return { name, seen };
}

describe('a name', () => {
  test('is acquired once, and released with its handle', async () => {
    await using link = await startBusLink({ answer: answering(OWNER) });
    const { name, seen } = begin(link, { allowReplacement: true });
    expect([name.name, name.state, seen]).toEqual([SERVICE, 'requesting', []]);
    expect(await name.ready).toBe('owner');
    expect([name.state, seen]).toEqual(['owner', ['acquired']]);
    expect(link.peer.calls('RequestName').map(({ body }) => body)).toEqual([[SERVICE, 5]]);
    await Promise.all([name.close(), name.close()]);
    await name[Symbol.asyncDispose]();
    expect([name.state, seen]).toEqual(['released', ['acquired']]);
    expect(link.peer.calls('ReleaseName')).toHaveLength(1);
    expect(link.peer.calls('RemoveMatch')).toHaveLength(1);
    expect(getEventListeners(link.bus.closedSignal, 'abort')).toEqual([]);
  });

  test('is acquired by the reply alone if the bus sends no signal', async () => {
    const answer: Answer = (call, peer) =>
      call.member === 'RequestName' ? methodReturn(call, { signature: 'u', body: [4] }) : answering(OWNER)(call, peer);
    await using link = await startBusLink({ answer });
    const { name, seen } = begin(link);
    expect([await name.ready, seen]).toEqual(['owner', ['acquired']]);
  });

  test('in the queue is acquired when its turn comes, and again after each replacement', async () => {
    await using link = await startBusLink({ answer: answering(IN_QUEUE, { owner: ':1.9' }) });
    const { name, seen } = begin(link, { doNotQueue: false, allowReplacement: true });
    expect([await name.ready, name.state]).toEqual(['queued', 'queued']);
    await deliver(
      link,
      ownerChanged(SERVICE, ':1.9', ':1.10'), ownerChanged(SERVICE, ':1.10', UNIQUE_NAME),
      ownerChanged(SERVICE, UNIQUE_NAME, ':1.11'), ownerChanged(SERVICE, ':1.11', UNIQUE_NAME),
    );
    expect(seen).toEqual([
      ['queued', ':1.9'], 'acquired', ['replaced', ':1.11'], ['queued', ':1.11'], 'acquired',
    ]);
    expect(name.state).toBe('owner');
  });

  test('that is replaced without a queue is lost permanently', async () => {
    await using link = await startBusLink({ answer: answering(OWNER) });
    const reasons: Error[] = [];
    const { name, seen } = begin(link, { allowReplacement: true, lost: (reason) => reasons.push(reason) });
    await name.ready;
    await deliver(link, ownerChanged(SERVICE, UNIQUE_NAME, ':1.9'), ownerChanged(SERVICE, ':1.9', UNIQUE_NAME));
    expect([name.state, seen]).toEqual(['lost', ['acquired', ['replaced', ':1.9']]]);
    expect(reasons).toMatchObject([{ code: 'NAME_LOST', busName: SERVICE, owner: ':1.9' }]);
    await name.close();
    expect(link.peer.calls('ReleaseName')).toEqual([]);
    await until(() => link.peer.calls('RemoveMatch').length === 1);
  });

  test('that is released without the handle is lost', async () => {
    await using link = await startBusLink({ answer: answering(OWNER) });
    const { name, seen } = begin(link, { doNotQueue: false });
    await name.ready;
    await deliver(link, ownerChanged(SERVICE, UNIQUE_NAME, ''));
    expect([name.state, seen]).toEqual(['lost', ['acquired', ['lost', 'NameLostError']]]);
  });

  test('that another connection owns is lost at once, and not released', async () => {
    await using link = await startBusLink({ answer: answering(EXISTS, { owner: ':1.9' }) });
    const { name, seen } = begin(link);
    await expect(name.ready).rejects.toMatchObject({ name: 'NameRequestError', busName: SERVICE });
    expect([name.state, seen]).toEqual(['lost', [['lost', 'NameRequestError']]]);
    await name.close();
    expect(link.peer.calls('ReleaseName')).toEqual([]);
  });

  test.each(['RequestName', 'AddMatch'])('is lost if the bus refuses %s, and is released anyway', async (member) => {
    const answer: Answer = (call, peer) => (call.member === member ? refused : answering(OWNER))(call, peer);
    await using link = await startBusLink({ answer });
    const { name, seen } = begin(link);
    await expect(name.ready).rejects.toMatchObject({ name: 'DBusError' });
    expect([name.state, seen.at(-1)]).toEqual(['lost', ['lost', 'DBusError']]);
    await until(() => link.peer.calls('ReleaseName').length === 1);
  });

  test('is lost if the reply does not come in time, and released', async () => {
    const answer: Answer = (call, peer) => (call.member === 'RequestName' ? undefined : answering(OWNER)(call, peer));
    await using link = await startBusLink({ answer });
    const { name, seen } = begin(link, { timeout: 5 });
    await expect(name.ready).rejects.toMatchObject({ name: 'CallTimeoutError' });
    expect(seen).toEqual([['lost', 'CallTimeoutError']]);
    await until(() => link.peer.calls('ReleaseName').length === 1);
  });

  test('has the state of the newest message if that comes in one chunk with the reply', async () => {
    const answer: Answer = (call, peer) => {
      if (call.member !== 'RequestName') return answering(OWNER)(call, peer);
      const reply = methodReturn(call, { signature: 'u', body: [OWNER] });
      peer.send(ownerChanged(SERVICE, '', UNIQUE_NAME), reply, ownerChanged(SERVICE, UNIQUE_NAME, ':1.9'));
      return undefined;
    };
    await using link = await startBusLink({ answer });
    const { name, seen } = begin(link, { allowReplacement: true, doNotQueue: false });
    expect(await name.ready).toBe('queued');
    expect(seen).toEqual(['acquired', ['replaced', ':1.9'], ['queued', ':1.9']]);
  });

  test('is lost with the connection', async () => {
    await using link = await startBusLink({ answer: answering(OWNER) });
    const { name, seen } = begin(link);
    await name.ready;
    link.peer.socket.destroy();
    await link.bus.closed;
    expect([name.state, seen]).toEqual(['lost', ['acquired', ['lost', 'ConnectionClosedError']]]);
    await name.close();
    const late = begin(link);
    await expect(late.name.ready).rejects.toMatchObject({ name: 'ConnectionClosedError' });
    expect(late.seen).toEqual([['lost', 'ConnectionClosedError']]);
  });
});

test('a name is lost when the program closes its connection', async () => {
  await using link = await startBusLink({ answer: answering(OWNER) });
  const { name, seen } = begin(link);
  await name.ready;
  await link.bus.close();
  expect([name.state, seen]).toEqual(['lost', ['acquired', ['lost', 'ConnectionClosedError']]]);
});

describe('the handle', () => {
  test('that is closed before the answer releases the name, and calls nothing', async () => {
    await using link = await startBusLink({ answer: answering(OWNER) });
    const { name, seen } = begin(link);
    await name.close();
    expect([await name.ready, name.state, seen]).toEqual(['released', 'released', []]);
    const calls = link.peer.messages.map(({ member }) => member).filter((member) => /Name$/.test(String(member)));
    expect(calls).toEqual(['RequestName', 'ReleaseName']);
  });

  test('is closed by its AbortSignal, and sends nothing if that has already aborted', async () => {
    await using link = await startBusLink({ answer: answering(OWNER) });
    const controller = new AbortController();
    const { name, seen } = begin(link, { signal: controller.signal });
    await name.ready;
    controller.abort('enough');
    await until(() => link.peer.calls('ReleaseName').length === 1);
    expect([name.state, seen]).toEqual(['released', ['acquired']]);
    expect(() => begin(link, { signal: controller.signal })).toThrow('enough');
    expect(link.peer.calls('RequestName')).toHaveLength(1);
  });

  test.each(['acquired', 'replaced', 'queued'] as const)('can be closed by the callback %s', async (callback) => {
    await using link = await startBusLink({ answer: answering(OWNER) });
    const { name, seen } = begin(link, {
      allowReplacement: true, doNotQueue: false,
      [callback]: () => {
        seen.push(callback);
        void name.close();
      },
    });
    await name.ready;
    await deliver(link, ownerChanged(SERVICE, UNIQUE_NAME, ':1.9'), ownerChanged(SERVICE, ':1.9', UNIQUE_NAME));
    expect(seen.at(-1)).toBe(callback);
    expect(name.state).toBe('released');
    expect(link.peer.calls('ReleaseName')).toHaveLength(1);
  });

  test('continues if a callback throws', async () => {
    await using link = await startBusLink({ answer: answering(OWNER) });
    const uncaught = uncaughtException();
    const { name, seen } = begin(link, {
      acquired: () => {
        throw new Error('of the callback');
      },
    });
    await name.ready;
    expect(await uncaught).toMatchObject({ message: 'of the callback' });
    await deliver(link, ownerChanged(SERVICE, UNIQUE_NAME, ''));
    expect(seen).toEqual([['lost', 'NameLostError']]);
  });

  test('needs no callbacks, and `ready` need not be awaited', async () => {
    await using link = await startBusLink({ answer: answering(EXISTS) });
    const name = ownName(link.bus, SERVICE);
    await until(() => name.state === 'lost');
    await sleep(0); // an unhandled rejection would fail this test
  });

  test('is not created for a value that is not a bus, a name or an option', async () => {
    await using link = await startBusLink();
    expect(() => ownName({} as never, SERVICE)).toThrow('the bus must be a Bus, got an object');
    for (const name of ['example', ':1.1', 'a..b', 5 as never]) {
      expect(() => ownName(link.bus, name)).toThrow(expect.objectContaining({ code: 'NAME_INVALID' }) as Error);
    }
    const invalid = expect.objectContaining({ code: 'OPTION_INVALID', key: 'lost' }) as Error;
    expect(() => ownName(link.bus, SERVICE, { lost: 5 as never })).toThrow(invalid);
    const unknown = expect.objectContaining({ code: 'OPTION_UNKNOWN' }) as Error;
    expect(() => ownName(link.bus, SERVICE, { onLost: () => {} } as never)).toThrow(unknown);
    expect(link.peer.calls('AddMatch')).toEqual([]);
  });
});
