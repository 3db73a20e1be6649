// Programs that tests run: with a time limit, their output collected, and none of them outlives the tests.
// Knows how to run a program, and whether it is installed. foreign.ts has the programs that the tests run.

import { spawn, spawnSync, type ChildProcessByStdio } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { describe } from 'vitest';
import { programsOfBus } from './chosen-bus.js';
import { adopt, killGroup, scratchRoot } from './reaper.js';

/** Default limit for the end of a program, or for a line of its output, in milliseconds. */
const PROGRAM_TIMEOUT = 30_000;

export interface ProgramOptions {
  /** Variables to add to the environment of the tests, or to remove from it if undefined. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
}

export interface RunOptions extends ProgramOptions {
  /** Milliseconds until the program is killed and `run` rejects. */
  readonly timeout?: number;
  /** The standard input of the program, empty by default. */
  readonly input?: string;
}

export interface LineOptions {
  /** Milliseconds until the wait is over. */
  readonly timeout?: number;
  readonly stream?: 'stdout' | 'stderr';
}

/** The result of a program that has ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end; rejects only when it cannot be started or is not done in time. */
export async function run(command: string, args: readonly string[] = [], options: RunOptions = {}): Promise<Ended> {
  await using program = await start(command, args, options);
  program.write(options.input ?? '');
  program.endInput();
  return await program.end(options.timeout);
}

/** Starts a program that runs until it is stopped, or, at the latest, until the tests end. */
export async function start(
  command: string,
  args: readonly string[] = [],
  options: ProgramOptions = {},
): Promise<Program> {
  const child = spawn(command, args, {
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
    // A program that is killed leaves its temporary files, such as those of nonces: they go with the scratch files.
    env: { ...process.env, LC_ALL: 'C.UTF-8', TMPDIR: scratchRoot(), ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  adopt(child);
  const program = new Program(child, [command, ...args].join(' '));
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
  return program;
}

/** A running program and everything it has printed so far. */
export class Program implements AsyncDisposable {
  /** Settles when the program, and every process that it started, has closed its output. */
  readonly ended: Promise<Ended>;
  /** Settles when the program itself has ended. */
  readonly exited: Promise<void>;
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #title: string;
  readonly #output = { stdout: '', stderr: '' };
  readonly #read = { stdout: 0, stderr: 0 };
  #running = true;
  #wake: () => void = () => {};
  #news: Promise<void>;

  constructor(child: ChildProcessByStdio<Writable, Readable, Readable>, title: string) {
    this.#child = child;
    this.#title = title;
    this.#news = new Promise((resolve) => (this.#wake = resolve));
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].setEncoding('utf8').on('data', (text: string) => {
        this.#output[stream] += text;
        this.#announce();
      });
    }
    child.stdin.on('error', () => {}); // a program may end without reading what was written to it
    this.exited = new Promise((resolve) => child.once('exit', () => resolve()));
    this.ended = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        this.#running = false;
        this.#announce();
        resolve({ code, signal, ...this.#output });
      });
    });
  }

  get pid(): number {
    return this.#child.pid ?? Number.NaN;
  }

  get stdout(): string {
    return this.#output.stdout;
  }

  get stderr(): string {
    return this.#output.stderr;
  }

  write(input: string): void {
    this.#child.stdin.write(input);
  }

  endInput(): void {
    this.#child.stdin.end();
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /**
   * Waits for the next line that contains the text or matches the expression, and resolves to its match.
   * Lines up to and including it are not looked at again.
   */
  async line(pattern: string | RegExp, options: LineOptions = {}): Promise<RegExpExecArray> {
    const { timeout = PROGRAM_TIMEOUT, stream = 'stdout' } = options;
    const expression = typeof pattern === 'string' ? new RegExp(escapeRegExp(pattern)) : pattern; // no g, no y
    const deadline = Date.now() + timeout;
    for (;;) {
      const match = this.#nextLine(expression, stream);
      if (match !== undefined) return match;
      if (!this.#running) throw new Error(`${this.#report()}\nended before a line of ${stream} matched ${expression}`);
      if (!(await this.#newsBefore(deadline))) {
        throw new Error(`${this.#report()}\nhad no line of ${stream} that matches ${expression} after ${timeout} ms`);
      }
    }
  }

  /** Waits for the program to end by itself; kills it and rejects when that takes longer than `timeout` ms. */
  async end(timeout = PROGRAM_TIMEOUT): Promise<Ended> {
    const deadline = Date.now() + timeout;
    while (this.#running) {
      if (await this.#newsBefore(deadline)) continue;
      killGroup(this.#child);
      await this.ended;
      throw new Error(`${this.#report()}\ndid not end in ${timeout} ms`);
    }
    return this.ended;
  }

  /** Asks the program to end (SIGTERM by default) and waits until it has. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', timeout = PROGRAM_TIMEOUT): Promise<Ended> {
    this.kill(signal);
    return await this.end(timeout);
  }

  /** Kills the program, if it still runs, and the programs that it has started. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#running) killGroup(this.#child);
    await this.ended;
  }

  #nextLine(expression: RegExp, stream: 'stdout' | 'stderr'): RegExpExecArray | undefined {
    const output = this.#output[stream];
    while (this.#read[stream] < output.length) {
      const start = this.#read[stream];
      let end = output.indexOf('\n', start);
      if (end < 0) {
        if (this.#running) return undefined; // the rest of the line is still to come
        end = output.length;
      }
      this.#read[stream] = end + 1;
      const match = expression.exec(output.slice(start, end));
      if (match !== null) return match;
    }
    return undefined;
  }

  #announce(): void {
    const wake = this.#wake;
    this.#news = new Promise((resolve) => (this.#wake = resolve));
    wake();
  }

  /** False when the deadline passes before anything is printed or the program ends. */
  async #newsBefore(deadline: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<false>((resolve) => {
      timer = setTimeout(resolve, Math.max(0, deadline - Date.now()), false);
    });
    try {
      return await Promise.race([this.#news.then(() => true as const), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  #report(): string {
    return `$ ${this.#title}\n--- stdout\n${this.stdout}--- stderr\n${this.stderr}---`;
  }
}

function escapeRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

/** Python of the distribution: the one that its D-Bus packages are installed for. */
export const PYTHON = '/usr/bin/python3';

const LOAD_SD_BUS = `import ctypes; ctypes.CDLL('libsystemd.so.0').sd_bus_set_server`;

/** The requirements of a suite besides programs, each with what Python can run only if it is installed. */
const MODULES: Readonly<Record<string, string>> = {
  'sd-bus': LOAD_SD_BUS,
  'dbus-python': 'import dbus, gi',
  'python-dbusmock': 'import dbusmock',
};

/** Whether each of MODULES is installed, as far as a suite of this process has asked. */
const isModuleInstalled = new Map<string, boolean>();

/**
 * The `describe` for a suite that needs foreign programs (or `dbus-python`).
 * If one is not installed, the suite is skipped and the reason printed; in CI (`CI` is set) that is a failure.
 */
export function describeWith(...names: readonly string[]): typeof describe | typeof describe.skip {
  const reason = reasonToSkip(...names);
  if (reason === undefined) return describe;
  process.stderr.write(`skipped, ${reason}\n`);
  return describe.skip;
}

/** A text that names the missing programs; undefined if all are installed. In CI it throws instead. */
export function reasonToSkip(...names: readonly string[]): string | undefined {
  const needed = names.flatMap((name) => (name === 'dbus-daemon' ? programsOfBus() : name));
  const missing = needed.filter((name) => !isInstalled(name));
  if (missing.length === 0) return undefined;
  const reason = `not installed: ${missing.join(', ')}`;
  if (process.env['CI']) throw new Error(`${reason} (in CI nothing may be skipped)`);
  return reason;
}

function isInstalled(name: string): boolean {
  const code = MODULES[name];
  if (code === undefined) return isOnPath(name);
  const known = isModuleInstalled.get(name);
  if (known !== undefined) return known;
  const installed = spawnSync(PYTHON, ['-c', code], { stdio: 'ignore' }).status === 0;
  isModuleInstalled.set(name, installed);
  return installed;
}

function isOnPath(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
