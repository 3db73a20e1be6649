// The match rules of a client: adding, removing and counting them, and their text in canonical form, which identifies a
// rule that is to be removed. match-index.ts finds the rules that match a message. Tests: client-rules.test.ts.
// Specification: org.freedesktop.DBus.AddMatch, RemoveMatch; Match Rules.
import { ErrorName } from '../protocol/error-names.js';
import { DBusError, MatchRuleError } from '../protocol/errors.js';
import { MAX_RULE_LENGTH, type MatchRule } from '../protocol/match-rule.js';
import { parseMatchRule } from '../protocol/parse-match-rule.js';
import type { BusCore } from './bus-core.js';
import type { Client, ClientRule } from './client.js';

/**
 * Reads a rule of a client.
 * @throws {DBusError} MatchRuleInvalid if it is not valid, LimitsExceeded if it is too long
 */
export function readRule(text: string): MatchRule {
  try {
    return parseMatchRule(text);
  } catch (error) {
    if (!(error instanceof MatchRuleError)) throw error;
    if (error.code !== 'MATCH_RULE_TOO_LONG') throw new DBusError(ErrorName.MATCH_RULE_INVALID, error.problem);
    const length = Buffer.byteLength(text);
    const problem = `Match rule text is ${length} bytes, maximum is ${MAX_RULE_LENGTH}`;
    throw new DBusError(ErrorName.LIMITS_EXCEEDED, problem);
  }
}

function pair(key: string, value: string | undefined): string[] {
  return value === undefined ? [] : [`${key}='${value.replaceAll("'", "'\\''")}'`];
}

/**
 * The text of a rule, with its keys in the order in which the reference implementation lists them. Rules that mean the
 * same have the same text.
 */
export function ruleText(rule: MatchRule): string {
  const arg0Namespace = rule.arg0Namespace === undefined ? [] : [[0, 'namespace', rule.arg0Namespace] as const];
  const args = Object.entries(rule.args ?? {}).map(([index, value]) => [Number(index), '', value] as const);
  const paths = Object.entries(rule.argPaths ?? {}).map(([index, value]) => [Number(index), 'path', value] as const);
  return [
    ...pair('type', rule.type),
    ...pair('interface', rule.interface),
    ...pair('member', rule.member),
    ...pair('path', rule.path),
    ...pair('path_namespace', rule.pathNamespace),
    ...pair('sender', rule.sender),
    ...pair('destination', rule.destination),
    ...pair('eavesdrop', rule.eavesdrop === true ? 'true' : undefined),
    ...[...arg0Namespace, ...args, ...paths]
      .sort(([a], [b]) => a - b)
      .flatMap(([index, suffix, value]) => pair(`arg${index}${suffix}`, value)),
  ].join(',');
}

/** The most keys for arguments of a rule that counts as one. */
const USUAL_ARGUMENTS = 4;

/**
 * The number of rules that a rule counts as. Each key for an argument takes memory in the index: each one after the
 * fourth counts as one more rule.
 */
export function costOf({ args, argPaths }: MatchRule): number {
  const asked = Object.keys(args ?? {}).length + Object.keys(argPaths ?? {}).length;
  return 1 + Math.max(0, asked - USUAL_ARGUMENTS);
}

/** @throws {DBusError} LimitsExceeded if the rules of a client would count as more than this many */
function checkCost({ limits }: BusCore, { uniqueName }: Client, cost: number): void {
  const { maxMatchRulesPerConnection: limit } = limits;
  if (cost <= limit) return;
  const problem = `Connection "${uniqueName}" is not allowed to add more match rules`;
  const advice = `(increase limits in configuration file if required; max_match_rules_per_connection=${limit})`;
  throw new DBusError(ErrorName.LIMITS_EXCEEDED, `${problem} ${advice}`);
}

/**
 * Adds a rule, or another one that means the same as one of the client's.
 * @throws {DBusError} if the rule is not valid, the client has too many rules, or it may not eavesdrop
 */
export function addRule(core: BusCore, client: Client, text: string): void {
  const { rules, eavesdroppers } = core.delivery;
  checkCost(core, client, client.ruleCost + 1); // before the rule is read, as in the reference implementation
  const rule = readRule(text);
  const cost = client.ruleCost + costOf(rule);
  checkCost(core, client, cost);
  if (rule.eavesdrop === true && !client.identity.isPrivileged) {
    throw new DBusError(ErrorName.ACCESS_DENIED, 'Only the user of the bus and root may eavesdrop');
  }
  const key = ruleText(rule);
  const known = client.rules.get(key);
  if (known === undefined) {
    const eavesdrop = rule.eavesdrop === true ? eavesdroppers.add(rule, client) : undefined;
    client.rules.set(key, { count: 1, broadcast: rules.add(rule, client), eavesdrop });
  } else {
    known.count++;
  }
  client.ruleCount++;
  client.ruleCost = cost;
  client.peaks.rules = Math.max(client.peaks.rules, client.ruleCount);
  core.peaks.rules = Math.max(core.peaks.rules, rules.size);
  core.peaks.rulesOfOne = Math.max(core.peaks.rulesOfOne, client.ruleCount);
}

/**
 * Removes a rule that means the same as the text.
 * @throws {DBusError} if the text is not a valid rule, or the client has no such rule
 */
export function removeRule(core: BusCore, client: Client, text: string): void {
  const rule = readRule(text);
  const key = ruleText(rule);
  const known = client.rules.get(key);
  if (known === undefined) {
    const problem = "The given match rule wasn't found and can't be removed";
    throw new DBusError(ErrorName.MATCH_RULE_NOT_FOUND, problem);
  }
  client.ruleCount--;
  client.ruleCost -= costOf(rule);
  if (--known.count > 0) return;
  client.rules.delete(key);
  unindex(core, known);
}

/** Removes all rules of a client, including those of a monitor. */
export function dropRules(core: BusCore, client: Client): void {
  for (const rule of client.rules.values()) unindex(core, rule);
  client.rules.clear();
  client.ruleCount = 0;
  client.ruleCost = 0;
  for (const rule of client.monitorRules.splice(0)) core.delivery.monitors.remove(rule);
}

function unindex({ delivery }: BusCore, { broadcast, eavesdrop }: ClientRule): void {
  delivery.rules.remove(broadcast);
  if (eavesdrop !== undefined) delivery.eavesdroppers.remove(eavesdrop);
}
