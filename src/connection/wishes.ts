// Everything that a program wants of a bus and that outlives one open stream: names with their flags, match rules,
// watched owners, subscriptions. Each part keeps its list and uses the engine that is open at present, so that the
// lists could be sent again on a new engine: names, then rules, then owners.
// Specification: Message Bus Specification.
import { BUS_NAME, BUS_OBJECT } from '../protocol/bus.js';
import type { MatchRule } from '../protocol/match-rule.js';
import type { ArrivedSignal, SignalHeader } from './arrived-signal.js';
import { BusNames } from './bus-names.js';
import type { LinkCore, SignalReceiver } from './link-core.js';
import { MatchRequests } from './match-requests.js';
import { NameOwners } from './name-owners.js';
import { NamespaceOwners } from './namespace-owners.js';
import { type SignalRequest, type SignalSource, Subscriptions } from './subscription.js';

/** The wishes of one connection to a bus. */
export class Wishes implements SignalReceiver, SignalSource {
  readonly names: BusNames;
  readonly rules: MatchRequests;
  readonly owners: NameOwners;
  readonly namespaces: NamespaceOwners;
  readonly subscriptions: Subscriptions;

  constructor(core: LinkCore) {
    const engine = (): LinkCore['engine'] => core.engine;
    this.names = new BusNames(engine);
    this.rules = new MatchRequests(engine);
    this.owners = new NameOwners(engine, this.rules);
    this.namespaces = new NamespaceOwners(engine, this.rules);
    this.subscriptions = new Subscriptions(this, core);
  }

  isOurs(destination: string): boolean {
    return this.names.isOurs(destination);
  }

  mayOwn(name: string, sender: string): boolean {
    return this.owners.mayOwn(name, sender);
  }

  /** The bus's own signals update names and owners before any subscription gets them. */
  deliver(signal: ArrivedSignal): void {
    const { sender, interface: interfaceName } = signal.header;
    if (sender === BUS_NAME && interfaceName === BUS_OBJECT.interface) {
      this.owners.handleBusSignal(signal);
      this.namespaces.handleBusSignal(signal);
      this.names.handleBusSignal(signal);
    }
    this.subscriptions.deliver(signal);
  }

  /** Adds the rule, and watches the owner of a well-known sender. */
  request(rule: MatchRule): SignalRequest {
    const { sender } = rule;
    const isWellKnown = sender !== undefined && !sender.startsWith(':') && sender !== BUS_NAME;
    // GetNameOwner is sent before the rule: when the first signal arrives, its permitted sender is known.
    const watch = isWellKnown ? this.owners.watch(sender, () => {}) : undefined;
    const added = this.rules.add(rule);
    return {
      ready: Promise.all([added.ready, watch?.ready]).then(() => undefined),
      release: () => Promise.all([added.release(), watch?.close()]).then(() => undefined),
    };
  }

  isFrom(sender: string, signal: SignalHeader): boolean {
    return this.owners.isFrom(sender, signal);
  }
}
