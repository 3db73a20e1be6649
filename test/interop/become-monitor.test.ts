// Monitors on both real buses: they see calls, replies and signals of others, whole and in order, and are seen by none.
// Specification: org.freedesktop.DBus.Monitoring.BecomeMonitor.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  becomeMonitor, type Bus, connectToBus, createProxy, defineInterface, exportObject, type Message, type Monitor,
} from '../../src/index.js';
import type { PrivateBus } from '../support/private-bus.js';
import { REAL_BUSES } from '../support/private-broker.js';
import { describeWith } from '../support/programs.js';
import { gdbusCall } from '../support/foreign.js';

const Echo = defineInterface({
  name: 'com.example.Echo1',
  methods: { Echo: { in: 's', out: 's' } },
  signals: { Echoed: { args: 's' } },
});

/** The messages of a monitor up to the first that is the last. */
async function readUntil(monitor: Monitor, isLast: (message: Message) => boolean): Promise<Message[]> {
  const messages: Message[] = [];
  for (;;) {
    const { value, done } = await monitor.next();
    if (done === true) return messages;
    messages.push(value);
    if (isLast(value)) return messages;
  }
}

describe.each(REAL_BUSES)('$program:', ({ required, startBus }) => {
  describeWith(...required)('a monitor', () => {
    let daemon: PrivateBus;
    let service: Bus;
    let client: Bus;

    beforeAll(async () => {
      daemon = await startBus();
    });
    afterAll(() => daemon?.stop());
    beforeEach(async () => {
      [service, client] = await Promise.all([connectToBus(daemon.address), connectToBus(daemon.address)]);
      const echo = Echo.implement({
        methods: {
          Echo: (text) => {
            echo.emit('Echoed', text);
            return text;
          },
        },
      });
      exportObject(service, '/echo', echo);
    });
    afterEach(async () => {
      await Promise.all([service.close(), client.close()]);
    });

    test('sees calls, signals and replies in order, with serials and senders', async () => {
      await using monitor = await becomeMonitor([], { addresses: daemon.address });
      const proxy = createProxy(client, Echo, { destination: service.uniqueName, path: '/echo' });
      expect(await proxy.Echo('hello')).toBe('hello');
      const seen = await readUntil(monitor, ({ type }) => type === 'method_return');
      const own = seen.filter(({ sender }) => sender === client.uniqueName || sender === service.uniqueName);
      expect(own.map(({ type, sender, body }) => [type, sender, body])).toEqual([
        ['method_call', client.uniqueName, ['hello']],
        ['signal', service.uniqueName, ['hello']],
        ['method_return', service.uniqueName, ['hello']],
      ]);
      const [call, , reply] = own;
      expect(reply).toMatchObject({ replySerial: call?.serial, destination: client.uniqueName });
    });

    test('sees the messages that its rules match, including those of other programs', async () => {
      const rules = [{ type: 'method_call', interface: 'com.example.Echo1', args: { 0: 'b' } } as const];
      await using monitor = await becomeMonitor(rules, { addresses: daemon.address });
      const target = { destination: service.uniqueName, path: '/echo', interface: 'com.example.Echo1' };
      for (const text of ['a', 'b']) expect((await gdbusCall(daemon, target, 'Echo', [text])).code).toBe(0);
      const { value } = await monitor.next();
      expect(value).toMatchObject({ type: 'method_call', member: 'Echo', body: ['b'] });
    });

    test('has no name on the bus, and cannot be called', async () => {
      const before = await client.listNames();
      await using monitor = await becomeMonitor([], { addresses: daemon.address });
      await client.listNames();
      expect((await client.listNames()).sort()).toEqual(before.sort());
      expect(monitor.guid).toMatch(/^[0-9a-f]{32}$/);
    });

    test('ends without a cause if it is closed', async () => {
      const monitor = await becomeMonitor([{ type: 'signal' }], { addresses: daemon.address });
      await monitor.close();
      expect(await monitor.next()).toEqual({ value: undefined, done: true });
      expect((await monitor.closed).cause).toBeUndefined();
    });

    test('ends with the bus', async () => {
      await using other = await startBus();
      const monitor = await becomeMonitor([], { addresses: other.address });
      await other.stop('SIGKILL');
      await expect(readUntil(monitor, () => false)).rejects.toMatchObject({ name: 'ConnectionClosedError' });
    });
  });
});
