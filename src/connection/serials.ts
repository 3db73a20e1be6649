// Serials of messages to be sent. They are random, so that no other program on a bus can guess the serial of a call and
// answer it. In a sandbox whose proxy filters, as in Flatpak, they increase by random steps: xdg-dbus-proxy closes a
// connection on which they do not, and passes on only replies that were asked for. This file does not know calls, only
// whether a serial is in use. Tests: serials.test.ts, test/interop/proxy-filter.test.ts. Specification: Message Format
// (serial).
import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import { cryptoModule } from '../transport/late-modules.js';

/** The order of the serials of one connection. */
export type SerialOrder = 'random' | 'increasing';

/** How many bytes are read at once: opening the file takes as long as reading 4 KiB. */
const POOL_SIZE = 16_384;
/** Steps are from 1 to this number, a power of two: at 1,000 messages a second the serials suffice for five days. */
const MAX_STEP = 16;
/** The first of increasing serials is less than this, and more than 1, which Hello has. */
const MAX_FIRST = 2 ** 28;
/** The last serial: xdg-dbus-proxy keeps the 65,536 highest for itself. */
const LAST = 2 ** 32 - 2 ** 17;

const pool = new Uint8Array(POOL_SIZE);
const words = new Uint32Array(pool.buffer);
let left = 0;

/** The random bytes of the kernel. */
const KERNEL_FILE = '/dev/urandom';

/** Fills memory with random bytes of the kernel. Returns false if it cannot, as on Windows. */
export function fillFromKernel(memory: Uint8Array, path = KERNEL_FILE): boolean {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return false;
  }
  try {
    return fstatSync(file).isCharacterDevice() && readSync(file, memory) === memory.length;
  } catch {
    return false;
  } finally {
    closeSync(file);
  }
}

function randomByte(): number {
  if (left === 0) {
    // Loading node:crypto takes three milliseconds, which every program would pay with its first message.
    if (!fillFromKernel(pool)) cryptoModule().randomFillSync(pool);
    left = POOL_SIZE;
  }
  return pool[--left]!; // an index of the pool
}

function randomWord(): number {
  if (left < 4) {
    left = 0;
    randomByte(); // fills the pool
  }
  left = (left & ~3) - 4;
  return words[left / 4]!; // an index of the pool
}

/** A random number from 1 to 2^31−1: V8 stores larger integers in objects of their own. */
export function randomSerial(): number {
  for (;;) {
    const serial = randomWord() >>> 1;
    if (serial !== 0) return serial;
  }
}

/** Makes serials that increase, until they are used up and begin again. `last` is the serial before the first. */
export function increasingSerials(last = LAST): () => number {
  let serial = last;
  return () => {
    serial += 1 + (randomByte() & (MAX_STEP - 1));
    if (serial > LAST) serial = Math.max(2, randomWord() % MAX_FIRST);
    return serial;
  };
}

let isSandboxed: boolean | undefined;

/** The order of a connection whose options give none: the sandbox of Flatpak has a proxy that filters. */
function usualOrder(): SerialOrder {
  isSandboxed ??= existsSync('/.flatpak-info');
  return isSandboxed ? 'increasing' : 'random';
}

/** Makes the serials of one connection. */
export function serialMaker(order: SerialOrder = usualOrder()): () => number {
  return order === 'random' ? randomSerial : increasingSerials();
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
