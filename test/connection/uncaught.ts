// Exceptions that are meant to reach the process, where vitest would take them for its own.

const EVENTS = ['uncaughtException', 'unhandledRejection'] as const;

/** The next uncaught exception or unhandled rejection. No other listener gets it. */
export async function uncaughtException(): Promise<unknown> {
  const others = EVENTS.map((event) => ({ event, listeners: process.listeners(event as 'uncaughtException') }));
  for (const event of EVENTS) process.removeAllListeners(event);
  try {
    return await new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('no exception reached the process')), 30_000);
      process.once('uncaughtException', (error) => {
        clearTimeout(timer);
        resolve(error);
      });
    });
  } finally {
    for (const { event, listeners } of others) {
      process.removeAllListeners(event);
      for (const listener of listeners) process.on(event, listener);
    }
  }
}
