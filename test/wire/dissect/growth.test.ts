// The work of a dissection grows in proportion to the message. What is counted is how often the functions that do the
// work are called, and how many elements and characters they handle; no time is measured.
import { expect, test } from 'vitest';
import { dissect, encodeMessage, formatDissection, methodCall, variant } from '../../../src/wire/index.js';
import { extent } from '../../support/extent.js';

/** A function that does work, and how much a call of it is. */
type Counted = readonly [target: object, name: string, amount: (self: { length: number }, result: unknown) => number];

const COUNTED: readonly Counted[] = [
  [Array.prototype, 'push', () => 1],
  [Array.prototype, 'slice', (_, result) => (result as unknown[]).length],
  [Array.prototype, 'splice', ({ length }) => length],
  [Array.prototype, 'findIndex', ({ length }) => length],
  [String.prototype, 'replace', ({ length }) => length],
  [String.prototype, 'slice', (_, result) => (result as string).length],
  [Uint8Array.prototype, 'indexOf', ({ length }) => length],
  [Object.getPrototypeOf(Uint8Array.prototype) as object, 'subarray', () => 1],
];

/** The work that `run` does: calls, and the elements and characters that they handle. */
function workOf(run: () => unknown): number {
  let work = 0;
  const restore: (() => void)[] = [];
  for (const [target, name, amount] of COUNTED) {
    const original = Reflect.get(target, name) as (...args: unknown[]) => unknown;
    Reflect.set(target, name, function (this: { length: number }, ...args: unknown[]): unknown {
      const result = Reflect.apply(original, this, args) as unknown;
      work += 1 + amount(this, result);
      return result;
    });
    restore[restore.length] = () => Reflect.set(target, name, original);
  }
  try {
    run();
  } finally {
    for (const undo of restore) undo();
  }
  return work;
}

const bytesOf = (signature: string, value: unknown): Uint8Array =>
  encodeMessage(methodCall<string>({ path: '/', member: 'M', signature, body: [value] } as never), { serial: 1 }).slice();

const keys = (count: number): Map<string, unknown> =>
  new Map(Array.from({ length: count }, (_, i) => [`key${i}`, variant('u', i)]));

const SHAPES: readonly (readonly [shape: string, make: (size: number) => Uint8Array])[] = [
  ['strings', (size) => bytesOf('as', Array.from({ length: size }, (_, i) => `text ${i}`))],
  ['numbers', (size) => bytesOf('au', Array.from({ length: size }, (_, i) => i))],
  ['one long text', (size) => bytesOf('s', '\u202e'.repeat(size))],
  ['dict entries', (size) => bytesOf('a{sv}', keys(size))],
  ['empty arrays', (size) => bytesOf('aau', Array.from({ length: size }, () => []))],
  ['variants', (size) => bytesOf('av', Array.from({ length: size }, () => variant('v', variant('y', 1))))],
  ['a broken last byte', (size) => {
    const bytes = bytesOf('as', Array.from({ length: size }, () => 'x'));
    bytes[bytes.length - 1] = 1;
    return bytes;
  }],
  ['a message cut short', (size) => bytesOf('as', Array.from({ length: size }, () => 'x')).subarray(0, -1)],
];

/** The smaller of the two sizes, and one of the limits of parts. */
const SIZE = extent(100, 1_000);

test.each(SHAPES)('the work for %s grows in proportion to their number', (_, make) => {
  for (const maxParts of [10, SIZE, Infinity]) {
    const run = (bytes: Uint8Array) => () => formatDissection(bytes, dissect(bytes, { maxParts }));
    const [small, large] = [workOf(run(make(SIZE))), workOf(run(make(8 * SIZE)))];
    expect(small).toBeGreaterThan(0);
    expect(large / small).toBeLessThan(12); // eight times the size; with the square it would be 64
  }
});
