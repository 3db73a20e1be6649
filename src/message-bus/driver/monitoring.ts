// Turns a client into a monitor: it gets the reply, loses its names, rules and calls, and then sees a copy of every
// message that one of its rules matches. Delivery sends the copies. Tests: test/interop/bus-rules.test.ts.
// Specification: org.freedesktop.DBus.Monitoring.BecomeMonitor.
import { ErrorName } from '../../protocol/error-names.js';
import { DBusError } from '../../protocol/errors.js';
import type { MatchRule } from '../../protocol/match-rule.js';
import type { BusCore } from '../bus-core.js';
import { costOf, dropRules, readRule } from '../client-rules.js';
import { surrenderNames } from '../departures.js';
import type { DriverCall, DriverMethods } from './driver-call.js';

/**
 * The rules of a monitor; one that matches every message if it gives none.
 * @throws {DBusError} if a rule is not valid, or the rules count as more than `limit`
 */
function readRules(texts: readonly string[], limit: number): readonly MatchRule[] {
  const checkCount = (count: number): void => {
    if (count <= limit) return;
    const problem = `the rules count as ${count}: a connection must have at most ${limit}`;
    throw new DBusError(ErrorName.LIMITS_EXCEEDED, problem);
  };
  checkCount(texts.length);
  const rules = texts.map(readRule);
  checkCount(rules.reduce((sum, rule) => sum + costOf(rule), 0));
  return rules.length === 0 ? [{}] : rules;
}

function becomeMonitor(core: BusCore, call: DriverCall): undefined {
  const { client, args } = call;
  const [texts, flags] = args as readonly [readonly string[], number];
  if (!client.identity.isPrivileged) {
    throw new DBusError(ErrorName.ACCESS_DENIED, 'Only the user of the bus and root may become a monitor');
  }
  if (flags !== 0) throw new DBusError(ErrorName.INVALID_ARGS, 'BecomeMonitor does not support any flags yet');
  const rules = readRules(texts, core.limits.maxMatchRulesPerConnection); // before anything changes
  call.reply();
  surrenderNames(core, client); // its old rules may still match the signals about its names
  dropRules(core, client);
  client.state = 'monitor';
  for (const rule of rules) client.monitorRules.push(core.delivery.monitors.add(rule, client));
  core.replies.leave(client); // it already sees the errors that its callers get
}

/** Monitoring. */
export function monitoringMethods(core: BusCore): DriverMethods {
  return { BecomeMonitor: (call) => becomeMonitor(core, call) };
}
