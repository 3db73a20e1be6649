// Finds all objects of subtrees for one answer: asks their handlers for children and objects, many at a time, and stops
// when the time limit of the answer is over, or no program waits for it. It knows no messages and no properties.
// Tests: export-object-manager.test.ts. Specification: org.freedesktop.DBus.ObjectManager.
import type { CallContext } from '../interface/definition.js';
import { timeLimitOf } from './call-context.js';
import { isPromiseLike } from './exported-interface.js';
import type { NodeFinder, ObjectNode } from './object-node.js';
import { type ObjectTree, pathBelow } from './object-tree.js';
import { HANDLER_TIME_LIMIT } from './time-limit.js';

/** The most handlers of subtrees that one answer waits for at the same time. */
const MAX_RUNNING = 64;
/** The most objects of subtrees in one answer, and the most elements of their paths below the root. */
const MAX_FOUND_OBJECTS = 100_000;
const MAX_FOUND_DEPTH = 64;

/** The call that a search is for, and the functions that it uses. */
export interface SearchOptions {
  readonly context: CallContext;
  readonly tree: ObjectTree;
  /** Called with each object. */
  readonly found: (node: ObjectNode) => void;
  /** Called with the number of paths that are added to the search. */
  readonly grown: (count: number) => void;
  /** Called with the reason why objects are left out. */
  readonly report: (error: unknown) => void;
}

/** A path of a subtree, or its root, which has no elements. */
export interface Place {
  readonly subtree: NodeFinder;
  readonly path: string;
  readonly elements: readonly string[];
}

/** One search. */
class SubtreeSearch {
  readonly #options: SearchOptions;
  /** The steps that have not started, in order. */
  readonly #steps: (() => void | Promise<void>)[] = [];
  #next = 0;
  #running = 0;
  #count = 0;
  #finish: (() => void) | undefined;

  constructor(options: SearchOptions) {
    this.#options = options;
  }

  run(tops: readonly Place[]): Promise<void> {
    for (const place of tops) this.#steps.push(() => this.#askChildren(place));
    return new Promise((resolve) => {
      this.#finish = resolve;
      this.#advance();
    });
  }

  #advance(): void {
    const limit = timeLimitOf(this.#options.context);
    if (limit.isStopped) this.#dropSteps();
    while (this.#running < MAX_RUNNING && this.#next < this.#steps.length) {
      if (limit.isOver) {
        const count = this.#steps.length - this.#next;
        this.#leaveOut(`${count} paths of subtrees: the time limit of ${HANDLER_TIME_LIMIT} ms is over`);
        break;
      }
      const later = this.#steps[this.#next++]!(); // there is one
      if (later === undefined) continue;
      this.#running++;
      void later.finally(() => {
        this.#running--;
        this.#advance();
      });
    }
    if (this.#running === 0) this.#finish?.();
  }

  #dropSteps(): void {
    this.#steps.length = 0;
    this.#next = 0;
  }

  /** Ends the search. */
  #leaveOut(found: string): void {
    this.#dropSteps();
    this.#options.report(new Error(`left out ${found}`));
  }

  #askChildren(place: Place): void | Promise<void> {
    const names = place.subtree.children(place.elements, this.#options.context); // never throws
    const take = (found: ReadonlySet<string>): void => this.#takeChildren(place, found);
    return isPromiseLike(names) ? Promise.resolve(names).then(take) : take(names);
  }

  #takeChildren({ subtree, path, elements }: Place, names: ReadonlySet<string>): void {
    if (timeLimitOf(this.#options.context).isStopped) return;
    this.#options.grown(names.size);
    for (const name of names) {
      if (++this.#count > MAX_FOUND_OBJECTS) {
        return this.#leaveOut(`objects of subtrees: there must not be more than ${MAX_FOUND_OBJECTS}`);
      }
      const child: Place = { subtree, path: pathBelow(path, name), elements: [...elements, name] };
      // A nearer subtree can answer for the path, or for all paths below it, or for both.
      const { tree } = this.#options;
      if (tree.subtreeOf(child.path)?.subtree === subtree) this.#steps.push(() => this.#askObject(child));
      if (!subtree.isDeep || child.elements.length >= MAX_FOUND_DEPTH) continue;
      if (tree.deepSubtreeAt(child.path)?.subtree === subtree) this.#steps.push(() => this.#askChildren(child));
    }
  }

  #askObject({ subtree, path, elements }: Place): void | Promise<void> {
    const { context, tree, found, report } = this.#options;
    const known = tree.get(path);
    const take = (node: ObjectNode | undefined): void => {
      if (node === undefined) return;
      if (node !== known) subtree.noteListed(node);
      found(node);
    };
    try {
      const node = subtree.find(path, { elements, known, context });
      return isPromiseLike(node) ? Promise.resolve(node).then(take).catch(report) : take(node);
    } catch (error) {
      report(error);
    }
  }
}

/** Finds the objects of subtrees below some of their paths. The promise never rejects. */
export function findSubtreeObjects(tops: readonly Place[], options: SearchOptions): Promise<void> {
  return new SubtreeSearch(options).run(tops);
}
