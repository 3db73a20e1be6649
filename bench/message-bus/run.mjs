// The processor time of message buses: ours, dbus-daemon and dbus-broker do the same work for the same clients, in turn.
import { writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { summarize } from '../measure.mjs';
import { buildProduct } from '../prepare.mjs';
import { formatRatio, formatTable } from '../table.mjs';
import { MESSAGE_BUS_GROWTH, MESSAGE_BUS_TARGETS } from '../targets.mjs';
import { cpuOf, startBroker, startDbusDaemon, startOurs } from './buses.mjs';
import { openBroadcasts, openCalls, openSelections } from './load.mjs';

const USAGE = `Usage: npm run message-bus -- [--case NAME;…] [--rounds N] [--slice MS] [--ours FILE] [--baseline FILE]
                           [--json FILE]
  --ours      the program of our bus; default: that of dist/
  --baseline  another build of it, to be compared with it`;

const CASES = [
  { name: 'call 1', open: openCalls, width: 1 },
  { name: 'call 64', open: openCalls, width: 64 },
  { name: 'signal to 100', open: openBroadcasts, width: 1, receivers: 100 },
  { name: 'signal to 100, 16', open: openBroadcasts, width: 16, receivers: 100 },
  { name: 'rules 10', open: openSelections, width: 8, connections: 10 },
  { name: 'rules 1000', open: openSelections, width: 8, connections: 1000 },
];

const { values: options } = parseArgs({
  options: {
    case: { type: 'string' },
    rounds: { type: 'string', default: '7' },
    slice: { type: 'string', default: '150' },
    ours: { type: 'string', default: fileURLToPath(new URL('../../dist/dbus-wire-bus.js', import.meta.url)) },
    baseline: { type: 'string' },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
const tell = (line) => console.error(line);

/** Does operations and gives the nanoseconds of the processor that the bus takes for one. */
async function operate({ bus, load }, count) {
  const before = cpuOf(bus.pid);
  await load.run(count);
  return (cpuOf(bus.pid) - before) / count;
}

/** Processor time of a bus before it is measured, in nanoseconds: V8 has then compiled what is hot. */
const WARM_UP = 700e6;

async function warmUp(entrant, sliceNs) {
  let count = 64;
  let each = 0;
  for (let passed = 0; passed < WARM_UP;) {
    each = await operate(entrant, count);
    passed += each * count;
    if (each * count < sliceNs) count *= 2;
  }
  entrant.count = Math.max(64, Math.round(sliceNs / each));
}

/** The samples of a case by bus. All but the one that works wait. */
async function measureCase({ open, ...parameters }, buses, { rounds, sliceNs }) {
  const entrants = [];
  for (const [name, bus] of buses) {
    const entrant = { name, bus, load: await open(bus.socketPath, parameters) };
    await warmUp(entrant, sliceNs);
    entrants.push(entrant);
  }
  const samples = Object.fromEntries(entrants.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const entrant of entrants) samples[entrant.name].push(await operate(entrant, entrant.count));
    entrants.push(entrants.shift());
  }
  for (const { load } of entrants) await load.close();
  return samples;
}

/** Of each bus, how many times the cost with 10 connections it takes with 1,000. */
function growthOf(rows) {
  const of = (name) => rows.find((row) => row.case === name)?.contestants;
  const [few, many] = [of('rules 10'), of('rules 1000')];
  if (few === undefined || many === undefined) return undefined;
  return Object.fromEntries(Object.keys(many).map((name) => [name, many[name].medianNs / few[name].medianNs]));
}

async function main() {
  const chosen = options.case?.split(';');
  const cases = CASES.filter(({ name }) => chosen === undefined || chosen.includes(name));
  const failure = buildProduct();
  if (failure !== undefined) throw new Error(`The product cannot be built: ${failure}`);
  const starts = {
    ours: () => startOurs(options.ours),
    ...(options.baseline !== undefined && { baseline: () => startOurs(options.baseline) }),
    'dbus-daemon': startDbusDaemon,
    'dbus-broker': startBroker,
  };
  const buses = new Map();
  const rows = [];
  const measuring = { rounds: Number(options.rounds), sliceNs: Number(options.slice) * 1e6 };
  const machine = `Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? 'unknown processor'}`;
  try {
    for (const [name, start] of Object.entries(starts)) {
      try {
        buses.set(name, await start());
      } catch (error) {
        if (name === 'ours') throw error;
        tell(`Left out: ${name} (${error.message})`);
      }
    }
    tell(`${machine}; ${options.rounds} rounds of ${options.slice} ms; load ${loadavg()[0].toFixed(1)}`);
    for (const one of cases) {
      tell(`${one.name} …`);
      const samples = await measureCase(one, buses, measuring);
      rows.push({ case: one.name, samples, ...summarize(samples, MESSAGE_BUS_TARGETS[one.name] ?? {}) });
    }
  } finally {
    for (const bus of buses.values()) await bus.stop();
  }
  console.log(formatTable(rows));
  console.log('\nours: median processor time of the bus for one operation; then ours / theirs, median of the rounds.');
  const growth = growthOf(rows);
  if (growth !== undefined) {
    const shown = Object.entries(growth).map(([name, times]) => `${name} ${formatRatio(times)}`);
    const verdict = growth.ours <= MESSAGE_BUS_GROWTH ? 'met' : 'missed';
    console.log(`rules 1000 / rules 10: ${shown.join(', ')} (ours at most ${MESSAGE_BUS_GROWTH}: ${verdict})`);
  }
  if (options.json === undefined) return;
  const record = { date: new Date().toISOString(), machine, ...measuring, load: loadavg(), growth, rows };
  writeFileSync(options.json, `${JSON.stringify(record, null, 2)}\n`);
}

if (options.help) console.log(USAGE);
else await main();
