// An index of the match rules of all connections by the values that they compare: a tree whose levels
// are sender, member, interface, path, and the arguments that a rule asks for. At each level a message goes to the
// branch of its value, to those of the namespaces around it, and to the branch of rules without this key. It does not
// know connections, only the subscribers that the owner of the index passes in. Specification: Match Rules. Tests:
// match-index.test.ts.
import { MAX_RULE_LENGTH, type MatchRule } from '../protocol/match-rule.js';
import type { MessageHeader } from '../wire/messages/decode.js';
import { codecOf } from '../wire/values/codec.js';

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
}

type Children<Subscriber> = Map<string | number, Node<Subscriber>>;

class Node<Subscriber> {
  unasked: Node<Subscriber> | undefined = undefined;
  exact: Children<Subscriber> | undefined = undefined;
  namespaces: Children<Subscriber> | undefined = undefined;
  /** The values of the keys `arg0path` and so on. */
  paths: Children<Subscriber> | undefined = undefined;
  /** The next argument for which rules ask, by its index. */
  arguments: Children<Subscriber> | undefined = undefined;
  rules: Set<IndexedRule<Subscriber>> | undefined = undefined;
}

/** A step from one level to the next: the value that a rule asks for, the namespace, the argument, or none of these. */
type Step =
  | { readonly kind: 'unasked' }
  | { readonly kind: 'exact' | 'namespaces' | 'paths' | 'arguments'; readonly key: string | number };

const UNASKED: Step = { kind: 'unasked' };

function stepOf(kind: 'exact' | 'namespaces', key: string | undefined): Step {
  return key === undefined ? UNASKED : { kind, key };
}

function stepsOf(rule: MatchRule): readonly Step[] {
  return [
    stepOf('exact', rule.sender),
    stepOf('exact', rule.member),
    stepOf('exact', rule.interface),
    rule.path === undefined ? stepOf('namespaces', rule.pathNamespace) : stepOf('exact', rule.path),
    ...argumentSteps(rule),
  ];
}

/** Two steps for each argument that a rule asks for, in the order of the arguments. */
function argumentSteps({ args, argPaths, arg0Namespace }: MatchRule): readonly Step[] {
  if (args === undefined && argPaths === undefined && arg0Namespace === undefined) return [];
  const asked: [index: number, step: Step][] = [];
  if (arg0Namespace !== undefined) asked.push([0, { kind: 'namespaces', key: arg0Namespace }]);
  for (const [index, key] of Object.entries(args ?? {})) asked.push([Number(index), { kind: 'exact', key }]);
  for (const [index, key] of Object.entries(argPaths ?? {})) asked.push([Number(index), { kind: 'paths', key }]);
  return asked.sort(([a], [b]) => a - b).flatMap(([key, step]): Step[] => [{ kind: 'arguments', key }, step]);
}

/** The most arguments that a rule can ask for. */
export const MAX_TEXTS = 64;

/** The match rules of a bus, or of its monitors. */
export class MatchIndex<Subscriber> {
  readonly #root = new Node<Subscriber>();
  #size = 0;
  readonly #prefixes = new MessagePrefixes();

  /** How many rules there are. */
  get size(): number {
    return this.#size;
  }

  /** Adds a rule; returns the entry for {@link MatchIndex.remove}. */
  add(rule: MatchRule, subscriber: Subscriber): IndexedRule<Subscriber> {
    const indexed = { subscriber, rule };
    let node = this.#root;
    for (const step of stepsOf(rule)) {
      if (step.kind === 'unasked') node = node.unasked ??= new Node();
      else node = childOf((node[step.kind] ??= new Map()), step.key);
    }
    (node.rules ??= new Set()).add(indexed);
    this.#size++;
    return indexed;
  }

  /** Removes a rule that {@link MatchIndex.add} has returned, and the branches without further rules. */
  remove(indexed: IndexedRule<Subscriber>): void {
    if (!removeBelow(this.#root, stepsOf(indexed.rule), 0, indexed)) return;
    this.#size--;
  }

  /** Calls `found` for each rule that matches: once for each rule, so perhaps several times for one subscriber. */
  match(message: MatchedMessage, found: (subscriber: Subscriber) => void): void {
    if (this.#size === 0) return;
    this.#matchSender(message, found);
    this.#prefixes.clear();
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
      // The keys of this map are names.
      for (const [name, node] of exact) if (senderNames.has(name as string)) this.#matchMember(node, message, found);
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
    if (node.unasked !== undefined) this.#matchArguments(node.unasked, message, found);
    if (path === undefined) return;
    const exact = node.exact?.get(path);
    if (exact !== undefined) this.#matchArguments(exact, message, found);
    if (node.namespaces === undefined) return;
    for (const namespace of nodesOf(this.#prefixes.path, path, node.namespaces)) {
      this.#matchArguments(namespace, message, found);
    }
    const all = path === '/' ? undefined : node.namespaces.get('/');
    if (all !== undefined) this.#matchArguments(all, message, found);
  }

  #matchArguments(node: Node<Subscriber>, message: MatchedMessage, found: (subscriber: Subscriber) => void): void {
    if (node.rules !== undefined) this.#matchRules(node.rules, message, found);
    if (node.arguments === undefined) return;
    const { signature } = message.header;
    if (signature === '') return;
    for (const [key, asked] of node.arguments) {
      const index = key as number; // the keys of this map are indexes
      const text = message.texts[index];
      if (text === undefined) continue;
      const type = codecOf(signature).types[index];
      if (type?.kind === 'string' && type.code === 's') {
        const exact = asked.exact?.get(text);
        if (exact !== undefined) this.#matchArguments(exact, message, found);
        if (asked.namespaces !== undefined) {
          for (const name of nodesOf(this.#prefixes.name(index), text, asked.namespaces)) {
            this.#matchArguments(name, message, found);
          }
        }
      }
      if (asked.paths === undefined) continue;
      for (const path of relatedPaths(this.#prefixes.folders(index), text, asked.paths)) {
        this.#matchArguments(path, message, found);
      }
    }
  }

  #matchRules(
    rules: ReadonlySet<IndexedRule<Subscriber>>, message: MatchedMessage, found: (subscriber: Subscriber) => void,
  ): void {
    const { header } = message;
    for (const { rule, subscriber } of rules) {
      if (rule.type !== undefined && rule.type !== header.type) continue;
      if (rule.destination !== undefined && !message.isAddressedTo(rule.destination)) continue;
      found(subscriber);
    }
  }
}

/** The prefixes of one text: itself, and its beginnings that end before a separator, or with it. */
class Prefixes {
  readonly #separator: string;
  readonly #hasSeparator: boolean;
  #text: string | undefined;
  #prefixes: readonly string[] = [];

  constructor(separator: string, { hasSeparator }: { readonly hasSeparator: boolean }) {
    this.#separator = separator;
    this.#hasSeparator = hasSeparator;
  }

  /** The prefixes that can be keys of an index, the longest first. */
  of(text: string): readonly string[] {
    if (text !== this.#text) {
      this.#prefixes = this.#make(text);
      this.#text = text;
    }
    return this.#prefixes;
  }

  /** Whether a key of an index is one of the prefixes of a text. */
  hasKey(key: string, text: string): boolean {
    if (!text.startsWith(key)) return false;
    return text.length === key.length || text[key.length - (this.#hasSeparator ? 1 : 0)] === this.#separator;
  }

  clear(): void {
    if (this.#text === undefined) return;
    this.#text = undefined; // a text can be long
    this.#prefixes = [];
  }

  #make(text: string): string[] {
    const prefixes = text.length <= MAX_RULE_LENGTH ? [text] : []; // no key is longer than a rule
    const rest = this.#hasSeparator ? 1 : 0;
    for (let end = text.lastIndexOf(this.#separator, MAX_RULE_LENGTH); end + rest > 0;) {
      if (end + rest < text.length) prefixes.push(text.slice(0, end + rest));
      if (end <= 0) break;
      end = text.lastIndexOf(this.#separator, end - 1);
    }
    return prefixes;
  }
}

/**
 * The prefixes of the path of one message and of its arguments. They are made once for each message: the rules of one
 * client can ask thousands of times for those of one argument.
 */
class MessagePrefixes {
  readonly path = new Prefixes('/', { hasSeparator: false });
  readonly #names: Prefixes[] = [];
  readonly #folders: Prefixes[] = [];

  /** Those of an argument that is a name. */
  name(index: number): Prefixes {
    return (this.#names[index] ??= new Prefixes('.', { hasSeparator: false }));
  }

  /** Those of an argument that is a path. They end in "/". */
  folders(index: number): Prefixes {
    return (this.#folders[index] ??= new Prefixes('/', { hasSeparator: true }));
  }

  /** Forgets the texts of a message. */
  clear(): void {
    this.path.clear();
    for (const prefixes of this.#names) prefixes?.clear(); // an array with holes
    for (const prefixes of this.#folders) prefixes?.clear();
  }
}

/** The nodes for the prefixes of a text: it looks at the nodes or at the prefixes, whichever are fewer. */
function* nodesOf<Value>(
  prefixes: Prefixes, text: string, nodes: ReadonlyMap<string | number, Value>,
): Generator<Value> {
  const all = prefixes.of(text);
  if (nodes.size < all.length) {
    for (const [key, node] of nodes) if (prefixes.hasKey(key as string, text)) yield node; // the keys are texts
    return;
  }
  for (const prefix of all) {
    const node = nodes.get(prefix);
    if (node !== undefined) yield node;
  }
}

/** The nodes of the paths that are related to a text: equal, or one ends in "/" and the other begins with it. */
function* relatedPaths<Value>(
  folders: Prefixes, text: string, nodes: ReadonlyMap<string | number, Value>,
): Generator<Value> {
  yield* nodesOf(folders, text, nodes);
  if (!text.endsWith('/') || text.length > MAX_RULE_LENGTH) return;
  for (const [path, below] of nodes) if (path !== text && (path as string).startsWith(text)) yield below;
}

function childOf<Subscriber>(children: Children<Subscriber>, key: string | number): Node<Subscriber> {
  let child = children.get(key);
  if (child === undefined) {
    child = new Node();
    children.set(typeof key === 'string' ? flat(key) : key, child);
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
  const children = step.kind === 'unasked' ? undefined : node[step.kind];
  const child = step.kind === 'unasked' ? node.unasked : children?.get(step.key);
  if (child === undefined || !removeBelow(child, steps, level + 1, indexed)) return false;
  if (!isEmpty(child)) return true;
  if (step.kind === 'unasked') node.unasked = undefined;
  else children?.delete(step.key);
  return true;
}

function isEmpty({ unasked, exact, namespaces, paths, arguments: asked, rules }: Node<unknown>): boolean {
  return unasked === undefined && [exact, namespaces, paths, asked, rules].every((each) => (each?.size ?? 0) === 0);
}
