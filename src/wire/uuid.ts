// UUIDs as the protocol writes them: the GUID of a server, the id of a machine. Specification: UUIDs.
// Tests: test/protocol/address.test.ts, test/auth/client.test.ts.

/** Whether the value is a server's GUID: exactly 32 hex digits, no hyphens. ‹UUIDs› */
export function isGuid(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-fA-F]{32}$/.test(value);
}
