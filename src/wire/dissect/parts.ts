// The parts of a dissection: described runs of bytes, and a list of them that is bounded in length.
// It knows no protocol: walk.ts finds the parts, and dissect.ts adds the verdict. Tests: dissect.test.ts.
import { counted } from '../counted.js';
import type { UnmarshalError } from '../errors.js';

/**
 * The role of a part in the message: the fixed header, the code of a header field, a length, the signature of a
 * variant, a value, padding. The dissection adds three: `error` marks the byte that breaks a rule and has no bytes,
 * `unread` are bytes without an explanation, and `unlisted` are bytes whose explanation is left out to save space.
 */
export type PartKind =
  | 'fixed header' | 'field' | 'length' | 'signature' | 'value' | 'padding' | 'error' | 'unread' | 'unlisted';

/** A run of bytes of a message, explained. */
export interface Part {
  readonly kind: PartKind;
  /** Offset of the first byte, from the start of the message. */
  readonly offset: number;
  /** Number of bytes; 0 for an `error` only. */
  readonly length: number;
  /** A few words: `serial 7`, `header field MEMBER`, `STRING "Volume"`, `padding`. */
  readonly description: string;
  /** The value that it belongs to, as in errors: `header.MEMBER`, `body[2]["k"]`; empty if it belongs to no value. */
  readonly path: string;
  /** Number of containers around it. A header field is inside a struct inside an array. */
  readonly depth: number;
  /** The decoded bytes; undefined if they have no value of their own. */
  readonly value: unknown;
  /** In a part of kind `error`: the error that {@link decodeMessage} throws. */
  readonly error: UnmarshalError | undefined;
}

/** Collects parts in the order of their bytes. If there are too many, it keeps the first and the last ones. */
export class PartList {
  readonly #maximum: number;
  readonly #first: Part[] = [];
  #last: Part[] = [];
  /** End offset of the parts that were dropped; undefined if none were. */
  #gapEnd: number | undefined;

  constructor(maximum: number) {
    this.#maximum = maximum;
  }

  add(part: Part): void {
    if (this.#first.length < this.#maximum / 2) {
      this.#first.push(part);
      return;
    }
    this.#last.push(part);
    // Half of the list is dropped at a time: to drop parts one by one would take quadratic time.
    if (this.#last.length > this.#maximum) {
      this.#last = this.#last.slice(this.#last.length - Math.floor(this.#maximum / 2));
      this.#gapEnd = this.#last[0]?.offset;
    }
  }

  /** End offset of the last part. */
  get end(): number {
    return endOf(this.#last.at(-1) ?? this.#first.at(-1));
  }

  /** The parts that are kept, and one of kind `unlisted` in place of those that were dropped. */
  parts(): Part[] {
    if (this.#gapEnd === undefined) return [...this.#first, ...this.#last];
    const gapStart = endOf(this.#first.at(-1));
    const length = this.#gapEnd - gapStart;
    const description = `${counted(length, 'byte')} not listed`;
    return [...this.#first, partOf('unlisted', { offset: gapStart, length, description }), ...this.#last];
  }
}

function endOf(part: Part | undefined): number {
  return part === undefined ? 0 : part.offset + part.length;
}

/** Makes a part that the dissection adds to the message; it belongs to no value. */
export function partOf(
  kind: PartKind,
  run: { offset: number; length: number; description: string; error?: UnmarshalError },
): Part {
  const { offset, length, description, error } = run;
  return { kind, offset, length, description, path: '', depth: 0, value: undefined, error };
}
