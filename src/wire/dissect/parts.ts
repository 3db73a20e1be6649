// What a dissection is made of: runs of bytes with words for each, and a list of them that stays within bounds.
// It knows no protocol: dissect-walk.ts finds the parts, dissect.ts puts the verdict among them.
import type { UnmarshalError } from '../errors.js';

/**
 * What a part is to the message: its fixed header, the code of a header field, a length word, the signature of a
 * variant, a value, padding. And three that the dissection adds: the rule that is broken there (an `error` has no
 * bytes), bytes that have no reading, and bytes that have one which is left out for its length.
 */
export type PartKind =
  | 'fixed header' | 'field' | 'length' | 'signature' | 'value' | 'padding' | 'error' | 'unread' | 'unlisted';

/** One run of bytes of a message, and what it is. */
export interface Part {
  readonly kind: PartKind;
  /** First byte, counted from the first of the message. */
  readonly offset: number;
  /** How many bytes; 0 for an `error` alone. */
  readonly length: number;
  /** In words, short: `serial 7`, `header field MEMBER`, `text "Volume"`, `padding`. */
  readonly what: string;
  /** Which value it belongs to, as in errors: `header.MEMBER`, `body[2]["k"]`; empty where it belongs to none. */
  readonly path: string;
  /** How many containers stand around it; header fields stand in the structs of an array. */
  readonly depth: number;
  /** What the bytes say, decoded; undefined where they say nothing by themselves. */
  readonly value: unknown;
  /** In a part of kind `error`: what {@link decodeMessage} says of the message. */
  readonly error: UnmarshalError | undefined;
}

/** Collects parts in the order of their bytes; of too many it keeps the first and the last ones. */
export class PartList {
  readonly #maximum: number;
  readonly #first: Part[] = [];
  #last: Part[] = [];
  /** Where the bytes of the parts end that were given up; undefined while all are kept. */
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
    // Dropping half a list at a time costs nothing by the part; dropping one by one would be quadratic.
    if (this.#last.length > this.#maximum) {
      this.#last = this.#last.slice(this.#last.length - Math.floor(this.#maximum / 2));
      this.#gapEnd = this.#last[0]?.offset;
    }
  }

  /** The byte behind the last part. */
  get end(): number {
    return endOf(this.#last.at(-1) ?? this.#first.at(-1));
  }

  /** All parts that are kept, and one that stands for those between them that are not. */
  parts(): Part[] {
    if (this.#gapEnd === undefined) return [...this.#first, ...this.#last];
    const gapStart = endOf(this.#first.at(-1));
    const length = this.#gapEnd - gapStart;
    const what = `${length} bytes that are not listed`;
    return [...this.#first, partOf('unlisted', { offset: gapStart, length, what }), ...this.#last];
  }
}

function endOf(part: Part | undefined): number {
  return part === undefined ? 0 : part.offset + part.length;
}

/** A part of the dissection rather than of the message: it belongs to no value. */
export function partOf(
  kind: PartKind,
  { offset, length, what, error }: { offset: number; length: number; what: string; error?: UnmarshalError },
): Part {
  return { kind, offset, length, what, path: '', depth: 0, value: undefined, error };
}
