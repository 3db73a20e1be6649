// Runs the program that a `unixexec:` address names, and makes one stream of its standard input and output. The program
// ends with the stream. It does not know the handshake. Specification: Executed Subprocesses on Unix. Tests:
// unixexec.test.ts.
import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import { Duplex, type Readable, type Writable } from 'node:stream';
import { type Address, formatAddress } from '../protocol/address.js';
import { AddressError } from '../protocol/errors.js';
import { EndOfStreamError, ProgramEndedError } from './errors.js';
import { Incoming, type OpenedStream } from './incoming.js';
import { childProcessModule } from './late-modules.js';

/** The most characters of the program's standard error that are kept: the last ones. */
const MAX_STDERR = 1_000;
/**
 * How long a program may take to end after SIGTERM, in milliseconds; then it gets SIGKILL, and the same time again.
 * After that, or if this process must not end it, the stream does not wait for it.
 */
const MAX_TERMINATION = 1_000;
/**
 * How long a program that has closed its input or its output may take to end by itself, in milliseconds. Then the
 * stream fails, and the program gets SIGTERM.
 */
const MAX_LAST_WORDS = 1_000;

type Callback = (error?: Error | null) => void;

interface ProgramEnding {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
}

/**
 * The standard input and output of a program, as one stream. Its bytes arrive only in `incoming`, without events. It is
 * closed only after the program has ended.
 */
class ProgramStream extends Duplex {
  readonly incoming = new Incoming();
  /** As for a socket: whether the program is being started. */
  connecting = true;
  readonly #program: ChildProcess;
  readonly #name: string;
  #stderr = '';
  /** The error of the system because of which the stream fails; undefined until then. */
  #failure: Error | undefined;
  /** Called when the program has ended, if the stream waits for that. */
  #onEnded: (() => void) | undefined;
  #hasEnded = false;
  /** How the program has ended, even if other programs still have its pipes. */
  #ending: ProgramEnding | undefined;
  /** The signals that this side has sent to the program. */
  readonly #signals: NodeJS.Signals[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(program: ChildProcess, name: string) {
    super();
    this.#program = program;
    this.#name = name;
    program.once('spawn', () => {
      this.connecting = false;
      this.emit('connect');
    });
    program.on('error', (error) => {
      if (this.#onEnded !== undefined) return this.#onEnded(); // it belongs to another user, and cannot be ended
      this.#hasEnded ||= program.pid === undefined; // it was not started
      this.destroy(error);
    });
    program.once('exit', (exitCode, signal) => {
      this.#ending = { exitCode, signal };
    });
    program.once('close', () => this.#end());
    const { stdin, stdout, stderr } = program; // undefined if there was no descriptor left for them: an error follows
    stdout?.on('data', (chunk: Uint8Array) => this.incoming.receive(chunk));
    stdout?.on('error', (error) => this.#fail(error));
    stdout?.on('end', () => this.#fail(new EndOfStreamError()));
    stdin?.on('error', (error) => this.#fail(error));
    stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-MAX_STDERR);
    });
    stderr?.on('error', () => {}); // the rest of its output is lost
  }

  get #pipes(): readonly (Readable | Writable)[] {
    const { stdin, stdout, stderr } = this.#program;
    return [stdin, stdout, stderr].filter((pipe) => pipe !== null && pipe !== undefined);
  }

  ref(): this {
    return this.#keepAlive('ref');
  }

  unref(): this {
    return this.#keepAlive('unref');
  }

  /** The pipes to a program are sockets. */
  #keepAlive(how: 'ref' | 'unref'): this {
    this.#program[how]();
    for (const pipe of this.#pipes) (pipe as unknown as Socket)[how]();
    return this;
  }

  override pause(): this {
    this.#program.stdout?.pause();
    return super.pause();
  }

  override resume(): this {
    this.#program.stdout?.resume();
    return super.resume();
  }

  override _read(): void {} // the bytes do not pass through the buffer of this stream

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: Callback): void {
    this.#program.stdin?.write(chunk, (error) => {
      if (error === null || error === undefined) done();
    });
  }

  override _final(done: Callback): void {
    this.#program.stdin?.end(done);
  }

  /** Waits a little: a program that no longer reads or writes usually ends soon, and its end is a better error. */
  #fail(error: Error): void {
    if (this.destroyed || this.#timer !== undefined) return;
    this.#failure = error;
    this.#timer = setTimeout(() => this.destroy(error), MAX_LAST_WORDS);
  }

  #end(): void {
    this.#hasEnded = true;
    clearTimeout(this.#timer);
    if (this.#onEnded !== undefined) this.#onEnded();
    else this.destroy(this.#endedError());
  }

  /** Undefined if the program has not ended, or has ended because of a signal that this side sent. */
  #endedError(): ProgramEndedError | undefined {
    if (this.#ending === undefined) return undefined;
    const { exitCode, signal } = this.#ending;
    if (signal !== null && this.#signals.includes(signal)) return undefined;
    return new ProgramEndedError(this.#name, { exitCode, signal, stderr: this.#stderr });
  }

  override _destroy(error: Error | null, done: Callback): void {
    clearTimeout(this.#timer);
    for (const pipe of this.#pipes) pipe.destroy();
    // The program can end so late, or its end can be noticed so late, that the stream has already failed.
    const finish = (): void => done(error === this.#failure ? this.#endedError() ?? error : error);
    if (this.#hasEnded) return finish();
    this.#onEnded = () => {
      clearTimeout(this.#timer);
      this.#onEnded = () => {};
      finish();
    };
    this.#timer = setTimeout(() => {
      this.#timer = setTimeout(() => this.#onEnded?.(), MAX_TERMINATION); // it waits in the kernel
      this.#kill('SIGKILL');
    }, MAX_TERMINATION);
    this.#kill('SIGTERM');
  }

  #kill(signal: NodeJS.Signals): void {
    if (this.#program.kill(signal)) this.#signals.push(signal);
  }
}

/** The program of an address and its arguments. ‹Executed Subprocesses on Unix› */
export interface ProgramOfAddress {
  readonly path: string;
  readonly argv0: string;
  readonly args: readonly string[];
}

/**
 * The program that a `unixexec:` address names: `path` is found in PATH if it has no `/`, `argv0` is `path` unless
 * given, and the arguments end before the first number that is missing. ‹Executed Subprocesses on Unix›
 * @throws {AddressError} `NOT_CONNECTABLE` if `path` is missing
 */
export function programOf(address: Address): ProgramOfAddress {
  const { keys } = address;
  const path = keys.get('path');
  if (path === undefined) {
    const problem = 'path is missing: a unixexec address must have the path or the name of a program';
    throw new AddressError('NOT_CONNECTABLE', problem, { address: formatAddress(address) });
  }
  const args: string[] = [];
  for (let arg = keys.get('argv1'); arg !== undefined; arg = keys.get(`argv${args.length + 1}`)) args.push(arg);
  return { path, argv0: keys.get('argv0') ?? path, args };
}

/**
 * Starts the program of a `unixexec:` address. Its environment is that of this process.
 * @throws {AddressError} as {@link programOf} does
 */
export function openProgram(address: Address): OpenedStream {
  const { path, argv0, args } = programOf(address);
  const stream = new ProgramStream(childProcessModule().spawn(path, args, { argv0, stdio: 'pipe' }), path);
  return { stream, incoming: stream.incoming };
}
