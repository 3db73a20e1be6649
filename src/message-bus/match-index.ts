// The match rules of all connections, found by what a message says instead of one after another: a tree whose levels
// are sender, member, interface, path and first argument. At each level a message goes to the branch of its value, to
// those of the namespaces around it, and to the branch of rules that do not ask. It knows no connections, only the
// subscribers that the owner of the index gives it. Specification: Match Rules. Tests: match-index.test.ts.
import { matchesArguments } from '../protocol/matches-rule.js';
import { MAX_RULE_LENGTH, type MatchRule } from '../protocol/match-rule.js';
import type { MessageHeader } from '../wire/messages/decode.js';
import type { Message } from '../wire/messages/message.js';

/** A message as the index sees it. */
export interface MatchedMessage {
  readonly header: MessageHeader;
  /** The unique name of the sender; the bus's own name for its messages. */
  readonly senderName: string;
  /** The well-known names that the sender owns now. */
  readonly senderNames: ReadonlySet<string>;
  /** The texts among the arguments; see `textArguments`. */
  readonly texts: readonly (string | undefined)[];
  /** Whether a name is that of the receiver to which the message is addressed. */
  isAddressedTo(name: string): boolean;
}

/** A rule in an index. */
export interface IndexedRule<Subscriber> {
  readonly subscriber: Subscriber;
  readonly rule: MatchRule;
  /** Whether conditions remain that no level of the tree decides. */
  readonly hasMoreArguments: boolean;
}

class Node<Subscriber> {
  unasked: Node<Subscriber> | undefined = undefined;
  exact: Map<string, Node<Subscriber>> | undefined = undefined;
  namespaces: Map<string, Node<Subscriber>> | undefined = undefined;
  rules: Set<IndexedRule<Subscriber>> | undefined = undefined;
}

/** A step from one level to the next: the value that a rule asks for, or the namespace, or neither. */
interface Step {
  readonly exact?: string | undefined;
  readonly namespace?: string | undefined;
}

function stepsOf(rule: MatchRule): readonly Step[] {
  return [
    { exact: rule.sender },
    { exact: rule.member },
    { exact: rule.interface },
    { exact: rule.path, namespace: rule.pathNamespace },
    { exact: rule.args?.[0], namespace: rule.arg0Namespace },
  ];
}

/** Most arguments that a rule can ask for. */
export const MAX_TEXTS = 64;

/** The match rules of a bus, or of its monitors. */
export class MatchIndex<Subscriber> {
  readonly #root = new Node<Subscriber>();
  #size = 0;

  /** How many rules there are. */
  get size(): number {
    return this.#size;
  }

  /** Adds a rule; the result is what {@link MatchIndex.remove} takes. */
  add(rule: MatchRule, subscriber: Subscriber): IndexedRule<Subscriber> {
    const indexed = { subscriber, rule, hasMoreArguments: hasMoreArguments(rule) };
    let node = this.#root;
    for (const { exact, namespace } of stepsOf(rule)) {
      if (exact !== undefined) node = childOf((node.exact ??= new Map()), exact);
      else if (namespace !== undefined) node = childOf((node.namespaces ??= new Map()), namespace);
      else node = node.unasked ??= new Node();
    }
    (node.rules ??= new Set()).add(indexed);
    this.#size++;
    return indexed;
  }

  /** Removes a rule that {@link MatchIndex.add} has returned, and the branches that no rule needs any more. */
  remove(indexed: IndexedRule<Subscriber>): void {
    if (!removeBelow(this.#root, stepsOf(indexed.rule), 0, indexed)) return;
    this.#size--;
  }

  /** Calls `found` for each rule that matches: once for each rule, so perhaps several times for one subscriber. */
  match(message: MatchedMessage, found: (subscriber: Subscriber) => void): void {
    if (this.#size === 0) return;
    this.#matchSender(message, found);
  }

  #matchSender(message: MatchedMessage, found: (subscriber: Subscriber) => void): void {
    const { unasked, exact } = this.#root;
    if (unasked !== undefined) this.#matchMember(unasked, message, found);
    if (exact === undefined) return;
    const { senderName, senderNames } = message;
    const byUnique = exact.get(senderName);
    if (byUnique !== undefined) this.#matchMember(byUnique, message, found);
    if (senderNames.size <= exact.size) {
      for (const name of senderNames) {
        const node = exact.get(name);
        if (node !== undefined) this.#matchMember(node, message, found);
      }
    } else {
      for (const [name, node] of exact) if (senderNames.has(name)) this.#matchMember(node, message, found);
    }
  }

  #matchMember(node: Node<Subscriber>, message: MatchedMessage, found: (subscriber: Subscriber) => void): void {
    const { member } = message.header;
    if (node.unasked !== undefined) this.#matchInterface(node.unasked, message, found);
    const exact = member === undefined ? undefined : node.exact?.get(member);
    if (exact !== undefined) this.#matchInterface(exact, message, found);
  }

  #matchInterface(node: Node<Subscriber>, message: MatchedMessage, found: (subscriber: Subscriber) => void): void {
    const { interface: name } = message.header;
    if (node.unasked !== undefined) this.#matchPath(node.unasked, message, found);
    const exact = name === undefined ? undefined : node.exact?.get(name);
    if (exact !== undefined) this.#matchPath(exact, message, found);
  }

  #matchPath(node: Node<Subscriber>, message: MatchedMessage, found: (subscriber: Subscriber) => void): void {
    const { path } = message.header;
    if (node.unasked !== undefined) this.#matchArgument(node.unasked, message, found);
    if (path === undefined) return;
    const exact = node.exact?.get(path);
    if (exact !== undefined) this.#matchArgument(exact, message, found);
    if (node.namespaces === undefined) return;
    for (const namespace of prefixesOf(path, '/', node.namespaces)) {
      this.#matchArgument(namespace, message, found);
    }
    const all = path === '/' ? undefined : node.namespaces.get('/');
    if (all !== undefined) this.#matchArgument(all, message, found);
  }

  #matchArgument(node: Node<Subscriber>, message: MatchedMessage, found: (subscriber: Subscriber) => void): void {
    if (node.unasked !== undefined) this.#matchRules(node.unasked, message, found);
    if (node.exact === undefined && node.namespaces === undefined) return;
    if (!message.header.signature.startsWith('s')) return;
    const text = message.texts[0];
    if (text === undefined) return;
    const exact = node.exact?.get(text);
    if (exact !== undefined) this.#matchRules(exact, message, found);
    if (node.namespaces === undefined) return;
    for (const namespace of prefixesOf(text, '.', node.namespaces)) this.#matchRules(namespace, message, found);
  }

  #matchRules({ rules }: Node<Subscriber>, message: MatchedMessage, found: (subscriber: Subscriber) => void): void {
    if (rules === undefined) return;
    const { header } = message;
    for (const { rule, subscriber, hasMoreArguments } of rules) {
      if (rule.type !== undefined && rule.type !== header.type) continue;
      if (rule.destination !== undefined && !message.isAddressedTo(rule.destination)) continue;
      if (hasMoreArguments && !argumentsMatch(rule, message)) continue;
      found(subscriber);
    }
  }
}

/** The nodes of a text and of its beginnings that end before a separator, so far as there are nodes for them. */
function* prefixesOf<Value>(text: string, separator: string, nodes: ReadonlyMap<string, Value>): Generator<Value> {
  const isShort = text.length <= MAX_RULE_LENGTH; // no rule has a longer namespace, and a path can have any length
  let end = isShort ? text.length : text.lastIndexOf(separator, MAX_RULE_LENGTH);
  for (; end > 0; end = text.lastIndexOf(separator, end - 1)) {
    const node = nodes.get(text.slice(0, end));
    if (node !== undefined) yield node;
  }
}

function argumentsMatch(rule: MatchRule, { header, texts }: MatchedMessage): boolean {
  const readParts = { signature: header.signature, body: texts };
  return matchesArguments(rule, readParts as unknown as Message); // it reads no other parts
}

function childOf<Subscriber>(children: Map<string, Node<Subscriber>>, key: string): Node<Subscriber> {
  let child = children.get(key);
  if (child === undefined) {
    child = new Node();
    children.set(flat(key), child);
  }
  return child;
}

/**
 * The same text in memory of its own. The texts of a parsed rule are parts of the text of the rule; V8 takes three
 * times as long to compare such a part with the text of a message.
 */
function flat(text: string): string {
  return Object.keys({ [text]: 0 })[0]!; // it has one key
}

/** Removes a rule below a node; returns whether it was there. */
function removeBelow<Subscriber>(
  node: Node<Subscriber>, steps: readonly Step[], level: number, indexed: IndexedRule<Subscriber>,
): boolean {
  const step = steps[level];
  if (step === undefined) return node.rules?.delete(indexed) ?? false;
  const { exact, namespace } = step;
  const key = exact ?? namespace;
  const children = exact !== undefined ? node.exact : namespace !== undefined ? node.namespaces : undefined;
  const child = key === undefined ? node.unasked : children?.get(key);
  if (child === undefined || !removeBelow(child, steps, level + 1, indexed)) return false;
  if (!isEmpty(child)) return true;
  if (key === undefined) node.unasked = undefined;
  else children?.delete(key);
  return true;
}

function isEmpty({ unasked, exact, namespaces, rules }: Node<unknown>): boolean {
  return unasked === undefined && !((exact?.size ?? 0) > 0 || (namespaces?.size ?? 0) > 0 || (rules?.size ?? 0) > 0);
}

/** Whether a rule asks for arguments beyond what the level of the first argument decides. */
function hasMoreArguments({ args, argPaths }: MatchRule): boolean {
  return argPaths !== undefined || (args !== undefined && Object.keys(args).some((index) => index !== '0'));
}
