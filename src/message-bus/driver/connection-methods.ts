// The methods of the bus for connections: Hello, which registers one, and those for its credentials. A fact that the
// bus does not know is left out of the credentials, and its own method answers with an error. Tests:
// test/message-bus/start.test.ts, test/interop/bus-rules.test.ts. Specification: org.freedesktop.DBus.Hello,
// GetConnectionCredentials, GetConnectionUnixUser, GetConnectionUnixProcessID.
import { BUS_NAME } from '../../protocol/bus.js';
import { ErrorName } from '../../protocol/error-names.js';
import { DBusError } from '../../protocol/errors.js';
import { type Variant, variant } from '../../wire/variant.js';
import type { BusCore } from '../bus-core.js';
import type { Client } from '../client.js';
import { type Identity, ownProcess } from '../identity.js';
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
  core.countNames(client);
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

/** Finds the connection of the name in a call; `what` is asked for, in the words of the reference implementation. */
function identityOf(core: BusCore, { args }: DriverCall, what: string): { name: string; identity: Identity } {
  const name = args[0] as string;
  const identity = name === BUS_NAME ? ownProcess() : core.clientOf(name)?.identity;
  if (identity !== undefined) return { name, identity };
  throw new DBusError(ErrorName.NAME_HAS_NO_OWNER, `Could not get ${what} of name '${name}': no such name`);
}

function credentialsOf({ uid, pid, gids }: Identity): Map<string, Variant> {
  const credentials = new Map<string, Variant>();
  if (pid !== undefined) credentials.set('ProcessID', variant('u', pid));
  if (uid !== undefined) credentials.set('UnixUserID', variant('u', uid));
  if (gids !== undefined) credentials.set('UnixGroupIDs', variant('au', gids));
  return credentials;
}

function known(fact: number | undefined, errorName: string, what: string, name: string): readonly [number] {
  if (fact !== undefined) return [fact];
  throw new DBusError(errorName, `Could not determine ${what} for '${name}'`);
}

/** The methods for connections. */
export function connectionMethods(core: BusCore): DriverMethods {
  return {
    Hello: (call) => hello(core, call),
    GetConnectionCredentials: (call) => [credentialsOf(identityOf(core, call, 'credentials').identity)],
    GetConnectionUnixUser: (call) => {
      const { name, identity } = identityOf(core, call, 'UID');
      return known(identity.uid, ErrorName.FAILED, 'UID', name);
    },
    GetConnectionUnixProcessID: (call) => {
      const { name, identity } = identityOf(core, call, 'PID');
      return known(identity.pid, ErrorName.UNIX_PROCESS_ID_UNKNOWN, 'PID', name);
    },
    GetAdtAuditSessionData: (call) => {
      const what = 'audit session data';
      return known(undefined, ErrorName.ADT_AUDIT_DATA_UNKNOWN, what, identityOf(core, call, what).name);
    },
    GetConnectionSELinuxSecurityContext: (call) => {
      const what = 'security context';
      return known(undefined, ErrorName.SELINUX_SECURITY_CONTEXT_UNKNOWN, what, identityOf(core, call, what).name);
    },
  };
}
