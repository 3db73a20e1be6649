// A bounded soak test: a private dbus-daemon, a service and many clients that call, subscribe, watch, take names over and
// leave, while the bus is restarted now and then. At the end the process must hold what it held before: descriptors,
// timers, listeners, memory. It uses the built package.
//   npm run soak -- [--seconds N (60)] [--clients N (50)]
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import {
  connectToBus, ConnectionClosedError, createProxy, DBusError, defineInterface, exportObject, ownName,
} from '../../dist/index.js';

const { values } = parseArgs({ options: { seconds: { type: 'string' }, clients: { type: 'string' } } });
const SECONDS = numberOf('seconds', 60);
const CLIENTS = numberOf('clients', 50);

/** The number that an option gives. */
function numberOf(option, fallback) {
  const number = Number(values[option] ?? fallback);
  if (Number.isFinite(number) && number > 0) return number;
  console.error(`soak: ${option} is ${JSON.stringify(values[option])}: it must be a number above 0`);
  process.exit(2);
}

const NAME = 'com.example.Soak';
const PATH = '/soak';
/** Milliseconds between two signals of the service. */
const TICK = 5;
/** Milliseconds in which everything must work again after a restart of the bus, on a busy machine too. */
const PATIENCE = 30_000;
/** Bytes by which the memory in use may differ: code that is compiled later, and caches. */
const TOLERANCE = 3 * 2 ** 20;

const Soak = defineInterface({
  name: 'com.example.Soak1',
  methods: { Add: { in: 'ii', out: 'i' }, Wait: { in: 'u' }, Echo: { in: 'a{sv}', out: 'a{sv}' } },
  properties: { Level: { type: 'u', access: 'readwrite' } },
  signals: { Tick: { args: 'u' } },
});

// --- the bus ---

const directory = mkdtempSync(join(tmpdir().length < 80 ? tmpdir() : '/tmp', 'dbus-wire-soak-'));
const socket = join(directory, 'bus');
const configuration = join(directory, 'bus.conf');
writeFileSync(configuration, `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
  "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path=${socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default"><allow send_destination="*"/><allow eavesdrop="true"/><allow own="*"/></policy>
  <limit name="max_connections_per_user">1000</limit>
  <limit name="max_completed_connections">1000</limit>
</busconfig>
`);

let daemon;
process.once('exit', () => {
  daemon?.kill('SIGKILL');
  rmSync(directory, { recursive: true, force: true });
});

async function startBus() {
  const flags = [`--config-file=${configuration}`, '--nofork', '--nopidfile', '--nosyslog', '--print-address'];
  daemon = spawn('dbus-daemon', flags, { stdio: ['ignore', 'pipe', 'ignore'] });
  await new Promise((resolve, reject) => {
    daemon.once('error', reject);
    daemon.once('exit', () => reject(new Error('dbus-daemon has ended')));
    daemon.stdout.once('data', resolve);
  });
  daemon.stdout.destroy();
}

async function stopBus(signal) {
  const ended = new Promise((resolve) => daemon.once('close', resolve));
  daemon.removeAllListeners('exit');
  daemon.kill(signal);
  await ended;
  daemon = undefined;
}

const connect = () => connectToBus(`unix:path=${socket}`, { reconnect: { initialDelay: 10, maxDelay: 200 } });

// --- the service and its clients ---

const counts = { calls: 0, signals: 0, subscriptions: 0, watches: 0, names: 0, connections: 0, restarts: 0, outages: 0 };
const problems = [];

/** Whether an error is one that a restart of the bus may cause. */
function isOutage(error) {
  if (error instanceof ConnectionClosedError) return true;
  if (error?.name === 'ConnectError') return true;
  return error instanceof DBusError && /\.(NoReply|ServiceUnknown|NameHasNoOwner)$/.test(error.errorName);
}

/** Serves; resolves with the function that ends this. */
async function serve() {
  const bus = await connect();
  let level = 0;
  const soak = Soak.implement({
    methods: {
      Add: (a, b) => a + b,
      Wait: async (milliseconds, { signal }) => {
        await sleep(milliseconds, undefined, { signal });
      },
      Echo: (values) => values,
    },
    properties: {
      Level: {
        get: () => level,
        set: (value) => {
          level = value;
        },
      },
    },
  });
  exportObject(bus, PATH, soak);
  const name = ownName(bus, NAME, {});
  await name.ready;
  let ticks = 0;
  const timer = setInterval(() => soak.emit('Tick', ticks++), TICK);
  return async () => {
    clearInterval(timer);
    await name.close();
    await bus.close();
  };
}

/** What a client does, one of these at random each time. */
const WORK = [
  async function call({ soak, random }) {
    const [a, b] = [random(1_000), random(1_000)];
    if ((await soak.Add(a, b)) !== a + b) throw new Error('the sum is wrong');
    counts.calls++;
  },
  async function echo({ soak, random }) {
    const text = 'x'.repeat(random(20_000));
    const reply = await soak.Echo({ text: { signature: 's', value: text } });
    if (reply.get('text')?.value !== text) throw new Error('the echo is wrong');
    counts.calls++;
  },
  async function giveUp({ soak }) {
    const { name } = await soak.Wait(10_000, { timeout: 5 }).catch((error) => error);
    if (name === 'CallTimeoutError') counts.calls++;
    const controller = new AbortController();
    const aborted = soak.Wait(10_000, { signal: controller.signal });
    setImmediate(() => controller.abort('enough'));
    await aborted.catch((error) => {
      if (error !== 'enough') throw error;
    });
  },
  async function property({ soak, random }) {
    await soak.$set('Level', random(100));
    await soak.$get('Level');
    counts.calls += 2;
  },
  async function readSignals({ soak }) {
    const ticks = soak.$signal('Tick', { queueLimit: 16 });
    await ticks.ready;
    let left = 3;
    for await (const [tick] of ticks) { // leaving it closes the stream
      if (typeof tick !== 'number') throw new Error('the signal is wrong');
      counts.signals++;
      if (--left === 0) break;
    }
    counts.subscriptions++;
  },
  async function listen({ bus }) {
    let resolve;
    const heard = new Promise((settle) => {
      resolve = settle;
    });
    const rule = { sender: NAME, interface: Soak.name, member: 'Tick' };
    const subscription = bus.subscribe(rule, resolve, { signature: 'u' });
    await Promise.race([heard, subscription.closed]);
    counts.signals++;
    counts.subscriptions++;
    await subscription.close();
  },
  async function watch({ bus }) {
    const watches = [bus.watchOwner(NAME, () => {}), bus.watchOwner('com.example.*', () => {})];
    await Promise.all(watches.map(({ ready }) => ready));
    await bus.waitForOwner(NAME, { timeout: PATIENCE });
    await Promise.all(watches.map((each) => each.close()));
    counts.watches += 2;
  },
  async function takeName({ bus, random }) {
    const options = { allowReplacement: true, replaceExisting: true, doNotQueue: false };
    const name = ownName(bus, `com.example.Soak.n${random(5)}`, options);
    await name.ready;
    await name.close();
    counts.names++;
  },
  async function comeAndGo() {
    const bus = await connect();
    await bus.listNames().finally(() => bus.close());
    counts.connections++;
  },
];

/** Works until `stop` aborts, and closes its connection then. */
async function runClient(stop, seed) {
  let state = seed + 1;
  const random = (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % below;
  };
  const bus = await connect();
  const soak = createProxy(bus, Soak, { destination: NAME, path: PATH, timeout: PATIENCE });
  while (!stop.aborted) {
    const work = WORK[random(WORK.length)];
    try {
      await work({ bus, soak, random });
    } catch (error) {
      if (isOutage(error)) {
        counts.outages++;
        await sleep(10);
      } else {
        problems.push(`${work.name}: ${error?.stack ?? error}`);
        return bus.close();
      }
    }
    await sleep(random(10));
  }
  const broken = bus.dropped.get('invalid message') ?? 0;
  if (broken > 0) problems.push(`${broken} messages were not valid`);
  await bus.close();
}

/** The whole: it begins and ends with nothing but the process. */
async function soak(seconds, restarts) {
  await startBus();
  const stop = new AbortController();
  const endService = await serve();
  const clients = Array.from({ length: CLIENTS }, (_, index) => runClient(stop.signal, index));
  for (let restart = 0; restart < restarts; restart++) {
    await sleep((seconds * 1_000) / (restarts + 1));
    await stopBus(restart % 2 === 0 ? 'SIGTERM' : 'SIGKILL');
    await sleep(50);
    await startBus();
    counts.restarts++;
  }
  await sleep((seconds * 1_000) / (restarts + 1));
  stop.abort();
  await Promise.all(clients);
  await endService();
  await stopBus('SIGTERM');
}

// --- what the process holds ---

async function holdings() {
  for (let turn = 0; turn < 50; turn++) await sleep(5); // the last streams close
  for (let round = 0; round < 3; round++) globalThis.gc();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  const resources = {};
  for (const kind of process.getActiveResourcesInfo()) resources[kind] = (resources[kind] ?? 0) + 1;
  return {
    descriptors: readdirSync('/proc/self/fd').length,
    resources: JSON.stringify(resources),
    listeners: process.eventNames().reduce((sum, event) => sum + process.listenerCount(event), 0),
    bytes: heapUsed + arrayBuffers,
  };
}

if (globalThis.gc === undefined) throw new Error('soak.mjs must run with node --expose-gc');
await soak(Math.min(3, SECONDS / 3), 1); // caches fill, code is compiled
const before = await holdings();
for (const key of Object.keys(counts)) counts[key] = 0;
await soak(SECONDS, Math.max(1, Math.round(SECONDS / 5)));
const after = await holdings();

for (const key of ['descriptors', 'resources', 'listeners']) {
  if (after[key] !== before[key]) problems.push(`${key} were ${before[key]} and are ${after[key]}`);
}
if (after.bytes - before.bytes > TOLERANCE) problems.push(`memory in use was ${before.bytes} and is ${after.bytes} bytes`);
for (const key of ['calls', 'signals', 'subscriptions', 'watches', 'names', 'connections', 'restarts']) {
  if (counts[key] === 0) problems.push(`there were no ${key}`);
}
const mib = (bytes) => (bytes / 2 ** 20).toFixed(1);
console.log(`${SECONDS} s, ${CLIENTS} clients: ${Object.entries(counts).map(([key, count]) => `${count} ${key}`).join(', ')}`);
console.log(`descriptors ${before.descriptors} -> ${after.descriptors}, listeners ${before.listeners} -> ${after.listeners}, `
  + `resources ${before.resources} -> ${after.resources}, MiB ${mib(before.bytes)} -> ${mib(after.bytes)}`);
for (const problem of problems.slice(0, 20)) console.error(`FAILED: ${problem}`);
console.log(problems.length === 0 ? 'nothing grows' : `${problems.length} problems`);
process.exitCode = problems.length === 0 ? 0 : 1;
