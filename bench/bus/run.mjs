// The bench of the bus: prepares, starts a dbus-daemon and the partner of all contestants, measures, prints one table.
// What is said on the way goes to the error output, the table to the standard output.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { startProcess } from '../contestant.mjs';
import { median, summarize } from '../measure.mjs';
import { buildPrograms, buildProduct, installPeers } from '../prepare.mjs';
import { COLUMNS, formatBytes, formatNs, formatRatio, formatTable } from '../table.mjs';
import { BUS_TARGETS } from '../targets.mjs';
import { CASES } from './cases.mjs';
import { startDaemon } from './daemon.mjs';
import { objectPath } from './names.mjs';
import { OTHER_NAME } from './raw-bus.mjs';
import { runCase, runPrograms } from './session.mjs';

/** The contestants written in C, those that need a package, and those that do not. */
const PROGRAMS = ['libdbus', 'sd-bus'];
const PEERS = ['dbus-native', 'dbus-next', 'jellybrick', 'homebridge'];
const ALL = [...PEERS, ...PROGRAMS, 'floor'];

/** For a run of all cases in about ten minutes on a machine that does nothing else. */
const DEFAULTS = { rounds: 9, slice: 100, 'warm-up': 500 };

/** With --quick: a case of each kind, in about three minutes. */
const QUICK = [
  'call 1', 'call 64', 'service 64', 'signal', 'reply', 'connect', 'method', 'subscriptions 10', 'subscriptions 1000',
  'rss', 'program',
];
const QUICK_DEFAULTS = { rounds: 5, slice: 60, 'warm-up': 300 };

const USAGE = `npm run bus -- [options]
  --case NAMES     only these cases, joined by commas; "call" stands for all that begin with it:
                   ${CASES.map(({ name }) => name).join(', ')}
  --quick          if no cases are chosen: ${QUICK.join(', ')};
                   and shorter: ${Object.entries(QUICK_DEFAULTS).map(([name, value]) => `--${name} ${value}`).join(' ')}
  --peers NAMES    only these contestants beside ours: ${ALL.join(', ')}
  --rounds N       rounds of slices, at least 3 (default ${DEFAULTS.rounds})
  --slice MS       length of a slice in milliseconds, by the clock (default ${DEFAULTS.slice})
  --warm-up MS     processor time of each contestant before it is measured (default ${DEFAULTS['warm-up']})
  --ours FILE      the index.js of the build to measure; without it the one in ../dist, built when that is due
  --baseline FILE  one more contestant: another build of ours, its index.js
  --json FILE      writes everything that was measured
  --list           the cases and what they are
  --help`;

const { values: options } = parseArgs({
  options: {
    case: { type: 'string' },
    peers: { type: 'string' },
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    slice: { type: 'string' },
    'warm-up': { type: 'string' },
    ours: { type: 'string' },
    baseline: { type: 'string' },
    json: { type: 'string' },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const tell = (text) => console.error(text);
const here = (file) => fileURLToPath(new URL(file, import.meta.url));

function fail(reason) {
  tell(reason);
  process.exit(1);
}

function chosenCases(text) {
  if (text === undefined) return options.quick ? CASES.filter(({ name }) => QUICK.includes(name)) : CASES;
  return text.split(',').flatMap((name) => {
    const found = CASES.filter((one) => one.name === name.trim() || one.name.startsWith(`${name.trim()} `));
    if (found.length === 0) fail(`"${name}" is not a case: ${CASES.map((one) => one.name).join(', ')}`);
    return found;
  });
}

function chosenPeers(text) {
  const names = text === undefined ? ALL : text.split(',').map((name) => name.trim()).filter((name) => name !== '');
  const unknown = names.find((name) => !ALL.includes(name));
  if (unknown !== undefined) fail(`"${unknown}" is not a contestant: ${ALL.join(', ')}`);
  return COLUMNS.filter((name) => names.includes(name));
}

/** A positive number that an option gives. */
function numberOf(name, least) {
  const value = Number(options[name] ?? (options.quick ? QUICK_DEFAULTS : DEFAULTS)[name]);
  if (!Number.isFinite(value) || value < least) fail(`--${name} must be a number from ${least} on`);
  return value;
}

/** Who takes part: name → what makes the command for a case. */
function enlist(peers, builds) {
  const leaveOut = (name, reason) => tell(`Left out: ${name} (${reason})`);
  const worker = (contestant, file) => ({ kind, ...parameters }) => {
    const module = file && pathToFileURL(file).href;
    return [process.execPath, here('worker.mjs'), contestant, kind, JSON.stringify({ ...parameters, module })];
  };
  const commands = new Map([...builds].map(([name, file]) => [name, worker('ours', file)]));
  const wanted = PEERS.filter((name) => peers.includes(name));
  const missing = wanted.length > 0 ? installPeers() : undefined;
  for (const name of wanted) {
    if (missing === undefined) commands.set(name, worker(name));
    else leaveOut(name, `npm ci failed: ${missing}`);
  }
  const inC = PROGRAMS.filter((name) => peers.includes(name));
  const programs = buildPrograms(inC.map((name) => `bus-${name}`));
  for (const name of inC) {
    const { program, leftOut, version } = programs[`bus-${name}`];
    if (leftOut !== undefined) {
      leaveOut(name, leftOut);
      continue;
    }
    tell(`${name} ${version}`);
    commands.set(name, ({ kind, n = 0, socketPath, sender = '' }) => [program, kind, String(n), socketPath, sender]);
  }
  if (peers.includes('floor')) commands.set('floor', worker('floor'));
  return commands;
}

/** A program of a build, as its package names it; undefined if it is not there. */
function programOf(file, name) {
  const root = dirname(dirname(file));
  try {
    const program = join(root, JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).bin[name]);
    return existsSync(program) ? program : undefined;
  } catch {
    return undefined;
  }
}

async function runStart({ daemon, names, builds, rounds, leaveOut }) {
  const env = { ...process.env, DBUS_SESSION_BUS_ADDRESS: daemon.address };
  const servicePath = programOf(builds.get('ours'), 'dbus-wire-service');
  if (servicePath === undefined) throw new Error('the build has no program dbus-wire-service');
  const service = startService(servicePath, env);
  try {
    await service.ready;
    const programs = [];
    for (const name of names) {
      const ofOurs = builds.has(name) ? programOf(builds.get(name), 'dbus-wire-client') : undefined;
      const file = ofOurs ?? here(`programs/${name}.mjs`);
      if (existsSync(file)) programs.push([name, [process.execPath, file]]);
    }
    const idle = [process.execPath, '-e', '0'];
    return await runPrograms(programs, { idle, env, rounds, expected: /number is: \d+/, leaveOut });
  } finally {
    await service.stop();
  }
}

function startService(file, env) {
  const child = spawn(process.execPath, [file], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.once('close', resolve));
  const ready = new Promise((resolve, reject) => {
    child.stdout.on('data', (text) => {
      if (/ready|running/.test(String(text))) resolve();
    });
    ended.then(() => reject(new Error('the service ended')));
  });
  return {
    ready,
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** The goals of a case against what was measured; those against another case are looked up in the rows so far. */
function goalsOf(one, { contestants }, rows) {
  const { atMost, flat = {} } = BUS_TARGETS[one.name] ?? {};
  const format = formatOf(one) ?? formatNs;
  const { medianNs } = contestants.ours;
  const goals = [];
  if (atMost !== undefined) {
    goals.push({ text: `at most ${format(atMost)}`, met: medianNs <= atMost, found: `**${format(medianNs)}**` });
  }
  for (const [name, times] of Object.entries(flat)) {
    const other = rows.find((row) => row.case === name)?.contestants.ours.medianNs;
    const ratio = other === undefined ? undefined : medianNs / other;
    goals.push({
      against: name,
      text: `${times} × ours at ${name}`,
      met: ratio === undefined ? undefined : ratio <= times,
      found: `**${formatRatio(ratio)}** × ${name}`,
    });
  }
  return goals;
}

const formatOf = ({ drive }) => (drive === 'memory' ? formatBytes : undefined);

async function main() {
  const cases = chosenCases(options.case);
  const peers = chosenPeers(options.peers);
  const rounds = numberOf('rounds', 3);
  const measuring = { rounds, sliceMs: numberOf('slice', 1), warmUpMs: numberOf('warm-up', 0) };

  const failure = options.ours === undefined ? buildProduct() : undefined;
  if (failure !== undefined) fail(`The product cannot be built: ${failure}`);
  const builds = new Map([['ours', options.ours === undefined ? here('../../dist/index.js') : resolve(options.ours)]]);
  if (options.baseline !== undefined) builds.set('baseline', resolve(options.baseline));
  const commands = enlist(peers, builds);

  const daemon = await startDaemon().catch((error) => fail(`There is no bus to measure on: ${error.message}`));
  const rawPath = join(daemon.directory, 'raw-bus');
  const partner = startProcess('partner', [process.execPath, here('partner.mjs'), daemon.socketPath, rawPath]);
  const rows = [];
  const machine = [
    `Node ${process.version} (V8 ${process.versions.v8})`,
    `${cpus().length} × ${cpus()[0]?.model ?? 'unknown processor'}`,
    `${process.platform} ${process.arch}`,
  ].join(', ');
  try {
    await partner.ready();
    tell(`${machine}; ${rounds} rounds of ${measuring.sliceMs} ms`);
    for (const one of cases) {
      tell(`${one.name}: ${one.title} …`);
      const leaveOut = (name, reason) => {
        if (name === 'ours') throw new Error(`${one.name}: ours is wrong or fails: ${reason}`);
        if (!reason.includes('nothing to set against')) tell(`Left out of ${one.name}: ${name} (${reason})`);
      };
      const names = [...commands.keys()];
      const where = one.bus === 'raw' ? { socketPath: rawPath, sender: OTHER_NAME } : { socketPath: daemon.socketPath };
      const commandFor = (name, { kind, n, what }) => commands.get(name)({ kind, n, what, ...where });
      const { samples, wall, cpu } = one.drive === 'start'
        ? await runStart({ daemon, names, builds, rounds, leaveOut })
        : await runCase({ ...one, lastPath: objectPath(0) }, { names, commandFor, partner, leaveOut, ...measuring });
      const summary = summarize(samples, BUS_TARGETS[one.name]?.times ?? {});
      summary.goals.push(...goalsOf(one, summary, rows));
      rows.push({ case: one.name, ...summary, format: formatOf(one), wallNs: wall && medians(wall) });
      if (cpu !== undefined) rows.push({ case: `${one.name} cpu`, ...summarize(cpu, {}) });
    }
  } finally {
    await partner.stop();
    await daemon.stop();
  }
  console.log(formatTable(rows));
  console.log('\nours: median processor time of one operation (program: by the clock, rss: memory);');
  console.log('then ours / theirs, median of the rounds: below 1 ours is cheaper.');
  if (options.json !== undefined) {
    const record = { date: new Date().toISOString(), machine, ...measuring, rows };
    writeFileSync(options.json, `${JSON.stringify(record, null, 2)}\n`);
  }
}

const medians = (samples) =>
  Object.fromEntries(Object.entries(samples).map(([name, numbers]) => [name, median(numbers)]));

if (options.help) console.log(USAGE);
else if (options.list) for (const { name, title } of CASES) console.log(`${name.padEnd(20)} ${title}`);
else await main();
