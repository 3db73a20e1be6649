// A number with its noun, for the texts of errors: "1 byte", "2 bytes". It knows nothing about D-Bus.

/** The number and the noun, which has an "s" if the number is not 1. */
export function counted(count: number, noun: string): string {
  return `${count} ${count === 1 ? noun : `${noun}s`}`;
}
