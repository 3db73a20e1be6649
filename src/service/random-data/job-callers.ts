// The owners of jobs: the running jobs and kept results of each caller that is on the bus, and those of all callers
// that have left, together. It knows only IDs. Tests: slow-jobs.test.ts. (No clause of the specification.)

/** A caller that starts a job or asks for its result. */
export interface JobCaller {
  /** On a bus, the unique name. */
  readonly sender: string | undefined;
  /** Aborts when the caller leaves. */
  readonly signal: AbortSignal;
}

/** The jobs of one caller, or of all that have left; each set in order of arrival. */
export class JobShare {
  readonly running = new Set<string>();
  readonly kept = new Set<string>();
  /** Undefined if the caller has left. */
  readonly sender: string | undefined;
  readonly isDeparted: boolean;

  constructor(sender: string | undefined, { isDeparted }: { readonly isDeparted: boolean }) {
    this.sender = sender;
    this.isDeparted = isDeparted;
  }
}

/** All shares. */
export class JobShares {
  /** The jobs of callers that have left: they belong to any caller that knows their ID. */
  readonly departed = new JobShare(undefined, { isDeparted: true });
  readonly #shares = new Map<string | undefined, { readonly share: JobShare; readonly stopListening: () => void }>();
  readonly #onDeparture: (share: JobShare) => void;

  /** `onDeparture` gets the share of each caller that leaves while it has jobs. */
  constructor(onDeparture: (share: JobShare) => void) {
    this.#onDeparture = onDeparture;
  }

  /** The share of a caller, made if there is none. */
  of({ sender, signal }: JobCaller): JobShare {
    if (signal.aborted) return this.departed;
    const known = this.#shares.get(sender);
    if (known !== undefined) return known.share;
    const share = new JobShare(sender, { isDeparted: false });
    const leave = (): void => {
      this.#shares.delete(sender);
      this.#onDeparture(share);
    };
    signal.addEventListener('abort', leave);
    this.#shares.set(sender, { share, stopListening: () => signal.removeEventListener('abort', leave) });
    return share;
  }

  /** How many of the callers on the bus have jobs. */
  get size(): number {
    return this.#shares.size;
  }

  /** Forgets a share that has become empty. */
  release({ running, kept, sender, isDeparted }: JobShare): void {
    if (isDeparted || running.size > 0 || kept.size > 0) return;
    this.#shares.get(sender)?.stopListening();
    this.#shares.delete(sender);
  }

  /** Forgets all. */
  clear(): void {
    for (const { stopListening } of this.#shares.values()) stopListening();
    this.#shares.clear();
    this.departed.running.clear();
    this.departed.kept.clear();
  }
}
