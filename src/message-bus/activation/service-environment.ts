// The environment of the programs that a bus starts: that of the bus, the variables that clients have added, and the
// address of the bus. It starts nothing. Tests: service-activator.test.ts.
// Specification: Message Bus Starting Services (Activation), UpdateActivationEnvironment.
import { ErrorName } from '../../protocol/error-names.js';
import { DBusError } from '../../protocol/errors.js';

/** Variables about the bus that started this process; they are not passed to services. */
const FOREIGN = ['DBUS_SESSION_BUS_PID', 'DBUS_SESSION_BUS_WINDOWID', 'DBUS_STARTER_ADDRESS', 'DBUS_STARTER_BUS_TYPE'];

/**
 * The most bytes of all variables that clients have added: half of what Linux usually passes to a program, with its
 * arguments. If the variables of a program exceed that, it cannot be started.
 */
const MAX_ADDED_BYTES = 2 ** 20;
/** Bytes of a variable besides its name and its value: "=", a zero byte and a pointer. */
const BYTES_OF_VARIABLE = 10;

function sizeOf(name: string, value: string): number {
  return Buffer.byteLength(name) + Buffer.byteLength(value) + BYTES_OF_VARIABLE;
}

/** The environment of services. */
export class ServiceEnvironment {
  readonly #inherited: NodeJS.ProcessEnv;
  readonly #added = new Map<string, string>();
  #addedBytes = 0;

  /** Takes a copy of the environment of the bus. */
  constructor(environment: NodeJS.ProcessEnv) {
    this.#inherited = { ...environment };
    for (const name of FOREIGN) delete this.#inherited[name];
  }

  /**
   * Adds variables for the services that are started from now on.
   * @throws {DBusError} LimitsExceeded, and adds none, if the added variables would have more than 1 MiB
   */
  update(variables: ReadonlyMap<string, string>): void {
    let bytes = this.#addedBytes;
    for (const [name, value] of variables) {
      const before = this.#added.get(name);
      bytes += sizeOf(name, value) - (before === undefined ? 0 : sizeOf(name, before));
    }
    if (bytes > MAX_ADDED_BYTES) {
      const found = `the variables of clients would have ${bytes} bytes`;
      throw new DBusError(ErrorName.LIMITS_EXCEEDED, `${found}: they must have at most ${MAX_ADDED_BYTES}`);
    }
    this.#addedBytes = bytes;
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
