// The limits of a bus, by the names of the reference implementation, with the values that it ships for session buses.
// Data only: each limit is checked by the file that counts. Tests: start.test.ts.
// Specification: none (dbus-daemon(1), <limit>).
import { FIXED_HEADER_LENGTH, MAX_MESSAGE_LENGTH } from '../wire/constants.js';
import { integer, MILLISECONDS, type OptionRule, type OptionRules } from '../wire/options.js';

/** The limits of a bus. */
export interface BusLimits {
  /** Connections that have said Hello. Default: 100,000. A further Hello gets LimitsExceeded. */
  readonly maxCompletedConnections?: number | undefined;
  /** Connections of one user that have said Hello. Default: 100,000. */
  readonly maxConnectionsPerUser?: number | undefined;
  /** Connections in the handshake. Default: 10,000. Above it, the one that has waited longest is disconnected. */
  readonly maxIncompleteConnections?: number | undefined;
  /** Names of one connection: owned or waited for, the unique one included. Default: 50,000. */
  readonly maxNamesPerConnection?: number | undefined;
  /**
   * Match rules of one connection. Default: 50,000. A rule with more than four keys for arguments counts as one more
   * for each further key.
   */
  readonly maxMatchRulesPerConnection?: number | undefined;
  /** Open calls of one caller. Default: 50,000. */
  readonly maxRepliesPerConnection?: number | undefined;
  /**
   * Bytes that may wait for one connection before another message is added. A connection above it is closed, and so is
   * one for which more than 8 MiB wait while its client reads nothing for ten seconds.
   * If more than 512 MiB wait for all slow connections together, the one with the most is closed too.
   * Default: 256 MiB. The session configuration of the reference implementation says 1 GB, which is more than a Node
   * process should keep for a client that does not read; its built-in default, 127 MiB, would disconnect clients that
   * are still reading a burst of long messages.
   */
  readonly maxOutgoingBytes?: number | undefined;
  /** Longest time for a reply, in milliseconds; then the caller gets NoReply. Default: Infinity. */
  readonly replyTimeout?: number | undefined;
  /** Longest message, in bytes, 16 to 128 MiB. Default: 128 MiB. A longer one closes its sender's connection. */
  readonly maxMessageSize?: number | undefined;
  /** Longest handshake, in milliseconds. Default: 240,000. */
  readonly authTimeout?: number | undefined;
  /** Longest start of a service, in milliseconds. Default: 120,000. */
  readonly serviceStartTimeout?: number | undefined;
  /**
   * Messages that may wait for services that start. Default: 10,000. Together they may have 128 MiB, or half of
   * `maxOutgoingBytes` if that is less. Further ones get LimitsExceeded.
   */
  readonly maxPendingServiceStarts?: number | undefined;
}

/** Limits with all values. */
export type Limits = { readonly [Key in keyof BusLimits]-?: number };

/** The session defaults. */
export const DEFAULT_LIMITS: Limits = {
  maxCompletedConnections: 100_000,
  maxConnectionsPerUser: 100_000,
  maxIncompleteConnections: 10_000,
  maxNamesPerConnection: 50_000,
  maxMatchRulesPerConnection: 50_000,
  maxRepliesPerConnection: 50_000,
  maxOutgoingBytes: 2 ** 28,
  replyTimeout: Infinity,
  maxMessageSize: MAX_MESSAGE_LENGTH,
  authTimeout: 240_000,
  serviceStartTimeout: 120_000,
  maxPendingServiceStarts: 10_000,
};

const COUNT: OptionRule = integer(0, Number.MAX_SAFE_INTEGER);

/** The rules of {@link BusLimits}. */
export const LIMIT_RULES: OptionRules<BusLimits> = {
  maxCompletedConnections: COUNT,
  maxConnectionsPerUser: COUNT,
  maxIncompleteConnections: COUNT,
  maxNamesPerConnection: COUNT,
  maxMatchRulesPerConnection: COUNT,
  maxRepliesPerConnection: COUNT,
  maxOutgoingBytes: COUNT,
  replyTimeout: MILLISECONDS,
  maxMessageSize: integer(FIXED_HEADER_LENGTH, MAX_MESSAGE_LENGTH),
  authTimeout: MILLISECONDS,
  serviceStartTimeout: MILLISECONDS,
  maxPendingServiceStarts: COUNT,
};

/** The given limits, and the defaults of the others. */
export function withDefaults(limits: BusLimits = {}): Limits {
  const given = Object.entries(limits).filter(([, value]) => value !== undefined);
  return { ...DEFAULT_LIMITS, ...Object.fromEntries(given) };
}
