// Owners of names on the real buses, through a proxy, and on ours: watches of prefixes while names come and go, and
// waiting for an owner.
// Specification: Match Rules (arg0namespace), org.freedesktop.DBus.NameOwnerChanged.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Bus, connectToBus, ownName, type OwnNameOptions } from '../../src/index.js';
import { extent, some } from '../support/extent.js';
import type { PrivateBus } from '../support/private-bus.js';
import { ALL_BUSES } from '../support/private-broker.js';
import { PROXIED_BUS } from '../support/private-proxy.js';
import { describeWith } from '../support/programs.js';
import { until } from '../support/waiting.js';

const PREFIX = 'org.mpris.MediaPlayer2';

describe.each(some([...ALL_BUSES, PROXIED_BUS], 2))('$program:', ({ required, startBus }) => {
  describeWith(...required)('on a bus with two connections', () => {
    let daemon: PrivateBus;
    let service: Bus;
    let client: Bus;

    beforeAll(async () => {
      daemon = await startBus();
    });
    afterAll(() => daemon?.stop());
    beforeEach(async () => {
      [service, client] = await Promise.all([connectToBus(daemon.address), connectToBus(daemon.address)]);
    });
    afterEach(async () => {
      await Promise.all([service.close(), client.close()]);
    });

    test('a watch of a namespace reports the present names, and each later change', async () => {
      await service.requestName(`${PREFIX}.vlc`);
      await service.requestName(PREFIX);
      const seen: unknown[] = [];
      const watch = client.watchOwner(`${PREFIX}.*`, (owner, previous, name) => seen.push([name, owner, previous]));
      await watch.ready;
      await service.requestName(`${PREFIX}.mpv.instance7`);
      await service.requestName('org.mpris.Other');
      await service.releaseName(`${PREFIX}.vlc`);
      await service.listNames();
      await client.listNames(); // the client has seen what the bus has sent before
      const { uniqueName } = service;
      expect(seen).toEqual([
        [`${PREFIX}.vlc`, uniqueName, undefined], [`${PREFIX}.mpv.instance7`, uniqueName, undefined],
        [`${PREFIX}.vlc`, undefined, uniqueName],
      ]);
      expect([...watch.owners]).toEqual([[`${PREFIX}.mpv.instance7`, uniqueName]]);
      await watch.close();
    });

    test('a watch that begins while many names change misses no change and repeats none', async () => {
      const COUNT = extent(60, 300);
      const names = Array.from({ length: COUNT }, (_, index) => `${PREFIX}.n${index}`);
      await Promise.all(names.map((name) => service.requestName(name)));
      const present = new Map<string, string | undefined>();
      const mistakes: unknown[] = [];
      const changes = names.map(async (name, index) => {
        if (index % 3 === 0) await service.releaseName(name);
        if (index % 6 === 0) await service.requestName(name);
        await service.requestName(`${PREFIX}.later${index}`);
      });
      const watch = client.watchOwner(`${PREFIX}.*`, (owner, previous, name) => {
        if (present.get(name) !== previous || owner === previous) mistakes.push([name, owner, previous]);
        present.set(name, owner);
      });
      await Promise.all([watch.ready, ...changes]);
      await client.listNames();
      const there = new Set((await client.listNames()).filter((name) => name.startsWith(`${PREFIX}.`)));
      const seen = [...present].flatMap(([name, owner]) => owner ?? [] ? [name] : []);
      expect(mistakes).toEqual([]);
      expect(new Set(seen)).toEqual(there);
      expect(new Set(watch.owners.keys())).toEqual(there);
      // All later names, the names that were not released, and those that were requested again.
      expect(there.size).toBe(COUNT + COUNT * 2 / 3 + COUNT / 6);
      await watch.close();
    });

    test('a name passes from one owner to the next, and returns to the one in the queue', async () => {
      const NAME = 'com.example.Passed';
      const seen: unknown[][] = [];
      const callbacks = (who: string): OwnNameOptions => ({
        acquired: () => seen.push([who, 'acquired']),
        queued: (owner) => seen.push([who, 'queued', owner]),
        replaced: (owner) => seen.push([who, 'replaced', owner]),
        lost: ({ name }) => seen.push([who, 'lost', name]),
      });
      const first = ownName(service, NAME, { allowReplacement: true, doNotQueue: false, ...callbacks('first') });
      expect(await first.ready).toBe('owner');
      const second = ownName(client, NAME, { replaceExisting: true, ...callbacks('second') });
      expect(await second.ready).toBe('owner');
      await until(() => first.state === 'queued');
      expect(await service.listQueuedOwners(NAME)).toEqual([client.uniqueName, service.uniqueName]);
      await second.close();
      await until(() => first.state === 'owner');
      const third = ownName(client, NAME, callbacks('third'));
      await expect(third.ready).rejects.toMatchObject({ code: 'NAME_EXISTS' });
      await first.close();
      expect(await service.nameHasOwner(NAME)).toBe(false);
      const { uniqueName } = client;
      expect(seen.filter(([who]) => who === 'first')).toEqual([
        ['first', 'acquired'], ['first', 'replaced', uniqueName], ['first', 'queued', uniqueName], ['first', 'acquired'],
      ]);
      expect(seen.filter(([who]) => who !== 'first')).toEqual([
        ['second', 'acquired'], ['third', 'lost', 'NameRequestError'],
      ]);
    });

    test('waiting for an owner ends when a connection owns the name', async () => {
      const owner = client.waitForOwner('com.example.Late', { timeout: 30_000 });
      await client.listNames();
      await service.requestName('com.example.Late');
      expect(await owner).toBe(service.uniqueName);
      expect(await client.waitForOwner('com.example.Late')).toBe(service.uniqueName);
    });
  });
});
