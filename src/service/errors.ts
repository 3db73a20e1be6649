// The error class of the service layer: an interface that cannot be exported. Handlers reply with DBusError.
// Tests: object-tree.test.ts, export-object.test.ts.
import { DBusWireError } from '../wire/errors.js';

/** Why an interface cannot be exported. */
export type ExportErrorCode =
  /** The object has this interface already. */
  | 'INTERFACE_EXPORTED'
  /** The library implements this interface itself, on every object. */
  | 'INTERFACE_STANDARD'
  /** The path has handlers of a subtree already. */
  | 'SUBTREE_EXPORTED';

/** An interface that cannot be exported at a path; nothing was exported. */
export class ExportError extends DBusWireError {
  override readonly name = 'ExportError';
  readonly fault = 'caller';
  readonly code: ExportErrorCode;
  /** The object path. */
  readonly path: string;
  /** The name of the interface; `''` for a subtree. */
  readonly interface: string;

  constructor(code: ExportErrorCode, problem: string, at: { readonly path: string; readonly interface: string }) {
    super(`${at.interface === '' ? 'a subtree' : at.interface} cannot be exported at ${at.path}: ${problem}`);
    this.code = code;
    this.path = at.path;
    this.interface = at.interface;
  }
}
