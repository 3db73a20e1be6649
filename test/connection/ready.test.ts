// `ready` of everything that has one, and the promise of each request that waits: it settles even after a close or an
// abort before the bus answers, or while there is no connection, even if no connection follows.
import { expect, onTestFinished, test } from 'vitest';
import { manageObjects } from '../../src/client/managed-objects.js';
import { createProxy } from '../../src/client/proxy.js';
import type { Bus } from '../../src/connection/bus.js';
import { connectToBus } from '../../src/connection/open-bus.js';
import { ownName } from '../../src/connection/own-name.js';
import { defineInterface } from '../../src/interface/define.js';
import { methodReturn } from '../../src/wire/messages/message.js';
import { some } from '../support/extent.js';
import { until } from '../support/waiting.js';
import { type Answer, answerAsBus, startFakeServer } from './fake-server.js';
import { BUS, RULE, SERVICE } from './signals.js';

const Player = defineInterface({
  name: 'com.example.Player1',
  properties: { Volume: { type: 'd', access: 'read' } },
  signals: { Began: { args: 's' }, Ended: { args: 's' } },
});
const NAME = 'com.example.Ours';
const target = { destination: SERVICE, path: '/player' };

/** Something with `ready`; it has no `close` if only an AbortSignal can end it. */
interface Awaited {
  readonly ready: Promise<unknown>;
  close?(): Promise<unknown>;
}

type Make = (bus: Bus, signal?: AbortSignal) => Awaited;

/** An abort rejects `ready` with its reason, and `close` resolves it. */
const THINGS: Readonly<Record<string, Make>> = {
  subscribe: (bus, signal) => bus.subscribe(RULE, { signal }),
  'subscribe, from a well-known name': (bus, signal) => bus.subscribe({ ...RULE, sender: SERVICE }, { signal }),
  'subscribe with a listener': (bus, signal) => bus.subscribe(RULE, () => {}, { signal }),
  $signal: (bus, signal) => createProxy(bus, Player, target).$signal('Ended', { signal }),
  '$signal with a listener': (bus, signal) => createProxy(bus, Player, target).$signal('Ended', () => {}, { signal }),
  $signals: (bus, signal) => createProxy(bus, Player, target).$signals({ signal }),
  $watch: (bus, signal) => createProxy(bus, Player, target).$watch('Volume', { signal }),
  '$watch with a listener': (bus, signal) => createProxy(bus, Player, target).$watch('Volume', () => {}, { signal }),
  manageObjects: (bus, signal) => manageObjects(bus, target, { player: Player }, { signal }),
};
/** These cannot be aborted. */
const WATCHES: Readonly<Record<string, Make>> = {
  'watchOwner of a name': (bus) => bus.watchOwner(SERVICE, () => {}),
  'watchOwner of a prefix': (bus) => bus.watchOwner('com.example.*', () => {}),
};
/** These end with an error of their own. */
const NAMES: Readonly<Record<string, Make>> = {
  ownName: (bus, signal) => ownName(bus, NAME, { signal }),
  requestName: (bus, signal) => ({ ready: bus.requestName(NAME, { signal }), close: () => bus.releaseName(NAME) }),
};
/** These have no `close`. */
const WAITS: Readonly<Record<string, Make>> = {
  waitForOwner: (bus, signal) => ({ ready: bus.waitForOwner(SERVICE, { signal }) }),
  $cache: (bus, signal) => ({ ready: createProxy(bus, Player, target).$cache({ signal }) }),
};

type End = 'close' | 'abort';
const ROWS = Object.entries({ ...THINGS, ...WATCHES, ...NAMES, ...WAITS }).flatMap(([name, make]) => (
  (['close', 'abort'] as const).flatMap((end) => (
    ['before the bus answers', 'without a connection'].flatMap((when) => (
      ['restored', 'closed'].map((then) => ({ name, make, end, when, then }))
    ))
  )).filter(({ end }) => !(name in (end === 'close' ? WAITS : WATCHES)))
));

/** The fitting outcome of `ready`; undefined if it only has to settle. */
function outcomeOf(name: string, end: End): string | undefined {
  if (name in NAMES) return undefined;
  return end === 'close' ? 'resolved' : 'rejected: enough';
}

const answer: Answer = (call, peer) => {
  if (call.member === 'ListNames') return methodReturn(call, { signature: 'as', body: [[BUS]] });
  if (call.member === 'RequestName') return methodReturn(call, { signature: 'u', body: [1] });
  return answerAsBus(call, peer);
};

test.each(some(ROWS, 3))('the promise of $name settles after $end $when, if the connection is then $then', async (row) => {
  let isSilent = false;
  await using server = await startFakeServer({ answer: (call, peer) => (isSilent ? undefined : answer(call, peer)) });
  const bus = await connectToBus(server.address, { reconnect: { initialDelay: 1, maxDelay: 4 } });
  onTestFinished(() => bus.close({ timeout: 0 }));
  const peer = await server.peer();
  const lose = async (): Promise<void> => {
    peer.socket.destroy();
    await new Promise<void>((resolve) => void bus.watchConnection(() => resolve()));
  };
  isSilent = true;
  if (row.when === 'without a connection') await lose();
  const before = peer.messages.length;

  const abort = new AbortController();
  const made = row.make(bus, abort.signal);
  let outcome: string | undefined;
  made.ready.then(() => (outcome = 'resolved'), (error: unknown) => (outcome = `rejected: ${String(error)}`));
  if (row.when === 'before the bus answers') await until(() => peer.messages.length > before);
  else expect(bus.state).toBe('reconnecting');
  if (row.end === 'abort') abort.abort('enough');
  else made.close?.().catch(() => {}); // the bus does not answer

  isSilent = false;
  if (row.then === 'restored') {
    if (row.when === 'before the bus answers') await lose();
    await until(() => bus.state === 'connected');
    await bus.listNames(); // the bus has answered everything before
  } else {
    await bus.close({ timeout: 0 });
  }
  await new Promise((resolve) => setImmediate(resolve));
  expect(outcome).toBeDefined();
  expect(outcome).toBe(outcomeOf(row.name, row.end) ?? outcome);
});

test('a watch of a name that is closed before the bus answers does not end another watch of the name', async () => {
  let isSilent = false;
  await using server = await startFakeServer({ answer: (call, peer) => (isSilent ? undefined : answer(call, peer)) });
  const bus = await connectToBus(server.address, { reconnect: { initialDelay: 1, maxDelay: 4 } });
  onTestFinished(() => bus.close({ timeout: 0 }));
  const peer = await server.peer();
  isSilent = true;
  const [one, other] = [bus.watchOwner(SERVICE, () => {}), bus.watchOwner(SERVICE, () => {})];
  const settled: string[] = [];
  void one.ready.then(() => settled.push('one'));
  void other.ready.then(() => settled.push('other'));
  await one.close();
  await new Promise((resolve) => setImmediate(resolve));
  expect(settled).toEqual(['one']);
  isSilent = false;
  peer.socket.destroy();
  await other.ready;
  expect(settled).toEqual(['one', 'other']);
});
