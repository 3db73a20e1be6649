// The methods of the bus for the credentials of a connection. A fact that the bus does not know is left out of the
// credentials, and its own method answers with an error. Tests: test/message-bus/start.test.ts,
// test/interop/bus-rules.test.ts. Specification: GetConnectionCredentials, GetConnectionUnixUser,
// GetConnectionUnixProcessID.
import { BUS_NAME } from '../../protocol/bus.js';
import { ErrorName } from '../../protocol/error-names.js';
import { DBusError } from '../../protocol/errors.js';
import { type Variant, variant } from '../../wire/variant.js';
import type { BusCore } from '../bus-core.js';
import { type Identity, ownProcess } from '../identity.js';
import type { DriverCall, DriverMethods } from './driver-call.js';

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

/** The methods for credentials. */
export function connectionMethods(core: BusCore): DriverMethods {
  return {
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
