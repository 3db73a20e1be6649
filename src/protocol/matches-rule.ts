// Whether a message matches a rule in all keys but the sender: only a connection knows who owns a name. The sender is
// compared by connection/signal-routing.ts, with the owners of connection/name-owners.ts, and on a message bus by
// `#matchSender` of message-bus/match-index.ts.
// Tests: matches-rule.test.ts; against real buses, test/interop/match-rules.test.ts.
// Specification: Match Rules.
import type { MessageHeader } from '../wire/messages/decode.js';
import type { Message } from '../wire/messages/message.js';
import type { MatchRule } from './match-rule.js';

/** Whether a message matches a rule in everything but the sender of the rule. ‹Match Rules› */
export function matchesRule(rule: MatchRule, message: Message): boolean {
  return matchesHeader(rule, message) && matchesArguments(rule, message);
}

/** Whether the header of a message matches a rule, except for the sender of the rule and its keys for arguments. */
export function matchesHeader(rule: MatchRule, message: MessageHeader): boolean {
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

export function isAtOrBelow(path: string, namespace: string): boolean {
  return path === namespace || namespace === '/' || path.startsWith(`${namespace}/`);
}

/** Whether the arguments of a message match the keys of a rule for arguments. */
export function matchesArguments(rule: MatchRule, { signature, body }: Message): boolean {
  for (const [key, wanted] of Object.entries(rule.args ?? {})) {
    const index = Number(key);
    if (body[index] !== wanted || textTypeOf(signature, body, index) !== 's') return false;
  }
  for (const [key, wanted] of Object.entries(rule.argPaths ?? {})) {
    const argument = body[Number(key)];
    const type = textTypeOf(signature, body, Number(key));
    if (typeof argument !== 'string' || (type !== 's' && type !== 'o')) return false;
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

function matchesArgumentPath(argument: string, wanted: string): boolean {
  return (
    argument === wanted ||
    (wanted.endsWith('/') && argument.startsWith(wanted)) ||
    (argument.endsWith('/') && wanted.startsWith(argument))
  );
}

/** The type of an argument whose value is a string: `s`, `o` or `g`. Empty for any other value. */
function textTypeOf(signature: string, body: readonly unknown[], index: number): string {
  if (typeof body[index] !== 'string') return '';
  let position = 0;
  for (let argument = 0; argument < index; argument++) position = endOfType(signature, position);
  return signature.charAt(position);
}

/** The end of the single complete type that starts at `position` of a valid signature. */
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
