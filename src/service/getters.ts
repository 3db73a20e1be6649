// Limits the time of a property's `get` if other properties wait for it: in a reply to GetAll, or in an announcement.
// It knows no messages. Tests: properties.test.ts. (No clause of the specification.)

/** Milliseconds after which a `get` that has not answered counts as failed. */
export const GETTER_TIME_LIMIT = 10_000;

/** Resolves or rejects as `value` does; rejects if that takes longer than {@link GETTER_TIME_LIMIT}. */
export function withinTimeLimit(value: PromiseLike<unknown>): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const problem = `no value within ${GETTER_TIME_LIMIT} ms: get must answer in time`;
    const timer = setTimeout(() => reject(new Error(problem)), GETTER_TIME_LIMIT);
    timer.unref(); // a `get` that hangs does not keep the process running
    settled(value).then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** `await` accepts any object with a `then`, even if reading `then` throws. */
async function settled(value: PromiseLike<unknown>): Promise<unknown> {
  return await value;
}
