// Signals that wait for an earlier one about the same object.

import { expect, test } from 'vitest';
import { HeldSignals } from '../../src/service/held-signals.js';

function setup() {
  const sent: string[] = [];
  const held = new HeldSignals((error) => void sent.push((error as Error).message));
  const send = (text: string) => () => void sent.push(text);
  return { held, sent, send };
}

/** Promise.withResolvers(), which Node 20 does not have. */
function deferred() {
  let resolve = (): void => {};
  const promise = new Promise<void>((done) => void (resolve = done));
  return { promise, resolve: () => resolve() };
}

test('a signal is sent at once if nothing about its path waits', () => {
  const { held, sent, send } = setup();
  held.hold('/a', new Promise(() => {}), send('a1'));
  held.add('/a', send('a2'));
  held.add('/b', send('b1'));
  expect([sent, held.has('/a'), held.has('/b')]).toEqual([['b1'], true, false]);
});

test('signals about a path are sent in order, whatever the order in which they are ready', async () => {
  const { held, sent, send } = setup();
  const first = deferred();
  const third = deferred();
  held.hold('/a', first.promise, send('1'));
  held.add('/a', send('2'));
  held.hold('/a', third.promise, send('3'));
  held.add('/a', send('4'));
  third.resolve();
  await third.promise;
  expect(sent).toEqual([]);
  first.resolve();
  await first.promise;
  expect([sent, held.has('/a')]).toEqual([['1', '2', '3', '4'], false]);
});

test('a signal that is added while another is sent is sent after those that wait', () => {
  const { held, sent, send } = setup();
  const release = held.hold('/a', new Promise(() => {}), () => {
    held.add('/a', send('added'));
    held.releaseAll();
    sent.push('first');
  });
  held.add('/a', send('second'));
  release();
  release();
  expect([sent, held.has('/a')]).toEqual([['first', 'second', 'added'], false]);
});

test('more than 1,000 signals about a path do not wait', () => {
  const { held, sent, send } = setup();
  held.hold('/a', new Promise(() => {}), send('first'));
  for (let index = 1; index < 1_000; index++) held.add('/a', send(String(index)));
  expect(sent).toEqual([]);
  held.add('/a', send('last'));
  expect([sent.length, sent[0], sent.at(-1), held.has('/a')]).toEqual([1_001, 'first', 'last', false]);
});

test('more than 1,000 signals about a path that each wait for something do not wait', () => {
  const { held, sent, send } = setup();
  for (let index = 1; index <= 1_000; index++) held.hold('/a', new Promise(() => {}), send(String(index)));
  expect(sent).toEqual([]);
  held.hold('/a', new Promise(() => {}), send('last'));
  expect([sent.length, sent[0], sent.at(-1), held.has('/a')]).toEqual([1_001, '1', 'last', false]);
});

test('a signal that cannot be sent is reported, and does not hold the others back', async () => {
  const { held, sent, send } = setup();
  const first = deferred();
  held.hold('/a', first.promise, () => { throw new Error('first failed'); });
  held.add('/a', () => { throw new Error('second failed'); });
  held.add('/a', send('third'));
  first.resolve();
  await first.promise;
  held.add('/a', send('fourth'));
  expect([sent, held.has('/a')]).toEqual([['first failed', 'second failed', 'third', 'fourth'], false]);
});
