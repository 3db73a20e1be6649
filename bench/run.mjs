// The bench: prepares, checks that every contestant writes and reads the right thing, measures, prints one table.
// What is said on the way goes to the error output, the table to the standard output.
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { CASES } from './cases.mjs';
import { startContestant } from './contestant.mjs';
import { open as openOurs } from './contestants/ours.mjs';
import { measure, summarize } from './measure.mjs';
import { buildPrograms, buildProduct, installPeers } from './prepare.mjs';
import { difference, OURS, parseTypes } from './signature.mjs';
import { digestOf, formatSteps } from './steps.mjs';
import { COLUMNS, formatTable } from './table.mjs';
import { TARGETS } from './targets.mjs';

const USAGE = `npm run bench -- [options]
  --case NAMES      only these cases, joined by commas: ${CASES.map(({ name }) => name).join(', ')}
  --peers NAMES     only these contestants beside ours: ${COLUMNS.filter((name) => name !== 'baseline').join(', ')}
  --direction NAME  only this direction: enc, enc Map, enc typed, dec, dec typed, dec big
  --rounds N        rounds of slices, at least 5 (default 15)
  --slice MS        length of a slice in milliseconds (default 25)
  --mixed           every process written in JavaScript first handles all cases, and not only the one that is measured
  --ours FILE       the wire/index.js of the build to measure; without it the one in ../dist, built when that is due
  --baseline FILE   one more contestant: another build of ours, its wire/index.js
  --json FILE       writes everything that was measured
  --help`;

const { values: options } = parseArgs({
  options: {
    case: { type: 'string' },
    peers: { type: 'string' },
    direction: { type: 'string' },
    rounds: { type: 'string', default: '15' },
    slice: { type: 'string', default: '25' },
    mixed: { type: 'boolean', default: false },
    ours: { type: 'string' },
    baseline: { type: 'string' },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

const tell = (text) => console.error(text);
const here = (file) => fileURLToPath(new URL(file, import.meta.url));
const OURS_FILE = options.ours === undefined ? here('../dist/wire/index.js') : resolve(options.ours);
const OURS_MODULE = pathToFileURL(OURS_FILE).href;

const WARM_UP = 400;
/** The contestants written in JavaScript that need no package, those that do, and those written in C. */
const SCRIPTS = ['floor', 'copy'];
const PEERS = ['dbus-native', 'dbus-next', 'jellybrick', 'homebridge'];
const PROGRAMS = ['libdbus', 'sd-bus', 'memcpy'];
/** Contestants that take part in one case alone. */
const ONLY_IN = { copy: 'bytes', memcpy: 'bytes' };

function chosen(text, all) {
  if (text === undefined) return all;
  const names = text.split(',').map((name) => name.trim());
  const unknown = names.find((name) => !all.includes(name));
  if (unknown !== undefined) fail(`"${unknown}" is none of: ${all.join(', ')}`);
  return names;
}

function fail(reason) {
  tell(reason);
  process.exit(1);
}

/** Who takes part: name → the command that runs it for a case. */
function enlist(peers) {
  const mixed = options.mixed ? ['--mixed'] : [];
  const worker = (contestant, ...more) => (name) =>
    [process.execPath, here('worker.mjs'), '--contestant', contestant, '--case', name, ...mixed, ...more];
  const commands = new Map([['ours', worker('ours', '--module', OURS_MODULE)]]);
  if (options.baseline !== undefined) {
    commands.set('baseline', worker('ours', '--module', pathToFileURL(resolve(options.baseline)).href));
  }
  const leaveOut = (name, reason) => tell(`Left out: ${name} (${reason})`);

  const wantedPeers = PEERS.filter((name) => peers.includes(name));
  const missing = wantedPeers.length > 0 ? installPeers() : undefined;
  for (const name of wantedPeers) {
    if (missing === undefined) commands.set(name, worker(name));
    else leaveOut(name, `npm ci failed: ${missing}`);
  }
  for (const name of SCRIPTS) if (peers.includes(name)) commands.set(name, worker(name));

  const wantedPrograms = PROGRAMS.filter((name) => peers.includes(name));
  const programs = buildPrograms(wantedPrograms);
  for (const name of wantedPrograms) {
    const { program, leftOut, version, note } = programs[name];
    if (leftOut !== undefined) {
      leaveOut(name, leftOut);
      continue;
    }
    if (version) tell(`${name} ${version}${note === undefined ? '' : `: ${note}`}`);
    const file = (one, kind) => here(`build/cases/${one}.${kind}`);
    commands.set(name, (one) => [program, file(one, 'steps'), file(one, 'received')]);
  }
  return commands;
}

/** The message as it comes, as it is sent, and the steps of the C programs, in files that all contestants read. */
async function writeCase({ name, make }) {
  const message = make();
  const ours = await openOurs(message, { module: OURS_MODULE });
  const write = (kind, bytes) => writeFileSync(here(`build/cases/${name}.${kind}`), bytes);
  write('sent', ours.directions.enc());
  write('received', ours.received('little'));
  write('received-big', ours.received('big'));
  write('steps', formatSteps(message));
  return message;
}

const HEADER_KEYS = ['type', 'path', 'interface', 'member', 'replySerial', 'destination', 'signature', 'serial'];

/** What is wrong with what a contestant writes, as ours reads it, or with what it reads; undefined where nothing is. */
async function findFault(contestant, message, { decodeMessage, reference }) {
  const directions = await contestant.directions();
  for (const direction of directions.filter((one) => one.startsWith('enc'))) {
    if (contestant.name in ONLY_IN) continue; // it only copies
    let bytes;
    try {
      bytes = await contestant.bytes(direction);
    } catch (error) {
      if (!error.message.includes('cannot hand out')) return `${direction}: ${error.message}`;
      continue; // then what it wrote is checked by what it reads, which is the same memory
    }
    const decoded = decodeMessage(bytes);
    const key = HEADER_KEYS.find((one) => decoded[one] !== reference[one]);
    if (key !== undefined) return `${direction}: ${key}: expected ${reference[key]}, got ${decoded[key]}`;
    for (const [i, type] of parseTypes(message.signature).entries()) {
      const found = difference(type, message.body[i], decoded.body[i], OURS, `body[${i}]`);
      if (found !== undefined) return `${direction}: ${found}`;
    }
  }
  if (!directions.includes('dec') || contestant.name in ONLY_IN) return undefined;
  if (!PROGRAMS.includes(contestant.name)) {
    const found = await contestant.check();
    return found === undefined ? undefined : `dec: ${found}`;
  }
  const [expected, got] = [digestOf(message), await contestant.digest()];
  return expected === got ? undefined : `dec: the digest of the values is ${got}, not ${expected}`;
}

/** What a contestant is told to do for a direction; undefined where it has nothing to set against it. */
function taskFor({ name }, directions, direction) {
  if (directions.includes(direction)) return direction;
  if (direction === 'enc Map') return 'enc'; // the same dict as they take it
  if (!PROGRAMS.includes(name)) return undefined;
  return { 'enc typed': 'enc', 'dec typed': 'dec' }[direction]; // C arrays are typed
}

async function runCase(one, commands) {
  const message = await writeCase(one);
  const { decodeMessage } = await import(OURS_MODULE);
  const ours = await openOurs(message, { module: OURS_MODULE });
  const reference = decodeMessage(ours.directions.enc());
  const started = [];
  const able = [];
  try {
    for (const [name, command] of commands) {
      if ((ONLY_IN[name] ?? one.name) !== one.name) continue;
      const contestant = startContestant(name, command(one.name));
      started.push(contestant);
      const fault = await findFault(contestant, message, { decodeMessage, reference }).catch((error) => error.message);
      if (fault === undefined) able.push({ contestant, directions: await contestant.directions() });
      else if (name === 'ours') fail(`${one.name}: ours is wrong or fails: ${fault}`);
      else tell(`Left out of ${one.name}: ${name} (${fault})`);
    }
    const rows = [];
    for (const direction of one.directions) {
      if (options.direction !== undefined && options.direction !== direction) continue;
      const entrants = able
        .map(({ contestant, directions }) => ({ contestant, task: taskFor(contestant, directions, direction) }))
        .filter(({ task }) => task !== undefined);
      tell(`${one.name} ${direction} …`);
      const samples = await measure(entrants, { rounds, slice: Number(options.slice), warmUp: WARM_UP });
      rows.push({ case: one.name, direction, ...summarize(samples, TARGETS[`${one.name} ${direction}`] ?? {}) });
    }
    return rows;
  } finally {
    await Promise.all(started.map((contestant) => contestant.stop()));
  }
}

if (options.help) {
  console.log(USAGE);
  process.exit();
}
const rounds = Number(options.rounds);
if (!Number.isInteger(rounds) || rounds < 5) fail('--rounds is an integer from 5 on: fewer have no median to speak of');
const cases = chosen(options.case, CASES.map(({ name }) => name)).map((name) => CASES.find((one) => one.name === name));
const peers = chosen(options.peers, [...PEERS, ...PROGRAMS, ...SCRIPTS]);

const failure = options.ours === undefined ? buildProduct() : undefined;
if (failure !== undefined) fail(`The product cannot be built: ${failure}`);
const commands = enlist(peers);
const machine = [
  `Node ${process.version} (V8 ${process.versions.v8})`,
  `${cpus().length} × ${cpus()[0]?.model ?? 'unknown processor'}`,
  `${process.platform} ${process.arch}`,
].join(', ');
tell(`${machine}; ${rounds} rounds of ${options.slice} ms${options.mixed ? ', mixed' : ''}`);

if (options.mixed) for (const one of CASES) await writeCase(one); // every process looks at all of them
const rows = [];
for (const one of cases) rows.push(...(await runCase(one, commands)));
console.log(formatTable(rows));
console.log('\nours: median time of one operation; then ours / theirs, median of the rounds: below 1 ours is quicker.');
if (options.json !== undefined) {
  const { mixed } = options;
  const record = { date: new Date().toISOString(), machine, rounds, sliceMs: Number(options.slice), mixed, rows };
  writeFileSync(options.json, `${JSON.stringify(record, null, 2)}\n`);
}
