// Objects of a subtree that are announced as added and removed: in which order, how often, and at the end of the subtree.

import { expect, test } from 'vitest';
import type { Bus } from '../../src/connection/bus.js';
import { defineInterface } from '../../src/interface/define.js';
import type { Implementation } from '../../src/interface/definition.js';
import { exportObject } from '../../src/service/export-object.js';
import { exportObjectManager } from '../../src/service/export-object-manager.js';
import { exportSubtree } from '../../src/service/export-subtree.js';
import { SubtreeChanges, type SubtreeChangesOptions } from '../../src/service/subtree-changes.js';
import { useBusPair } from '../support/bus-pair.js';
import { describeWith } from '../support/programs.js';
import { deferred, until } from '../support/waiting.js';
import { recordHandlerErrors } from './support.js';

const suite = describeWith('dbus-daemon');
const Card = defineInterface({
  name: 'com.example.Card1',
  properties: { Text: { type: 's', access: 'read' } },
  signals: { Moved: { args: 's' } },
});
const Lazy = defineInterface({
  name: 'com.example.Lazy1',
  properties: {
    Id: { type: 's', access: 'read', emitsChanged: 'const' }, Later: { type: 's', access: 'read' },
  },
});
const PATH = '/com/example/cards/a';
const card = () => Card.implement({ properties: { Text: '' } });

let client: Bus;
let service: Bus;

/** Signals as texts: the member, and the interfaces or the first text of the body. */
async function watch(): Promise<string[]> {
  const seen: string[] = [];
  await client.subscribe({ sender: service.uniqueName }, ({ member, body: [first, second] }) => {
    const names = second instanceof Map ? [...second.keys()] as string[] : (second as string[] | undefined) ?? [];
    seen.push([member, first as string, ...names].join(' ').replaceAll('com.example.', ''));
  }).ready;
  return seen;
}
/** The signals before the last one, which is about another object. */
const end = async (seen: string[]): Promise<string[]> => {
  exportObject(service, '/com/example/end', card());
  await until(() => seen.at(-1) === 'InterfacesAdded /com/example/end Card1');
  return seen.slice(0, -1);
};

suite('objects of a subtree', () => {
  useBusPair((pair) => {
    ({ client, service } = pair);
  });

  test('are removed after their last changes when the subtree ends', async () => {
    const seen = await watch();
    exportObjectManager(service, '/com');
    const one = card();
    const subtree = exportSubtree(service, '/com/example/cards/*', { object: () => one });
    subtree.emitAdded('a');
    one.emitPropertiesChanged('Text');
    subtree.unexport();
    expect(await end(seen)).toEqual([
      `InterfacesAdded ${PATH} Card1`, 'PropertiesChanged Card1 Text', `InterfacesRemoved ${PATH} Card1`,
    ]);
  });

  test('are removed when the subtree ends or says so, even while an exported object has their path', async () => {
    const seen = await watch();
    exportObjectManager(service, '/com');
    const both = [card(), Lazy.implement({ properties: { Id: '', Later: '' } })];
    const subtree = exportSubtree(service, '/com/example/cards/*', { object: () => both });
    subtree.emitAdded('a');
    subtree.emitAdded('b');
    const same = exportObject(service, PATH, card()); // has one of the interfaces
    const other = exportObject(service, '/com/example/cards/b', card());
    subtree.emitRemoved('b');
    subtree.emitRemoved('b');
    subtree.unexport();
    same.unexport();
    other.unexport();
    expect((await end(seen)).slice(4)).toEqual([
      'InterfacesRemoved /com/example/cards/b Lazy1', `InterfacesRemoved ${PATH} Lazy1`,
      `InterfacesRemoved ${PATH} Card1`, 'InterfacesRemoved /com/example/cards/b Card1',
    ]);
  });

  test('are announced once if emitAdded() is called repeatedly while the handler looks for them', async () => {
    const seen = await watch();
    exportObjectManager(service, '/com');
    const gate = deferred();
    let asked = 0;
    let found: Implementation[] = [card()];
    const subtree = exportSubtree(service, '/com/example/cards/*', {
      object: async () => {
        asked++;
        const now = found; // as it was when the handler was asked
        await gate.promise;
        return now;
      },
    });
    for (let count = 0; count < 1_100; count++) subtree.emitAdded('a');
    expect(asked).toBe(1);
    found = [card(), defineInterface({ name: 'com.example.Extra1' }).implement({})];
    gate.resolve();
    await until(() => seen.length > 0);
    expect([await end(seen), asked]).toEqual([[`InterfacesAdded ${PATH} Card1 Extra1`], 2]);
  });

  test('are announced in order with the removals between, and not more than 1,000 times while the handler looks', async () => {
    const reports = recordHandlerErrors();
    const seen = await watch();
    exportObjectManager(service, '/com');
    const gate = deferred();
    const one = card();
    const subtree = exportSubtree(service, '/com/example/cards/*', { object: () => gate.promise.then(() => one) });
    for (let count = 0; count < 3; count++) {
      subtree.emitAdded('a');
      subtree.emitRemoved('a');
    }
    subtree.emitAdded('b');
    for (let count = 0; count < 1_010; count++) {
      subtree.emitRemoved('b');
      subtree.emitAdded('b');
    }
    gate.resolve();
    await until(() => seen.length > 6);
    const sent = await end(seen);
    const about = (name: string) => sent.filter((text) => text.includes(`/cards/${name} `)).map((text) => text.split(' ')[0]);
    expect(about('a')).toEqual(Array.from({ length: 3 }, () => ['InterfacesAdded', 'InterfacesRemoved']).flat());
    expect([about('b').at(-1), reports.length]).toEqual(['InterfacesRemoved', 11]); // the last was not announced
    expect(reports[0]).toMatchObject({ member: 'InterfacesAdded', error: {
      message: '1000 announcements of /com/example/cards/b wait for the handler "object": it must answer before the object is announced again',
    } });
  });

  test('are not reported as missing if they are removed before the handler has answered', async () => {
    const reports = recordHandlerErrors();
    const seen = await watch();
    exportObjectManager(service, '/com');
    const objects = new Map([['a', card()]]);
    const subtree = exportSubtree(service, '/com/example/cards/*', {
      object: async ([name]) => {
        await new Promise(setImmediate);
        return objects.get(name!);
      },
    });
    subtree.emitAdded('a');
    objects.delete('a');
    subtree.emitRemoved('a');
    await client.call({ destination: service.uniqueName, path: PATH, interface: Card.name, member: 'No' }).catch(() => {});
    expect([await end(seen), reports]).toEqual([[], []]);
  });

  test('do not get values that follow InterfacesAdded after they were removed', async () => {
    const seen = await watch();
    exportObjectManager(service, '/com');
    const id = deferred<string>();
    const lazy = Lazy.implement({
      properties: { Id: { get: () => id.promise }, Later: { get: () => new Promise<string>((resolve) => {
        setImmediate(() => setImmediate(() => resolve('later')));
      }) } },
    });
    const subtree = exportSubtree(service, '/com/example/cards/*', { object: () => lazy });
    subtree.emitAdded('a');
    subtree.emitRemoved('a');
    id.resolve('id');
    await until(() => seen.length === 2);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await end(seen)).toEqual([`InterfacesAdded ${PATH} Lazy1`, `InterfacesRemoved ${PATH} Lazy1`]);
  });

  test('send what their implementation emits while the handler looks for them, after InterfacesAdded', async () => {
    const reports = recordHandlerErrors();
    const seen = await watch();
    exportObjectManager(service, '/com');
    const gates = [deferred(), deferred(), deferred()];
    let asked = 0;
    const objects = [card(), card()];
    const subtree = exportSubtree(service, '/com/example/cards/*', {
      object: async ([name]) => {
        await gates[asked++]?.promise;
        return name === 'a' ? objects[0] : objects[1];
      },
    });
    const [a, b] = objects as [typeof objects[0], typeof objects[0]];
    b.emit('Moved', 'before any search');
    subtree.emitAdded('a');
    a.emit('Moved', '1');
    b.emit('Moved', 'before its own search');
    a.emit('Moved', 'elsewhere', { path: '/com/example/cards/b' });
    a.emit('Moved', '2', { path: PATH });
    expect(() => a.emit('Moved', 5 as never)).toThrow(expect.objectContaining({ code: 'VALUE_TYPE_MISMATCH' }));
    subtree.emitAdded('b');
    b.emit('Moved', 'removed too early');
    subtree.emitRemoved('b');
    b.emit('Moved', 'removed');
    subtree.emitAdded('b');
    b.emit('Moved', '3');
    for (const { resolve } of gates) resolve();
    await until(() => seen.length === 7);
    a.emit('Moved', '4');
    const added = (name: string) => `InterfacesAdded /com/example/cards/${name} Card1`;
    const sent = await end(seen);
    expect(sent.filter((text) => !text.includes('cards/b') && text !== 'Moved 3')).toEqual([added('a'), 'Moved 1', 'Moved 2', 'Moved 4']);
    expect(sent.filter((text) => text.includes('cards/b') || text === 'Moved 3')).toEqual(
      [added('b'), 'InterfacesRemoved /com/example/cards/b Card1', added('b'), 'Moved 3'],
    );
    expect(reports).toEqual([]);
  });

  test('keep at most 1,000 signals while handlers look for them, and none afterwards', async () => {
    const seen = await watch();
    exportObjectManager(service, '/com');
    const gate = deferred();
    const one = card();
    const subtree = exportSubtree(service, '/com/example/cards/*', { object: () => gate.promise.then(() => one) });
    subtree.emitAdded('a');
    const other = card(); // is never returned
    for (let count = 0; count < 400; count++) other.emit('Moved', '');
    for (let count = 1; count <= 1_000; count++) one.emit('Moved', String(count));
    gate.resolve();
    await until(() => seen.length === 601);
    const next = card();
    const others = exportSubtree(service, '/com/example/others/*', { object: async () => next });
    others.emitAdded('x');
    next.emit('Moved', 'next');
    await until(() => seen.length === 603);
    expect((await end(seen)).slice(-4)).toEqual([
      'Moved 599', 'Moved 600', 'InterfacesAdded /com/example/others/x Card1', 'Moved next',
    ]);
  });
});

test('of the objects that were listed or announced, the last 200,000 are announced as removed at the end', () => {
  const removed: string[] = [];
  const managers = { announce: (path: string) => void removed.push(path) };
  const link = { closedSignal: new AbortController().signal };
  const changes = new SubtreeChanges({ link, managers } as unknown as SubtreeChangesOptions); // note() and end() use only these
  const interfaces = new Map([[Card.name, {}]]) as never;
  for (let i = 0; i < 200_003; i++) changes.note({ path: `/${i}`, interfaces, children: new Set() });
  changes.end();
  expect([removed.length, removed[0], removed.at(-1)]).toEqual([200_000, '/3', '/200002']);
});
