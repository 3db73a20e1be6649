// Reads one `<policy>` of a configuration file: its context, and its rules. policy-rules.ts decides by them.
// Tests: read-configuration.test.ts. Reference: dbus-daemon(1), policy. (No clause of the specification.)
import type { StartTag, XmlReader } from '../../interface/xml-reader.js';
import { quote } from '../../wire/describe.js';
import { isBusName, isInterfaceName, isMemberName, isObjectPath } from '../../wire/names.js';
import { requireAttributes, requireEmpty } from './elements.js';
import type { MessageConditions, MessageTypeName, PolicyContext, PolicyGroup, PolicyRule } from './policy-rules.js';

/** The id of a user or a group; undefined if the system does not know the name. */
export type IdOf = (kind: 'user' | 'group', name: string) => number | undefined;

/** The subject of a rule. */
type Subject = PolicyRule['kind'] | 'any';

const MESSAGE_TYPES: ReadonlySet<string> = new Set(['method_call', 'method_return', 'error', 'signal']);

const COMMON = ['type', 'interface', 'member', 'error', 'path', 'requested_reply'];
/** The subject of each attribute; `any` fits every rule about messages. */
const ATTRIBUTES: ReadonlyMap<string, Subject> = new Map<string, Subject>([
  ...COMMON.flatMap((name) => [[`send_${name}`, 'send'], [`receive_${name}`, 'receive']] as const),
  ['send_destination', 'send'], ['send_destination_prefix', 'send'], ['send_broadcast', 'send'],
  ['receive_sender', 'receive'],
  ['own', 'own'], ['own_prefix', 'own'], ['user', 'user'], ['group', 'group'],
  ['eavesdrop', 'any'], ['min_fds', 'any'], ['max_fds', 'any'], ['log', 'any'],
]);

function isNamespace(text: string): boolean {
  return isBusName(text) || isBusName(`${text}.x`);
}

function requireName(reader: XmlReader, tag: StartTag, attribute: string, value: string, isPrefix: boolean): string {
  if (isPrefix ? isNamespace(value) : isBusName(value)) return value;
  const must = isPrefix ? 'the start of a bus name' : 'a bus name';
  throw reader.error('VALUE_INVALID', `${attribute} is ${quote(value, 80)}: it must be ${must}`, tag.offset);
}

/**
 * Reads one `<policy>` after its start tag; returns undefined if the system does not know its user or group.
 * @throws {ConfigurationError} if it is not valid
 */
export function readPolicy(reader: XmlReader, tag: StartTag, idOf: IdOf): PolicyGroup | undefined {
  requireAttributes(reader, tag, ['context', 'user', 'group', 'at_console']);
  const [attribute, ...others] = tag.attributes.keys();
  if (attribute === undefined || others.length > 0) {
    const must = 'it must have exactly one of context, user, group, at_console';
    throw reader.error('ATTRIBUTE_INVALID', `<policy> with ${tag.attributes.size} attributes: ${must}`, tag.offset);
  }
  const context = contextOf(reader, tag, attribute, idOf);
  const rules: PolicyRule[] = [];
  for (let rule = reader.next(); rule?.kind === 'start'; rule = reader.next()) {
    if (rule.name !== 'allow' && rule.name !== 'deny') {
      const problem = `<${rule.name.slice(0, 40)}> in <policy>: it must be <allow> or <deny>`;
      throw reader.error('MARKUP_INVALID', problem, rule.offset);
    }
    rules.push(...readRule(reader, rule, idOf));
    requireEmpty(reader, rule);
  }
  return context === undefined ? undefined : { context, rules };
}

function contextOf(reader: XmlReader, tag: StartTag, attribute: string, idOf: IdOf): PolicyContext | undefined {
  const value = tag.attributes.get(attribute) ?? '';
  const invalid = (must: string): Error =>
    reader.error('VALUE_INVALID', `${attribute} of <policy> is ${quote(value, 40)}: it must be ${must}`, tag.offset);
  if (attribute === 'context') {
    if (value === 'default' || value === 'mandatory') return { kind: value };
    throw invalid('default or mandatory');
  }
  if (attribute === 'at_console') {
    if (value === 'true' || value === 'false') return { kind: 'console', isThere: value === 'true' };
    throw invalid('true or false');
  }
  const kind = attribute === 'user' ? 'user' : 'group';
  const id = idOf(kind, value);
  return id === undefined ? undefined : { kind, id };
}

function readRule(reader: XmlReader, tag: StartTag, idOf: IdOf): readonly PolicyRule[] {
  const allow = tag.name === 'allow';
  const { attributes } = tag;
  requireAttributes(reader, tag, [...ATTRIBUTES.keys()]);
  const subjects = [...attributes.keys()].map((name) => ATTRIBUTES.get(name));
  const kinds = new Set(subjects.filter((subject) => subject !== 'any'));
  if (kinds.size > 1) {
    const problem = `<${tag.name}> has attributes about ${[...kinds].join(' and ')}: all must be about one of them`;
    throw reader.error('ATTRIBUTE_INVALID', problem, tag.offset);
  }
  const [kind] = kinds;
  if (kind === undefined) {
    // With only eavesdrop, or the number of descriptors, the rule is about every message.
    if (attributes.size > 0) return [messageRule(reader, tag, 'receive', allow)];
    throw reader.error('ATTRIBUTE_MISSING', `<${tag.name}> without attributes: it must have one`, tag.offset);
  }
  if (kind === 'send' || kind === 'receive') return [messageRule(reader, tag, kind, allow)];
  if (attributes.size > 1) {
    const problem = `<${tag.name}> has ${attributes.size} attributes about ${kind}: it must have one`;
    throw reader.error('ATTRIBUTE_INVALID', problem, tag.offset);
  }
  const [[attribute, value]] = [...attributes] as [[string, string]]; // exactly one
  if (kind === 'own') {
    const name = value === '*' ? undefined : requireName(reader, tag, attribute, value, attribute === 'own_prefix');
    return [attribute === 'own_prefix' ? { kind, allow, prefix: name } : { kind, allow, name }];
  }
  if (value === '*') return [{ kind, allow, id: undefined }];
  const id = idOf(kind, value);
  return id === undefined ? [] : [{ kind, allow, id }];
}

function messageRule(reader: XmlReader, tag: StartTag, kind: 'send' | 'receive', allow: boolean): PolicyRule {
  const { attributes } = tag;
  const read = (name: string, isValid: (value: string) => boolean, must: string): string | undefined => {
    const value = attributes.get(name);
    if (value === undefined || value === '*') return undefined;
    if (isValid(value)) return value;
    throw reader.error('VALUE_INVALID', `${name} is ${quote(value, 80)}: it must be ${must}`, tag.offset);
  };
  const flag = (name: string): boolean | undefined => {
    const value = read(name, (text) => text === 'true' || text === 'false', 'true or false');
    return value === undefined ? undefined : value === 'true';
  };
  const count = (name: string, otherwise: number): number => {
    const value = read(name, (text) => /^[0-9]{1,9}$/.test(text), 'an integer');
    return value === undefined ? otherwise : Number(value);
  };
  const peer = kind === 'send' ? 'send_destination' : 'receive_sender';
  const conditions: MessageConditions = {
    type: read(`${kind}_type`, (type) => MESSAGE_TYPES.has(type), `one of ${[...MESSAGE_TYPES].join(', ')}`) as
      | MessageTypeName
      | undefined, // one of the set
    path: read(`${kind}_path`, isObjectPath, 'an object path'),
    interface: read(`${kind}_interface`, isInterfaceName, 'an interface name'),
    member: read(`${kind}_member`, isMemberName, 'a member name'),
    error: read(`${kind}_error`, isInterfaceName, 'an error name'),
    peer: read(peer, isBusName, 'a bus name'),
    peerPrefix: kind === 'send' ? read('send_destination_prefix', isNamespace, 'the start of a bus name') : undefined,
    broadcast: kind === 'send' ? flag('send_broadcast') : undefined,
    requestedReply: flag(`${kind}_requested_reply`) ?? allow,
    eavesdrop: flag('eavesdrop') ?? false,
    minUnixFds: count('min_fds', 0),
    maxUnixFds: count('max_fds', Infinity),
  };
  const names = [...attributes.keys()];
  const invalid = (problem: string): Error =>
    reader.error('ATTRIBUTE_INVALID', `${problem} in <${tag.name}>`, tag.offset);
  if (attributes.has('send_destination') && attributes.has('send_destination_prefix')) {
    throw invalid('send_destination and send_destination_prefix: at most one of them must be given');
  }
  if (conditions.broadcast === true && (conditions.peer ?? conditions.peerPrefix) !== undefined) {
    throw invalid('a broadcast with a destination: a broadcast must not have one');
  }
  if (names.includes(`${kind}_interface`) && names.includes(`${kind}_error`)) {
    throw invalid(`${kind}_interface and ${kind}_error: an error has no interface`);
  }
  if (names.includes(`${kind}_member`) && names.includes(`${kind}_error`)) {
    throw invalid(`${kind}_member and ${kind}_error: an error has no member`);
  }
  const needsMore = !allow && conditions.member !== undefined;
  if (needsMore && !names.includes(`${kind}_interface`) && !names.includes(`${kind}_path`)) {
    throw invalid(`${kind}_member alone: ${kind}_interface or ${kind}_path must be given too`);
  }
  return { kind, allow, conditions };
}
