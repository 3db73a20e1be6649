// The methods of the bus for names: requesting, releasing and listing them. names.ts decides who owns a name.
// Specification: Message Bus Messages. Tests: test/interop/bus-rules.test.ts.
import { BUS_NAME } from '../../protocol/bus.js';
import { ErrorName } from '../../protocol/error-names.js';
import { DBusError } from '../../protocol/errors.js';
import { isBusName } from '../../wire/names.js';
import type { BusCore } from '../bus-core.js';
import { announce } from '../name-changes.js';
import type { DriverCall, DriverMethods } from './driver-call.js';

function requestName(core: BusCore, { client, args }: DriverCall): readonly unknown[] {
  const [name, flags] = args as readonly [string, number];
  if (!isBusName(name)) throw invalid(`Requested bus name "${name}" is not valid`);
  if (name.startsWith(':')) throw invalid(`Cannot acquire a service starting with ':' such as "${name}"`);
  if (name === BUS_NAME) {
    const owner = `Connection "${client.uniqueName}" is not allowed to own the service "${name}"`;
    throw invalid(`${owner}because it is reserved for D-Bus' use only`);
  }
  if (client.policy?.mayOwn(name) === false) {
    const owner = `Connection "${client.uniqueName}" is not allowed to own the service "${name}"`;
    throw new DBusError(ErrorName.ACCESS_DENIED, `${owner} due to security policies in the configuration file`);
  }
  const { result, change } = core.names.request(name, client, flags);
  core.countNames(client);
  if (change !== undefined) announce(core, change);
  return [result];
}

function releaseName(core: BusCore, { client, args }: DriverCall): readonly unknown[] {
  const [name] = args as readonly [string];
  if (!isBusName(name)) throw invalid(`Given bus name "${name}" is not valid`);
  if (name.startsWith(':')) throw invalid(`Cannot release a service starting with ':' such as "${name}"`);
  if (name === BUS_NAME) throw invalid(`Cannot release the ${name} service because it is owned by the bus`);
  const { result, change } = core.names.release(name, client);
  if (change !== undefined) announce(core, change);
  return [result];
}

function invalid(problem: string): DBusError {
  return new DBusError(ErrorName.INVALID_ARGS, problem);
}

function nameHasNoOwner(what: string, name: string): DBusError {
  return new DBusError(ErrorName.NAME_HAS_NO_OWNER, `Could not get ${what} of name '${name}': no such name`);
}

function ownerOf(core: BusCore, name: string): string {
  const owner = name === BUS_NAME ? BUS_NAME : core.clientOf(name)?.uniqueName;
  if (owner === undefined) throw nameHasNoOwner('owner', name);
  return owner;
}

function queuedOwnersOf(core: BusCore, name: string): readonly string[] {
  if (name === BUS_NAME) return [BUS_NAME];
  if (!core.hasOwner(name)) throw nameHasNoOwner('owners', name);
  return name.startsWith(':') ? [name] : core.names.queueOf(name).map(({ uniqueName }) => uniqueName);
}

/** The methods for names. */
export function nameMethods(core: BusCore): DriverMethods {
  const nameOf = ({ args }: DriverCall): string => args[0] as string;
  return {
    RequestName: (call) => requestName(core, call),
    ReleaseName: (call) => releaseName(core, call),
    NameHasOwner: (call) => [core.hasOwner(nameOf(call))],
    GetNameOwner: (call) => [ownerOf(core, nameOf(call))],
    ListQueuedOwners: (call) => [queuedOwnersOf(core, nameOf(call))],
    ListNames: () => [[BUS_NAME, ...core.clients.keys(), ...core.names.names]],
  };
}
