// Parts of links that other layers of this library use and programs do not see. A class of links says once how to read
// a private part of them, so that a link itself registers nothing: an entry in a WeakMap for each link takes longer
// than making all its other objects. It knows neither the parts nor the links. Tests: drops.test.ts.
// (No clause of the specification.)

/** Reads a part of a link of one class; the result is undefined for other objects. */
export type PartReader<Part> = (link: object) => Part | undefined;

/** One kind of part, for all classes of links. */
export class SharedParts<Part> {
  readonly #readers: PartReader<Part>[] = [];

  /** Adds the links of a class. */
  share(reader: PartReader<Part>): void {
    this.#readers.push(reader);
  }

  /** The part of a link; undefined for a link that this library did not make. */
  of(link: object): Part | undefined {
    for (const reader of this.#readers) {
      const part = reader(link);
      if (part !== undefined) return part;
    }
    return undefined;
  }
}
