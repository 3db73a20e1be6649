// The credentials of a connection, as a bus reports them. It contains only types.
// Tests: test/connection/bus-queries.test.ts. Specification: org.freedesktop.DBus.GetConnectionCredentials.
import type { Variant } from '../wire/variant.js';

/** What the bus knows about the program behind a connection. Each field is optional: the bus may not know it. */
export interface ConnectionCredentials {
  /** The numeric user id. */
  readonly unixUserId?: number;
  /** The numeric ids of all groups, in no certain order. */
  readonly unixGroupIds?: readonly number[];
  /** The process id at the time of connecting; the process may have ended, and the id may be that of another one. */
  readonly processId?: number;
  /** The security identifier of the user on Windows, such as `S-1-5-18`. */
  readonly windowsSid?: string;
  /** The label of a Linux security module, without the NUL byte at its end. Its encoding is not defined. */
  readonly linuxSecurityLabel?: Uint8Array;
  /** All credentials as the bus reported them, by name, including those of later specifications. */
  readonly all: ReadonlyMap<string, Variant>;
}
