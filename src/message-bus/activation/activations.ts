// The services that are being started, and the messages and calls that wait for each: they are passed on when the name
// has an owner, or get the failure. Several requests for a service start one program. It does not know connections.
// Tests: activations.test.ts. Specification: Message Bus Starting Services.
import { ErrorName } from '../../protocol/error-names.js';
import { startTimer } from '../../transport/waiting.js';
import type { Waiting } from '../activator.js';
import type { LaunchedProgram, StartFailure } from './launch.js';
import type { ActivatableService } from './service-file.js';

/** How services are started. */
export interface ActivationOptions {
  readonly launch: (service: ActivatableService) => LaunchedProgram;
  /** Milliseconds that a service has to own its name. */
  readonly timeout: () => number;
  /** The most that may wait, for all services together. */
  readonly maxWaiting: () => number;
  /** The most bytes of the messages that wait, for all services together. */
  readonly maxWaitingBytes: () => number;
}

interface Activation {
  readonly program: LaunchedProgram;
  readonly timer: NodeJS.Timeout | undefined;
  /** In the order of their arrival. */
  readonly waiting: Set<Waiting>;
}

/** The services that are being started. */
export class Activations {
  readonly #options: ActivationOptions;
  readonly #starting = new Map<string, Activation>();
  /** The programs that run, so that they can be ended with the bus. */
  readonly #programs = new Set<LaunchedProgram>();
  #waiting = 0;
  #waitingBytes = 0;

  constructor(options: ActivationOptions) {
    this.#options = options;
  }

  /** Starts a service, unless it is being started, and keeps `waiting`; fails `waiting` if too much waits already. */
  start(service: ActivatableService, waiting: Waiting): void {
    const problem = this.#problemOf(waiting);
    if (problem !== undefined) {
      waiting.fail(ErrorName.LIMITS_EXCEEDED, `${problem}, activation of ${service.name} failed`);
      return;
    }
    const activation = this.#starting.get(service.name) ?? this.#start(service);
    activation.waiting.add(waiting);
    this.#count(waiting, 1);
    waiting.onGone(() => {
      if (activation.waiting.delete(waiting)) this.#count(waiting, -1);
    });
  }

  #problemOf({ bytes }: Waiting): string | undefined {
    if (this.#waiting >= this.#options.maxWaiting()) {
      return 'The maximum number of pending activations has been reached';
    }
    const maxBytes = this.#options.maxWaitingBytes();
    if (this.#waitingBytes + bytes <= maxBytes) return undefined;
    return `More than ${maxBytes} bytes of messages would wait for services`;
  }

  #count({ bytes }: Waiting, sign: 1 | -1): void {
    this.#waiting += sign;
    this.#waitingBytes += sign * bytes;
  }

  /** Passes on all that waits for a name; must be called when the name gets an owner. */
  nameOwned(name: string): void {
    for (const waiting of this.#finish(name)) waiting.deliver();
  }

  /** Ends all programs that were started and still run. Waiting messages and calls are dropped. */
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
    const activation: Activation = { program, timer, waiting: new Set() };
    this.#starting.set(name, activation);
    void program.ended.then((failure) => {
      this.#programs.delete(program);
      if (failure !== undefined) this.#fail(activation, name, failure);
    });
    return activation;
  }

  #fail(activation: Activation, name: string, failure: StartFailure): void {
    if (this.#starting.get(name) !== activation) return; // it has its name, and ends later
    for (const waiting of this.#finish(name)) waiting.fail(failure.name, failure.text);
  }

  /** Ends the start of a service; returns the messages and calls that waited for it. */
  #finish(name: string): readonly Waiting[] {
    const activation = this.#starting.get(name);
    if (activation === undefined) return [];
    this.#starting.delete(name);
    clearTimeout(activation.timer);
    const waiting = [...activation.waiting];
    activation.waiting.clear();
    for (const each of waiting) this.#count(each, -1);
    return waiting;
  }
}
