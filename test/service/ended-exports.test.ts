// Objects that are removed while their properties are being read: nothing about them is sent after their removal.

import { expect, test } from 'vitest';
import type { Bus } from '../../src/connection/bus.js';
import { defineInterface } from '../../src/interface/define.js';
import { exportObject, type ExportedObject } from '../../src/service/export-object.js';
import { exportObjectManager } from '../../src/service/export-object-manager.js';
import { exportSubtree } from '../../src/service/export-subtree.js';
import { useBusPair } from '../support/bus-pair.js';
import { describeWith } from '../support/programs.js';
import { until } from '../support/waiting.js';
import { recordHandlerErrors } from './support.js';

const suite = describeWith('dbus-daemon');
const Card = defineInterface({
  name: 'com.example.Card1',
  properties: { Text: { type: 's', access: 'read' }, Label: { type: 's', access: 'read' } },
  signals: { Moved: { args: 's' } },
});

let client: Bus;
let service: Bus;
useBusPair((pair) => {
  ({ client, service } = pair);
});

/** The signals of the service as texts: the member, and the first text of the body that is known to matter. */
async function watch(): Promise<string[]> {
  const seen: string[] = [];
  await client.subscribe({ sender: service.uniqueName }, ({ member, body }) => {
    const changed = body[1] as Map<string, { value: unknown }>;
    const values = member === 'PropertiesChanged' ? [...changed].map(([name, { value }]) => `${name}=${String(value)}`) : [body[0]];
    seen.push([member, ...values].join(' '));
  }).ready;
  return seen;
}
const end = async (seen: string[]): Promise<string[]> => {
  exportObject(service, '/com/example/end', Card.implement({ properties: { Text: '', Label: '' } }));
  await until(() => seen.at(-1) === 'InterfacesAdded /com/example/end');
  return seen.slice(0, -1);
};
/** An object whose Text answers when the test says so, and whose Label answers at once. */
const slowCard = () => {
  const running: ((text: string) => void)[] = [];
  const state = { isSlow: false };
  const card = Card.implement({
    properties: {
      Text: { get: () => (state.isSlow ? new Promise<string>((resolve) => void running.push(resolve)) : 'first') },
      Label: { get: () => 'label' },
    },
  });
  const finish = async (): Promise<void> => {
    for (const resolve of running.splice(0)) resolve('late');
    await new Promise(setImmediate);
  };
  return { card, state, running, finish };
};

suite.each(['exportObject', 'exportSubtree'] as const)('an object of %s that is removed', (kind) => {
  const exportAt = (card: ReturnType<typeof slowCard>['card']): ExportedObject => {
    if (kind === 'exportObject') return exportObject(service, '/com/example/cards/a', card);
    const subtree = exportSubtree(service, '/com/example/cards/*', { object: () => card });
    subtree.emitAdded('a');
    return subtree;
  };

  test('does not send a value that its get returns later, nor report its failure', async () => {
    const reports = recordHandlerErrors();
    const seen = await watch();
    exportObjectManager(service, '/com');
    const { card, state, running, finish } = slowCard();
    const exported = exportAt(card);
    state.isSlow = true;
    card.emitPropertiesChanged('Text');
    await until(() => running.length === 1);
    exported.unexport();
    const successor = exportObject(service, '/com/example/cards/a', Card.implement({ properties: { Text: 'new', Label: '' } }));
    await finish();
    successor.unexport();
    expect(await end(seen)).toEqual([
      'InterfacesAdded /com/example/cards/a', 'InterfacesRemoved /com/example/cards/a',
      'InterfacesAdded /com/example/cards/a', 'InterfacesRemoved /com/example/cards/a',
    ]);
    expect(reports).toEqual([]);
  });

  test('first sends the values of its last changes that are known', async () => {
    const seen = await watch();
    exportObjectManager(service, '/com');
    const { card, state, running, finish } = slowCard();
    const exported = exportAt(card);
    state.isSlow = true;
    card.emitPropertiesChanged('Text', 'Label');
    exported.unexport();
    expect(running.length).toBe(1);
    await finish();
    expect(await end(seen)).toEqual([
      'InterfacesAdded /com/example/cards/a', 'PropertiesChanged Label=label', 'InterfacesRemoved /com/example/cards/a',
    ]);
  });

  test('is removed once, even if the get that runs for its last changes removes it', async () => {
    const seen = await watch();
    exportObjectManager(service, '/com');
    let exported: ExportedObject | undefined;
    let removals = 0;
    const card = Card.implement({
      properties: {
        Text: { get: () => (exported === undefined ? 'first' : (removals++, exported.unexport(), 'last')) },
        Label: { get: () => 'label' },
      },
    });
    exported = exportAt(card);
    card.emitPropertiesChanged('Text');
    exported.unexport();
    const sent = await end(seen);
    expect([removals, sent.filter((text) => text.startsWith('InterfacesRemoved'))]).toEqual(
      [1, ['InterfacesRemoved /com/example/cards/a']],
    );
  });
});
