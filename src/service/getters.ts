// How long the `get` of a property may take if others wait for its value: a reply to GetAll, or an announcement.
// It knows no messages. Tested in properties.test.ts. (No clause of the specification.)

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

/** Only `await` takes any object with a `then`, even one that throws when it is looked at. */
async function settled(value: PromiseLike<unknown>): Promise<unknown> {
  return await value;
}
