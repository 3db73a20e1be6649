// Serials of messages to be sent. On each connection they increase: a proxy that filters, such as xdg-dbus-proxy around
// the programs of Flatpak, closes a connection on which they do not. They begin at a random number and increase by
// random steps, so that another program on a bus does not know the serial of a call that it could answer; replies are
// compared with the owner of a name besides. It does not know calls, only whether a serial is in use.
// Tests: serials.test.ts, test/interop/proxy-filter.test.ts. Specification: Message Format (serial).

/** How many steps are made at once: one request for 1 KiB of random bytes is faster than a few short ones. */
const POOL_SIZE = 1024;
/** Steps are from 1 to this number, a power of two: at 1,000 messages a second the serials suffice for five days. */
const MAX_STEP = 16;
/** The first serial is at most this, and more than 1, which Hello has. */
const MAX_FIRST = 2 ** 28;
/** The last serial: xdg-dbus-proxy keeps the 65,536 highest for itself. */
const LAST = 2 ** 32 - 2 ** 17;

const pool = new Uint8Array(POOL_SIZE);
let left = 0;

/** Fills memory with random bytes. */
let fill: ((memory: Uint8Array) => void) | undefined;

/** node:crypto is loaded for the first message: importing it would add several milliseconds to every start. */
function loadFill(): (memory: Uint8Array) => void {
  const { randomFillSync } = process.getBuiltinModule('node:crypto');
  return (memory) => void randomFillSync(memory);
}

function randomByte(): number {
  if (left === 0) {
    fill ??= loadFill();
    fill(pool);
    left = POOL_SIZE;
  }
  return pool[--left]!; // an index of the pool
}

/** A random number from 2 to {@link MAX_FIRST}. */
function firstSerial(): number {
  const bits = (randomByte() << 24) | (randomByte() << 16) | (randomByte() << 8) | randomByte();
  return Math.max(2, (bits >>> 0) % MAX_FIRST);
}

/** The serials of one connection. `last` is the serial before the first. */
export class Serials {
  #last: number | undefined;

  constructor(last?: number) {
    this.#last = last;
  }

  /** The serial of the next message: greater than all before, until they are used up and begin again. */
  next(): number {
    const next = this.#last === undefined ? firstSerial() : this.#last + 1 + (randomByte() & (MAX_STEP - 1));
    this.#last = next > LAST ? firstSerial() : next;
    return this.#last;
  }
}

/** The serial of the next message: never one that a waiting call uses. */
export function nextSerial(
  waiting: { readonly has: (serial: number) => boolean }, makeSerial: () => number,
): number {
  for (;;) {
    const serial = makeSerial();
    if (!waiting.has(serial)) return serial;
  }
}
