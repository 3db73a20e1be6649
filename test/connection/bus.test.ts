// Buses against a real dbus-daemon: names and their owners, signals and who may send them, connecting and closing.
import { getEventListeners } from 'node:events';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Bus } from '../../src/connection/bus.js';
import { connectToBus, sessionBus, systemBus } from '../../src/connection/open-bus.js';
import type { NameOptions } from '../../src/connection/name-requests.js';
import type { ConnectError } from '../../src/transport/errors.js';
import { errorReply, type MethodCall, methodReturn, type Signal, signal } from '../../src/wire/messages/message.js';
import { extent, some } from '../support/extent.js';
import { dbusMonitor } from '../support/foreign.js';
import { type PrivateBus, startPrivateBus } from '../support/private-bus.js';
import { describeWith, reasonToSkip, run } from '../support/programs.js';
import { until } from '../support/waiting.js';
import { startFakeServer } from './fake-server.js';
import { queued } from './queued.js';

const NAME = 'com.example.Service';
const ERROR = 'org.freedesktop.DBus.Error';
const happened = (n: number): Signal =>
  signal({ path: '/', interface: 'com.example.I', member: 'Happened', signature: 'u', body: [n] });
const METHOD = { path: '/', interface: 'com.example.I', member: 'Method' } as const;

/** Waits until the bus has done all that these connections have asked of it, and they have seen it. */
async function settle(...buses: readonly Bus[]): Promise<void> {
  for (const bus of [...buses, ...buses]) await bus.listNames();
}

describeWith('dbus-daemon')('a connection to a bus', () => {
  let daemon: PrivateBus;
  let one: Bus;
  let two: Bus;

  beforeAll(async () => {
    daemon = await startPrivateBus({ policy: '<deny own="com.example.Forbidden"/>' });
  });
  afterAll(() => daemon?.stop());
  beforeEach(async () => {
    one = await connectToBus(daemon.address);
    two = await connectToBus(daemon.address);
  });
  afterEach(async () => {
    await Promise.all([one, two].map((bus) => bus.close()));
  });

  test('has a unique name of its own, and the GUID of the bus', () => {
    expect(one.uniqueName).toMatch(/^:1\.\d+$/);
    expect(two.uniqueName).not.toBe(one.uniqueName);
    expect(one.guid).toBe(daemon.guid);
  });

  describe('a name', () => {
    type Owner = 'one' | 'two' | undefined;

    test.each<{ first: NameOptions; second: NameOptions; result: string; owner: Owner; afterRelease: Owner }>([
      { first: {}, second: {}, result: 'NAME_EXISTS', owner: 'one', afterRelease: undefined },
      { first: {}, second: { replaceExisting: true }, result: 'NAME_EXISTS', owner: 'one', afterRelease: undefined },
      { first: { allowReplacement: true }, second: {}, result: 'NAME_EXISTS', owner: 'one', afterRelease: undefined },
      { first: {}, second: { doNotQueue: false }, result: 'in queue', owner: 'one', afterRelease: 'two' },
      {
        first: { allowReplacement: true }, second: { replaceExisting: true },
        result: 'primary owner', owner: 'two', afterRelease: undefined,
      },
      {
        first: { allowReplacement: true, doNotQueue: false }, second: { replaceExisting: true },
        result: 'primary owner', owner: 'two', afterRelease: 'one',
      },
      {
        first: {}, second: { replaceExisting: true, doNotQueue: false },
        result: 'in queue', owner: 'one', afterRelease: 'two',
      },
    ])('requested with $first, then with $second: $result, owner $owner', async ({ first, second, ...expected }) => {
      const { result, owner, afterRelease } = expected;
      const bus = { one, two };
      const nameOf = (which: Owner): string | undefined => (which === undefined ? undefined : bus[which].uniqueName);
      expect(await one.requestName(NAME, first)).toBe('primary owner');
      expect(await one.requestName(NAME, first)).toBe('already owner');
      const requested = await two.requestName(NAME, second).catch((error: unknown) => error);
      const refusal = { name: 'NameRequestError', code: result, busName: NAME };
      if (result === 'NAME_EXISTS') expect(requested).toMatchObject(refusal);
      else expect(requested).toBe(result);
      expect(await one.getNameOwner(NAME)).toBe(nameOf(owner));
      expect(await bus[owner ?? 'one'].releaseName(NAME)).toBe('released');
      expect(await one.getNameOwner(NAME)).toBe(nameOf(afterRelease));
    });

    test('can be released only by its owner or by a connection in its queue', async () => {
      expect(await one.releaseName(NAME)).toBe('non existent');
      await one.requestName(NAME);
      expect(await two.releaseName(NAME)).toBe('not owner');
      await two.requestName(NAME, { doNotQueue: false });
      expect(await two.releaseName(NAME)).toBe('released');
      expect(await one.releaseName(NAME)).toBe('released');
      expect(await one.releaseName(NAME)).toBe('non existent');
    });

    test.each(['example', ':1.1', 'a..b', ''])('that is not valid (%j) is refused before the bus is asked', async (name) => {
      const error = { name: 'InvalidNameError', code: 'NAME_INVALID' };
      await expect(one.requestName(name)).rejects.toMatchObject(error);
      await expect(one.releaseName(name)).rejects.toMatchObject(error);
      if (name !== ':1.1') await expect(one.getNameOwner(name)).rejects.toMatchObject(error);
    });

    test.each([['org.freedesktop.DBus', 'InvalidArgs'], ['com.example.Forbidden', 'AccessDenied']])(
      'that no connection may own (%s) is refused by the bus: %s',
      async (name, error) => {
        await expect(one.requestName(name)).rejects.toMatchObject({ errorName: `${ERROR}.${error}` });
      },
    );

    test('has an owner or, without one, undefined', async () => {
      await one.requestName(NAME);
      expect(await two.getNameOwner(NAME)).toBe(one.uniqueName);
      expect(await two.getNameOwner(one.uniqueName)).toBe(one.uniqueName);
      expect(await two.getNameOwner('org.freedesktop.DBus')).toBe('org.freedesktop.DBus');
      expect(await two.getNameOwner('com.example.Nobody')).toBeUndefined();
      expect(await two.getNameOwner(':1.999999')).toBeUndefined();
    });

    test('is in the list of names while it has an owner', async () => {
      await one.requestName(NAME);
      const names = await two.listNames();
      expect(names).toEqual(expect.arrayContaining(['org.freedesktop.DBus', NAME, one.uniqueName, two.uniqueName]));
    });

    test('is free again after the connection is closed', async () => {
      await one.requestName(NAME);
      await one.close();
      await until(async () => await two.getNameOwner(NAME) === undefined);
    });

    test('may be requested with an AbortSignal and a timeout', async () => {
      const reason = new Error('enough');
      await expect(one.requestName(NAME, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
      const { signal: patient } = new AbortController();
      expect(await one.requestName(NAME, { timeout: 5_000, signal: patient })).toBe('primary owner');
    });
  });

  test('reports each change of the owner of a watched name', async () => {
    const seen: unknown[] = [];
    const watch = one.watchOwner(NAME, (owner, previous) => seen.push([owner, previous]));
    await watch.ready;
    expect([watch.owner, seen]).toEqual([undefined, []]);
    await one.requestName(NAME, { allowReplacement: true });
    await settle(one);
    expect(watch.owner).toBe(one.uniqueName);
    await two.requestName(NAME, { replaceExisting: true });
    await settle(one);
    await two.close();
    await until(() => seen.length >= 3);
    const [first, second] = [one.uniqueName, two.uniqueName];
    expect(seen).toEqual([[first, undefined], [second, first], [undefined, second]]);
    await watch.close();
    await one.requestName(NAME);
    await settle(one);
    expect(seen).toHaveLength(3);
  });

  test('reports the end of another connection if its unique name is watched', async () => {
    const vanished = new Promise<void>((resolve) => {
      one.watchOwner(two.uniqueName, (owner, previous) => {
        if (owner === undefined && previous === two.uniqueName) resolve();
      });
    });
    await settle(one);
    await two.close();
    await vanished;
  });

  describe('signals', () => {
    test('from a sender are delivered, and signals that other connections forge are not', async () => {
      await two.requestName(NAME);
      await using forger = await connectToBus(daemon.address);
      const byName = one.subscribe({ sender: NAME, interface: 'com.example.I' });
      const byConnection = one.subscribe({ sender: two.uniqueName, interface: 'com.example.I' });
      const all = one.subscribe({ interface: 'com.example.I' });
      await Promise.all([byName.ready, byConnection.ready, all.ready]);
      two.send(happened(1));
      forger.send(happened(2));
      forger.send({ ...happened(3), sender: two.uniqueName }); // the bus writes who it was
      forger.send({ ...happened(4), sender: NAME });
      forger.send({ ...happened(5), destination: one.uniqueName });
      two.send({ ...happened(6), destination: one.uniqueName });
      await settle(two, forger, one);
      expect(await queued(byName)).toEqual([1, 6]);
      expect(await queued(byConnection)).toEqual([1, 6]);
      expect((await queued(all)).sort()).toEqual([1, 2, 3, 4, 5, 6]);
    });

    test('cannot be forged with a NameOwnerChanged signal from another connection', async () => {
      await two.requestName(NAME);
      await using forger = await connectToBus(daemon.address);
      const subscription = one.subscribe({ sender: NAME, interface: 'com.example.I' });
      await subscription.ready;
      forger.send(signal({
        path: '/org/freedesktop/DBus', interface: 'org.freedesktop.DBus', member: 'NameOwnerChanged', signature: 'sss',
        body: [NAME, two.uniqueName, forger.uniqueName], destination: one.uniqueName,
      }));
      forger.send({ ...happened(1), destination: one.uniqueName });
      two.send(happened(2));
      await settle(forger, two, one);
      expect(await queued(subscription)).toEqual([2]);
    });

    test('continue after a restart of the service, and come only from its new connection', async () => {
      const subscription = one.subscribe({ sender: NAME, member: 'Happened' });
      await subscription.ready;
      const starts = [1, 2, 3];
      const services: Bus[] = [];
      for (const n of starts) {
        const service = await connectToBus(daemon.address);
        services.push(service);
        for (const old of services.slice(0, -1)) old.send(happened(100 + n));
        service.send(happened(200 + n)); // the name is nobody's yet
        await settle(...services);
        await service.requestName(NAME);
        service.send(happened(n));
        await settle(...services);
        await service.releaseName(NAME);
      }
      await settle(one);
      expect(await queued(subscription)).toEqual([1, 2, 3]);
      await Promise.all(services.map((service) => service.close()));
    });

    test('arrive from the moment at which the subscription is ready', async () => {
      for (let i = 0; i < extent(10, 50); i++) {
        const subscription = one.subscribe({ sender: two.uniqueName, member: 'Happened' });
        await subscription.ready;
        two.send(happened(i));
        expect((await subscription.next()).value.body).toEqual([i]);
        await subscription.close();
      }
    });

    test('with filters arrive if the bus and this library agree that they match', async () => {
      const text = (...body: string[]): Signal =>
        signal({ path: '/a/b', interface: 'com.example.I', member: 'Said', signature: 's'.repeat(body.length), body });
      const rules = [
        { args: { 0: "it's, a \\ test" } }, { argPaths: { 1: '/a/' } }, { arg0Namespace: 'com.example' },
        { pathNamespace: '/a' }, { args: { 2: 'x' } },
      ];
      const subscriptions = rules.map((rule) => one.subscribe({ ...rule, member: 'Said' }));
      await Promise.all(subscriptions.map(({ ready }) => ready));
      two.send(text("it's, a \\ test"));
      two.send(text('com.example.Service', '/a/b'));
      two.send(text('com.examples', '/b', 'x'));
      await settle(two, one);
      expect(await Promise.all(subscriptions.map(queued))).toEqual([
        ["it's, a \\ test"], ['com.example.Service'], ['com.example.Service'],
        ["it's, a \\ test", 'com.example.Service', 'com.examples'], ['com.examples'],
      ]);
    });

    test('whose rule the bus refuses are an error for that subscription only', async () => {
      await using small = await startPrivateBus({ limits: { max_match_rules_per_connection: 1 } });
      await using bus = await connectToBus(small.address);
      await bus.subscribe({ member: 'A' }).ready;
      const refused = bus.subscribe({ member: 'B' });
      await expect(refused.ready).rejects.toMatchObject({ errorName: `${ERROR}.LimitsExceeded` });
      await expect(refused.next()).rejects.toMatchObject({ errorName: `${ERROR}.LimitsExceeded` });
      bus.subscribe({ member: 'C' }); // nobody waits for it, and nobody is told
      await settle(bus);
    });
  });

  // Not a suite of its own: if a suite is skipped in a skipped suite, vitest counts its tests as neither run nor skipped.
  const hasMonitor = reasonToSkip('dbus-monitor') === undefined;
  test.runIf(hasMonitor)('adds each rule to the bus once, and removes it after the last subscription', async () => {
    await using monitor = await dbusMonitor(daemon, ["type='method_call',interface='org.freedesktop.DBus'"]);
    const count = (member: string): number => monitor.stdout.split(`member=${member}\n`).length - 1;
    const rule = { sender: NAME, member: 'Happened' };
    const subscriptions = [1, 2, 3].map(() => one.subscribe(rule));
    const watch = one.watchOwner(NAME, () => {});
    await Promise.all([watch.ready, ...subscriptions.map(({ ready }) => ready)]);
    await monitor.line('member=AddMatch');
    await monitor.line('member=AddMatch');
    for (const subscription of subscriptions) await subscription.close();
    await watch.close();
    await one.getNameOwner('com.example.Last'); // the last that the monitor is to see
    await monitor.line('com.example.Last');
    expect([count('AddMatch'), count('RemoveMatch'), count('GetNameOwner')]).toEqual([2, 2, 2]);
    expect(monitor.stdout).toContain(`string "type='signal',sender='${NAME}',member='Happened'"`);
  });

  describe('a call', () => {
    test('gets its reply, or an error reply', async () => {
      two.handleMethodCalls((call) => {
        if (call.member === 'Method') two.send(methodReturn(call, { signature: 'su', body: [call.sender ?? '', 7] }));
        else two.send(errorReply(call, { errorName: 'com.example.Error', message: 'no' }));
      });
      const target = { ...METHOD, destination: two.uniqueName };
      expect(await one.call({ ...target, replySignature: 'su' })).toEqual([one.uniqueName, 7]);
      await expect(one.call({ ...target, member: 'Other' })).rejects.toMatchObject({
        name: 'DBusError', errorName: 'com.example.Error', message: 'no',
      });
      await expect(one.call({ ...target, destination: 'com.example.Nobody' })).rejects.toMatchObject({
        errorName: `${ERROR}.ServiceUnknown`,
      });
    });

    test('rejects after its timeout or on an abort, and later replies are dropped', async () => {
      const calls: MethodCall[] = [];
      two.handleMethodCalls((call) => void calls.push(call));
      const target = { ...METHOD, destination: two.uniqueName };
      const abort = new AbortController();
      const aborted = one.call({ ...target, signal: abort.signal });
      await expect(one.call({ ...target, timeout: 30 })).rejects.toMatchObject({ code: 'CALL_TIMED_OUT', timeout: 30 });
      abort.abort();
      await expect(aborted).rejects.toMatchObject({ name: 'AbortError' });
      await until(() => calls.length === 2);
      for (const call of calls) two.send(methodReturn(call));
      await settle(two, one);
      expect([...one.dropped]).toEqual([['unexpected reply', 2]]);
      expect(getEventListeners(abort.signal, 'abort')).toEqual([]);
    });

    test('is answered by the bus if its service leaves', async () => {
      two.handleMethodCalls(() => void two.close());
      const result = one.call({ ...METHOD, destination: two.uniqueName });
      await expect(result).rejects.toMatchObject({ errorName: `${ERROR}.NoReply` });
    });
  });

  test('sends the replies of running handlers before it closes, and errors for later calls', async () => {
    const large = new Uint8Array(2 ** 20).fill(7);
    let finish!: () => void; // set by the promise below
    const finished = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const running = new Promise<void>((resolve) => {
      two.handleMethodCalls(async (call) => {
        resolve();
        await finished;
        two.send(methodReturn(call, { signature: 'ay', body: [large] }));
      });
    });
    const target = { ...METHOD, destination: two.uniqueName };
    const inFlight = one.call({ ...target, replySignature: 'ay' });
    await running;
    const closed = two.close();
    await expect(one.call(target)).rejects.toMatchObject({ errorName: `${ERROR}.Disconnected` });
    finish();
    const [bytes] = await inFlight;
    expect(Buffer.compare(bytes, large)).toBe(0);
    await closed;
    expect((await two.closed).cause).toBeUndefined();
    await expect(one.call(target)).rejects.toMatchObject({ name: 'DBusError' });
    await expect(two.call(target)).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
  });

  test('has sent many signals of 10 kB when close() resolves', async () => {
    const count = extent(100, 500);
    const subscription = one.subscribe({ member: 'Large' });
    await subscription.ready;
    const large: Signal = { ...happened(0), member: 'Large', signature: 'ay', body: [new Uint8Array(10_000)] };
    for (let i = 0; i < count; i++) two.send(large);
    await two.close();
    for (let i = 0; i < count; i++) await subscription.next();
    await subscription.close();
  });

  describe('an address', () => {
    const hexAll = (path: string): string =>
      Array.from(Buffer.from(path), (byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');

    test.each<[what: string, address: () => string]>([
      ['list whose first server has ended', () => `unix:path=/nonexistent/socket;${daemon.address}`],
      ['list whose first transport is unknown', () => `carrier-pigeon:loft=7;${daemon.address}`],
      ['list whose first port has no server', () => `tcp:host=127.0.0.1,port=1;${daemon.address}`],
      ['list whose first program does not exist', () => `unixexec:path=/nonexistent/program;${daemon.address}`],
      ['list of which one works', () => `vsock:cid=1;unix:path=/nonexistent/socket;autolaunch:;${daemon.address}`],
      ['list whose first address is for servers', () => `unix:tmpdir=/tmp;${daemon.address}`],
      ['with a percent-encoded path', () => `unix:path=${hexAll(daemon.socketPath)}`],
      ['with the GUID of the server', () => `${daemon.address},guid=${daemon.guid.toUpperCase()}`],
      ['list whose first address has another GUID', () => `${daemon.address},guid=${'0'.repeat(32)};${daemon.address}`],
    ])('%s works', async (_, address) => {
      await using bus = await connectToBus(address());
      expect(await bus.listNames()).toContain(bus.uniqueName);
    });

    test('list leads to the next server after connectTimeout if the first one never answers', async () => {
      await using silent = await startFakeServer({ onSocket: () => {} });
      await using bus = await connectToBus(`${silent.address};${daemon.address}`, { connectTimeout: 100 });
      expect(bus.guid).toBe(daemon.guid);
    });

    test('list without an address that works is an error with a reason for each address', async () => {
      await using silent = await startFakeServer({ onSocket: () => {} });
      const addresses = [
        'unix:path=/nonexistent/socket', 'tcp:host=127.0.0.1,port=1', silent.address,
        `${daemon.address},guid=${'0'.repeat(32)}`,
      ];
      const error: unknown = await connectToBus(addresses.join(';'), { connectTimeout: 50 }).catch((reason) => reason);
      expect(error).toMatchObject({
        name: 'ConnectError', code: 'CONNECT_FAILED', address: addresses.join(';'),
        errors: [
          { message: expect.stringMatching(/^unix:path=\/nonexistent\/socket: .*ENOENT/), cause: { code: 'ENOENT' } },
          { cause: { code: 'ECONNREFUSED' } },
          { message: expect.stringContaining(silent.address), cause: { code: 'AUTH_TIMED_OUT' } },
          { cause: { name: 'AuthError', code: 'GUID_MISMATCH' } },
        ],
      });
      const { message, errors } = error as ConnectError;
      expect(message).toBe(`cannot connect to ${errors.map((reason) => reason.message).join('; ')}`);
      expect(message).toBe(
        'cannot connect to unix:path=/nonexistent/socket: connect ENOENT (there is no such socket); ' +
        'tcp:host=127.0.0.1,port=1: connect ECONNREFUSED (no server listens there); ' +
        `${silent.address}: the server did not answer AUTH (EXTERNAL as user ${process.getuid?.()}) in time; ` +
        `${daemon.address},guid=${'0'.repeat(32)}: the server's GUID is ${daemon.guid}: it must be ${'0'.repeat(32)}, ` +
        'as in its address',
      );
    });

    test('that is malformed is an error', async () => {
      await expect(connectToBus('unix')).rejects.toMatchObject({ name: 'AddressError', offset: 0 });
      await expect(connectToBus('unix;tcp')).rejects.toMatchObject({ name: 'AddressError', address: 'unix;tcp' });
      await expect(connectToBus('')).rejects.toMatchObject({ name: 'AddressError', code: 'ADDRESS_EMPTY' });
    });

    test.each(some([
      'unix:path=/a,guid=not-a-guid', 'unix', '', 'unix:path=/a b', 'unix:path=', 'unix:path=/a,path=/b', 'unix:path=%zz',
      'unix:path=%00', 'unix:path=%ff', 'unix:,', '=', 'x-future:a=1', 'unix:path=/a,abstract=b', 'unix:runtime=yes',
      'autolaunch:', `unix:path=/${'a'.repeat(200)}`,
    ], 4))('list with the malformed entry %j still leads to its good entry', async (odd) => {
      for (const list of [`${odd};${daemon.address}`, `${daemon.address};${odd}`, `${odd};${daemon.address};${odd}`]) {
        await using bus = await connectToBus(list);
        expect(bus.guid).toBe(daemon.guid);
      }
    });

    test('list of malformed and unknown entries is an error that lists each once, with its reason', async () => {
      const list = `unix:path=/nonexistent,guid=x;unix:path=/nonexistent;unix:path=/a b;unix:path=/nonexistent`;
      const error: unknown = await connectToBus(list).catch((reason: unknown) => reason);
      expect(error).toMatchObject({
        name: 'ConnectError',
        message:
          'cannot connect to "unix:path=/nonexistent,guid=x": "x" is not a GUID: it must be 32 hex digits (offset 28); ' +
          'unix:path=/nonexistent: connect ENOENT (there is no such socket); ' +
          '"unix:path=/a b": found " " in a value: it must be written %20 (offset 12)',
        errors: [
          { cause: { code: 'GUID_INVALID', offset: 28, address: 'unix:path=/nonexistent,guid=x' } },
          { cause: { code: 'ENOENT' } },
          { cause: { code: 'VALUE_NOT_ESCAPED', offset: 12 } },
        ],
      });
    });
  });

  describe('connecting', () => {
    const reason = new Error('enough');
    afterEach(() => void vi.unstubAllEnvs());

    test('rejects at once if the AbortSignal has aborted', async () => {
      await expect(connectToBus(daemon.address, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    });

    test.each<[what: string, answers: boolean, others: string]>([
      ['in the handshake', false, ''],
      ['in the handshake with the first', false, ';unix:path=/nonexistent'],
      ['while Hello is not answered', true, ''],
    ])(
      'rejects if its AbortSignal aborts %s, and leaves nothing open',
      async (_, answers, others) => {
        await using server = await startFakeServer(answers ? { answer: () => undefined } : { onSocket: () => {} });
        const abort = new AbortController();
        const connecting = connectToBus(server.address + others, { signal: abort.signal });
        setTimeout(() => abort.abort(reason), 50);
        await expect(connecting).rejects.toBe(reason);
        expect(getEventListeners(abort.signal, 'abort')).toEqual([]);
        const [socket] = server.sockets;
        socket?.resume();
        for (let i = 0; i < 100 && socket?.closed !== true; i++) await sleep(5);
        expect(server.sockets.map(({ closed }) => closed)).toEqual([true]);
      },
    );

    test('leaves no listener on the AbortSignal, which does not end the connection afterwards', async () => {
      const abort = new AbortController();
      await using bus = await connectToBus(`unix:path=/nonexistent;${daemon.address}`, { signal: abort.signal });
      expect(getEventListeners(abort.signal, 'abort')).toEqual([]);
      abort.abort();
      await settle(bus);
    });

    test('finds the session bus and the system bus in the environment', async () => {
      vi.stubEnv('DBUS_SESSION_BUS_ADDRESS', daemon.address);
      vi.stubEnv('DBUS_SYSTEM_BUS_ADDRESS', daemon.address);
      await using session = await sessionBus();
      await using system = await systemBus({ connectTimeout: 30_000 });
      expect(await session.listNames()).toEqual(expect.arrayContaining([session.uniqueName, system.uniqueName]));
      vi.stubEnv('DBUS_SESSION_BUS_ADDRESS', undefined);
      vi.stubEnv('XDG_RUNTIME_DIR', '/nonexistent');
      await expect(sessionBus()).rejects.toMatchObject({ code: 'SESSION_BUS_NOT_FOUND' });
    });

    test('with the uid of another user falls back to the user that the socket shows', async () => {
      await using bus = await connectToBus(daemon.address, { uid: '4294967294' });
      expect(await bus.listNames()).toContain(bus.uniqueName);
    });
  });

  test.each<NodeJS.Signals>(some(['SIGKILL', 'SIGTERM'], 2))('rejects calls and subscriptions at its end (%s)', async (kill) => {
    const other = await startPrivateBus();
    const bus = await connectToBus(other.address);
    await using service = await connectToBus(other.address);
    service.handleMethodCalls(() => {});
    const calls = [1, 2].map(() => bus.call({ ...METHOD, destination: service.uniqueName, timeout: Infinity }));
    const subscription = bus.subscribe({ sender: NAME });
    await settle(bus);
    const results = Promise.allSettled([...calls, subscription.next()]);
    await other.stop(kill);
    const error = await bus.closed;
    expect(error).toMatchObject({ code: 'CONNECTION_CLOSED', cause: expect.any(Error) });
    const { message, cause } = error;
    const reason = expect.objectContaining({ name: 'ConnectionClosedError', cause });
    const lost = { reason: expect.objectContaining({ message: `no reply to com.example.I.Method of / at ${service.uniqueName}: ${message}`, cause }) };
    expect(await results).toMatchObject([lost, lost, { reason }]);
    expect(bus.closedSignal.reason).toBe(error);
    await expect(bus.requestName(NAME)).rejects.toThrow(`org.freedesktop.DBus.RequestName of /org/freedesktop/DBus at org.freedesktop.DBus was not sent: ${message}`);
    await bus.close();
    await service.closed;
  });

  test('does not keep the process running after it is closed', async () => {
    const library = new URL('../../dist/index.js', import.meta.url);
    if (!existsSync(library)) throw new Error('dist/ is not there: `npm run build` first');
    const script = `
      import { connectToBus } from ${JSON.stringify(library.href)};
      const bus = await connectToBus(${JSON.stringify(daemon.address)}, { signal: new AbortController().signal });
      const subscription = bus.subscribe({ sender: 'com.example.Nobody' });
      const watch = bus.watchOwner('com.example.Nobody', () => {});
      await Promise.all([subscription.ready, watch.ready, bus.requestName('com.example.Short')]);
      await bus.listNames({ timeout: 60_000, signal: new AbortController().signal });
      bus.call({ path: '/', member: 'Never', destination: bus.uniqueName, timeout: 60_000 }).catch(() => {});
      const { signal } = new AbortController();
      const failed = await connectToBus('unix:path=/nonexistent', { signal }).catch(({ code }) => code);
      await bus.close();
      console.log(failed, (await bus.closed).message);
      setTimeout(() => { console.log('still alive'); process.exit(1); }, 10_000).unref();
    `;
    const ended = await run(process.execPath, ['--input-type=module', '-e', script], { timeout: 40_000 });
    expect(ended).toMatchObject({ code: 0, stdout: 'CONNECT_FAILED the connection was closed\n', stderr: '' });
  });
});
