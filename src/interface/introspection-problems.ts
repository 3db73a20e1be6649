// The mistakes in introspection data that do not end the reading: each is kept in a list with its place. It does not
// read XML. Specification: Introspection Data Format. Tests: parse-introspection.test.ts.
import type { IntrospectionErrorCode } from './errors.js';

/** The rule that a part of introspection data breaks. The last four are only in lists of problems. */
export type IntrospectionProblemCode =
  | IntrospectionErrorCode
  | 'NAME_INVALID'
  | 'NAME_DUPLICATE'
  | 'NO_REPLY_WITH_RESULT'
  | 'ELEMENT_MISPLACED';

/** A mistake in introspection data that did not end the reading. */
export interface IntrospectionProblem {
  readonly code: IntrospectionProblemCode;
  /** The text of the mistake: what was found, then what must be. */
  readonly problem: string;
  /** Whether the thing was left out: a member, an argument with its member, an interface, an annotation, an object. */
  readonly skipped: boolean;
  /** The names of the objects, the interface, the member and the argument that it is in; `''` if one has no name. */
  readonly path: readonly string[];
  /** The position in the text, in UTF-16 code units from 0. */
  readonly offset: number;
  /** The line, from 1. */
  readonly line: number;
}

/** A mistake, before its line is known. */
type Draft = Omit<IntrospectionProblem, 'line'>;

/** The treatment of the part with a mistake. */
export interface ProblemAt {
  readonly offset: number;
  readonly skipped: boolean;
}

/** The most problems that are kept; further ones are counted. */
export const MAX_PROBLEMS = 1_000;

/** Collects the problems of one text. */
export class ProblemList {
  readonly #drafts: Draft[] = [];
  readonly #path: string[] = [];
  #count = 0;

  /** The number of all problems. */
  get count(): number {
    return this.#count;
  }

  add(code: IntrospectionProblemCode, problem: string, { offset, skipped }: ProblemAt): void {
    this.#count++;
    if (this.#drafts.length < MAX_PROBLEMS) {
      this.#drafts.push({ code, problem, skipped, path: [...this.#path], offset });
    }
  }

  /** Runs a function for the thing of this name: its problems have the name in their path. */
  within<Result>(name: string, run: () => Result): Result {
    this.#path.push(name);
    try {
      return run();
    } finally {
      this.#path.pop();
    }
  }

  /** All problems in the order of the text, with their lines, which are counted in one pass. */
  finish(text: string): readonly IntrospectionProblem[] {
    let line = 1;
    let newline = text.indexOf('\n');
    return this.#drafts.sort((one, other) => one.offset - other.offset).map((draft) => {
      for (; newline >= 0 && newline < draft.offset; newline = text.indexOf('\n', newline + 1)) line++;
      return { ...draft, line };
    });
  }
}
