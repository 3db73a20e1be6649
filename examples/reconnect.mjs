// A service and a client that outlive their bus. The service emits a signal every millisecond; meanwhile this program
// ends its dbus-daemon three times and starts it again on the same socket. Needs `dbus-daemon`.
// Run it with `node examples/reconnect.mjs`.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectToBus, createProxy, defineInterface, exportObject } from 'dbus-wire';
import './one-sentence.mjs';

const RESTARTS = 3;
const directory = mkdtempSync(join(tmpdir(), 'dbus-wire-reconnect-'));
const address = `unix:path=${join(directory, 'bus')}`;

/** Starts the bus; resolves when it listens. */
async function startBus() {
  const options = ['--session', '--nofork', '--nopidfile', `--address=${address}`, '--print-address'];
  const daemon = spawn('dbus-daemon', options, { stdio: ['ignore', 'pipe', 'ignore'] });
  await once(daemon.stdout, 'data');
  return daemon;
}

const Ticker = defineInterface({
  name: 'com.example.Ticker1',
  methods: { Count: { out: 'u' } },
  signals: { Tick: { args: 'u' } },
});

let daemon = await startBus();
const reconnect = { initialDelay: 10 };

// The service: only the lines that print a restart mention it.
let count = 0;
const ticker = Ticker.implement({ methods: { Count: () => count } });
const service = await connectToBus(address, { reconnect });
exportObject(service, '/', ticker);
await service.requestName('com.example.Ticker');
service.watchConnection((change) => {
  if (change.state !== 'connected') return;
  const result = change.names.get('com.example.Ticker');
  console.log(`service: gone for ${change.downtime.toFixed(0)} ms, now ${change.uniqueName}, ${result} of its name`);
});
const timer = setInterval(() => ticker.emit('Tick', ++count), 1);

// The client: its subscription continues.
const client = await connectToBus(address, { reconnect });
const proxy = createProxy(client, Ticker, { destination: 'com.example.Ticker', path: '/' });
let received = 0;
const ticks = proxy.$signal('Tick', {
  onGap: ({ downtime }) => console.log(`client: gone for ${downtime.toFixed(0)} ms after ${received} ticks`),
});
const reading = (async () => {
  for await (const _ of ticks) received++;
})();
await ticks.ready;

for (let restart = 0; restart < RESTARTS; restart++) {
  await sleep(500);
  daemon.kill(restart === 0 ? 'SIGTERM' : 'SIGKILL');
  await once(daemon, 'exit');
  daemon = await startBus();
}
await sleep(500);
await client.waitForOwner('com.example.Ticker');
console.log(`the service has counted to ${await proxy.Count()}, the client has received ${received} of these ticks`);
const unsent = service.dropped.get('undeliverable') ?? 0;
console.log(`${ticks.gaps} gaps, ${unsent} ticks while the service had no bus, ${ticks.dropped} dropped by the client`);

clearInterval(timer);
await ticks.close();
await reading;
await Promise.all([service.close(), client.close()]);
daemon.kill();
await once(daemon, 'exit');
rmSync(directory, { recursive: true });
