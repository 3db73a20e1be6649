// Errors made again with what is known further out: which member and argument a refused value was for, and the stack of
// the caller instead of ours. It runs after something was refused, never before.
import { type ErrorPlace, InvalidNameError, MarshalError, SignatureError } from './errors.js';

/** A function of the library whose caller is to be seen in the stack of an error. */
export type Caller = (...args: never[]) => unknown;

/** Takes the stack of an error again; not every platform has it. */
type CaptureStackTrace = (error: object, above?: Caller) => void;

/**
 * The error for a user, from what was thrown: with its place in the message, and with the stack that `above`, which
 * has to be running, was called with. What is no error about a value or a name is returned as it is.
 */
export function errorAt(error: unknown, place: ErrorPlace, above: Caller): unknown {
  const placed = placedOrNot(error, textOf(place));
  if (placed === undefined) return error;
  const { captureStackTrace } = Error as { readonly captureStackTrace?: CaptureStackTrace }; // as said above
  captureStackTrace?.call(Error, placed, above);
  if (!placed.stack?.includes('\n')) captureStackTrace?.call(Error, placed); // `above` was wrapped by somebody
  return placed;
}

/** The place without names that are none: a message may hold anything. */
function textOf({ interface: interfaceName, member, argumentNames, role }: ErrorPlace): ErrorPlace {
  return {
    interface: typeof interfaceName === 'string' ? interfaceName : undefined,
    member: typeof member === 'string' ? member : undefined,
    argumentNames,
    role,
  };
}

/** The error with its place; undefined for what cannot even be asked what it is, such as a revoked proxy. */
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
