// A test of your own service, on a bus in the process of the test: it needs no bus on the machine.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createProxy, defineInterface, exportObject, type MessageLink } from 'dbus-wire';
import { startMessageBus } from 'dbus-wire/message-bus';

const Counter = defineInterface({ name: 'com.example.Counter1', methods: { Add: { in: 'u', out: 'u' } } });

// The service, as it is in your program.
function exportCounter(link: MessageLink): void {
  let value = 0;
  exportObject(link, '/counter', Counter.implement({ methods: { Add: (step) => (value += step) } }));
}

test('the counter adds', async () => {
  await using bus = await startMessageBus();
  await using service = await bus.connect();
  await using client = await bus.connect();
  exportCounter(service);
  const counter = createProxy(client, Counter, { destination: service.uniqueName, path: '/counter' });
  assert.equal(await counter.Add(2), 2);
  assert.equal(await counter.Add(3), 5);
  await assert.rejects(client.call({
    destination: service.uniqueName, path: '/counter', interface: 'com.example.Counter1', member: 'Add',
    signature: 's', body: ['two'],
  }), { errorName: 'org.freedesktop.DBus.Error.InvalidArgs' });
});
