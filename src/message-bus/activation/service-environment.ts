// The environment of the programs that a bus starts: that of the bus, the variables that clients have added, and the
// address of the bus. It starts nothing. Tests: service-activator.test.ts.
// Specification: Message Bus Starting Services (Activation), UpdateActivationEnvironment.
import { ErrorName } from '../../protocol/error-names.js';
import { DBusError } from '../../protocol/errors.js';

/** Variables about the bus that started this process; they are not passed to services. */
const FOREIGN = ['DBUS_SESSION_BUS_PID', 'DBUS_SESSION_BUS_WINDOWID', 'DBUS_STARTER_ADDRESS', 'DBUS_STARTER_BUS_TYPE'];

/**
 * The most characters of all variables that clients have added, with their names: half of what Linux usually passes to
 * a program. No service could be started with more.
 */
const MAX_ADDED_LENGTH = 2 ** 20;

/** The environment of services. */
export class ServiceEnvironment {
  readonly #inherited: NodeJS.ProcessEnv;
  readonly #added = new Map<string, string>();
  #addedLength = 0;

  /** Takes a copy of the environment of the bus. */
  constructor(environment: NodeJS.ProcessEnv) {
    this.#inherited = { ...environment };
    for (const name of FOREIGN) delete this.#inherited[name];
  }

  /**
   * Adds variables for the services that are started from now on.
   * @throws {DBusError} LimitsExceeded, and adds none, if there would be too many
   */
  update(variables: ReadonlyMap<string, string>): void {
    let length = this.#addedLength;
    for (const [name, value] of variables) {
      const before = this.#added.get(name);
      length += value.length + (before === undefined ? name.length : -before.length);
    }
    if (length > MAX_ADDED_LENGTH) {
      const found = `the variables of clients would have ${length} characters`;
      throw new DBusError(ErrorName.LIMITS_EXCEEDED, `${found}: at most ${MAX_ADDED_LENGTH} may be added`);
    }
    this.#addedLength = length;
    for (const [name, value] of variables) this.#added.set(name, value);
  }

  /** The environment of a service that a bus with this address and type starts. */
  of(address: string, busType: string | undefined): NodeJS.ProcessEnv {
    const all: NodeJS.ProcessEnv = { ...this.#inherited };
    for (const [name, value] of this.#added) all[name] = value;
    all['DBUS_STARTER_ADDRESS'] = address;
    if (busType !== undefined) all['DBUS_STARTER_BUS_TYPE'] = busType;
    // Without a type the bus is not the session bus of a user, but the services that it starts belong to it.
    all[busType === 'system' ? 'DBUS_SYSTEM_BUS_ADDRESS' : 'DBUS_SESSION_BUS_ADDRESS'] = address;
    return all;
  }
}
