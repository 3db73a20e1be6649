// A contestant as the bench sees it: a process that answers one line with one line. While one works, all others wait.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** A process that has not answered within this many milliseconds hangs. */
const PATIENCE = 120_000;

/** Starts a process; what it says on its error output is kept for when it fails. */
export function startProcess(name, [command, ...args], { patience = PATIENCE } = {}) {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  let complaints = '';
  child.on('error', (error) => (complaints += `Error: ${error.message}\n`));
  child.stderr.setEncoding('utf8').on('data', (text) => (complaints = (complaints + text).slice(-2000)));
  child.stdin.on('error', () => {}); // it has ended: the missing answer says so
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();

  /** The line that says what went wrong: V8 puts its own version behind it. */
  function lastWords() {
    const said = complaints.trim().split('\n');
    return said.findLast((line) => /error/i.test(line)) ?? (said.at(-1) || 'without a word');
  }

  /** The next line that it writes, without its "ok". */
  async function answer(question) {
    let timer;
    const timeout = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`${name} hangs on: ${question}`)), patience);
    });
    const { done, value } = await Promise.race([lines.next(), timeout]).finally(() => clearTimeout(timer));
    if (done) throw new Error(`${name} ended: ${lastWords()}`);
    const [status] = value.split(' ', 1);
    const rest = value.slice(status.length + 1);
    if (status !== 'ok') throw new Error(`${name}: ${rest}`);
    return rest;
  }

  async function stop() {
    const ended = new Promise((resolve) => child.once('close', resolve));
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.stdin.end();
    const timer = setTimeout(() => child.kill('SIGKILL'), 2000);
    await ended;
    clearTimeout(timer);
  }

  return {
    name,
    /** What it says by itself when it is ready. */
    ready: () => answer('being ready'),
    ask(...words) {
      child.stdin.write(`${words.join('\t')}\n`);
      return answer(words.join(' '));
    },
    stop,
  };
}

/** Starts a contestant of the codec's bench: see worker.mjs for the lines. */
export function startContestant(name, command) {
  const { ask, stop } = startProcess(name, command);
  return {
    name,
    directions: async () => JSON.parse(await ask('directions')),
    /** What is wrong with what it reads, or undefined; for the contestants that are JavaScript. */
    check: async () => JSON.parse(await ask('check')) ?? undefined,
    /** The digest of what it reads; for the others. */
    digest: async () => Number(await ask('digest')),
    bytes: async (direction) => new Uint8Array(Buffer.from(await ask('bytes', direction), 'hex')),
    /** Nanoseconds an operation took, over a slice of so many milliseconds. */
    async slice(direction, milliseconds) {
      const answer = await ask('run', direction, Math.round(milliseconds * 1e6));
      const [operations, elapsed] = answer.split(' ').map(Number);
      return elapsed / operations;
    },
    stop,
  };
}
