// Calling functions that are not ours from the middle of our work. It knows nothing of D-Bus.

/** Runs code that is not ours; what it throws reaches the process as an uncaught exception, not us and not the peer. */
export function runListener(run: () => void): void {
  try {
    run();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
