// The match rules that a bus has for this side: each is added once for all subscriptions that need it, and removed
// after the last of them. It knows no subscriptions. Tests: match-requests.test.ts.
// Specification: org.freedesktop.DBus.AddMatch, org.freedesktop.DBus.RemoveMatch.
import { BUS_OBJECT } from '../protocol/bus.js';
import { ErrorName } from '../protocol/error-names.js';
import { DBusError } from '../protocol/errors.js';
import { formatMatchRule } from '../protocol/format-match-rule.js';
import type { MatchRule } from '../protocol/match-rule.js';
import type { Engine } from './engine.js';
import { CallTimeoutError, ConnectionClosedError } from './errors.js';

/** One request for a rule. */
export interface MatchRequest {
  /** Resolves when the bus has the rule. */
  readonly ready: Promise<void>;
  /** Ends the request, once. Resolves when the bus has removed the rule, or at once if other requests need it. */
  readonly release: () => Promise<void>;
}

interface WantedRule {
  count: number;
  readonly ready: Promise<void>;
}

/** Errors of RemoveMatch that say that the bus does not have the rule. */
const NOTHING_TO_REMOVE: readonly string[] = [ErrorName.MATCH_RULE_NOT_FOUND, ErrorName.MATCH_RULE_INVALID];

/** The match rules of one connection to a bus, by their text. */
export class MatchRequests {
  readonly #engine: () => Engine;
  readonly #rules = new Map<string, WantedRule>();

  constructor(engine: () => Engine) {
    this.#engine = engine;
  }

  /** The texts of the rules that are wanted, with the number of requests for each. */
  get wanted(): ReadonlyMap<string, number> {
    return new Map(Array.from(this.#rules, ([text, { count }]) => [text, count]));
  }

  /**
   * Adds a rule, or counts one more request for a rule that the bus has.
   * @throws {InvalidNameError | MatchRuleError} if a bus would refuse the rule
   */
  add(rule: MatchRule): MatchRequest {
    const text = formatMatchRule(rule);
    const wanted = this.#rules.get(text) ?? this.#addMatch(text);
    wanted.count++;
    let isReleased = false;
    return {
      ready: wanted.ready,
      release: async () => {
        if (isReleased) return;
        isReleased = true;
        wanted.count--;
        if (wanted.count > 0 || this.#rules.get(text) !== wanted) return;
        this.#rules.delete(text);
        await this.#removeMatch(text);
      },
    };
  }

  #addMatch(text: string): WantedRule {
    const call = { ...BUS_OBJECT, member: 'AddMatch', signature: 's', body: [text] } as const;
    const ready = this.#engine().call(call).then(() => undefined);
    const wanted: WantedRule = { count: 0, ready };
    this.#rules.set(text, wanted);
    ready.catch((error: unknown) => {
      // The bus does not have the rule: the next request asks again, and no release removes it.
      if (this.#rules.get(text) === wanted) this.#rules.delete(text);
      if (error instanceof CallTimeoutError) this.#undo(text);
    });
    return wanted;
  }

  /** The bus may still add a rule after its request has timed out; it reads this call after that one. */
  #undo(text: string): void {
    const call = { ...BUS_OBJECT, member: 'RemoveMatch', signature: 's', body: [text], noReply: true } as const;
    this.#engine().call(call).catch(() => {}); // without a connection there is nothing to remove
  }

  async #removeMatch(text: string): Promise<void> {
    try {
      await this.#engine().call({ ...BUS_OBJECT, member: 'RemoveMatch', signature: 's', body: [text] });
    } catch (error) {
      // A bus that is gone, or does not have the rule, has nothing to remove.
      if (error instanceof ConnectionClosedError) return;
      if (!(error instanceof DBusError && NOTHING_TO_REMOVE.includes(error.errorName))) throw error;
    }
  }
}
