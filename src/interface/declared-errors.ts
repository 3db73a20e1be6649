// The errors that an interface declares, as classes: a handler throws one, and a call of a proxy rejects with one. A
// class is made when it is first asked for. It knows no connection.
// Specification: Message Types (ERROR), Valid Names (errors).
import { DBusError, type DBusErrorDetails } from '../protocol/errors.js';

/** An error that an interface declares: a {@link DBusError} whose name is known. */
export type DeclaredError<Name extends string = string> = DBusError & { readonly errorName: Name };

/** The class of an error that an interface declares; it extends {@link DBusError}. */
export interface DeclaredErrorClass<Name extends string = string> {
  /**
   * @throws {ArgumentError} if `message` is not a string, an option is unknown, or the value of one is not valid
   */
  new (message?: string, details?: DBusErrorDetails): DeclaredError<Name>;
  readonly prototype: DeclaredError<Name>;
  /** The name of the ERROR message, such as `com.example.Error.NoTrack`. */
  readonly errorName: Name;
}

function makeClass(key: string, errorName: string): DeclaredErrorClass {
  const Declared = class extends DBusError {
    static readonly errorName = errorName;

    constructor(message?: string, details?: DBusErrorDetails) {
      super(errorName, message, details);
    }
  };
  Object.defineProperty(Declared, 'name', { value: key });
  return Declared;
}

/** The classes for a record of error names. The names are checked already. The result has no prototype. */
export function declareErrors(names: Readonly<Record<string, string>>): Readonly<Record<string, DeclaredErrorClass>> {
  // Object.create has no type for "nothing inherited"
  const classes = Object.create(null) as Record<string, DeclaredErrorClass>;
  for (const [key, errorName] of Object.entries(names)) {
    let made: DeclaredErrorClass | undefined;
    Object.defineProperty(classes, key, { enumerable: true, get: () => (made ??= makeClass(key, errorName)) });
  }
  return Object.freeze(classes);
}

/**
 * Gives an error that a call rejects with the class that the interface declares for its name, if there is one. It stays
 * the same object with the same stack. Any other value is returned as it is.
 */
export function asDeclaredError(
  { errors }: { readonly errors: Readonly<Record<string, DeclaredErrorClass>> }, error: unknown,
): unknown {
  if (!(error instanceof DBusError) || Object.getPrototypeOf(error) !== DBusError.prototype) return error;
  const key = Object.keys(errors).find((each) => errors[each]?.errorName === error.errorName);
  const declared = key === undefined ? undefined : errors[key];
  if (declared !== undefined) Object.setPrototypeOf(error, declared.prototype);
  return error;
}
