// Counts the signals that a contestant gets, between begin and end.

export class Counter {
  #count = 0;
  #wanted = Infinity;
  #done;

  /** One signal came. */
  hit() {
    if (++this.#count >= this.#wanted) this.#done();
  }

  begin() {
    this.#count = 0;
  }

  /** Resolves when so many have come since `begin`. */
  end(count) {
    return new Promise((resolve) => {
      this.#done = () => {
        this.#wanted = Infinity;
        resolve();
      };
      this.#wanted = count;
      if (this.#count >= count) this.#done();
    });
  }
}
