// The match rules that a bus has for this side: each is added once for all subscriptions that need it, and removed
// after the last of them. On a new connection they are all added again. It knows no subscriptions.
// Tests: match-requests.test.ts, reconnect.test.ts.
// Specification: org.freedesktop.DBus.AddMatch, org.freedesktop.DBus.RemoveMatch.
import { BUS_OBJECT } from '../protocol/bus.js';
import { ErrorName } from '../protocol/error-names.js';
import { DBusError } from '../protocol/errors.js';
import { formatMatchRule } from '../protocol/format-match-rule.js';
import type { MatchRule } from '../protocol/match-rule.js';
import type { Engine } from './engine.js';
import { CallTimeoutError, ConnectionClosedError } from './errors.js';
import { DEFAULT_CALL_TIMEOUT } from './pending-calls.js';
import { type Pledge, pledge } from './pledge.js';

/** The link whose bus is asked. */
export interface WishLink {
  /** The engine that takes requests at present; undefined while there is no connection. */
  readonly open: Engine | undefined;
  /** Whether another engine follows if this one ends; the rules are then added again on that engine. */
  readonly isRestorable: boolean;
  /** The error by which the link has ended; undefined while it is open or is being restored. */
  readonly failure: ConnectionClosedError | undefined;
}

/** Whether a request has failed only for now: it is made again on the next engine. */
export function isPostponed(error: unknown, link: WishLink): error is ConnectionClosedError {
  return error instanceof ConnectionClosedError && link.isRestorable;
}

/** One request for a rule. */
export interface MatchRequest {
  /** Resolves when the bus has the rule, or no request needs it anymore. Rejects if the bus refuses it. */
  readonly ready: Promise<void>;
  /** Ends the request, once. Resolves when the bus has removed the rule, or at once if other requests need it. */
  readonly release: () => Promise<void>;
}

/** Called with the error if the bus refuses a rule that was accepted before, by this bus or an earlier one. */
type RefusalListener = (error: unknown) => void;

interface WantedRule {
  /** An object for each request. */
  readonly requests: Set<{ readonly refuse: RefusalListener }>;
  readonly ready: Pledge;
  /** The engine on which the rule was last requested. */
  askedOn: Engine | undefined;
}

/** Errors of RemoveMatch that say that the bus does not have the rule. */
const NOTHING_TO_REMOVE: readonly string[] = [ErrorName.MATCH_RULE_NOT_FOUND, ErrorName.MATCH_RULE_INVALID];

/** The match rules of one link to a bus, by their text. */
export class MatchRequests {
  readonly #link: WishLink;
  readonly #rules = new Map<string, WantedRule>();

  constructor(link: WishLink) {
    this.#link = link;
  }

  /** The texts of the rules that are wanted, with the number of requests for each. */
  get wanted(): ReadonlyMap<string, number> {
    return new Map(Array.from(this.#rules, ([text, { requests }]) => [text, requests.size]));
  }

  /**
   * Adds a rule, or counts one more request for a rule that the bus has. `refuse` is called if the rule is refused.
   * @throws {InvalidNameError | MatchRuleError} if a bus would refuse the rule
   */
  add(rule: MatchRule, refuse: RefusalListener = () => {}): MatchRequest {
    const text = formatMatchRule(rule);
    const wanted = this.#rules.get(text) ?? this.#want(text);
    const request = { refuse };
    wanted.requests.add(request);
    return {
      ready: wanted.ready.promise,
      release: async () => {
        if (!wanted.requests.delete(request)) return;
        if (wanted.requests.size > 0 || this.#rules.get(text) !== wanted) return;
        this.#rules.delete(text);
        wanted.ready.resolve(); // if its connection is lost now, no other one is asked for it
        const { open } = this.#link;
        if (open !== undefined && wanted.askedOn === open) await this.#removeMatch(open, text);
      },
    };
  }

  #want(text: string): WantedRule {
    const wanted: WantedRule = { requests: new Set(), ready: pledge(), askedOn: undefined };
    this.#rules.set(text, wanted);
    const { open, failure } = this.#link;
    if (failure !== undefined) this.#refuse(text, wanted, failure);
    else if (open !== undefined) {
      this.#addMatch(open, text, wanted).catch((error: unknown) => {
        if (isPostponed(error, this.#link)) return;
        this.#refuse(text, wanted, error);
        if (error instanceof CallTimeoutError) this.#undo(open, text);
      });
    }
    return wanted;
  }

  async #addMatch(engine: Engine, text: string, wanted: WantedRule): Promise<void> {
    wanted.askedOn = engine;
    // A default of the program for the timeout of its calls must not end a subscription.
    const call = { ...BUS_OBJECT, member: 'AddMatch', signature: 's', body: [text] } as const;
    await engine.call({ ...call, timeout: DEFAULT_CALL_TIMEOUT });
    wanted.ready.resolve();
  }

  /** The bus does not have the rule: the next request asks again, and no release removes it. */
  #refuse(text: string, wanted: WantedRule, error: unknown): void {
    if (this.#rules.get(text) === wanted) this.#rules.delete(text);
    wanted.ready.reject(error);
    for (const { refuse } of [...wanted.requests]) refuse(error);
  }

  /**
   * Adds all rules on a new engine. Resolves, when the bus has answered, with the errors of the rules that it refuses.
   * Rejects if the engine ends or a reply does not come: then the rules must be added on yet another engine.
   */
  async replay(engine: Engine): Promise<readonly Error[]> {
    const errors: Error[] = [];
    await Promise.all(Array.from(this.#rules, async ([text, wanted]) => {
      try {
        await this.#addMatch(engine, text, wanted);
      } catch (error) {
        if (!(error instanceof DBusError)) throw error;
        errors.push(error);
        this.#refuse(text, wanted, error);
      }
    }));
    return errors;
  }

  /** No further engine follows. */
  end(error: ConnectionClosedError): void {
    for (const { ready } of this.#rules.values()) ready.reject(error);
  }

  /** The bus may still add a rule after its request has timed out; it reads this call after that one. */
  #undo(engine: Engine, text: string): void {
    const call = { ...BUS_OBJECT, member: 'RemoveMatch', signature: 's', body: [text], noReply: true } as const;
    engine.call(call).catch(() => {}); // without a connection there is nothing to remove
  }

  async #removeMatch(engine: Engine, text: string): Promise<void> {
    try {
      await engine.call({ ...BUS_OBJECT, member: 'RemoveMatch', signature: 's', body: [text] });
    } catch (error) {
      // A bus that is gone, or does not have the rule, has nothing to remove.
      if (error instanceof ConnectionClosedError) return;
      if (!(error instanceof DBusError && NOTHING_TO_REMOVE.includes(error.errorName))) throw error;
    }
  }
}
