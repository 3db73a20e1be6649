// Turns the contents of a configuration file into the settings of a bus: the limits by their own names, the mechanisms,
// the policy of each client. It does not read files. Tests: bus-settings.test.ts. Reference: dbus-daemon(1),
// configuration file. (No clause of the specification.)
import type { MechanismName } from '../../auth/mechanisms.js';
import { FIXED_HEADER_LENGTH, MAX_MESSAGE_LENGTH } from '../../wire/constants.js';
import type { Identity } from '../identity.js';
import type { BusLimits } from '../limits.js';
import type { ClientPolicy } from '../client.js';
import type { BusConfiguration, LimitName } from './read-configuration.js';
import { type PolicyGroup, RulePolicy } from './policy-rules.js';

/** The limits of files that this bus has. It has no others: it carries no descriptors and has no containers. */
const LIMITS: Partial<Record<LimitName, keyof BusLimits>> = {
  max_outgoing_bytes: 'maxOutgoingBytes',
  max_message_size: 'maxMessageSize',
  service_start_timeout: 'serviceStartTimeout',
  auth_timeout: 'authTimeout',
  max_completed_connections: 'maxCompletedConnections',
  max_incomplete_connections: 'maxIncompleteConnections',
  max_connections_per_user: 'maxConnectionsPerUser',
  max_pending_service_starts: 'maxPendingServiceStarts',
  max_names_per_connection: 'maxNamesPerConnection',
  max_match_rules_per_connection: 'maxMatchRulesPerConnection',
  max_replies_per_connection: 'maxRepliesPerConnection',
  reply_timeout: 'replyTimeout',
};

/** The limits of a configuration. A message length outside of the possible range is moved into it. */
export function limitsOf({ limits }: Pick<BusConfiguration, 'limits'>): BusLimits {
  const chosen: { -readonly [Key in keyof BusLimits]: number } = {};
  for (const [name, value] of limits) {
    const key = LIMITS[name];
    if (key === undefined) continue;
    chosen[key] =
      key === 'maxMessageSize' ? Math.min(Math.max(value, FIXED_HEADER_LENGTH), MAX_MESSAGE_LENGTH) : value;
  }
  return chosen;
}

/** The mechanisms that this bus has. */
const MECHANISMS: readonly MechanismName[] = ['EXTERNAL', 'DBUS_COOKIE_SHA1', 'ANONYMOUS'];

/**
 * The mechanisms of a configuration; undefined if it leaves them to the bus. ANONYMOUS needs `<allow_anonymous/>`, and
 * is offered with it unless the file lists only others.
 */
export function mechanismsOf(
  { mechanisms, allowAnonymous }: Pick<BusConfiguration, 'mechanisms' | 'allowAnonymous'>,
): readonly MechanismName[] | undefined {
  if (mechanisms.length === 0 && !allowAnonymous) return undefined;
  return MECHANISMS.filter(
    (name) => (mechanisms.length === 0 || mechanisms.includes(name)) && (name !== 'ANONYMOUS' || allowAnonymous));
}

/** The elements `<auth>` that name a mechanism which this bus does not have. */
export function unknownMechanisms({ mechanisms }: Pick<BusConfiguration, 'mechanisms'>): readonly string[] {
  return mechanisms.filter((name) => !(MECHANISMS as readonly string[]).includes(name));
}

/** The policies of clients. Clients with the same known identity share one. */
export class Policies {
  readonly #groups: readonly PolicyGroup[];
  readonly #known = new Map<string, RulePolicy>();

  constructor(groups: readonly PolicyGroup[]) {
    this.#groups = groups;
  }

  /** The policy of a client; undefined if it may do everything. */
  policyFor(identity: Identity): ClientPolicy | undefined {
    const policy = this.#of(identity);
    return policy.allowsEverything ? undefined : policy;
  }

  /** Whether a client may connect. An anonymous client may: the file has allowed ANONYMOUS. */
  mayConnect(identity: Identity): boolean {
    const { uid } = identity;
    return uid === undefined || this.#of(identity).mayConnect(uid === process.getuid?.());
  }

  #of({ uid, gids }: Identity): RulePolicy {
    // A client at a socket runs as the user of the bus. Its groups are not known: those of the bus are used instead.
    const groups = gids ?? (uid === undefined ? [] : process.getgroups?.() ?? []);
    const key = `${uid} ${groups.join(',')}`;
    let policy = this.#known.get(key);
    if (policy === undefined) {
      policy = new RulePolicy(this.#groups, { uid, gids: groups });
      this.#known.set(key, policy);
    }
    return policy;
  }
}
