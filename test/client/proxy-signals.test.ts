// Signals of a proxy for a listener, with filters, and of several names in one loop, on a real bus.

import { expect, test } from 'vitest';
import { createProxy } from '../../src/client/proxy.js';
import type { Bus } from '../../src/connection/bus.js';
import { ConnectionClosedError, QueueOverflowError } from '../../src/connection/errors.js';
import { defineInterface } from '../../src/interface/define.js';
import { type Signal, signal } from '../../src/wire/messages/message.js';
import { useBusPair } from '../support/bus-pair.js';
import { describeWith } from '../support/programs.js';
import { type Same, same } from '../types/support.js';

const path = '/jobs/a';
const Jobs = defineInterface({
  name: 'com.example.Jobs1',
  signals: { Added: { args: 'so' }, Removed: { args: 's' }, Progress: { args: 'sd' }, Idle: {} },
});

const suite = describeWith('dbus-daemon');

let service: Bus;
let client: Bus;

useBusPair((pair) => {
  ({ service, client } = pair);
});

type NamesOf<Stream> = Stream extends AsyncIterable<{ readonly name: infer Name }> ? Name : never;

const setup = () => createProxy(client, Jobs, { destination: service.uniqueName, path });

function send(member: string, signature: string, body: readonly unknown[], from = path): void {
  service.send(signal<string>({ path: from, interface: Jobs.name, member, signature, body }));
}

/** Resolves when the client has got everything that was sent. */
const arrived = (): Promise<unknown> => client.call({ destination: service.uniqueName, path: '/', interface: 'org.freedesktop.DBus.Peer', member: 'Ping' }).catch(() => {});

suite('$signal with a listener', () => {
  test('passes the arguments, and then the message', async () => {
    const jobs = setup();
    const seen: unknown[] = [];
    await using listening = jobs.$signal('Added', (name, object, message) => {
      same<Same<typeof name, string>>();
      same<Same<typeof message, Signal>>();
      seen.push([name, object, message.sender]);
    });
    await listening.ready;
    send('Added', 'so', ['one', '/one']);
    send('Added', 's', ['two']);
    send('Removed', 's', ['three']);
    await arrived();
    expect(seen).toEqual([['one', '/one', service.uniqueName]]);
    expect(listening.dropped).toBe(1);
    await listening.close();
    send('Added', 'so', ['four', '/four']);
    await arrived();
    expect(seen).toHaveLength(1);
    expect(await listening.closed).toBeUndefined();
  });

  test('ends with its AbortSignal, and with the connection', async () => {
    const jobs = setup();
    const abort = new AbortController();
    const listening = jobs.$signal('Idle', () => {}, { signal: abort.signal });
    const other = jobs.$signal('Idle', () => {});
    await Promise.all([listening.ready, other.ready]);
    abort.abort(new Error('enough'));
    expect(await listening.closed).toEqual(new Error('enough'));
    await client.close();
    expect(await other.closed).toBeInstanceOf(ConnectionClosedError);
  });
});

suite('filters of a signal', () => {
  test('are those of match rules', async () => {
    const jobs = setup();
    const seen: string[] = [];
    await using one = jobs.$signal('Progress', (name) => seen.push(`args ${name}`), { args: { 0: 'one' } });
    await using below = jobs.$signal('Progress', (name, _, { path: at }) => seen.push(`below ${name} ${at}`), { pathNamespace: '/jobs' });
    await using start = jobs.$signal('Progress', (name) => seen.push(`start ${name}`), { arg0Namespace: 'one' });
    await using paths = jobs.$signal('Added', (name) => seen.push(`paths ${name}`), { argPaths: { 1: '/x/' } });
    await Promise.all([one.ready, below.ready, start.ready, paths.ready]);
    send('Progress', 'sd', ['one', 0.5]);
    send('Progress', 'sd', ['two', 0.5], '/jobs/b');
    send('Progress', 'sd', ['one.half', 0.5]);
    send('Progress', 'sd', ['three', 0.5], '/other');
    send('Added', 'so', ['four', '/x/y']);
    send('Added', 'so', ['five', '/z']);
    await arrived();
    expect(seen.sort()).toEqual([
      'args one', 'below one /jobs/a', 'below one.half /jobs/a', 'below two /jobs/b', 'paths four', 'start one',
      'start one.half',
    ]);
  });

  test('apply to streams too', async () => {
    await using stream = setup().$signal('Progress', { args: { 0: 'two' } });
    await stream.ready;
    send('Progress', 'sd', ['one', 0.5]);
    send('Progress', 'sd', ['two', 0.75]);
    for await (const [name, part] of stream) {
      expect([name, part]).toEqual(['two', 0.75]);
      break;
    }
  });

  test('are refused if no bus would accept them', () => {
    const jobs = setup();
    expect(() => jobs.$signal('Progress', { pathNamespace: 'no path' })).toThrow(expect.objectContaining({ name: 'InvalidNameError' }));
    expect(() => jobs.$signal('Progress', () => {}, { args: { 64: 'x' } })).toThrow(expect.objectContaining({ name: 'MatchRuleError' }));
    // @ts-expect-error an unknown option
    expect(() => jobs.$signal('Progress', () => {}, { arg: { 0: 'x' } })).toThrow('unknown option "arg"; did you mean "args"?');
    // @ts-expect-error no such signal
    expect(() => jobs.$signal('Progres', () => {})).toThrow('no such signal: it must be one of Added, Removed, Progress, Idle');
  });
});

suite('$signals', () => {
  test('yields several signals in order of arrival, with their names as the discriminant', async () => {
    const jobs = setup();
    await using stream = jobs.$signals('Added', 'Removed');
    await stream.ready;
    send('Added', 'so', ['one', '/one']);
    send('Progress', 'sd', ['one', 0.5]);
    send('Removed', 's', ['one']);
    send('Added', 'so', ['two', '/two']);
    const seen: unknown[] = [];
    for await (const { name, args, path: at } of stream) {
      same<Same<typeof name, 'Added' | 'Removed'>>();
      if (name === 'Added') {
        same<Same<typeof args, [string, string]>>();
        seen.push([name, args[1], at]);
      } else {
        same<Same<typeof args, [string]>>();
        seen.push([name, args[0], at]);
      }
      if (seen.length === 3) break;
    }
    expect(seen).toEqual([['Added', '/one', path], ['Removed', 'one', path], ['Added', '/two', path]]);
  });

  test('yields all signals of the interface if no name is given', async () => {
    await using stream = setup().$signals();
    same<Same<NamesOf<typeof stream>, 'Added' | 'Removed' | 'Progress' | 'Idle'>>();
    await stream.ready;
    send('Idle', '', []);
    const { value } = await stream.next();
    expect(value).toMatchObject({ name: 'Idle', args: [], path });
  });

  test('accepts options after the names', async () => {
    const jobs = setup();
    await using stream = jobs.$signals('Added', 'Progress', { pathNamespace: '/jobs', queueLimit: 1, overflow: 'error' });
    await stream.ready;
    send('Added', 'so', ['one', '/one'], '/jobs/b');
    send('Progress', 'sd', ['one', 1], '/jobs/c');
    await arrived();
    const first = await stream.next();
    same<Same<NamesOf<typeof stream>, 'Added' | 'Progress'>>();
    expect(first.value).toMatchObject({ name: 'Added', path: '/jobs/b' });
    await expect(stream.next()).rejects.toThrow(QueueOverflowError);
    expect(stream.dropped).toBe(1);
    expect(client.dropped.get('queue overflow')).toBe(1);
  });

  test('drops and counts signals with another signature, and accepts a name twice', async () => {
    await using stream = setup().$signals('Added', 'Added');
    await stream.ready;
    send('Added', 's', ['one']);
    send('Added', 'so', ['two', '/two']);
    expect((await stream.next()).value).toMatchObject({ args: ['two', '/two'] });
    expect(stream.dropped).toBe(1);
  });

  test('ends with its AbortSignal, and with the connection', async () => {
    const jobs = setup();
    const abort = new AbortController();
    const stream = jobs.$signals('Added', { signal: abort.signal });
    const other = jobs.$signals('Added', 'Idle');
    await Promise.all([stream.ready, other.ready]);
    send('Added', 'so', ['one', '/one']);
    await arrived();
    abort.abort(new Error('enough'));
    expect((await stream.next()).value).toMatchObject({ name: 'Added' });
    await expect(stream.next()).rejects.toThrow('enough');
    await client.close();
    expect((await other.next()).value).toMatchObject({ name: 'Added' });
    await expect(other.next()).rejects.toThrow(ConnectionClosedError);
    expect(await other.next()).toEqual({ value: undefined, done: true });
  });

  test('refuses unknown names and options', () => {
    const jobs = setup();
    const silent = createProxy(client, defineInterface({ name: 'com.example.Silent1' }), { destination: 'a.b', path });
    expect(() => silent.$signals()).toThrow('com.example.Silent1: the interface has no signals: it must have one to be read');
    // @ts-expect-error no such signal
    expect(() => jobs.$signals('Added', 'Remove')).toThrow('Remove: no such signal: it must be one of');
    // @ts-expect-error an unknown option
    expect(() => jobs.$signals('Added', { queue: 5 })).toThrow('$signals of com.example.Jobs1: unknown option "queue"');
    // @ts-expect-error not a name
    expect(() => jobs.$signals(5)).toThrow('$signals of com.example.Jobs1: the name of a signal must be a string, got number 5');
  });
});
