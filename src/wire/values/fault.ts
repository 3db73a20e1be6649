// How the closures that marshal and unmarshal report a problem: a light object, thrown where the rule is broken, to
// which each container on the way out adds its part of the path. Only the entry points turn it into an error that users
// see.
import { quote } from '../describe.js';

/** A broken rule on its way out of nested values. */
export class Fault<Code extends string> {
  readonly code: Code;
  readonly problem: string;
  /** The byte concerned, where there are bytes. */
  readonly offset: number;
  readonly cause: unknown;
  /** From the value that the entry point was given to the one that is wrong: `[2]["k"]`. */
  path = '';

  constructor(code: Code, problem: string, { offset = 0, cause }: { offset?: number; cause?: unknown } = {}) {
    this.code = code;
    this.problem = problem;
    this.offset = offset;
    this.cause = cause;
  }
}

const LONGEST_KEY = 64;

/** One step of a path: `[2]` for an index, `["k"]` for a key that is text. */
export function formatSegment(segment: unknown): string {
  const isKey = ['string', 'number', 'bigint', 'boolean'].includes(typeof segment);
  if (!isKey) return '[?]'; // nothing that could be shown, nor a key of a dict
  if (typeof segment !== 'string') return `[${segment}]`;
  // A key may be megabytes of a peer's text; an error says which one, it does not repeat it.
  return `[${quote(segment, LONGEST_KEY)}]`;
}

/** What is to be thrown on by a container whose part at `segment` threw `error`. */
export function within(error: unknown, segment: unknown): unknown {
  if (error instanceof Fault) {
    error.path = `${formatSegment(segment)}${error.path}`;
  }
  return error;
}
