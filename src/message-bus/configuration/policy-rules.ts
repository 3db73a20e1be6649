// The policy of a bus: rules that allow or deny owning a name, and sending or receiving a message. The last rule that
// matches decides. It is pure: it does not know the syntax of the rules (read-policy.ts), and gets the names of both
// sides from the bus. Tests: policy-rules.test.ts. Reference: dbus-daemon(1), policy. (No clause of the specification.)
import type { MatchRule } from '../../protocol/match-rule.js';
import type { ClientPolicy, Passage } from '../client.js';

/** A type of messages that rules can name. */
export type MessageTypeName = NonNullable<MatchRule['type']>;

/** The conditions of one rule about messages. A key that is left out matches everything. */
export interface MessageConditions {
  readonly type?: MessageTypeName | undefined;
  readonly path?: string | undefined;
  readonly interface?: string | undefined;
  readonly member?: string | undefined;
  readonly error?: string | undefined;
  /** A name that the other side owns: the receiver for `send`, the sender for `receive`. */
  readonly peer?: string | undefined;
  /** A name of the other side, or the start of one: `com.example` matches `com.example.A` too. */
  readonly peerPrefix?: string | undefined;
  /** Whether the message is a broadcast. */
  readonly broadcast?: boolean | undefined;
  /** For `allow`, true (the default) excludes unrequested replies. For `deny`, the default is false. */
  readonly requestedReply: boolean;
  /** Whether an `allow` also applies to copies for others, and whether a `deny` applies only to them. */
  readonly eavesdrop: boolean;
  readonly minUnixFds: number;
  readonly maxUnixFds: number;
}

/** A rule about messages that the client sends or receives. */
export interface MessageRule {
  readonly kind: 'send' | 'receive';
  readonly allow: boolean;
  readonly conditions: MessageConditions;
}

/** A rule about the names that the client may own: one name, all names below a prefix, or, without both, all names. */
export interface OwnRule {
  readonly kind: 'own';
  readonly allow: boolean;
  readonly name?: string | undefined;
  readonly prefix?: string | undefined;
}

/** A rule about the users or groups that may connect; without an id, all of them. */
export interface ConnectRule {
  readonly kind: 'user' | 'group';
  readonly allow: boolean;
  readonly id: number | undefined;
}

/** One rule. */
export type PolicyRule = MessageRule | OwnRule | ConnectRule;

/** The clients that a group of rules applies to. The order is the order in which the groups are read. */
export type PolicyContext =
  | { readonly kind: 'default' }
  | { readonly kind: 'group'; readonly id: number }
  | { readonly kind: 'user'; readonly id: number }
  | { readonly kind: 'console'; readonly isThere: boolean }
  | { readonly kind: 'mandatory' };

/** Rules for some clients. */
export interface PolicyGroup {
  readonly context: PolicyContext;
  readonly rules: readonly PolicyRule[];
}

/** The parts of a message that rules compare. */
export interface PolicyMessage {
  readonly type: MessageTypeName | number;
  readonly path?: string | undefined;
  readonly interface?: string | undefined;
  readonly member?: string | undefined;
  readonly errorName?: string | undefined;
  readonly destination?: string | undefined;
  readonly replySerial?: number | undefined;
  readonly unixFds?: number | undefined;
}

/** The user and the groups of a client, as far as they are known. */
export interface PolicyClient {
  readonly uid: number | undefined;
  readonly gids: readonly number[];
}

const CONTEXT_ORDER = ['default', 'group', 'user', 'console', 'mandatory'] as const;

function startsNamespace(prefix: string, name: string): boolean {
  return name === prefix || (name.startsWith(prefix) && name[prefix.length] === '.');
}

/** The rules for the clients of one user. */
export class RulePolicy implements ClientPolicy {
  readonly #own: readonly OwnRule[];
  readonly #send: readonly MessageRule[];
  readonly #receive: readonly MessageRule[];
  readonly #connect: readonly ConnectRule[];
  /** Whether no message and no name is refused, so that the rules need not be asked. */
  readonly allowsEverything: boolean;
  readonly #uid: number | undefined;
  readonly #gids: readonly number[];

  constructor(groups: readonly PolicyGroup[], { uid, gids }: PolicyClient) {
    const applies = ({ context }: PolicyGroup): boolean => {
      if (context.kind === 'group') return gids.includes(context.id);
      if (context.kind === 'user') return context.id === uid;
      return context.kind !== 'console' || !context.isThere; // no user is known to be at the console
    };
    const rules = CONTEXT_ORDER.flatMap((kind) =>
      groups.filter((group) => group.context.kind === kind && applies(group)).flatMap((group) => group.rules));
    this.#own = rules.filter((rule): rule is OwnRule => rule.kind === 'own');
    this.#send = rules.filter((rule): rule is MessageRule => rule.kind === 'send');
    this.#receive = rules.filter((rule): rule is MessageRule => rule.kind === 'receive');
    this.#connect = rules.filter((rule): rule is ConnectRule => rule.kind === 'user' || rule.kind === 'group');
    this.#uid = uid;
    this.#gids = gids;
    this.allowsEverything = [this.#own, this.#send, this.#receive].every(endsWithAllowAll);
  }

  /**
   * Whether the client may connect. With `isBusUser` it runs as the user of the bus, and may connect unless a rule
   * denies it.
   */
  mayConnect(isBusUser: boolean): boolean {
    let allowed = isBusUser;
    for (const { kind, id, allow } of this.#connect) {
      const matches = id === undefined || (kind === 'user' ? id === this.#uid : this.#gids.includes(id));
      if (matches) allowed = allow;
    }
    return allowed;
  }

  /** Whether the client may own a well-known name. */
  mayOwn(name: string): boolean {
    let allowed = false;
    for (const rule of this.#own) {
      const matches = rule.prefix === undefined
        ? rule.name === undefined || rule.name === name
        : startsNamespace(rule.prefix, name);
      if (matches) allowed = rule.allow;
    }
    return allowed;
  }

  /** Whether the client may send a message. */
  maySend(message: PolicyMessage, passage: Passage): boolean {
    return lastMatch(this.#send, message, passage);
  }

  /** Whether the client may receive a message. */
  mayReceive(message: PolicyMessage, passage: Passage): boolean {
    return lastMatch(this.#receive, message, passage);
  }
}

/** Whether a rule that allows everything comes after all rules that deny anything. */
function endsWithAllowAll(rules: readonly (OwnRule | MessageRule)[]): boolean {
  for (const rule of [...rules].reverse()) {
    if (!rule.allow) return false;
    if (rule.kind === 'own' ? (rule.name ?? rule.prefix) === undefined : isUnconditional(rule)) return true;
  }
  return false;
}

/** Whether a rule matches each message that the bus passes on (all except unrequested replies). */
function isUnconditional({ kind, conditions }: MessageRule): boolean {
  const { type, path, interface: interfaceName, member, error, peer, peerPrefix, broadcast } = conditions;
  const named = type ?? path ?? interfaceName ?? member ?? error ?? peer ?? peerPrefix ?? broadcast;
  const hasAllCopies = kind === 'send' || conditions.eavesdrop;
  return named === undefined && hasAllCopies && conditions.minUnixFds === 0 && conditions.maxUnixFds === Infinity;
}

function lastMatch(rules: readonly MessageRule[], message: PolicyMessage, passage: Passage): boolean {
  for (let i = rules.length - 1; i >= 0; i--) {
    const rule = rules[i]!; // inside its length
    if (matches(rule, message, passage)) return rule.allow;
  }
  return false;
}

function matches({ kind, allow, conditions }: MessageRule, message: PolicyMessage, passage: Passage): boolean {
  const { type, path, interface: interfaceName, member, error, peer, peerPrefix, broadcast } = conditions;
  const { requestedReply, eavesdrop, minUnixFds, maxUnixFds } = conditions;
  if (type !== undefined && type !== message.type) return false;
  if (kind === 'receive' && passage.isEavesdropped && allow && !eavesdrop) return false;
  if (kind === 'receive' && !passage.isEavesdropped && !allow && eavesdrop) return false;
  if (message.replySerial !== undefined) {
    if (allow && requestedReply && !passage.isRequestedReply && !eavesdrop) return false;
    if (!allow && !requestedReply && passage.isRequestedReply) return false;
  }
  if (path !== undefined && message.path !== undefined && path !== message.path) return false;
  if (interfaceName !== undefined) {
    // A call without an interface can reach every interface: only a rule that denies one matches it.
    if (message.interface === undefined ? allow : message.interface !== interfaceName) return false;
  }
  if (member !== undefined && message.member !== undefined && member !== message.member) return false;
  if (error !== undefined && message.errorName !== undefined && error !== message.errorName) return false;
  if (broadcast !== undefined) {
    const isBroadcast = message.type === 'signal' && message.destination === undefined;
    if (broadcast !== isBroadcast) return false;
  }
  const unixFds = message.unixFds ?? 0;
  if (unixFds < minUnixFds || unixFds > maxUnixFds) return false;
  return peerMatches(peer, peerPrefix, passage);
}

function peerMatches(peer: string | undefined, prefix: string | undefined, { peerNames }: Passage): boolean {
  if (peer === undefined && prefix === undefined) return true;
  for (const name of peerNames) {
    if (prefix === undefined ? name === peer : startsNamespace(prefix, name)) return true;
  }
  return false;
}
