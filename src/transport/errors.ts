// The errors of byte streams: no stream could be opened, or one has ended. Specification: Server Addresses.
import { DBusWireError } from '../wire/errors.js';

/** No address of a list works. Its `cause` is the first of `errors`. */
export class ConnectError extends DBusWireError {
  override readonly name = 'ConnectError';
  readonly fault = 'link';
  readonly code = 'CONNECT_FAILED';
  /** The list of addresses. */
  readonly address: string;
  /** One error for each address, in the order of the list: its message has the address, its `cause` is the reason. */
  readonly errors: readonly Error[];

  constructor(address: string, errors: readonly Error[]) {
    const reasons = errors.map((error) => error.message).join('; ');
    super(`cannot connect to ${reasons}`, { cause: errors[0] });
    this.address = address;
    this.errors = errors;
  }
}

/** The peer closed the connection. A bus does that if it ends, or if it disconnects a client. */
export class EndOfStreamError extends DBusWireError {
  override readonly name = 'EndOfStreamError';
  readonly fault = 'link';
  readonly code = 'END_OF_STREAM';

  constructor() {
    super('the peer closed the connection');
  }
}

/** Too many bytes wait to be sent, since the peer does not read. */
export class OutputOverflowError extends DBusWireError {
  override readonly name = 'OutputOverflowError';
  readonly fault = 'link';
  readonly code = 'OUTPUT_OVERFLOW';

  constructor(queuedBytes: number, limit: number) {
    super(`${queuedBytes} bytes wait to be sent: the peer must read before there are more than ${limit}`);
  }
}
