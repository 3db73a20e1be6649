// A promise that its owner settles at most once, and that never causes an unhandled rejection. It knows nothing about
// D-Bus. Tests: match-requests.test.ts, name-owners.test.ts. (No clause of the specification.)

/** A promise and the functions that settle it; only the first call has an effect. */
export interface Pledge {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/** Makes a pledge. */
export function pledge(): Pledge {
  let resolve!: () => void; // both are set by the promise
  let reject!: (reason: unknown) => void;
  const promise = new Promise<void>((settle, fail) => {
    resolve = settle;
    reject = fail;
  });
  promise.catch(() => {});
  return { promise, resolve, reject };
}
