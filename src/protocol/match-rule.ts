// Match rules as data: the keys of a rule, how the text of a rule spells them, and what their values must be.
// The text is written in format-match-rule.ts and read in parse-match-rule.ts; matches-rule.ts compares a message with
// a rule. It knows no connection. Specification: Match Rules.
// Tests: format-match-rule.test.ts, parse-match-rule.test.ts.
import { MESSAGE_TYPE_CODE } from '../wire/constants.js';
import { describe } from '../wire/describe.js';
import { assertBusName, assertInterfaceName, assertMemberName, assertObjectPath, isBusName } from '../wire/names.js';
import { MatchRuleError } from './errors.js';

/** The conditions that a message must meet. A key that is left out matches every message. ‹Match Rules› */
export interface MatchRule {
  readonly type?: 'method_call' | 'method_return' | 'error' | 'signal' | undefined;
  /** A bus name; a well-known name means its owner at the time of the message. */
  readonly sender?: string | undefined;
  readonly interface?: string | undefined;
  readonly member?: string | undefined;
  readonly path?: string | undefined;
  /** The object path of the message, or a path above it; not together with `path`. Every path is below `/`. */
  readonly pathNamespace?: string | undefined;
  readonly destination?: string | undefined;
  /** The first argument is this name, or begins with it and a dot. */
  readonly arg0Namespace?: string | undefined;
  /** Values of STRING arguments by index, 0 to 63. An argument can have only one key of a rule. */
  readonly args?: Readonly<Record<number, string>> | undefined;
  /** Paths in arguments by index, 0 to 63. The two are equal, or one ends in "/" and the other begins with it. */
  readonly argPaths?: Readonly<Record<number, string>> | undefined;
  /**
   * True also asks for messages that are addressed to others. Deprecated: dbus-broker refuses it, dbus-daemon grants it
   * to its own user.
   */
  readonly eavesdrop?: boolean | undefined;
}

/** Highest index of an argument that a rule can name. */
export const MAX_ARGUMENT_INDEX = 63;
/** Longest text of a rule, in bytes of UTF-8. The specification has no limit, but the buses do. */
export const MAX_RULE_LENGTH = 1024;

/** The keys whose value is one text. */
export type TextKey = Exclude<keyof MatchRule, 'args' | 'argPaths' | 'eavesdrop'>;

/** How the text of a rule spells a key, and the check of its value. */
interface KeyRule {
  readonly spelling: string;
  /** @throws {InvalidNameError | MatchRuleError} if no bus accepts the value */
  readonly check: (value: string) => void;
}

/** The keys whose value is one text, in the order in which they are written. */
export const TEXT_KEYS: Readonly<Record<TextKey, KeyRule>> = {
  type: { spelling: 'type', check: checkType },
  sender: { spelling: 'sender', check: assertBusName },
  interface: { spelling: 'interface', check: assertInterfaceName },
  member: { spelling: 'member', check: assertMemberName },
  path: { spelling: 'path', check: assertObjectPath },
  pathNamespace: { spelling: 'path_namespace', check: assertObjectPath },
  destination: { spelling: 'destination', check: assertBusName },
  arg0Namespace: { spelling: 'arg0namespace', check: checkArg0Namespace },
};

function checkType(type: string): void {
  if (typeof type === 'string' && Object.hasOwn(MESSAGE_TYPE_CODE, type)) return;
  const known = Object.keys(MESSAGE_TYPE_CODE).map((name) => `"${name}"`).join(', ');
  throw new MatchRuleError(`${describe(type)} is not a message type: it must be one of ${known}`);
}

function checkArg0Namespace(name: string): void {
  if (typeof name === 'string' && (isBusName(name) || isBusName(`${name}.x`))) return;
  const rule = 'it must be a bus name, or the first elements of one';
  throw new MatchRuleError(`${describe(name)} is not the start of a bus name: ${rule}`);
}

/** Length of a text in bytes of UTF-8. */
export function utf8Length(text: string): number {
  return encodeURIComponent(text).replaceAll(/%../g, '-').length;
}
