// Adds to an error the interface, member and argument that a value was meant for, which only outer layers know, and
// replaces its stack with that of the public function's caller. It runs only after a value was rejected.
import { DBusWireError, type ErrorPlace, InvalidNameError, MarshalError, SignatureError } from './errors.js';

/** A public function whose caller must be at the top of the stack of an error. */
export type Caller = (...args: never[]) => unknown;

/** Captures the stack of an error again. Not every platform has this function. */
type CaptureStackTrace = (error: object, above?: Caller) => void;

/**
 * Returns a copy of an error about a value, name or signature, with its place and with the stack of the caller of
 * `above`, a function that must be running. Returns every other error unchanged.
 */
export function errorAt(error: unknown, place: ErrorPlace, above: Caller): unknown {
  const placed = placedOrNot(error, textOf(place));
  return placed === undefined ? error : stackOfCaller(placed, above);
}

/** Gives an error the stack of the caller of `above`, a function that must be running, and returns the error. */
export function stackOfCaller<E extends Error>(error: E, above: Caller): E {
  const { captureStackTrace } = Error as { readonly captureStackTrace?: CaptureStackTrace }; // not on every platform
  captureStackTrace?.call(Error, error, above);
  if (!error.stack?.includes('\n')) captureStackTrace?.call(Error, error); // `above` is wrapped: not on the stack
  return error;
}

/**
 * Runs a part of the public function `above`. An error about the arguments of the caller gets the stack of the caller,
 * however deep in the library it was found.
 */
export function blaming<Result>(above: Caller, act: () => Result): Result {
  try {
    return act();
  } catch (error) {
    if (error instanceof DBusWireError && error.fault === 'caller') throw stackOfCaller(error, above);
    throw error;
  }
}

/** The place without names that are not strings: an invalid message can have any value as a name. */
function textOf({ interface: interfaceName, member, argumentNames, role, propertyType }: ErrorPlace): ErrorPlace {
  return {
    interface: typeof interfaceName === 'string' ? interfaceName : undefined,
    member: typeof member === 'string' ? member : undefined,
    argumentNames,
    role,
    propertyType,
  };
}

/** The error with its place; undefined for other errors, and for revoked proxies, which cannot be inspected. */
function placedOrNot(error: unknown, place: ErrorPlace): Error | undefined {
  try {
    return placedError(error, place);
  } catch {
    return undefined;
  }
}

function placedError(error: unknown, place: ErrorPlace): Error | undefined {
  if (error instanceof MarshalError) {
    const { code, problem, signature, path, cause } = error;
    return new MarshalError(code, problem, { signature, path }, { place, cause });
  }
  if (error instanceof InvalidNameError) {
    const { kind, value, rule, path } = error;
    const { interface: interfaceName, member } = place;
    return new InvalidNameError(kind, value, rule, { path, interface: interfaceName, member });
  }
  if (error instanceof SignatureError) {
    const { code, problem, signature, offset } = error;
    return new SignatureError(code, problem, { signature, offset }, place);
  }
  return undefined;
}
