// Queries to a bus about names, connections and the bus itself: a table of its methods, with the errors that mean that
// there is no answer. It keeps no state; names of this side are requested in name-requests.ts, owners are watched in
// name-owners.ts. Specification: Message Bus Messages. Tests: bus-queries.test.ts, test/interop/bus-queries.test.ts.
import { BUS_NAME, BUS_OBJECT } from '../protocol/bus.js';
import { ErrorName } from '../protocol/error-names.js';
import type { ConnectionCredentials } from '../protocol/credentials.js';
import { DBusError } from '../protocol/errors.js';
import type { BodyOf } from '../wire/infer.js';
import { assertBusName } from '../wire/names.js';
import { checkOptions } from '../wire/options.js';
import type { Variant } from '../wire/variant.js';
import { WAIT_RULES, type WaitOptions } from './call-options.js';
import { UnexpectedSignatureError } from './errors.js';
import type { MessageLink } from './link.js';

const { FAILED, NAME_HAS_NO_OWNER, UNIX_PROCESS_ID_UNKNOWN } = ErrorName;

/** The questions about a bus name. An error in `none` means that there is no answer. */
const NAME_QUERIES = {
  getNameOwner: { member: 'GetNameOwner', out: 's', none: [NAME_HAS_NO_OWNER] },
  nameHasOwner: { member: 'NameHasOwner', out: 'b', none: [] },
  listQueuedOwners: { member: 'ListQueuedOwners', out: 'as', none: [NAME_HAS_NO_OWNER] },
  getConnectionCredentials: { member: 'GetConnectionCredentials', out: 'a{sv}', none: [NAME_HAS_NO_OWNER] },
  getConnectionUnixUser: { member: 'GetConnectionUnixUser', out: 'u', none: [NAME_HAS_NO_OWNER, FAILED] },
  getConnectionUnixProcessId: {
    member: 'GetConnectionUnixProcessID', out: 'u', none: [NAME_HAS_NO_OWNER, UNIX_PROCESS_ID_UNKNOWN],
  },
} as const satisfies Readonly<Record<string, { member: string; out: string; none: readonly string[] }>>;

/** The questions about the bus. */
const BUS_QUERIES = {
  listNames: { member: 'ListNames', out: 'as' },
  listActivatableNames: { member: 'ListActivatableNames', out: 'as' },
  getId: { member: 'GetId', out: 's' },
} as const satisfies Readonly<Record<string, { member: string; out: string }>>;

type NameQuery = keyof typeof NAME_QUERIES;
type BusQuery = keyof typeof BUS_QUERIES;
type NameAnswer<Query extends NameQuery> = BodyOf<(typeof NAME_QUERIES)[Query]['out']>[0];
type BusAnswer<Query extends BusQuery> = BodyOf<(typeof BUS_QUERIES)[Query]['out']>[0];

/** The members of a bus that queries use. */
type Asked = Pick<MessageLink, 'call'>;

/** Asks the bus about a name. Undefined if the name has no owner, or if the bus does not know the answer. */
export async function askAboutName<const Query extends NameQuery>(
  bus: Asked, query: Query, name: string, options: WaitOptions = {},
): Promise<NameAnswer<Query> | undefined> {
  assertBusName(name);
  checkOptions(query, options, WAIT_RULES);
  const { timeout, signal } = options;
  const { member, out, none } = NAME_QUERIES[query];
  const call = { ...BUS_OBJECT, member, signature: 's', body: [name], replySignature: out as string } as const;
  try {
    const [answer] = await bus.call({ ...call, timeout, signal });
    return answer as NameAnswer<Query>; // a value of the type `out`, by the signature of the reply
  } catch (error) {
    if (error instanceof DBusError && (none as readonly string[]).includes(error.errorName)) return undefined;
    throw error;
  }
}

/** Asks the bus about itself. */
export async function askBus<const Query extends BusQuery>(
  bus: Asked, query: Query, options: WaitOptions = {},
): Promise<BusAnswer<Query>> {
  checkOptions(query, options, WAIT_RULES);
  const { timeout, signal } = options;
  const { member, out } = BUS_QUERIES[query];
  const [answer] = await bus.call({ ...BUS_OBJECT, member, replySignature: out as string, timeout, signal });
  return answer as BusAnswer<Query>; // a value of the type `out`, by the signature of the reply
}

/** The result of StartServiceByName. ‹org.freedesktop.DBus.StartServiceByName› */
export type StartResult = 'started' | 'already running';

const START_RESULTS: ReadonlyMap<number, StartResult> = new Map([[1, 'started'], [2, 'already running']]);

/** See {@link Bus.startServiceByName}. */
export async function startServiceByName(bus: Asked, name: string, options: WaitOptions = {}): Promise<StartResult> {
  assertBusName(name);
  checkOptions('startServiceByName', options, WAIT_RULES);
  const { timeout, signal } = options;
  const call = { ...BUS_OBJECT, member: 'StartServiceByName', signature: 'su', body: [name, 0] } as const;
  const [code] = await bus.call({ ...call, replySignature: 'u', timeout, signal });
  const result = START_RESULTS.get(code);
  if (result === undefined) {
    throw new DBusError(FAILED, `the bus answered StartServiceByName with ${code}: it must be 1 or 2`);
  }
  return result;
}

type WritableCredentials = { -readonly [Field in keyof ConnectionCredentials]: ConnectionCredentials[Field] };

/** The credentials of the specification: the type of each, and the function that stores its value. */
const CREDENTIALS: Readonly<Record<string, {
  readonly type: string;
  readonly store: (credentials: WritableCredentials, value: never) => void;
}>> = {
  UnixUserID: { type: 'u', store: (credentials, value: number) => (credentials.unixUserId = value) },
  UnixGroupIDs: { type: 'au', store: (credentials, value: number[]) => (credentials.unixGroupIds = Array.from(value)) },
  ProcessID: { type: 'u', store: (credentials, value: number) => (credentials.processId = value) },
  WindowsSID: { type: 's', store: (credentials, value: string) => (credentials.windowsSid = value) },
  LinuxSecurityLabel: {
    type: 'ay',
    store: (credentials, value: Uint8Array) =>
      (credentials.linuxSecurityLabel = value.at(-1) === 0 ? value.subarray(0, -1) : value),
  },
};

/** The credentials in a reply; one with another type than that of the specification is only in `all`. */
export function credentialsOf(all: ReadonlyMap<string, Variant>): ConnectionCredentials {
  const credentials: WritableCredentials = { all };
  for (const [name, { type, store }] of Object.entries(CREDENTIALS)) {
    const found = all.get(name);
    if (found?.signature === type) store(credentials, found.value as never); // a value of that type
  }
  return Object.freeze(credentials);
}

/** Errors of a bus that is older than the property, or that has no properties. */
const NO_SUCH_PROPERTY: readonly string[] = [
  ErrorName.UNKNOWN_METHOD, ErrorName.UNKNOWN_INTERFACE, ErrorName.UNKNOWN_PROPERTY, ErrorName.INVALID_ARGS,
];

/** The list in a property of the bus; empty if the bus does not have the property. */
export async function listOfBus(
  bus: Asked, property: 'Features' | 'Interfaces', options: WaitOptions = {},
): Promise<readonly string[]> {
  checkOptions(`list${property}`, options, WAIT_RULES);
  const { timeout, signal } = options;
  const { destination, path } = BUS_OBJECT;
  const get = { destination, path, interface: 'org.freedesktop.DBus.Properties', member: 'Get' } as const;
  try {
    const [{ signature, value }] = await bus.call({
      ...get, signature: 'ss', body: [BUS_NAME, property], replySignature: 'v', timeout, signal,
    });
    if (signature === 'as') return value as string[]; // by its signature
    throw new UnexpectedSignatureError(`Get of ${BUS_NAME}.${property}`, { expected: 'as', actual: signature });
  } catch (error) {
    if (error instanceof DBusError && NO_SUCH_PROPERTY.includes(error.errorName)) return [];
    throw error;
  }
}
