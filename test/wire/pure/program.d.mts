// The types of program.mjs, which is JavaScript so that both of its readers take it as it is.

/** Messages are in hexadecimal digits. */
interface Input {
  readonly messages: readonly string[];
  readonly broken: readonly string[];
  readonly texts: readonly string[];
}

/** Runs the program with a wire layer, `import('dbus-wire/wire')`; the result is JSON. */
export function run(wire: unknown, input: Input): string;
