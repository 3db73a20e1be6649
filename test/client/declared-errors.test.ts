// A call of a proxy rejects with the class that the interface declares for the error, on a real bus.

import { expect, test } from 'vitest';
import { createProxy } from '../../src/client/proxy.js';
import type { Bus } from '../../src/connection/bus.js';
import { defineInterface } from '../../src/interface/define.js';
import { DBusError } from '../../src/protocol/errors.js';
import { exportObject } from '../../src/service/export-object.js';
import { useBusPair } from '../support/bus-pair.js';
import { describeWith } from '../support/programs.js';

const path = '/player';
const Player = defineInterface({
  name: 'com.example.Player1',
  methods: { Play: { in: 's' }, Ping: { noReply: true } },
  properties: { Volume: { type: 'd', access: 'readwrite' } },
  errors: { NoTrack: 'com.example.Error.NoTrack', Muted: 'com.example.Error.Muted' },
});

const suite = describeWith('dbus-daemon');

let service: Bus;
let client: Bus;

useBusPair((pair) => {
  ({ service, client } = pair);
});

function setup() {
  exportObject(service, path, Player.implement({
    methods: {
      Play: (name) => {
        throw new DBusError(name, 'it failed', { signature: 'su', body: ['it failed', 3] });
      },
      Ping: () => {},
    },
    properties: {
      Volume: {
        get: () => {
          throw new Player.errors.Muted('muted');
        },
        set: () => {
          throw new Player.errors.Muted('still muted');
        },
      },
    },
  }));
  return createProxy(client, Player, { destination: service.uniqueName, path });
}

const thrownBy = (call: Promise<unknown>): Promise<unknown> => call.catch((error: unknown) => error);

suite('an error that the interface declares', () => {
  test('is an instance of its class, with everything else of a DBusError', async () => {
    const error = await thrownBy(setup().Play('com.example.Error.NoTrack'));
    expect(error).toBeInstanceOf(Player.errors.NoTrack);
    expect(error).toBeInstanceOf(DBusError);
    expect(error).not.toBeInstanceOf(Player.errors.Muted);
    expect(error).toMatchObject({
      name: 'DBusError', code: 'ERROR_REPLY', errorName: 'com.example.Error.NoTrack', message: 'it failed',
      signature: 'su', body: ['it failed', 3], call: expect.stringContaining('com.example.Player1.Play of /player'),
    });
  });

  test('has the stack trace of the caller', async () => {
    const player = setup();
    async function playSomething(): Promise<void> {
      await player.Play('com.example.Error.NoTrack');
    }
    const error = await thrownBy(playSomething());
    expect((error as Error).stack).toContain('playSomething');
  });

  test('is also thrown by functions for properties', async () => {
    const player = setup();
    expect(await thrownBy(player.$get('Volume'))).toBeInstanceOf(Player.errors.Muted);
    expect(await thrownBy(player.$set('Volume', 1))).toBeInstanceOf(Player.errors.Muted);
  });
});

suite('other errors', () => {
  test('are returned unchanged', async () => {
    const player = setup();
    const other = await thrownBy(player.Play('com.example.Error.Other'));
    expect(Object.getPrototypeOf(other)).toBe(DBusError.prototype);
    const abort = new AbortController();
    const waiting = thrownBy(player.Play('com.example.Error.Other', { signal: abort.signal }));
    abort.abort(new Error('enough'));
    expect(await waiting).toEqual(new Error('enough'));
    expect(await player.Ping()).toBeUndefined();
  });
});
