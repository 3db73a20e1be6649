// Signals that wait for the InterfacesAdded of their object: they are checked when they are emitted, and one that cannot
// be sent holds nothing back.

import { expect, test } from 'vitest';
import type { Bus } from '../../src/connection/bus.js';
import { connectToBus } from '../../src/connection/open-bus.js';
import { defineInterface } from '../../src/interface/define.js';
import { exportObject } from '../../src/service/export-object.js';
import { exportObjectManager } from '../../src/service/export-object-manager.js';
import { variant } from '../../src/wire/variant.js';
import { useBusPair } from '../support/bus-pair.js';
import { describeWith } from '../support/programs.js';
import { deferred, until } from '../support/waiting.js';
import { recordHandlerErrors } from './support.js';

const suite = describeWith('dbus-daemon');
const MAX_SEND_LENGTH = 5_000;
const TOO_LONG = 'y'.repeat(10_000);
const Card = defineInterface({
  name: 'com.example.Card1',
  properties: {
    Id: { type: 's', access: 'read', emitsChanged: 'const' },
    Text: { type: 's', access: 'read' },
    Label: { type: 's', access: 'read' },
  },
  signals: { Moved: { args: 's' } },
});

let client: Bus;
let address: string;
useBusPair((pair) => {
  ({ client } = pair);
  ({ address } = pair.daemon);
});

suite('a link that sends no long messages', () => {
  /** An object whose InterfacesAdded waits for its Id, and the signals that arrive, as texts. */
  const waitingCard = async (service: Bus) => {
    const seen: string[] = [];
    await client.subscribe({ sender: service.uniqueName }, ({ member, body }) => {
      const values = member === 'Moved' ? [] : [...(body[1] as Map<string, unknown>).keys()];
      seen.push([member, String(body[0]), ...values].join(' '));
    }).ready;
    const id = deferred<string>();
    const values = { text: '', label: '' };
    const card = Card.implement({
      properties: { Id: { get: () => id.promise }, Text: { get: () => values.text }, Label: { get: () => values.label } },
    });
    exportObjectManager(service, '/com/example');
    const exported = exportObject(service, '/com/example/a', card);
    return { seen, id, card, values, exported };
  };

  test('rejects a signal that is too long when it is emitted, although the signal would wait', async () => {
    await using service = await connectToBus(address, { maxSendLength: MAX_SEND_LENGTH });
    const { seen, id, card } = await waitingCard(service);
    const tooLong = expect.objectContaining({
      code: 'MESSAGE_TOO_LONG', message: expect.stringMatching(/^com\.example\.Card1\.Moved: .*maxSendLength/) as unknown,
    }) as Error;
    expect(() => card.emit('Moved', TOO_LONG)).toThrow(tooLong);
    card.emit('Moved', 'waits');
    id.resolve('1');
    await until(() => seen.length === 2);
    expect(() => card.emit('Moved', TOO_LONG)).toThrow(tooLong); // as before
    card.emit('Moved', 'last');
    await until(() => seen.length === 3);
    expect(seen).toEqual(['InterfacesAdded /com/example/a com.example.Card1', 'Moved waits', 'Moved last']);
  });

  test('leaves the longest values out of a PropertiesChanged that waits', async () => {
    const reports = recordHandlerErrors();
    await using service = await connectToBus(address, { maxSendLength: MAX_SEND_LENGTH });
    const { seen, id, card, values } = await waitingCard(service);
    const changes: unknown[] = [];
    await client.subscribe({ sender: service.uniqueName, member: 'PropertiesChanged' }, ({ body }) => {
      changes.push(body);
    }).ready;
    values.text = TOO_LONG;
    values.label = 'short';
    card.emitPropertiesChanged('Text', 'Label');
    await until(() => reports.length === 1);
    id.resolve('1');
    card.emit('Moved', 'last');
    await until(() => seen.at(-1) === 'Moved last');
    expect(changes).toEqual([[Card.name, new Map([['Label', variant('s', 'short')]]), ['Text']]]);
    expect(reports).toMatchObject([{ error: { code: 'MESSAGE_TOO_LONG' }, member: 'Text' }]);
  });

  test('removes an object even if its InterfacesRemoved is too long', async () => {
    const reports = recordHandlerErrors();
    await using service = await connectToBus(address, { maxSendLength: 300 });
    const path = `/com/example/${'a'.repeat(300)}`;
    exportObjectManager(service, '/com/example');
    const card = Card.implement({ properties: { Id: '', Text: '', Label: '' } });
    const exported = exportObject(service, path, card);
    exported.unexport();
    card.emit('Moved', TOO_LONG); // no longer of any object
    expect(reports.slice(-2).map(({ member, error }) => [member, (error as { code: string }).code])).toEqual([
      ['InterfacesAdded', 'MESSAGE_TOO_LONG'], ['InterfacesRemoved', 'MESSAGE_TOO_LONG'],
    ]);
    exportObject(service, path, card).unexport();
  });
});
