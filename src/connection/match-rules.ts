// The match rules that one connection has at its bus: each is added once, however many want it, and removed after the
// last. It knows no subscribers. Specification: org.freedesktop.DBus.AddMatch, org.freedesktop.DBus.RemoveMatch.
import { ErrorName } from '../protocol/error-names.js';
import { BUS_OBJECT } from '../protocol/bus.js';
import { DBusError } from '../protocol/errors.js';
import { formatMatchRule } from '../protocol/format-match-rule.js';
import type { MatchRule } from '../protocol/match-rule.js';
import type { Connection } from './connection.js';
import { ConnectionClosedError } from './errors.js';

/** One wish for a rule. */
export interface RuleHandle {
  /** Resolves when the bus has the rule. */
  readonly ready: Promise<void>;
  /** Gives the rule up; resolves when the bus has dropped it, or others still want it. */
  readonly release: () => Promise<void>;
}

interface CountedRule {
  count: number;
  readonly ready: Promise<void>;
}

/** Errors of RemoveMatch by which the bus says that it does not have the rule. */
const NOTHING_TO_REMOVE: readonly string[] = [ErrorName.MATCH_RULE_NOT_FOUND, ErrorName.MATCH_RULE_INVALID];

/** Counts who wants which rule. */
export class MatchRules {
  readonly #connection: Connection;
  readonly #rules = new Map<string, CountedRule>();

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /**
   * Adds a rule, or counts one more for a rule that is there.
   * @throws {InvalidNameError | MatchRuleError} where no bus would take it
   */
  add(rule: MatchRule): RuleHandle {
    const text = formatMatchRule(rule);
    const counted = this.#rules.get(text) ?? this.#addMatch(text);
    counted.count++;
    let isHeld = true;
    return {
      ready: counted.ready,
      release: async () => {
        if (!isHeld) return;
        isHeld = false;
        counted.count--;
        if (counted.count > 0 || this.#rules.get(text) !== counted) return;
        this.#rules.delete(text);
        await this.#removeMatch(text);
      },
    };
  }

  #addMatch(text: string): CountedRule {
    const call = { ...BUS_OBJECT, member: 'AddMatch', signature: 's', body: [text] } as const;
    const ready = this.#connection.call(call).then(() => undefined);
    const counted: CountedRule = { count: 0, ready };
    this.#rules.set(text, counted);
    ready.catch(() => {
      // The bus does not have it: the next one who wants it asks again, and nobody removes it.
      if (this.#rules.get(text) === counted) this.#rules.delete(text);
    });
    return counted;
  }

  async #removeMatch(text: string): Promise<void> {
    try {
      await this.#connection.call({ ...BUS_OBJECT, member: 'RemoveMatch', signature: 's', body: [text] });
    } catch (error) {
      // A bus that is gone, or does not have the rule, has nothing left to remove.
      if (error instanceof ConnectionClosedError) return;
      if (!(error instanceof DBusError && NOTHING_TO_REMOVE.includes(error.errorName))) throw error;
    }
  }
}
