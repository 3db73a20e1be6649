// Bounds how often the failures of one member become warnings: a caller that provokes the same failure repeatedly
// must not fill a log. Those that are not shown are counted. It knows no handlers. Tests: failure-reports.test.ts.

/** Warnings of one member in {@link WARNING_PERIOD}; further ones are counted. */
export const MAX_WARNINGS = 5;

/** Milliseconds after which warnings of a member are shown again, and the count of those that were not. */
export const WARNING_PERIOD = 60_000;

interface Period {
  shown: number;
  notShown: number;
}

/** Counts the warnings of each member. */
export class WarningLimit {
  readonly #periods = new Map<string, Period>();
  readonly #summarize: (member: string, notShown: number) => void;

  /** `summarize` gets the number of warnings that were not shown, at the end of each period that had some. */
  constructor(summarize: (member: string, notShown: number) => void) {
    this.#summarize = summarize;
  }

  /** Whether one more warning of a member may be shown. */
  admit(member: string): boolean {
    const period = this.#periods.get(member) ?? this.#begin(member);
    if (period.shown < MAX_WARNINGS) {
      period.shown++;
      return true;
    }
    period.notShown++;
    return false;
  }

  #begin(member: string): Period {
    const period: Period = { shown: 0, notShown: 0 };
    this.#periods.set(member, period);
    const end = (): void => {
      this.#periods.delete(member);
      if (period.notShown > 0) this.#summarize(member, period.notShown);
    };
    setTimeout(end, WARNING_PERIOD).unref(); // does not keep the process running
    return period;
  }
}
