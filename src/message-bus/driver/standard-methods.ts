// The standard interfaces of the bus's own object: Peer, Introspectable and Properties, with the texts of the reference
// implementation. Its properties never change. Specification: Standard Interfaces, Message Bus Properties.
// Tests: test/interop/bus-object.test.ts.
import { readMachineId } from '../../connection/machine-id.js';
import { formatIntrospection } from '../../interface/format-introspection.js';
import { ErrorName } from '../../protocol/error-names.js';
import { DBusError } from '../../protocol/errors.js';
import { type Variant, variant } from '../../wire/variant.js';
import type { DriverMethods } from './driver-call.js';
import { BusInterface, CANONICAL_PATH, DebugStats, DRIVER_INTERFACES, Monitoring } from './interfaces.js';

/** The paths above the bus's own object, and the rest of the way to it, as in the reference implementation. */
const CHILD_OF: ReadonlyMap<string, string> = new Map([
  ['/', 'org/freedesktop/DBus'],
  ['/org', 'freedesktop/DBus'],
  ['/org/freedesktop', 'DBus'],
]);

/** Introspectable. */
export function introspectableMethods(): DriverMethods {
  return {
    Introspect: ({ path }) => [introspectBus(path)],
  };
}

/** The introspection data of the bus at a path. */
export function introspectBus(path: string): string {
  const child = CHILD_OF.get(path);
  const interfaces = DRIVER_INTERFACES
    .filter(({ isAnywhere }) => isAnywhere || path === CANONICAL_PATH)
    .map(({ definition }) => definition);
  return formatIntrospection({ interfaces, children: child === undefined ? [] : [child] });
}

/** Peer. */
export function peerMethods(): DriverMethods {
  return {
    Ping: () => [],
    GetMachineId: (call) => {
      readMachineId().then(
        (id) => call.reply(id),
        (error: DBusError) => call.fail(error.errorName, error.message), // the only error that it has
      );
      return undefined;
    },
  };
}

function checkInterface(name: string): void {
  if (DRIVER_INTERFACES.some(({ definition }) => definition.name === name)) return;
  throw new DBusError(ErrorName.UNKNOWN_INTERFACE, `Interface "${name}" not found`);
}

/** The property Interfaces: those beyond the standard ones. ‹Message Bus Properties› */
const LISTED_INTERFACES: readonly string[] = [Monitoring.name, DebugStats.name];

/** The property Features. ‹Message Bus Properties› */
const FEATURES: readonly string[] = ['ActivatableServicesChanged', 'HeaderFiltering'];

/** Properties, with further names in Features. */
export function propertiesMethods(moreFeatures: readonly string[]): DriverMethods {
  const properties: ReadonlyMap<string, Variant> = new Map([
    ['Features', variant('as', [...FEATURES, ...moreFeatures])],
    ['Interfaces', variant('as', LISTED_INTERFACES)],
  ]);
  const valueOf = (interfaceName: string, property: string): Variant => {
    checkInterface(interfaceName);
    const value = interfaceName === BusInterface.name ? properties.get(property) : undefined;
    if (value !== undefined) return value;
    throw new DBusError(ErrorName.UNKNOWN_PROPERTY, `Property "${interfaceName}.${property}" not found`);
  };
  return {
    Get: ({ args }) => [valueOf(args[0] as string, args[1] as string)],
    GetAll: ({ args }) => {
      const interfaceName = args[0] as string;
      checkInterface(interfaceName);
      return [interfaceName === BusInterface.name ? properties : new Map()];
    },
    Set: ({ args }) => {
      const [interfaceName, property] = args as readonly [string, string];
      valueOf(interfaceName, property); // throws if there is none
      const problem = `Property '${interfaceName}.${property}' cannot be set`;
      throw new DBusError(ErrorName.PROPERTY_READ_ONLY, problem);
    },
  };
}
