// What a handler gives: a value at once, or a promise of one. Knows nothing of D-Bus.

/** Whether a handler answers later. Anything with a `then` does: promises of other libraries are as good. */
export function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  if (typeof value !== 'object' || value === null) return false;
  return typeof (value as { then?: unknown }).then === 'function';
}
