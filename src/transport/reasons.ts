// The reason for which an address does not work, without the address itself. It does not know transports.
// Tests: reasons.test.ts. (Not in the specification.)
import { AddressError } from '../protocol/errors.js';

/** The meaning of the system's errors for a client that connects. */
const SYSTEM_REASONS: ReadonlyMap<string, string> = new Map([
  ['connect ENOENT', 'there is no such socket'],
  ['connect ECONNREFUSED', 'no server listens there'],
  ['connect EACCES', 'permission denied'],
  ['connect EAGAIN', 'too many clients wait to be accepted'],
  ['connect ETIMEDOUT', 'the host does not answer'],
  ['connect EHOSTUNREACH', 'the host cannot be reached'],
  ['connect ENETUNREACH', 'the network cannot be reached'],
  ['getaddrinfo ENOTFOUND', 'the host is not known'],
  ['getaddrinfo EAI_AGAIN', 'the name server does not answer'],
  ['open ENOENT', 'there is no such file'],
  ['open EACCES', 'permission denied'],
  ['spawn ENOENT', 'there is no such program'],
  ['spawn EACCES', 'permission denied'],
  ['read ECONNRESET', 'the server reset the connection'],
  ['write ECONNRESET', 'the server reset the connection'],
  ['write EPIPE', 'the server reset the connection'],
]);

/** `connect ENOENT (there is no such socket)` for an error of the system. */
function systemReason(call: string, code: string): string {
  const failure = `${call.split(' ')[0]} ${code}`; // `spawn` is followed by the program
  const reason = SYSTEM_REASONS.get(failure);
  return reason === undefined ? failure : `${failure} (${reason})`;
}

/** The reason why an address does not work, in words that do not repeat the address. */
export function reasonOf(error: unknown): string {
  if (error instanceof AddressError) {
    return error.offset === undefined ? error.problem : `${error.problem} (offset ${error.offset})`;
  }
  // A host can have several addresses, each with an error of its own.
  if (error instanceof AggregateError) return [...new Set(error.errors.map(reasonOf))].join(', ');
  if (!(error instanceof Error)) return String(error);
  const { code, syscall } = error as NodeJS.ErrnoException;
  return syscall === undefined || code === undefined ? error.message : systemReason(syscall, code);
}
