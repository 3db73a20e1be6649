// A short run of the fuzzer of services, and the calls that have ended services of other libraries.

import { expect, test } from 'vitest';
import type { Bus } from '../../src/connection/bus.js';
import type { DBusError } from '../../src/protocol/errors.js';
import { variant } from '../../src/wire/variant.js';
import { recordHandlerErrors } from '../service/support.js';
import { useBusPair } from '../support/bus-pair.js';
import type { PrivateBus } from '../support/private-bus.js';
import { describeWith } from '../support/programs.js';
import { exportVictims, fuzzService } from './service-fuzz.js';

const ERROR = 'org.freedesktop.DBus.Error';
const VICTIM = 'com.example.Victim1';
const PROPERTIES = 'org.freedesktop.DBus.Properties';

let daemon: PrivateBus;
let service: Bus;
let client: Bus;
useBusPair((pair) => {
  ({ daemon, service, client } = pair);
});

describeWith('dbus-daemon')('a service', () => {
  test.each<[string, string | undefined, string, string, readonly unknown[], string]>([
    ['a member of the object that is not a method', VICTIM, 'emit', 's', ['Changed'], `${ERROR}.UnknownMethod`],
    ['a property as a method', VICTIM, 'Volume', '', [], `${ERROR}.UnknownMethod`],
    ['a member of every object', VICTIM, 'hasOwnProperty', 's', ['x'], `${ERROR}.UnknownMethod`],
    ['a member of every object without an interface', undefined, 'valueOf', '', [], `${ERROR}.UnknownMethod`],
    ['Get without arguments', PROPERTIES, 'Get', '', [], `${ERROR}.InvalidArgs`],
    ['Set of a value of another type', PROPERTIES, 'Set', 'ssv', [VICTIM, 'Volume', variant('s', 'x')],
      `${ERROR}.InvalidArgs`],
    ['Get of a value that does not fit', PROPERTIES, 'Get', 'ss', [VICTIM, 'Broken'], `${ERROR}.Failed`],
    ['an error whose text is not valid', VICTIM, 'Reject', 's', ['text'], 'com.example.Error.No'],
    ['a result of another type', VICTIM, 'Lie', '', [], `${ERROR}.Failed`],
  ])('answers %s with an error, and then other callers', async (_, name, member, signature, body, expected) => {
    recordHandlerErrors();
    exportVictims(service);
    const target = { destination: service.uniqueName, path: '/victim' };
    const answer = await client.call({ ...target, interface: name, member, signature, body } as never)
      .then(() => 'no error', (error: DBusError) => error.errorName);
    expect(answer).toBe(expected);
    expect(await client.call({ ...target, interface: VICTIM, member: 'toString' })).toEqual(['exported']);
    expect(await client.call({ ...target, interface: PROPERTIES, member: 'Get', signature: 'ss', body: [VICTIM, 'Volume'] }))
      .toEqual([variant('d', 0.5)]);
  });

  test('answers every call of a fuzzer, and those of another caller meanwhile', async () => {
    recordHandlerErrors();
    exportVictims(service);
    const { calls, unanswered, innocent } = await fuzzService(daemon, service, { milliseconds: 250, seed: 1 });
    expect(calls).toBeGreaterThan(0);
    expect(unanswered).toBe(0);
    expect(innocent).toBeGreaterThan(0);
  });
});
