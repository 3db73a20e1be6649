// The implementations that the handlers of a subtree return: the order of their changes, and the end of their signals.

import { expect, test } from 'vitest';
import type { Bus } from '../../src/connection/bus.js';
import { defineInterface } from '../../src/interface/define.js';
import type { Implementation } from '../../src/interface/definition.js';
import { exportObject } from '../../src/service/export-object.js';
import { exportObjectManager } from '../../src/service/export-object-manager.js';
import { exportSubtree } from '../../src/service/export-subtree.js';
import { useBusPair } from '../support/bus-pair.js';
import { collectGarbage } from '../support/memory.js';
import { describeWith } from '../support/programs.js';
import { until } from '../support/waiting.js';
import { loopback } from './support.js';

const suite = describeWith('dbus-daemon');
const Card = defineInterface({
  name: 'com.example.Card1',
  methods: { Nothing: {} },
  properties: { Text: { type: 's', access: 'read' } },
  signals: { Moved: { args: 's' } },
});
const PATH = '/com/example/cards/a';
const card = (get: () => string | Promise<string> = () => '') => Card.implement({
  methods: { Nothing: () => {} }, properties: { Text: { get } },
});
/** An implementation that counts its sinks. */
const counted = (implementation = card()) => {
  const state = { attached: 0 };
  const copy: typeof implementation = {
    ...implementation,
    attach: (sink) => {
      state.attached++;
      const detach = implementation.attach(sink);
      return () => {
        state.attached--;
        detach();
      };
    },
  };
  return { copy, state };
};

let client: Bus;
let service: Bus;

async function watch(): Promise<string[]> {
  const seen: string[] = [];
  await client.subscribe({ sender: service.uniqueName }, ({ path, member, body }) => {
    const changed = body[1] as Map<string, { value: unknown }>;
    seen.push(`${path} ${member} ${String(member === 'PropertiesChanged' ? changed.get('Text')?.value : body[0])}`);
  }).ready;
  return seen;
}
const nothing = () => client.call({
  destination: service.uniqueName, path: PATH, interface: Card.name, member: 'Nothing',
});

suite('the implementations of a subtree', () => {
  useBusPair((pair) => {
    ({ client, service } = pair);
  });

  test.each(['exportObject', 'exportSubtree'])('with %s have their changes announced in order, two at a time', async (kind) => {
    const seen = await watch();
    const running: (() => void)[] = [];
    let value = '';
    let started = 0;
    const slow = card(() => {
      const now = value;
      started++;
      return new Promise((resolve) => void running.push(() => resolve(now)));
    });
    if (kind === 'exportObject') exportObject(service, PATH, slow);
    else exportSubtree(service, '/com/example/cards/*', { object: () => slow });
    await nothing();
    for (let turn = 1; turn <= 20; turn++) {
      value = String(turn);
      slow.emitPropertiesChanged('Text');
      await new Promise(setImmediate);
    }
    expect(started).toBe(1);
    for (let turn = 0; turn < 2; turn++) {
      await until(() => running.length > 0);
      for (const finish of running.splice(0)) finish();
    }
    await until(() => seen.length === 2);
    expect([seen, started]).toEqual([[`${PATH} PropertiesChanged 1`, `${PATH} PropertiesChanged 20`], 2]);
    value = 'last'; // nothing is left of the changes that have ended
    slow.emitPropertiesChanged('Text');
    await until(() => running.length > 0);
    running.pop()?.();
    await until(() => seen.length === 3);
    expect(seen.at(-1)).toBe(`${PATH} PropertiesChanged last`);
  });

  test('send nothing after the object was removed, and again after it is added again', async () => {
    exportObjectManager(service, '/com');
    const seen = await watch();
    const { copy, state } = counted();
    let isThere = true;
    const subtree = exportSubtree(service, '/com/example/cards/*', { object: () => (isThere ? copy : undefined) });
    subtree.emitAdded('a');
    isThere = false;
    subtree.emitRemoved('a');
    expect(state.attached).toBe(0);
    copy.emit('Moved', 'removed');
    copy.emit('Moved', 'removed', { path: PATH });
    copy.emitPropertiesChanged('Text');
    isThere = true;
    subtree.emitAdded('a');
    copy.emit('Moved', 'again');
    await until(() => seen.length === 4);
    expect([seen, state.attached]).toEqual([[
      `/com InterfacesAdded ${PATH}`, `/com InterfacesRemoved ${PATH}`, `/com InterfacesAdded ${PATH}`, `${PATH} Moved again`,
    ], 1]);
  });

  test('send nothing after another implementation was announced at their path', async () => {
    exportObjectManager(service, '/com');
    const seen = await watch();
    let text = 'old';
    const old = counted(card(() => text));
    const both = counted();
    let present: Implementation = old.copy;
    const subtree = exportSubtree(service, '/com/example/cards/*', {
      object: ([name]) => (name === 'b' ? both.copy : present),
    });
    subtree.emitAdded('a');
    subtree.emitAdded('b');
    text = 'changed';
    old.copy.emitPropertiesChanged('Text');
    present = both.copy;
    subtree.emitAdded('a'); // this implementation is at several paths now
    old.copy.emit('Moved', 'replaced');
    both.copy.emit('Moved', 'new', { path: PATH });
    await until(() => seen.length === 4);
    expect(seen.slice(2)).toEqual([`/com InterfacesAdded ${PATH}`, `${PATH} Moved new`]);
    expect([old.state.attached, both.state.attached]).toEqual([0, 1]);
    subtree.unexport();
    expect(both.state.attached).toBe(0);
  });

  test('send nothing while an exported object has their path', async () => {
    const seen = await watch();
    const hidden = card();
    exportSubtree(service, '/com/example/cards/*', { object: () => hidden });
    await nothing();
    const exported = exportObject(service, PATH, defineInterface({ name: 'com.example.Other1' }).implement({}));
    hidden.emit('Moved', 'hidden');
    hidden.emitPropertiesChanged('Text');
    exported.unexport();
    hidden.emit('Moved', 'shown');
    await until(() => seen.length > 0);
    expect(seen[0]).toBe(`${PATH} Moved shown`);
  });
});

test('an implementation of a subtree keeps no link in memory after the subtree or the link has ended', async () => {
  const { copy, state } = counted();
  const links: WeakRef<object>[] = [];
  const run = async (howItEnds: 'subtree' | 'link'): Promise<void> => {
    const { link, call, abort } = loopback();
    links.push(new WeakRef(link as object));
    const subtree = exportSubtree(link, '/com/example/cards/*', { object: () => copy });
    await call({ path: PATH, interface: Card.name, member: 'Nothing' });
    if (howItEnds === 'subtree') subtree.unexport();
    else abort.abort();
  };
  for (let count = 0; count < 3; count++) {
    await run('subtree');
    await run('link');
  }
  expect(state.attached).toBe(0);
  copy.emit('Moved', 'to nobody');
  await until(() => {
    collectGarbage();
    return links.every((link) => link.deref() === undefined);
  });
});

test('a subtree keeps no implementation in memory that its handler returns for one call', async () => {
  const { link, call } = loopback();
  const returned: WeakRef<object>[] = [];
  exportSubtree(link, '/com/example/cards/*', {
    object: () => {
      const once = card();
      returned.push(new WeakRef(once));
      return once;
    },
  });
  for (let count = 0; count < 5; count++) await call({ path: PATH, interface: Card.name, member: 'Nothing' });
  await until(() => {
    collectGarbage();
    return returned.every((each) => each.deref() === undefined);
  });
});
