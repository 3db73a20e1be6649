// Serials of messages to be sent: random numbers, so that no other program on a bus can guess the serial of a call and
// answer it, and never one that a waiting call uses. It does not know calls, only whether a serial is in use.
// Tests: serials.test.ts. Specification: Message Format (serial).

/** How many serials are made at once: one request for 4 KiB of random bytes is faster than a few short ones. */
const POOL_SIZE = 1024;

const pool = new Uint32Array(POOL_SIZE);
let left = 0;

/** Fills memory with random bytes. */
let fill: ((memory: Uint32Array) => void) | undefined;

/** node:crypto is loaded for the first message: importing it would add several milliseconds to every start. */
function loadFill(): (memory: Uint32Array) => void {
  const { randomFillSync } = process.getBuiltinModule('node:crypto');
  return (memory) => void randomFillSync(memory);
}

/** A random number from 1 to 2^31−1: V8 stores larger integers in objects of their own. */
export function randomSerial(): number {
  for (;;) {
    if (left === 0) {
      fill ??= loadFill();
      fill(pool);
      left = POOL_SIZE;
    }
    const serial = pool[--left]! >>> 1; // an index of the pool
    if (serial !== 0) return serial;
  }
}

/** The serial of the next message: never one that a waiting call uses. */
export function nextSerial(
  waiting: { readonly has: (serial: number) => boolean }, makeSerial: () => number = randomSerial,
): number {
  for (;;) {
    const serial = makeSerial();
    if (!waiting.has(serial)) return serial;
  }
}
