// Runs functions at the end of the turn of the event loop, each once, even if it was requested several times: all
// changes of a turn become one signal. It knows neither objects nor messages. Tests: turn-end.test.ts. (No clause of
// the specification.)

/** The functions that wait for the end of the present turn, on one link. */
export class TurnEnd {
  readonly #waiting = new Set<() => void>();
  #isScheduled = false;

  /** Runs a function at the end of the turn, in the order of the first requests. It must not throw. */
  add(run: () => void): void {
    this.#waiting.add(run);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.run();
    });
  }

  /** Runs one function now if it waits. */
  runNow(run: () => void): void {
    if (this.#waiting.delete(run)) run();
  }

  /** Runs all waiting functions; those that are added meanwhile wait for the next turn. */
  run(): void {
    if (this.#waiting.size === 0) return; // usual, and this runs for every reply
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const run of waiting) run();
  }
}
