// The names of a bus: every row of the table of RequestName in the specification, and the places of the queue.
// What dbus-daemon does with the same requests is in test/interop/bus-rules.test.ts.
// Specification: org.freedesktop.DBus.RequestName, ReleaseName.

import { expect, test } from 'vitest';
import { type NameHolder, NameRegistry, type NameOutcome, type NameQueue } from '../../src/message-bus/names.js';

class Holder implements NameHolder {
  readonly places = new Set<NameQueue<NameHolder>>();
  readonly ownedNames = new Set<string>();
  readonly uniqueName: string;

  constructor(label: string) {
    this.uniqueName = label;
  }
}

const NAME = 'com.example.Name1';
const [ALLOW, REPLACE, NO_QUEUE] = [1, 2, 4];

function threeHolders() {
  const registry = new NameRegistry<Holder>(100);
  const holders = { a: new Holder('a'), b: new Holder('b'), c: new Holder('c') };
  const queue = (): string => registry.queueOf(NAME).map(({ uniqueName }) => uniqueName).join('');
  const shown = ({ result, change }: NameOutcome<Holder>): string =>
    change === undefined ? `${result}` : `${result} ${change.from?.uniqueName ?? '-'}>${change.to?.uniqueName ?? '-'}`;
  return { registry, holders, queue, shown };
}

/** Requests as `who flags → result change`, and the queue after the last. */
test.each<{ readonly requests: readonly [who: 'a' | 'b' | 'c', flags: number, outcome: string][]; queue: string }>([
  { requests: [['a', 0, '1 ->a']], queue: 'a' },
  { requests: [['a', 0, '1 ->a'], ['a', ALLOW, '4'], ['b', REPLACE, '1 a>b']], queue: 'ba' },
  { requests: [['a', ALLOW, '1 ->a'], ['a', 0, '4'], ['b', REPLACE, '2']], queue: 'ab' },
  { requests: [['a', ALLOW, '1 ->a'], ['b', 0, '2']], queue: 'ab' },
  { requests: [['a', ALLOW, '1 ->a'], ['b', NO_QUEUE, '3']], queue: 'a' },
  { requests: [['a', ALLOW | NO_QUEUE, '1 ->a'], ['b', REPLACE, '1 a>b']], queue: 'b' },
  { requests: [['a', ALLOW, '1 ->a'], ['b', REPLACE | NO_QUEUE, '1 a>b']], queue: 'ba' },
  { requests: [['a', 0, '1 ->a'], ['b', 0, '2'], ['b', NO_QUEUE, '3']], queue: 'a' },
  { requests: [['a', 0, '1 ->a'], ['b', 0, '2'], ['c', 0, '2'], ['b', 0, '2']], queue: 'abc' },
  { requests: [['a', 0, '1 ->a'], ['b', 0, '2'], ['c', REPLACE, '2']], queue: 'acb' },
  { requests: [['a', ALLOW, '1 ->a'], ['b', 0, '2'], ['c', 0, '2'], ['c', REPLACE, '1 a>c']], queue: 'cab' },
])('a name has the owner and the queue according to the flags of $requests', ({ requests, queue }) => {
  const { registry, holders, queue: queueNow, shown } = threeHolders();
  for (const [who, flags, outcome] of requests) expect(shown(registry.request(NAME, holders[who], flags))).toBe(outcome);
  expect(queueNow()).toBe(queue);
  expect(registry.ownerOf(NAME)?.uniqueName).toBe(queue[0]);
  for (const holder of Object.values(holders)) {
    expect(holder.ownedNames.has(NAME)).toBe(holder.uniqueName === queue[0]);
    expect(holder.places.size).toBe(queue.includes(holder.uniqueName) ? 1 : 0);
  }
});

test('a released name goes to the next in the queue, until the queue is empty', () => {
  const { registry, holders, queue, shown } = threeHolders();
  for (const holder of Object.values(holders)) registry.request(NAME, holder, 0);
  expect(shown(registry.release(NAME, holders.b))).toBe('1'); // only a place in the queue
  expect(shown(registry.release(NAME, holders.a))).toBe('1 a>c');
  expect(queue()).toBe('c');
  expect(shown(registry.release(NAME, holders.a))).toBe('3');
  expect(shown(registry.release(NAME, holders.c))).toBe('1 c>-');
  expect(shown(registry.release(NAME, holders.c))).toBe('2');
  expect(registry.size).toBe(0);
  for (const { places, ownedNames } of Object.values(holders)) expect(places.size + ownedNames.size).toBe(0);
});

test('a client keeps its places in the order in which it got them, even after it was replaced', () => {
  const { registry, holders } = threeHolders();
  for (const name of ['com.example.A', 'com.example.B', 'com.example.C']) registry.request(name, holders.a, ALLOW);
  registry.request('com.example.A', holders.b, REPLACE);
  expect([...holders.a.places].map(({ name }) => name)).toEqual(['com.example.A', 'com.example.B', 'com.example.C']);
  expect([...holders.a.ownedNames]).toEqual(['com.example.B', 'com.example.C']);
});

test('a client has no more names than its limit, including its unique name and its places in queues', () => {
  const registry = new NameRegistry<Holder>(3);
  const [owner, other] = [new Holder(':1.1'), new Holder(':1.2')];
  registry.request('com.example.A', other, 0);
  registry.request('com.example.A', owner, 0);
  registry.request('com.example.B', owner, 0);
  expect(() => registry.request('com.example.C', owner, 0)).toThrow('Connection ":1.1" is not allowed to own more');
  expect(registry.ownerOf('com.example.C')).toBe(undefined);
  registry.release('com.example.A', owner);
  expect(registry.request('com.example.C', owner, 0)).toMatchObject({ result: 1 });
});
