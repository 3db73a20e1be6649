// The error class of the service layer: an export that cannot be. What handlers answer to callers is DBusError.
import { DBusWireError } from '../wire/errors.js';

/** Why an interface cannot be exported. */
export type ExportErrorCode =
  /** The object has this interface already. */
  | 'INTERFACE_EXPORTED'
  /** The library answers this interface itself, on every object. */
  | 'INTERFACE_STANDARD';

/** An interface that an object cannot have; nothing was exported. */
export class ExportError extends DBusWireError {
  override readonly name = 'ExportError';
  readonly fault = 'caller';
  readonly code: ExportErrorCode;
  /** The object path. */
  readonly path: string;
  readonly interfaceName: string;

  constructor(code: ExportErrorCode, problem: string, at: { path: string; interfaceName: string }) {
    super(`${at.interfaceName} cannot be exported at ${at.path}: ${problem}`);
    this.code = code;
    this.path = at.path;
    this.interfaceName = at.interfaceName;
  }
}
