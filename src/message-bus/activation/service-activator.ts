// The activator of a bus with service files: which services it can start, the environment of their programs, and what
// waits for them. activations.ts has the starts themselves. Tests: service-activator.test.ts.
// Specification: Message Bus Starting Services (Activation), UpdateActivationEnvironment.
import type { Activator, Waiting } from '../activator.js';
import { Activations } from './activations.js';
import { launch, type LaunchedProgram } from './launch.js';
import { findServices, type ServiceDirectory } from './service-directories.js';
import type { ActivatableService } from './service-file.js';

/** What the activator needs to know of its bus. */
export interface ServiceActivatorOptions {
  /** The directories, the most important first; asked again whenever the service files are read. */
  readonly directories: () => readonly ServiceDirectory[];
  /** The address of the bus; asked when a service is started. */
  readonly address: () => string;
  /** The type of the bus, such as `session`. */
  readonly busType: () => string | undefined;
  /** The environment of the bus; that of this moment counts. */
  readonly environment: NodeJS.ProcessEnv;
  /** Milliseconds that a service has to own its name. */
  readonly startTimeout: number;
  /** The most messages and calls that may wait. */
  readonly maxPendingStarts: number;
  /**
   * Takes what the user of the bus should know, in one line: a service file that was passed over, or a key of one that
   * has no effect. Default: nothing happens.
   */
  readonly onNotice?: ((notice: string) => void) | undefined;
}

/** Variables about the bus that started this process, and about nothing that it starts. */
const FOREIGN = ['DBUS_SESSION_BUS_PID', 'DBUS_SESSION_BUS_WINDOWID', 'DBUS_STARTER_ADDRESS', 'DBUS_STARTER_BUS_TYPE'];

/** Starts the services of some directories. It reads the service files when it is made. */
export class ServiceActivator implements Activator {
  readonly #options: ServiceActivatorOptions;
  readonly #activations: Activations;
  readonly #inherited: NodeJS.ProcessEnv;
  readonly #variables = new Map<string, string>();
  #services: ReadonlyMap<string, ActivatableService> = new Map();

  constructor(options: ServiceActivatorOptions) {
    this.#options = options;
    this.#inherited = { ...options.environment };
    for (const name of FOREIGN) delete this.#inherited[name];
    this.#activations = new Activations({
      launch: (service) => this.#launch(service),
      timeout: () => options.startTimeout,
      maxWaiting: () => options.maxPendingStarts,
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
    for (const [name, value] of variables) this.#variables.set(name, value);
  }

  reload(): boolean {
    const { services, skipped } = findServices(this.#options.directories());
    const before = this.#services;
    this.#services = services;
    for (const { file, reason } of skipped) this.#options.onNotice?.(`${file} is passed over: ${reason}`);
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
    return launch(service, this.#environment());
  }

  #environment(): NodeJS.ProcessEnv {
    const { address, busType } = this.#options;
    const all: NodeJS.ProcessEnv = { ...this.#inherited };
    for (const [name, value] of this.#variables) all[name] = value;
    all['DBUS_STARTER_ADDRESS'] = address();
    const type = busType();
    if (type !== undefined) all['DBUS_STARTER_BUS_TYPE'] = type;
    // Without a type the bus is nobody's session bus, but the services that it starts belong to it.
    all[type === 'system' ? 'DBUS_SYSTEM_BUS_ADDRESS' : 'DBUS_SESSION_BUS_ADDRESS'] = address();
    return all;
  }
}
