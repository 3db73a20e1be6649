// The methods of the bus for names: Hello, requesting, releasing and listing them. names.ts decides who owns a name.
// Specification: Message Bus Messages. Tests: test/interop/bus-rules.test.ts.
import { BUS_NAME } from '../../protocol/bus.js';
import { ErrorName } from '../../protocol/error-names.js';
import { DBusError } from '../../protocol/errors.js';
import { isBusName } from '../../wire/names.js';
import type { BusCore } from '../bus-core.js';
import type { Client } from '../client.js';
import { announce } from '../name-changes.js';
import type { DriverCall, DriverMethods } from './driver-call.js';

/** Registers the caller: monitors see the call with the new name, then come the reply and the signals of the name. */
function hello(core: BusCore, call: DriverCall): undefined {
  const { client } = call;
  if (client.state !== 'new') throw new DBusError(ErrorName.FAILED, 'Already handled an Hello message');
  const problem = tooManyClients(core, client);
  if (problem === undefined) core.register(client);
  call.capture();
  if (problem !== undefined) throw new DBusError(ErrorName.LIMITS_EXCEEDED, problem);
  const name = client.uniqueName;
  countName(core, client);
  call.reply(name);
  announce(core, { name, from: undefined, to: client });
}

/** The reason for which the bus accepts no further client. */
function tooManyClients(core: BusCore, { identity: { uid } }: Client): string | undefined {
  const { maxCompletedConnections, maxConnectionsPerUser } = core.limits;
  const found = 'The maximum number of active connections';
  if (core.clients.size >= maxCompletedConnections) return `${found} has been reached`;
  if (core.countOfUser(uid) >= maxConnectionsPerUser) return `${found} for UID ${uid} has been reached`;
  return undefined;
}

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
  const limit = core.limits.maxNamesPerConnection;
  if (client.places.size + 1 >= limit) {
    const problem = `Connection "${client.uniqueName}" is not allowed to own more services`;
    const advice = `(increase limits in configuration file if required; max_names_per_connection=${limit})`;
    throw new DBusError(ErrorName.LIMITS_EXCEEDED, `${problem} ${advice}`);
  }
  const { result, change } = core.names.request(name, client, flags);
  countName(core, client);
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

/** Keeps the peaks for Debug.Stats. */
function countName(core: BusCore, client: Client): void {
  const count = client.places.size + 1;
  client.peaks.names = Math.max(client.peaks.names, count);
  core.peaks.namesOfOne = Math.max(core.peaks.namesOfOne, count);
  core.peaks.names = Math.max(core.peaks.names, core.clients.size + core.names.size);
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
    Hello: (call) => hello(core, call),
    RequestName: (call) => requestName(core, call),
    ReleaseName: (call) => releaseName(core, call),
    NameHasOwner: (call) => [core.hasOwner(nameOf(call))],
    GetNameOwner: (call) => [ownerOf(core, nameOf(call))],
    ListQueuedOwners: (call) => [queuedOwnersOf(core, nameOf(call))],
    ListNames: () => [[BUS_NAME, ...core.clients.keys(), ...core.names.names]],
  };
}
