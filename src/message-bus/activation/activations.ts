// The services that are being started, and everything that waits for each: it is passed on when the name has an owner,
// or gets the failure. Several causes start one program. It knows no connections. Tests: activations.test.ts.
// Specification: Message Bus Starting Services.
import { ErrorName } from '../../protocol/error-names.js';
import { startTimer } from '../../transport/waiting.js';
import type { LaunchedProgram, StartFailure } from './launch.js';
import type { ActivatableService } from './service-file.js';

/** A message, or a call of StartServiceByName, that waits for a service. */
export interface Waiter {
  /** Called when the name has an owner. */
  readonly started: () => void;
  readonly failed: (failure: StartFailure) => void;
}

/** How services are started. */
export interface ActivationOptions {
  readonly launch: (service: ActivatableService) => LaunchedProgram;
  /** Milliseconds that a service has to own its name. */
  readonly timeout: () => number;
  /** The most waiters, of all services together. */
  readonly maxWaiters: () => number;
}

interface Activation {
  readonly program: LaunchedProgram;
  readonly timer: NodeJS.Timeout | undefined;
  readonly waiters: Set<Waiter>;
}

/** The services that are being started. */
export class Activations {
  readonly #options: ActivationOptions;
  readonly #starting = new Map<string, Activation>();
  /** The programs that run, so that they can be ended with the bus. */
  readonly #programs = new Set<LaunchedProgram>();
  #waiting = 0;

  constructor(options: ActivationOptions) {
    this.#options = options;
  }

  /**
   * Starts a service, unless it is being started, and adds a waiter. Returns the function that removes the waiter, for
   * a sender that leaves; or undefined if there are too many waiters, and nothing was done.
   */
  wait(service: ActivatableService, waiter: Waiter): (() => void) | undefined {
    if (this.#waiting >= this.#options.maxWaiters()) return undefined;
    const activation = this.#starting.get(service.name) ?? this.#start(service);
    activation.waiters.add(waiter);
    this.#waiting++;
    return () => {
      if (activation.waiters.delete(waiter)) this.#waiting--;
    };
  }

  /** Passes everything on that waits for a name; must be called when the name gets an owner. */
  nameOwned(name: string): void {
    for (const waiter of this.#finish(name)) waiter.started();
  }

  /** Ends all programs that were started and still run. What waits is dropped. */
  close(): void {
    for (const name of [...this.#starting.keys()]) this.#finish(name);
    for (const program of this.#programs) program.kill('SIGTERM');
  }

  #start(service: ActivatableService): Activation {
    const { name } = service;
    const program = this.#options.launch(service);
    this.#programs.add(program);
    const timeout = this.#options.timeout();
    const timer = startTimer(timeout, () => {
      const reason = `timed out (service_start_timeout=${timeout}ms)`;
      this.#fail(activation, name, {
        name: ErrorName.TIMED_OUT, text: `Failed to activate service '${name}': ${reason}`,
      });
      program.kill('SIGKILL');
    });
    const activation: Activation = { program, timer, waiters: new Set() };
    this.#starting.set(name, activation);
    void program.ended.then((failure) => {
      this.#programs.delete(program);
      if (failure !== undefined) this.#fail(activation, name, failure);
    });
    return activation;
  }

  #fail(activation: Activation, name: string, failure: StartFailure): void {
    if (this.#starting.get(name) !== activation) return; // it has its name, and ends later
    for (const waiter of this.#finish(name)) waiter.failed(failure);
  }

  /** Ends the start of a service; returns its waiters in the order of their arrival. */
  #finish(name: string): readonly Waiter[] {
    const activation = this.#starting.get(name);
    if (activation === undefined) return [];
    this.#starting.delete(name);
    clearTimeout(activation.timer);
    const waiters = [...activation.waiters];
    activation.waiters.clear();
    this.#waiting -= waiters.length;
    return waiters;
  }
}
