// One contestant written in JavaScript with one case, in a process of its own: nobody pays for another's garbage or for
// the types that another made V8 expect. It does as it is told, a line at a time:
//   directions      → the directions it has, as JSON
//   check           → whether what it writes and reads is right, as JSON
//   bytes DIRECTION → what it writes, as hexadecimal digits
//   run DIRECTION NANOSECONDS → how many operations it did, and the nanoseconds they took
// Given --direction it measures or is profiled alone: node --cpu-prof worker.mjs --contestant ours --case quick …
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { CASES, SERIAL, TYPED_ARRAY } from './cases.mjs';
import { difference, parseTypes, respell, WITH_OBJECTS } from './signature.mjs';

const { values: options } = parseArgs({
  options: {
    contestant: { type: 'string' },
    case: { type: 'string' },
    module: { type: 'string', default: new URL('../dist/wire/index.js', import.meta.url).href },
    folder: { type: 'string', default: new URL('build/cases', import.meta.url).pathname },
    mixed: { type: 'boolean', default: false },
    direction: { type: 'string' },
    seconds: { type: 'string', default: '3' },
  },
});

/** V8 may drop work whose result nobody can see; this can be seen. */
globalThis.sink = undefined;

/** What a contestant does for a direction; to read, it gets the bytes in the order that the direction has. */
function openDirection(direction, one, file) {
  if (!direction.startsWith('dec')) return one;
  return one(file(direction === 'dec big' ? 'received-big' : 'received'));
}

async function openCase(name) {
  const message = CASES.find((one) => one.name === name).make();
  const { open } = await import(`./contestants/${options.contestant}.mjs`);
  const file = (kind) => new Uint8Array(readFileSync(`${options.folder}/${name}.${kind}`));
  const types = parseTypes(message.signature);
  const typed = TYPED_ARRAY[message.signature];
  const contestant = await open(message, {
    name,
    module: options.module,
    sent: file('sent'),
    plainBody: types.map((type, i) => respell(type, message.body[i], WITH_OBJECTS)),
    typedBody: typed && [typed.from(message.body[0])],
  });
  const operations = Object.fromEntries(
    Object.entries(contestant.directions).map(([direction, one]) => [direction, openDirection(direction, one, file)]),
  );
  return { message, types, operations, contestant };
}

/** How many operations make a batch of about a millisecond; the clock is read once a batch. */
const batchSizes = new Map();

function runFor(operation, nanoseconds) {
  let batch = batchSizes.get(operation) ?? 1;
  let operations = 0;
  let elapsed = 0;
  const begin = performance.now();
  do {
    for (let i = 0; i < batch; i++) globalThis.sink = operation();
    operations += batch;
    elapsed = (performance.now() - begin) * 1e6;
    batch = Math.max(1, Math.min(batch * 2, Math.round((operations / elapsed) * 1e6)));
  } while (elapsed < nanoseconds);
  batchSizes.set(operation, batch);
  return { operations, elapsed };
}

const HEADER_KEYS = ['type', 'path', 'interface', 'member', 'replySerial', 'destination', 'sender', 'signature'];

/** What is wrong with what the contestant reads; undefined where nothing is. */
function check(opened) {
  if (opened.contestant.read === undefined) return undefined;
  const directions = Object.keys(opened.operations).filter((direction) => direction.startsWith('dec'));
  return directions.map((direction) => checkRead(opened, direction)).find((found) => found !== undefined);
}

function checkRead({ message, types, operations, contestant }, direction) {
  const decoded = contestant.read(operations[direction]());
  if (decoded.serial !== SERIAL) return `serial: expected ${SERIAL}, got ${decoded.serial}`;
  for (const key of HEADER_KEYS) {
    if ((decoded[key] ?? undefined) !== message[key]) return `${key}: expected ${message[key]}, got ${decoded[key]}`;
  }
  for (const [i, type] of types.entries()) {
    const found = difference(type, message.body[i], decoded.body[i], contestant.access, `body[${i}]`);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A process that has seen all kinds of messages, as a real one has, before it is measured with one. */
async function seeEverything() {
  for (const { name } of CASES) {
    const { operations } = await openCase(name);
    for (const operation of Object.values(operations)) runFor(operation, 60e6);
  }
}

if (options.mixed) await seeEverything();
const opened = await openCase(options.case);
const { operations } = opened;

const COMMANDS = {
  directions: () => JSON.stringify(Object.keys(operations)),
  check: () => JSON.stringify(check(opened) ?? null),
  bytes: (direction) => Buffer.from(operations[direction]()).toString('hex'),
  run: (direction, nanoseconds) => {
    const result = runFor(operations[direction], Number(nanoseconds));
    return `${result.operations} ${Math.round(result.elapsed)}`;
  },
};

if (options.direction !== undefined) {
  const { operations: count, elapsed } = runFor(operations[options.direction], Number(options.seconds) * 1e9);
  console.log(`${(elapsed / count).toFixed(0)} ns`);
} else {
  for await (const line of createInterface({ input: process.stdin })) {
    const [command, ...args] = line.split('\t');
    let answer;
    try {
      answer = `ok ${COMMANDS[command](...args)}`;
    } catch (error) {
      answer = `error ${String(error.message).replaceAll('\n', ' ').slice(0, 300)}`;
    }
    process.stdout.write(`${answer}\n`);
  }
}
