// A table of waiting calls by serial: chains of calls, in an array whose length is a power of two. It replaces a Map,
// because calls come and go by the thousand, and a Map makes a new table after every few of them. Each table of V8
// refers to the next one: once a table is in old memory, the calls in all later ones stay in memory until the next full
// garbage collection. It knows neither time nor senders. Tests: serial-table.test.ts.
// Specification: Message Format (serial).

/** An element; it is in at most one table. */
export interface Numbered {
  serial: number;
  /** For the table only: how many elements were added before it. */
  order: number;
  /** For the table only: the next element of the same chain. */
  nextInChain: Numbered | undefined;
}

/** The number of chains at first, a power of two. */
const FIRST_CHAINS = 16;
/** A table with at most this many chains is not halved. */
const LEAST_CHAINS = 1024;
/** A longer table is halved if it has more than this many chains for each element. */
const MOST_CHAINS_PER_ELEMENT = 8;

/** The elements, one for each serial. The low bits of a serial select its chain: serials.ts spreads them. */
export class SerialTable<Element extends Numbered> {
  #chains = emptyChains(FIRST_CHAINS);
  #size = 0;
  #addedCount = 0;

  get size(): number {
    return this.#size;
  }

  get(serial: number): Element | undefined {
    const chains = this.#chains;
    let found = chains[serial & (chains.length - 1)];
    while (found !== undefined && found.serial !== serial) found = found.nextInChain;
    return found as Element | undefined; // only elements are added
  }

  has(serial: number): boolean {
    return this.get(serial) !== undefined;
  }

  /** Adds an element. The table must not have one with its serial. */
  add(element: Element): void {
    if (this.#size === this.#chains.length) this.#resize(2 * this.#size);
    this.#size++;
    element.order = this.#addedCount++;
    put(this.#chains, element);
  }

  /** Removes an element that is in the table. */
  delete(element: Element): void {
    const chains = this.#chains;
    const index = element.serial & (chains.length - 1);
    const first = chains[index];
    if (first === element) {
      chains[index] = element.nextInChain;
    } else {
      let previous = first!; // the element is in this chain
      while (previous.nextInChain !== element) previous = previous.nextInChain!;
      previous.nextInChain = element.nextInChain;
    }
    element.nextInChain = undefined;
    this.#size--;
    const { length } = chains;
    if (length > LEAST_CHAINS && length > MOST_CHAINS_PER_ELEMENT * this.#size) this.#resize(length / 2);
  }

  /** All elements, in the order in which they were added. */
  values(): Element[] {
    const elements = elementsOf(this.#chains) as Element[]; // only elements are added
    return elements.sort((first, second) => first.order - second.order);
  }

  #resize(length: number): void {
    const elements = elementsOf(this.#chains);
    this.#chains = emptyChains(length);
    for (const element of elements) put(this.#chains, element);
  }
}

function elementsOf(chains: readonly (Numbered | undefined)[]): Numbered[] {
  const elements: Numbered[] = [];
  for (const first of chains) {
    for (let each = first; each !== undefined; each = each.nextInChain) elements.push(each);
  }
  return elements;
}

function emptyChains(length: number): (Numbered | undefined)[] {
  return new Array<Numbered | undefined>(length).fill(undefined);
}

function put(chains: (Numbered | undefined)[], element: Numbered): void {
  const index = element.serial & (chains.length - 1);
  element.nextInChain = chains[index];
  chains[index] = element;
}
