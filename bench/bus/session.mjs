// One case in one run: all contestants are started, warmed up, and take slices in turn, each round in another order.
// While one works all others wait. What is counted is the time of its processor, of user and kernel.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { startProcess } from '../contestant.mjs';
import { median } from '../measure.mjs';

/** What opening may take, in milliseconds: some need long for 100,000 objects. */
const OPEN_PATIENCE = 600_000;

/** Does `count` operations of a case and gives the nanoseconds of processor and clock. */
async function operate(entrant, one, partner, count) {
  const { contestant, name } = entrant;
  const parse = (answer) => {
    const [wallNs, cpuNs] = answer.split(' ').map(Number);
    return { wallNs, cpuNs };
  };
  if (one.drive === 'self') return parse(await contestant.ask('run', count));
  await contestant.ask('begin');
  const from = process.hrtime.bigint();
  let expected = one.drive === 'calls' ? 0 : count; // who calls has counted the replies
  if (one.drive === 'calls') await partner.ask('call', name, one.clients, one.width, count);
  if (one.drive === 'ticks') await partner.ask('tick', name, count);
  if (one.drive === 'flood') await partner.ask('flood', name, one.path, count);
  if (one.isUnmatched) {
    // One that matches comes last and says that all have been looked at.
    await partner.ask('flood', name, one.lastPath, 1);
    expected = 1;
  }
  const { cpuNs } = parse(await contestant.ask('end', expected));
  return { cpuNs: cpuNs - (entrant.overheadNs ?? 0), wallNs: Number(process.hrtime.bigint() - from) };
}

/** What a contestant that others drive spends on the lines around a slice: it is taken off. */
async function overheadOf({ contestant }) {
  const times = [];
  for (let i = 0; i < 9; i++) {
    await contestant.ask('begin');
    times.push(Number((await contestant.ask('end', 0)).split(' ')[1]));
  }
  return median(times);
}

const MS = 1e6;
/** A contestant that mostly waits is warm after so many times the warm-up by the clock. */
const MAX_WAIT = 2.5;

/**
 * Lets V8 compile what is hot, and finds how many operations make a slice. The warm-up is processor time, so that it
 * is as long on a machine that does other work. What a process does seldom is compiled late: such a case says how many
 * operations it takes.
 */
async function warmUp(entrant, one, partner, { warmUpMs, sliceMs }) {
  const { least = 1, most = Infinity, warmUp: atLeast = 0 } = one;
  let count = least;
  let done = 0;
  let cpuPassed = 0;
  let wallPassed = 0;
  let wallNs;
  do {
    const passed = await operate(entrant, one, partner, count);
    wallNs = passed.wallNs;
    done += count;
    cpuPassed += passed.cpuNs;
    wallPassed += wallNs;
    if (wallNs < (sliceMs * MS) / 2) count = Math.min(2 * count, most);
  } while (done < atLeast || (cpuPassed < warmUpMs * MS && wallPassed < MAX_WAIT * warmUpMs * MS));
  if (one.drive !== 'self') entrant.overheadNs = await overheadOf(entrant);
  entrant.count = Math.round(Math.min(most, Math.max(least, (count * sliceMs * MS) / wallNs)));
}

async function openEntrant(name, command, one, partner) {
  const contestant = startProcess(name, command, { patience: OPEN_PATIENCE });
  try {
    const entrant = { contestant, name: await contestant.ready() };
    await operate(entrant, one, partner, one.least ?? 1); // whether it works at all
    return entrant;
  } catch (error) {
    await contestant.stop();
    throw error;
  }
}

/** The rounds in turn: `visit(entrant)` gets each in each round. */
async function inTurn(entrants, rounds, visit) {
  for (let round = 0; round < rounds; round++) {
    const first = round % entrants.length;
    for (const entrant of [...entrants.slice(first), ...entrants.slice(0, first)]) await visit(entrant);
  }
}

/**
 * The samples of a case by contestant: nanoseconds of the processor for one operation, or bytes; and by the clock.
 * `commandFor` gives the command of a contestant, `leaveOut(name, reason)` is told who does not take part.
 */
export async function runCase(one, { names, commandFor, partner, rounds, sliceMs, warmUpMs, leaveOut }) {
  if (one.drive === 'memory') return memoryOf(one, { names, commandFor, rounds, leaveOut });
  const entrants = [];
  const started = [];
  try {
    for (const name of names) {
      try {
        const entrant = await openEntrant(name, commandFor(name, one), one, partner);
        started.push(entrant.contestant);
        await warmUp(entrant, one, partner, { warmUpMs, sliceMs });
        entrants.push(entrant);
      } catch (error) {
        leaveOut(name, error.message);
      }
    }
    const cpu = Object.fromEntries(entrants.map(({ contestant }) => [contestant.name, []]));
    const wall = structuredClone(cpu);
    await inTurn(entrants, rounds, async (entrant) => {
      const { cpuNs, wallNs } = await operate(entrant, one, partner, entrant.count);
      cpu[entrant.contestant.name].push(cpuNs / entrant.count);
      wall[entrant.contestant.name].push(wallNs / entrant.count);
    });
    return { samples: cpu, wall };
  } finally {
    await Promise.all(started.map((contestant) => contestant.stop()));
  }
}

/** Memory varies less than time, and each round needs fresh processes. */
const MAX_MEMORY_ROUNDS = 3;

async function memoryOf(one, { names, commandFor, rounds, leaveOut }) {
  const samples = {};
  for (let round = 0; round < Math.min(rounds, MAX_MEMORY_ROUNDS); round++) {
    for (const name of names) {
      if (round > 0 && samples[name] === undefined) continue;
      const contestant = startProcess(name, commandFor(name, one));
      try {
        await contestant.ready();
        await contestant.ask('run', one.count);
        (samples[name] ??= []).push(Number(await contestant.ask('rss')));
      } catch (error) {
        leaveOut(name, error.message);
        delete samples[name];
      }
      await contestant.stop();
    }
  }
  return { samples };
}

/** Runs a program to its end: the nanoseconds by the clock. */
function timeOf([command, ...args], env) {
  return new Promise((resolve, reject) => {
    const from = process.hrtime.bigint();
    const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    child.stdout.on('data', (text) => (said += text));
    child.stderr.on('data', (text) => (said += text));
    child.on('error', reject);
    child.on('exit', (code) => {
      const time = Number(process.hrtime.bigint() - from);
      child.on('close', () => {
        if (code === 0) resolve({ time, said });
        else reject(new Error(said.trim() || `exit code ${code}`));
      });
    });
  });
}

/** How many runs of a program make one sample: the kernel counts for ended children in hundredths of a second. */
const RUNS = 5;

/** The processor time of all children that have ended, in nanoseconds; undefined if the kernel does not say. */
function childrenCpu() {
  try {
    const text = readFileSync('/proc/self/stat', 'latin1');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' '); // from the third on
    return (Number(fields[13]) + Number(fields[14])) * 1e7;
  } catch {
    return undefined;
  }
}

async function sampleOf(command, env) {
  const cpuBefore = childrenCpu();
  let wall = 0;
  for (let i = 0; i < RUNS; i++) wall += (await timeOf(command, env)).time / RUNS;
  return { wall, cpu: cpuBefore === undefined ? undefined : (childrenCpu() - cpuBefore) / RUNS };
}

/**
 * How much longer programs run than `idle`, in each round, by the clock and by the processor. `programs` are name →
 * command; each must print a line that `expected` matches.
 */
export async function runPrograms(programs, { idle, env, rounds, expected, leaveOut }) {
  const entrants = [];
  for (const [name, command] of programs) {
    try {
      const { said } = await timeOf(command, env); // the files are in the cache after it
      if (!expected.test(said)) throw new Error(`it prints ${JSON.stringify(said.slice(0, 80))}`);
      entrants.push({ name, command });
    } catch (error) {
      leaveOut(name, error.message);
    }
  }
  const samples = Object.fromEntries(entrants.map(({ name }) => [name, []]));
  const cpu = structuredClone(samples);
  for (let round = 0; round < rounds; round++) {
    const nothing = await sampleOf(idle, env);
    for (const { name, command } of entrants) {
      const sample = await sampleOf(command, env);
      samples[name].push(sample.wall - nothing.wall);
      cpu[name].push(sample.cpu - nothing.cpu);
    }
    entrants.push(entrants.shift());
  }
  return { samples, cpu: childrenCpu() === undefined ? undefined : cpu };
}
