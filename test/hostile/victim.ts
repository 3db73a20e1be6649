// Programs of ours under attack: each is a process of its own with a small heap, which takes commands and reports what
// it uses and what it has counted. The programs are in victims/ and use dist/.
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { type Program, start } from '../support/programs.js';

/** Milliseconds that an answer may take; a limit for a program that hangs, on a busy machine. */
const PATIENCE = 50_000;

/** The same on all versions of Node, which choose different sizes: the number of collections depends on it. */
const YOUNG_GENERATION = '--max-semi-space-size=8';

/** What a program of ours reports about itself. */
export interface Report {
  /** Bytes of live objects and of the memory of typed arrays, after a garbage collection. */
  readonly memory: number;
  /** Garbage collections of new objects so far: there is about one for each 16 MiB of values. */
  readonly collections: number;
  /** The counts of `dropped` of its link. */
  readonly dropped: Readonly<Record<string, number>>;
  /** Whether its link has ended. */
  readonly closed: boolean;
  /** Bytes that wait to leave. */
  readonly queuedBytes: number;
}

/** A program under attack. */
export class Victim implements AsyncDisposable {
  readonly program: Program;
  /** Its name on the bus, if it has one. */
  readonly uniqueName: string;
  readonly #answers: Promise<unknown>[] = [];

  constructor(program: Program, uniqueName: string) {
    this.program = program;
    this.uniqueName = uniqueName;
  }

  /** The answer to a command; rejects with its error, or if the program has died. */
  ask<T = unknown>(command: string, ...args: readonly unknown[]): Promise<T> {
    this.program.write(`${JSON.stringify([command, ...args])}\n`);
    const answer = Promise.allSettled(this.#answers.slice(-1)).then(() => this.#answer());
    this.#answers.push(answer);
    return answer as Promise<T>;
  }

  report(): Promise<Report> {
    return this.ask<Report>('report');
  }

  async #answer(): Promise<unknown> {
    const [, text = ''] = await this.program.line(/^answer (.*)$/, { timeout: PATIENCE });
    const { value, error } = JSON.parse(text) as { readonly value?: unknown; readonly error?: object };
    if (error !== undefined) throw Object.assign(new Error(), error);
    return value;
  }

  /** Ends the program, which must have survived and printed nothing but answers and `warnings`. */
  async survives(warnings: RegExp = /^$/): Promise<void> {
    this.program.endInput();
    const { code, signal, stderr } = await this.program.end(PATIENCE);
    expect({ code, signal }).toEqual({ code: 0, signal: null });
    expect(stderr).toMatch(warnings);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.program[Symbol.asyncDispose]();
  }
}

export interface VictimOptions {
  /** MiB of heap, 48 unless given. */
  readonly heap?: number;
  /** Options of its connection. */
  readonly connection?: Readonly<Record<string, unknown>>;
}

/** Starts a program: the wire library alone, or one at an address, on a bus or linked to one peer. */
export async function startVictim(
  role: 'service' | 'handler' | 'client' | 'wire',
  at?: { readonly bus: string } | { readonly peer: string },
  { heap = 48, connection = {} }: VictimOptions = {},
): Promise<Victim> {
  const file = fileURLToPath(new URL(`victims/${role}.mjs`, import.meta.url));
  const [kind, address] = Object.entries(at ?? {})[0] ?? [];
  const args = kind === undefined ? [] : [address, kind, JSON.stringify(connection)];
  const flags = [`--max-old-space-size=${heap}`, YOUNG_GENERATION];
  const program = await start(process.execPath, [...flags, file, ...args] as string[]);
  try {
    const [, uniqueName = ''] = await program.line(/^ready ?(.*)$/);
    return new Victim(program, uniqueName);
  } catch (error) {
    await program[Symbol.asyncDispose]();
    throw error;
  }
}
