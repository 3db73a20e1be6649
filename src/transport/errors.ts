// The error classes of streams: none could be opened, a server cannot listen, a stream or its program has ended, too
// many bytes wait to be sent, or file descriptors do not fit their message. It does not know which code throws them.
// Tests: test/errors.test.ts. Specification: Server Addresses, Basic types (UNIX_FD).
import { counted } from '../wire/counted.js';
import { quote } from '../wire/describe.js';
import { DBusWireError } from '../wire/errors.js';

/** Why a stream was closed while output was waiting. */
export type OutputOverflowCode = 'OUTPUT_OVERFLOW' | 'OUTPUT_STALLED';

/** No address of a list works. Its `cause` is the first of `errors`. */
export class ConnectError extends DBusWireError {
  override readonly name = 'ConnectError';
  readonly fault = 'link';
  readonly code = 'CONNECT_FAILED';
  /** The list of addresses. */
  readonly address: string;
  /** One error for each address, in the order of the list: its message has the address, its `cause` is the reason. */
  declare readonly errors: readonly Error[];

  constructor(address: string, errors: readonly Error[]) {
    const reasons = errors.map((error) => error.message).join('; ');
    super(`cannot connect to ${reasons}`);
    this.address = address;
    // Node prints a getter without its value. As a plain property, the first error would be printed twice.
    const [cause, ...others] = errors;
    const isAlone = others.length === 0;
    Object.defineProperty(this, 'errors', isAlone
      ? { get: () => errors, enumerable: true } : { value: errors, enumerable: true });
    Object.defineProperty(this, 'cause', isAlone ? { value: cause } : { get: () => cause });
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

/** How a program ended. */
export interface ProgramEnd {
  /** Undefined or null if a signal ended it. */
  readonly exitCode?: number | null | undefined;
  readonly signal?: string | null | undefined;
  /** The end of what it wrote to its standard error. */
  readonly stderr?: string | undefined;
}

/** The program of a `unixexec:` address has ended, and the connection with it. ‹Executed Subprocesses on Unix› */
export class ProgramEndedError extends DBusWireError {
  override readonly name = 'ProgramEndedError';
  readonly fault = 'link';
  readonly code = 'PROGRAM_ENDED';
  /** The exit code of the program; undefined if a signal ended it. */
  readonly exitCode: number | undefined;
  /** The signal that ended the program, such as `SIGTERM`; undefined if it has ended by itself. */
  readonly signal: string | undefined;
  /** The last characters that it wrote to its standard error, up to 1,000. */
  readonly stderr: string;

  constructor(program: string, { exitCode, signal, stderr = '' }: ProgramEnd) {
    const how = typeof exitCode === 'number' ? `with exit code ${exitCode}` : `by signal ${signal ?? 'unknown'}`;
    const words = stderr.trim() === '' ? '' : `; its last output was ${quote(stderr.trim().slice(-200), 200)}`;
    super(`the program ${quote(program, 60)} has ended ${how}${words}`);
    this.exitCode = exitCode ?? undefined;
    this.signal = signal ?? undefined;
    this.stderr = stderr;
  }
}

/** Too many bytes wait to be sent, or the peer has stopped reading. */
export class OutputOverflowError extends DBusWireError {
  override readonly name = 'OutputOverflowError';
  readonly fault = 'link';
  readonly code: OutputOverflowCode;

  constructor(code: OutputOverflowCode, problem: string) {
    super(problem);
    this.code = code;
  }

  /** More bytes wait than the limit allows. */
  static tooMuch(queuedBytes: number, limit: number): OutputOverflowError {
    const problem = `${queuedBytes} bytes wait to be sent: at most ${limit} may; wait for drained() between messages`;
    return new OutputOverflowError('OUTPUT_OVERFLOW', problem);
  }

  /** The peer does not read. */
  static stalled(queuedBytes: number, seconds: number): OutputOverflowError {
    const found = `the peer has read nothing for ${seconds} seconds while ${queuedBytes} bytes wait to be sent`;
    return new OutputOverflowError('OUTPUT_STALLED', `${found}: it must read`);
  }
}

/** Why a server cannot listen, or disconnected a client before its handshake. */
export type ListenErrorCode = 'ADDRESS_IN_USE' | 'LISTEN_FAILED' | 'NONCE_INVALID' | 'CLIENT_CUT';

/** A server cannot listen on an address, or a client has not sent the nonce of `nonce-tcp:`. */
export class ListenError extends DBusWireError {
  override readonly name = 'ListenError';
  readonly fault = 'link';
  readonly code: ListenErrorCode;
  /** The address of the server. */
  readonly address: string;

  constructor(code: ListenErrorCode, address: string, problem: string, options?: ErrorOptions) {
    super(problem, options);
    this.code = code;
    this.address = address;
  }

  /** The address is in use. */
  static inUse(address: string, occupant: string, options?: ErrorOptions): ListenError {
    const problem = `cannot listen on ${address}: found ${occupant} there; the address must be free`;
    return new ListenError('ADDRESS_IN_USE', address, problem, options);
  }

  /** The system has refused. */
  static because(address: string, cause: unknown): ListenError {
    const { code, syscall } = cause as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') return ListenError.inUse(address, 'another server', { cause });
    const reason = code === undefined || syscall === undefined ? String(cause) : `${syscall} ${code}`;
    return new ListenError('LISTEN_FAILED', address, `cannot listen on ${address}: ${reason}`, { cause });
  }
}

/** The rule about file descriptors that a message breaks. */
export type DescriptorErrorCode = 'DESCRIPTOR_INDEX_INVALID' | 'DESCRIPTORS_MISSING' | 'TOO_MANY_DESCRIPTORS';

/** File descriptors that do not fit their message, on a transport that carries descriptors. ‹UNIX_FD› */
export class DescriptorError extends DBusWireError {
  override readonly name = 'DescriptorError';
  readonly fault: 'caller' | 'peer';
  readonly code: DescriptorErrorCode;

  constructor(code: DescriptorErrorCode, problem: string, fault: 'caller' | 'peer') {
    super(problem);
    this.code = code;
    this.fault = fault;
  }

  /** A UNIX_FD in the body has no descriptor. */
  static index(index: number, count: number, fault: 'caller' | 'peer'): DescriptorError {
    const problem = `UNIX_FD ${index} has no descriptor: the message carries ${count}, and an index must be less`;
    return new DescriptorError('DESCRIPTOR_INDEX_INVALID', problem, fault);
  }

  /** The caller has set UNIX_FDS without attaching as many descriptors. */
  static notAttached(promised: number, count: number): DescriptorError {
    const found = `UNIX_FDS is ${promised}, and the message has ${counted(count, 'descriptor')}`;
    return new DescriptorError('DESCRIPTORS_MISSING', `${found}: both must be equal`, 'caller');
  }

  /** Fewer descriptors have arrived than a message promises; `promised` is undefined if that cannot be read. */
  static missing(promised: number | undefined, count: number): DescriptorError {
    const problem = promised === undefined
      ? `a message that is not valid came with ${counted(count, 'descriptor')}: each must belong to a message`
      : `UNIX_FDS is ${promised}, and the message came with ${counted(count, 'descriptor')}: all must come with it`;
    return new DescriptorError('DESCRIPTORS_MISSING', problem, 'peer');
  }

  static tooMany(count: number, limit: number, fault: 'caller' | 'peer'): DescriptorError {
    const problem = `got ${counted(count, 'descriptor')}: there must be at most ${limit}`;
    return new DescriptorError('TOO_MANY_DESCRIPTORS', problem, fault);
  }
}
