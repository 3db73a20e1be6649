// Everything that a program wants of a bus and that outlives one open stream: names with their flags, match rules,
// watched owners, subscriptions. Each part keeps its list and uses the engine that is open at present; on a new engine
// the lists are sent again. The names come last: when other programs see them again, all subscriptions and watches work
// again. Specification: Message Bus Specification. Tests: wishes.test.ts, reconnect.test.ts.
import { BUS_NAME, BUS_OBJECT } from '../protocol/bus.js';
import type { MatchRule } from '../protocol/match-rule.js';
import type { ArrivedSignal } from './arrived-signal.js';
import { NameRequests, type RestoredNames } from './name-requests.js';
import type { Engine } from './engine.js';
import { type ConnectionClosedError, formerNameError } from './errors.js';
import type { Gap } from './gap.js';
import type { LinkCore, SignalReceiver } from './link-core.js';
import { MatchRequests } from './match-requests.js';
import { NameOwners } from './name-owners.js';
import { NamespaceOwners } from './namespace-owners.js';
import { type SignalRequest, SignalRouting, type SignalSource } from './signal-routing.js';
import { Subscriptions } from './subscription.js';

/** The wishes of one connection to a bus. */
export class Wishes implements SignalReceiver, SignalSource {
  readonly isOneProgram = false;
  readonly names: NameRequests;
  readonly subscriptions: Subscriptions;
  readonly #core: LinkCore;
  readonly #signals: SignalRouting;
  // The other parts are made on first use.
  #rules: MatchRequests | undefined;
  #owners: NameOwners | undefined;
  #namespaces: NamespaceOwners | undefined;

  constructor(core: LinkCore) {
    this.#core = core;
    this.names = new NameRequests(core);
    this.#signals = new SignalRouting(this, core);
    this.subscriptions = new Subscriptions(this.#signals, core.drops);
  }

  get rules(): MatchRequests {
    return this.#rules ??= new MatchRequests(this.#core);
  }

  get owners(): NameOwners {
    return this.#owners ??= new NameOwners(this.#core, this.rules);
  }

  get namespaces(): NamespaceOwners {
    return this.#namespaces ??= new NamespaceOwners(this.#core, this.rules);
  }

  isOurs(destination: string): boolean {
    return this.names.isOurs(destination);
  }

  mayOwn(name: string, sender: string): boolean {
    return this.#owners === undefined || this.#owners.mayOwn(name, sender);
  }

  /** The bus's own signals update names and owners before any subscription gets them. */
  deliver(signal: ArrivedSignal): void {
    const { sender, interface: interfaceName } = signal.header;
    if (sender === BUS_NAME && interfaceName === BUS_OBJECT.interface) {
      this.#owners?.handleBusSignal(signal);
      this.#namespaces?.handleBusSignal(signal);
      this.names.handleBusSignal(signal);
    }
    this.#signals.deliver(signal);
  }

  /** Must be called if a connection has ended and is to be restored. */
  handleBreak(): void {
    this.names.handleBreak();
    this.#signals.handleBreak();
    this.#owners?.handleBreak();
    this.#namespaces?.handleBreak();
  }

  /**
   * Sends all requests on a new engine, in one write. Rejects if the engine ends or a reply does not come; the result
   * has the requests that the bus refuses.
   */
  async replay(engine: Engine, gap: Gap): Promise<RestoredNames> {
    this.#signals.noteGap(gap);
    // The rules before the questions, so that no change of an owner can be missed between the two.
    const rules = this.#rules?.replay(engine) ?? [];
    const owners = this.#owners?.replay(engine);
    const restored = this.names.replay(engine);
    const namespaces = this.#namespaces?.replay(engine) ?? []; // asks in several steps
    const [ruleErrors, { names, errors }, listErrors] = await Promise.all([rules, restored, namespaces, owners]);
    return { names, errors: [...errors, ...ruleErrors, ...listErrors] };
  }

  /** No further engine follows. */
  end(error: ConnectionClosedError): void {
    this.#rules?.end(error);
    this.#owners?.end(error);
    this.#namespaces?.end(error);
  }

  /** The link has ended: forgets the listeners of the program. */
  handleEnd(): void {
    this.#owners?.forgetAll();
    this.#namespaces?.forgetAll();
  }

  /** Adds the rule, and watches the owner of a well-known sender. Refuses a unique name of an earlier connection. */
  request(rule: MatchRule, refuse: (error: unknown) => void): SignalRequest {
    const { sender } = rule;
    const isUnique = sender?.startsWith(':') === true;
    if (isUnique && this.#core.open === undefined) {
      return { ready: Promise.reject(formerNameError(sender)), release: () => Promise.resolve() };
    }
    const isWellKnown = sender !== undefined && !isUnique && sender !== BUS_NAME;
    // GetNameOwner is sent before the rule: when the first signal arrives, its permitted sender is known.
    const watch = isWellKnown ? this.owners.watch(sender, () => {}) : undefined;
    const added = this.rules.add(rule, refuse);
    return {
      ready: Promise.all([added.ready, watch?.ready]).then(() => undefined),
      release: () => Promise.all([added.release(), watch?.close()]).then(() => undefined),
    };
  }

  ownerOf(name: string): string | undefined {
    return this.owners.ownerOf(name);
  }
}
