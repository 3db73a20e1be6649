// The error classes of byte streams: none could be opened, or one has ended. Specification: Server Addresses.
import { DBusWireError } from '../wire/errors.js';

/** No address could be connected to; `errors` has one reason for each address of the list, in their order. */
export class ConnectError extends DBusWireError {
  override readonly name = 'ConnectError';
  readonly fault = 'link';
  readonly code = 'CONNECT_FAILED';
  /** The addresses that were given. */
  readonly address: string;
  /** Each names its address and the reason; its `cause` is what was thrown. */
  readonly errors: readonly Error[];

  constructor(address: string, errors: readonly Error[]) {
    const reasons = errors.map((error) => error.message).join('; ');
    super(`cannot connect to ${reasons}`, { cause: errors[0] });
    this.address = address;
    this.errors = errors;
  }
}

/** The peer closed the connection, as a bus does that ends or that disconnects us. */
export class EndOfStreamError extends DBusWireError {
  override readonly name = 'EndOfStreamError';
  readonly fault = 'link';
  readonly code = 'END_OF_STREAM';

  constructor() {
    super('the peer closed the connection');
  }
}

/** More waits to be sent than is bearable: the peer does not read. */
export class OutputOverflowError extends DBusWireError {
  override readonly name = 'OutputOverflowError';
  readonly fault = 'link';
  readonly code = 'OUTPUT_OVERFLOW';

  constructor(queuedBytes: number) {
    super(`the peer does not read: ${queuedBytes} bytes wait to be sent`);
  }
}
