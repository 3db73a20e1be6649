// The memory that messages are written into. Memory of long messages is used again: mapping and clearing new memory
// costs more than writing into it. It knows no messages. (Not in the specification.)
// Tests: test/wire/output-buffer.test.ts.

/** Memory with a view of its numbers. */
export interface Block {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

/** Makes a block of `length` bytes, which are zero. */
export function newBlock(length: number): Block {
  const bytes = new Uint8Array(length);
  return { bytes, view: new DataView(bytes.buffer) };
}

/** A block without memory. */
export const NO_BLOCK: Block = newBlock(0);

/** The source of a writer's memory. */
export interface Memory {
  /** A block of at least `length` bytes. Its contents are arbitrary. */
  take(length: number): Block;
  /** Takes back a block that is no longer used. */
  give(block: Block): void;
}

/** Memory that is always new, for bytes that belong to a caller permanently. */
export const FRESH_MEMORY: Memory = { take: newBlock, give: () => undefined };

/** Blocks in the pool have multiples of this many bytes, so that they fit messages of similar length. */
const UNIT = 65_536;

/** Blocks that are kept until they are taken again, up to a limit. The block that was given first is dropped first. */
export class MemoryPool implements Memory {
  readonly #maxBytes: number;
  #free: Block[] = [];
  #freeBytes = 0;

  /** @param maxBytes most bytes that are kept while nobody uses them */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes that are kept and not in use. */
  get freeBytes(): number {
    return this.#freeBytes;
  }

  take(length: number): Block {
    if (length < UNIT) return newBlock(length);
    let best: Block | undefined;
    for (const block of this.#free) {
      const capacity = block.bytes.length;
      if (capacity >= length && (best === undefined || capacity < best.bytes.length)) best = block;
    }
    if (best === undefined) return newBlock(Math.ceil(length / UNIT) * UNIT);
    this.#remove(best);
    return best;
  }

  give(block: Block): void {
    const { length } = block.bytes;
    if (length < UNIT || length > this.#maxBytes) return;
    this.#free.push(block);
    this.#freeBytes += length;
    while (this.#freeBytes > this.#maxBytes) this.#remove(this.#free[0]!); // there is one: its bytes are counted
  }

  #remove(block: Block): void {
    this.#free.splice(this.#free.indexOf(block), 1);
    this.#freeBytes -= block.bytes.length;
  }
}
