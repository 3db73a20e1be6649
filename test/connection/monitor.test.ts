// Monitors of a bus that the test plays: what they send, what they keep for a slow reader, and how they end. The real
// buses are in test/interop/become-monitor.test.ts.
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { becomeMonitor, type MonitorOptions } from '../../src/connection/monitor.js';
import { encodeMessage } from '../../src/wire/messages/encode.js';
import { type Message, methodCall, methodReturn } from '../../src/wire/messages/message.js';
import { until } from '../support/waiting.js';
import { type Answer, answerAsBus, type FakePeer, type FakeServer, startFakeServer, UNIQUE_NAME } from './fake-server.js';
import { BUS, happened, refused } from './signals.js';

/** Messages that the bus shows a monitor, in one chunk with its answer to BecomeMonitor. */
const monitored = (...messages: readonly Message[]): Answer => (call, peer) => {
  if (call.member !== 'BecomeMonitor') return answerAsBus(call, peer);
  peer.send(methodReturn(call), ...messages);
  return undefined;
};
const lost: Message = { ...happened(0, BUS), interface: BUS, member: 'NameLost', signature: 's', body: [UNIQUE_NAME], destination: UNIQUE_NAME };
const ping = (destination: string): Message => ({
  ...methodCall({ path: '/', interface: 'org.freedesktop.DBus.Peer', member: 'Ping', destination }), sender: ':1.9',
});

async function open(server: FakeServer, options: MonitorOptions = {}) {
  const monitor = await becomeMonitor([], { addresses: server.address, ...options });
  return { monitor, peer: await server.peer() };
}

/** Sends messages and waits until the monitor has got them: the last one is not valid, and is counted. */
async function show(peer: FakePeer, monitor: { readonly dropped: ReadonlyMap<string, number> }, ...messages: readonly Message[]): Promise<void> {
  const before = monitor.dropped.get('invalid message') ?? 0;
  const broken = Buffer.from(encodeMessage(happened(0), { serial: 1 }));
  broken[broken.indexOf('Happened')] = 0x2d; // "-appened" is no member
  peer.send(...messages, broken);
  await until(() => monitor.dropped.get('invalid message') === before + 1);
}

describe('a monitor', () => {
  test('yields each message after the reply of the bus, except NameLost for its own name', async () => {
    await using server = await startFakeServer({ answer: monitored(lost, happened(1), ping(':1.5')) });
    await using monitor = await becomeMonitor(
      [{ type: 'signal', sender: 'com.example.Service' }, {}], { addresses: server.address },
    );
    const peer = await server.peer();
    peer.send({ ...lost, destination: ':1.8' }, methodReturn({ serial: 7, sender: ':1.5' }, { signature: 's', body: ['pong'] }));
    const seen: unknown[] = [];
    for await (const { type, member, sender, destination, body } of monitor) {
      seen.push([type, member, sender, destination, body]);
      if (type === 'method_return') break;
    }
    expect(seen).toEqual([
      ['signal', 'Happened', ':1.9', undefined, [1]],
      ['method_call', 'Ping', ':1.9', ':1.5', []],
      ['signal', 'NameLost', BUS, ':1.8', [UNIQUE_NAME]],
      ['method_return', undefined, BUS, ':1.5', ['pong']],
    ]);
    expect(peer.calls('BecomeMonitor').map(({ interface: name, body }) => [name, body])).toEqual([
      [`${BUS}.Monitoring`, [[`type='signal',sender='com.example.Service'`, ''], 0]],
    ]);
  });

  test('sends nothing, and does not reply to calls, even to itself or with mistakes', async () => {
    await using server = await startFakeServer({ answer: monitored() });
    const { monitor, peer } = await open(server);
    const sent = peer.messages.length;
    await show(peer, monitor, ping(UNIQUE_NAME), ping(':1.5'), happened(1));
    expect((await monitor.next()).value).toMatchObject({ type: 'method_call', destination: UNIQUE_NAME });
    await monitor.close();
    await until(() => peer.isClosed);
    expect(peer.messages).toHaveLength(sent);
  });

  test.each<[MonitorOptions, kept: readonly number[]]>([
    [{ queueLimit: 2 }, [4, 5]],
    [{ queueLimit: 2, overflow: 'drop newest' }, [1, 2]],
    [{ queueBytes: 1 }, [5]],
  ])('with %j keeps %j of five messages, and counts the others', async (options, kept) => {
    await using server = await startFakeServer({ answer: monitored() });
    const { monitor, peer } = await open(server, options);
    await show(peer, monitor, ...[1, 2, 3, 4, 5].map((n) => happened(n)));
    expect(monitor.dropped.get('queue overflow')).toBe(5 - kept.length);
    for (const n of kept) expect((await monitor.next()).value.body).toEqual([n]);
    await monitor.close();
    expect(await monitor.next()).toEqual({ value: undefined, done: true });
  });

  test('with the policy to drop no message ends instead, after the queued messages', async () => {
    await using server = await startFakeServer({ answer: monitored() });
    const { monitor, peer } = await open(server, { queueLimit: 2, overflow: 'error' });
    peer.send(...[1, 2, 3].map((n) => happened(n)));
    await monitor.closed;
    for (const n of [1, 2]) expect((await monitor.next()).value.body).toEqual([n]);
    await expect(monitor.next()).rejects.toMatchObject({ code: 'QUEUE_OVERFLOW' });
    expect((await monitor.next()).done).toBe(true);
  });

  test('ends after the messages that have arrived, if the bus ends', async () => {
    await using server = await startFakeServer({ answer: monitored() });
    const { monitor, peer } = await open(server);
    await show(peer, monitor, happened(1));
    peer.socket.destroy();
    expect(await monitor.closed).toMatchObject({ name: 'ConnectionClosedError' });
    expect((await monitor.next()).value.body).toEqual([1]);
    await expect(monitor.next()).rejects.toMatchObject({ name: 'ConnectionClosedError' });
    expect((await monitor.next()).done).toBe(true);
    await monitor.close();
  });

  test('that the bus refuses is an error, and its connection is closed', async () => {
    await using server = await startFakeServer({
      answer: (call, peer) => (call.member === 'BecomeMonitor' ? refused : answerAsBus)(call, peer),
    });
    await expect(becomeMonitor([], { addresses: server.address })).rejects.toMatchObject({
      errorName: `${BUS}.Error.LimitsExceeded`, call: expect.stringContaining('BecomeMonitor') as string,
    });
    await until(async () => (await server.peer()).isClosed);
  });

  test('that gets no reply from the bus ends with its AbortSignal, its timeout, or the connection', async () => {
    const answer: Answer = (call, peer) => (call.member === 'BecomeMonitor' ? undefined : answerAsBus(call, peer));
    await using silent = await startFakeServer({ answer });
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'hrtime'] });
    onTestFinished(() => void vi.useRealTimers());
    const late = expect(becomeMonitor([], { addresses: silent.address, connectTimeout: 500 })).rejects.toMatchObject({
      name: 'CallTimeoutError', message: expect.stringMatching(/BecomeMonitor.* 500 ms/) as string,
    });
    const left = await silent.peer();
    await until(() => left.calls('BecomeMonitor').length === 1);
    await until(() => {
      vi.advanceTimersByTime(500);
      return left.isClosed;
    }, 'the monitor is disconnected');
    await late;
    vi.useRealTimers();
    await using server = await startFakeServer({ answer });
    const controller = new AbortController();
    const aborted = becomeMonitor([], { addresses: server.address, signal: controller.signal });
    const peer = await server.peer();
    await until(() => peer.calls('BecomeMonitor').length === 1);
    controller.abort('enough');
    await expect(aborted).rejects.toBe('enough');
    await until(() => peer.isClosed);

    await using other = await startFakeServer({ answer });
    const cut = becomeMonitor([], { addresses: other.address });
    const second = await other.peer();
    await until(() => second.calls('BecomeMonitor').length === 1);
    second.socket.destroy();
    await expect(cut).rejects.toMatchObject({ name: 'ConnectionClosedError' });
  });

  test('refuses rules and options that are not valid before it connects', async () => {
    await using server = await startFakeServer();
    const addresses = server.address;
    await expect(becomeMonitor({} as never, { addresses })).rejects.toThrow('the rules must be an array, got an object');
    await expect(becomeMonitor([{ path: '/', pathNamespace: '/' }], { addresses })).rejects.toMatchObject({ name: 'MatchRuleError' });
    await expect(becomeMonitor([5 as never], { addresses })).rejects.toMatchObject({ name: 'ArgumentError' });
    await expect(becomeMonitor([], { addresses, queueLimit: -1 })).rejects.toMatchObject({ code: 'OPTION_INVALID' });
    await expect(becomeMonitor([], { addresses, queue: 1 } as never)).rejects.toMatchObject({ code: 'OPTION_UNKNOWN' });
    expect(server.sockets.length).toBe(0);
  });
});
