// The activator of a bus with service files: which services it can start, and what waits for them. activations.ts has
// the starts themselves. Tests: service-activator.test.ts.
// Specification: Message Bus Starting Services (Activation), UpdateActivationEnvironment.
import type { Activator, Waiting } from '../activator.js';
import { Activations } from './activations.js';
import { launch, type LaunchedProgram } from './launch.js';
import { findServices, type ServiceDirectory } from './service-directories.js';
import { ServiceEnvironment } from './service-environment.js';
import type { ActivatableService } from './service-file.js';

/** The settings of the bus that the activator uses. */
export interface ServiceActivatorOptions {
  /** The directories, the most important first; called whenever the service files are read. */
  readonly directories: () => readonly ServiceDirectory[];
  /** The address of the bus; called when a service is started. */
  readonly address: () => string;
  /** The type of the bus, such as `session`. */
  readonly busType: () => string | undefined;
  /** The environment of the bus at this moment. */
  readonly environment: NodeJS.ProcessEnv;
  /** Milliseconds that a service has to own its name. */
  readonly startTimeout: number;
  /** The most messages and calls that may wait. */
  readonly maxPendingStarts: number;
  /** The most bytes of the messages that wait, for all services together. */
  readonly maxPendingBytes: number;
  /**
   * Called with a line for the user of the bus: about a service file that was skipped, or a key that has no effect.
   * Default: nothing happens.
   */
  readonly onNotice?: ((notice: string) => void) | undefined;
}

/** Starts the services of some directories. It reads the service files when it is made. */
export class ServiceActivator implements Activator {
  readonly #options: ServiceActivatorOptions;
  readonly #activations: Activations;
  readonly #environment: ServiceEnvironment;
  #services: ReadonlyMap<string, ActivatableService> = new Map();

  constructor(options: ServiceActivatorOptions) {
    this.#options = options;
    this.#environment = new ServiceEnvironment(options.environment);
    this.#activations = new Activations({
      launch: (service) => this.#launch(service),
      timeout: () => options.startTimeout,
      maxWaiting: () => options.maxPendingStarts,
      maxWaitingBytes: () => options.maxPendingBytes,
    });
    this.reload();
  }

  names(): readonly string[] {
    return [...this.#services.keys()];
  }

  start(name: string, waiting: Waiting): boolean {
    const service = this.#services.get(name);
    if (service === undefined) return false;
    this.#activations.start(service, waiting);
    return true;
  }

  nameTaken(name: string): void {
    this.#activations.nameOwned(name);
  }

  updateEnvironment(variables: ReadonlyMap<string, string>): void {
    this.#environment.update(variables);
  }

  reload(): boolean {
    const { services, skipped } = findServices(this.#options.directories());
    const before = this.#services;
    this.#services = services;
    for (const { file, reason } of skipped) this.#options.onNotice?.(`${file} is skipped: ${reason}`);
    return before.size !== services.size || [...services.keys()].some((name) => !before.has(name));
  }

  close(): void {
    this.#activations.close();
  }

  #launch(service: ActivatableService): LaunchedProgram {
    const { name, systemdService } = service;
    if (systemdService !== undefined) {
      this.#options.onNotice?.(`SystemdService of ${name} has no effect here: its Exec is run`);
    }
    return launch(service, this.#environment.of(this.#options.address(), this.#options.busType()));
  }
}
