// Reverses the bytes of numbers in bulk, for messages in the other byte order. Node has native functions for that,
// three to four times as fast as the loops here. They are used if the engine has them, and if they give the same result
// as the loops. It knows no types. Specification: Marshaling (Wire Format). Tests: byte-swap.heavy.test.ts.

/** Reverses the bytes of each element in place. */
type Swap = (bytes: Uint8Array) => void;

/** Below this many bytes a loop is as fast. */
const NATIVE_FROM = 1024;

/** The loop for elements of 2, 4 or 8 bytes. */
function loopOf(size: number): Swap {
  if (size === 2) return ({ buffer, byteOffset, length }) => swap16(new Uint16Array(buffer, byteOffset, length / 2));
  const swap = size === 4 ? swap32 : swap64;
  return ({ buffer, byteOffset, length }) => swap(new Int32Array(buffer, byteOffset, length / 4));
}

/** The functions that are used for long arrays; each is chosen on first use. */
const chosen = new Map<number, Swap>();

/** The engine's own function if it gives the same result as the loop for sample bytes; otherwise the loop. */
function choose(size: number): Swap {
  const loop = loopOf(size);
  try {
    const { Buffer } = globalThis as { readonly Buffer?: { readonly prototype?: Readonly<Record<string, unknown>> } };
    const native = Buffer?.prototype?.[`swap${8 * size}`];
    if (typeof native !== 'function') return loop;
    const swap: Swap = (bytes) => void Reflect.apply(native, bytes, []);
    const [expected, found] = [loop, swap].map((each) => {
      const sample = Uint8Array.from({ length: NATIVE_FROM }, (_, index) => index ^ (index >> 8));
      each(sample);
      return sample.join();
    });
    return found === expected ? swap : loop;
  } catch {
    return loop;
  }
}

/** Reverses the bytes of each element, of 2, 4 or 8 bytes, in place. The memory must have whole elements. */
export function swapBytes(buffer: ArrayBufferLike, size: number): void {
  const bytes = new Uint8Array(buffer);
  if (bytes.length < NATIVE_FROM) return loopOf(size)(bytes);
  let swap = chosen.get(size);
  if (swap === undefined) chosen.set(size, swap = choose(size));
  swap(bytes);
}

function swap16(halves: Uint16Array): void {
  const words = new Int32Array(halves.buffer, 0, halves.length >> 1); // two at a time
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    words[i] = ((word & 0x00ff00ff) << 8) | ((word >>> 8) & 0x00ff00ff);
  }
  if (halves.length % 2 === 0) return;
  const last = halves[halves.length - 1]!;
  halves[halves.length - 1] = (last << 8) | (last >> 8);
}

/** Four bytes in reverse. The two shifts of each half are a rotation, which is one instruction. */
function reverse(word: number): number {
  return (((word << 8) | (word >>> 24)) & 0x00ff00ff) | (((word << 24) | (word >>> 8)) & 0xff00ff00);
}

function swap32(words: Int32Array): void {
  let i = 0;
  for (; i + 4 <= words.length; i += 4) {
    words[i] = reverse(words[i]!);
    words[i + 1] = reverse(words[i + 1]!);
    words[i + 2] = reverse(words[i + 2]!);
    words[i + 3] = reverse(words[i + 3]!);
  }
  for (; i < words.length; i++) words[i] = reverse(words[i]!);
}

function swap64(words: Int32Array): void {
  for (let i = 0; i < words.length; i += 2) {
    const first = words[i]!;
    words[i] = reverse(words[i + 1]!);
    words[i + 1] = reverse(first);
  }
}
