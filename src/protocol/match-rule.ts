// Match rules: what a subscriber wants to see, as data, as the text that a bus takes, and as a question to a message.
// It knows no connection; who owns a name is asked of the caller. Specification: Match Rules.
import { MESSAGE_TYPE_CODE } from '../wire/constants.js';
import type { MessageHeader } from '../wire/messages/decode.js';
import type { Message } from '../wire/messages/message.js';
import { assertBusName, assertInterfaceName, assertMemberName, assertObjectPath, isBusName } from '../wire/names.js';
import { MatchRuleError } from './errors.js';

/** What must hold for a message to match; a key that is left out matches everything. ‹Match Rules› */
export interface MatchRule {
  readonly type?: 'method_call' | 'method_return' | 'error' | 'signal' | undefined;
  /** A bus name; a well-known one stands for its present owner. */
  readonly sender?: string | undefined;
  readonly interface?: string | undefined;
  readonly member?: string | undefined;
  readonly path?: string | undefined;
  /** The object path, or one above it; not together with `path`. `/` takes every path. */
  readonly pathNamespace?: string | undefined;
  readonly destination?: string | undefined;
  /** Values of STRING arguments by index, 0 to 63; one argument is looked at by one key only. */
  readonly args?: Readonly<Record<number, string>> | undefined;
  /** Paths of arguments by index, 0 to 63: equal, or one ends in "/" and is the start of the other. */
  readonly argPaths?: Readonly<Record<number, string>> | undefined;
  /** The first argument is this name, or begins with it and a dot. */
  readonly arg0Namespace?: string | undefined;
}

const MAX_ARGUMENT_INDEX = 63;
/** Bytes of a rule as text: the buses take no more, although the specification does not say so. */
const MAX_RULE_LENGTH = 1024;


/** Outside quotes `\'` is an apostrophe, inside there is none: leave the quotes, write it, come back. */
function quote(value: string): string {
  if (typeof value !== 'string' || value.includes('\0') || !value.isWellFormed()) {
    throw new MatchRuleError(`a match rule holds text without NUL and lone surrogates, not ${JSON.stringify(value)}`);
  }
  return `'${value.replaceAll("'", "'\\''")}'`;
}

function argumentPairs(values: Readonly<Record<number, string>>, suffix: string): string[] {
  return Object.entries(values).map(([index, value]) => {
    if (!/^(0|[1-9]\d?)$/.test(index) || Number(index) > MAX_ARGUMENT_INDEX) {
      throw new MatchRuleError(`a match rule names arguments 0 to ${MAX_ARGUMENT_INDEX}, not ${index}`);
    }
    return `arg${index}${suffix}=${quote(value)}`;
  });
}

/** No bus takes two keys for one argument. */
function checkArguments({ args = {}, argPaths = {}, arg0Namespace }: MatchRule): void {
  const twice = Object.keys(args).find((index) => Object.hasOwn(argPaths, index));
  if (twice !== undefined) {
    throw new MatchRuleError(`args and argPaths both have argument ${twice}: a match rule takes one of them`);
  }
  const other = Object.hasOwn(args, 0) ? 'args' : Object.hasOwn(argPaths, 0) ? 'argPaths' : undefined;
  if (arg0Namespace !== undefined && other !== undefined) {
    throw new MatchRuleError(`arg0Namespace and ${other} both have argument 0: a match rule takes one of them`);
  }
}

const KEYS: readonly string[] = [
  'type', 'sender', 'interface', 'member', 'path', 'pathNamespace', 'destination', 'args', 'argPaths', 'arg0Namespace',
] satisfies readonly (keyof MatchRule)[];

/**
 * A match rule as the text that AddMatch takes, at most 1,024 bytes; equal rules have equal texts.
 * @throws {InvalidNameError | MatchRuleError} if a bus would refuse it
 */
export function formatMatchRule(rule: MatchRule): string {
  const unknownKey = Object.keys(rule).find((key) => !KEYS.includes(key));
  if (unknownKey !== undefined) {
    throw new MatchRuleError(`a match rule has no key ${JSON.stringify(unknownKey)}; it has ${KEYS.join(', ')}`);
  }
  const { type, sender, interface: interfaceName, member, path, pathNamespace, destination, arg0Namespace } = rule;
  if (type !== undefined && !Object.hasOwn(MESSAGE_TYPE_CODE, type)) {
    throw new MatchRuleError(`no message type is called ${JSON.stringify(type)}`);
  }
  if (sender !== undefined) assertBusName(sender);
  if (destination !== undefined) assertBusName(destination);
  if (interfaceName !== undefined) assertInterfaceName(interfaceName);
  if (member !== undefined) assertMemberName(member);
  if (path !== undefined) assertObjectPath(path);
  if (pathNamespace !== undefined) assertObjectPath(pathNamespace);
  if (path !== undefined && pathNamespace !== undefined) {
    throw new MatchRuleError('a match rule has path or path_namespace, not both');
  }
  if (arg0Namespace !== undefined && !isBusName(arg0Namespace) && !isBusName(`${arg0Namespace}.x`)) {
    throw new MatchRuleError(`arg0namespace is the start of a bus name, not ${JSON.stringify(arg0Namespace)}`);
  }
  checkArguments(rule);
  const pairs: readonly (readonly [string, string | undefined])[] = [
    ['type', type],
    ['sender', sender],
    ['interface', interfaceName],
    ['member', member],
    ['path', path],
    // Every path is in the namespace "/"; dbus-broker takes the key at its word and lets nothing through.
    ['path_namespace', pathNamespace === '/' ? undefined : pathNamespace],
    ['destination', destination],
    ['arg0namespace', arg0Namespace],
  ];
  const text = [
    ...pairs.flatMap(([key, value]) => (value === undefined ? [] : [`${key}=${quote(value)}`])),
    ...argumentPairs(rule.args ?? {}, ''),
    ...argumentPairs(rule.argPaths ?? {}, 'path'),
  ].join(',');
  const { length } = encodeURIComponent(text).replaceAll(/%../g, '-'); // in bytes of UTF-8
  if (length > MAX_RULE_LENGTH) {
    throw new MatchRuleError(`the match rule has ${length} bytes as text: a bus takes at most ${MAX_RULE_LENGTH}`);
  }
  return text;
}

function isAtOrBelow(path: string, namespace: string): boolean {
  return path === namespace || namespace === '/' || path.startsWith(`${namespace}/`);
}

function matchesArgumentPath(argument: string, wanted: string): boolean {
  return (
    argument === wanted ||
    (wanted.endsWith('/') && argument.startsWith(wanted)) ||
    (argument.endsWith('/') && wanted.startsWith(argument))
  );
}

/** The type code of an argument whose type is one character, else something that equals none. */
function leadingTypeCode(signature: string, body: readonly unknown[], index: number): string {
  // Only text is asked for, and only a STRING or an OBJECT_PATH begins with these; variants of text are objects.
  if (typeof body[index] !== 'string') return '';
  let position = 0;
  for (let argument = 0; argument < index; argument++) position = endOfType(signature, position);
  return signature.charAt(position);
}

/** Where the single complete type that starts at `position` of a valid signature ends. */
function endOfType(signature: string, position: number): number {
  let end = position;
  while (signature.charAt(end) === 'a') end++;
  let depth = 0;
  do {
    const code = signature.charAt(end++);
    if (code === '(' || code === '{') depth++;
    if (code === ')' || code === '}') depth--;
  } while (depth > 0);
  return end;
}

function matchesArguments(rule: MatchRule, { signature, body }: Message): boolean {
  for (const [key, wanted] of Object.entries(rule.args ?? {})) {
    if (body[Number(key)] !== wanted || leadingTypeCode(signature, body, Number(key)) !== 's') return false;
  }
  for (const [key, wanted] of Object.entries(rule.argPaths ?? {})) {
    const argument = body[Number(key)];
    const code = leadingTypeCode(signature, body, Number(key));
    if (typeof argument !== 'string' || (code !== 's' && code !== 'o')) return false;
    if (!matchesArgumentPath(argument, wanted)) return false;
  }
  if (rule.arg0Namespace === undefined) return true;
  const [first] = body;
  return (
    typeof first === 'string' &&
    signature.startsWith('s') &&
    (first === rule.arg0Namespace || first.startsWith(`${rule.arg0Namespace}.`))
  );
}

function matchesHeader(rule: MatchRule, message: MessageHeader): boolean {
  return (
    (rule.member === undefined || rule.member === message.member) &&
    (rule.interface === undefined || rule.interface === message.interface) &&
    (rule.path === undefined || rule.path === message.path) &&
    (rule.type === undefined || rule.type === message.type) &&
    (rule.destination === undefined || rule.destination === message.destination) &&
    (rule.pathNamespace === undefined ||
      (message.path !== undefined && isAtOrBelow(message.path, rule.pathNamespace)))
  );
}

/** Whether a message matches a rule, but for the rule's sender, which only a connection can tell. */
export function matchesRule(rule: MatchRule, message: Message): boolean {
  return matchesHeader(rule, message) && matchesArguments(rule, message);
}
