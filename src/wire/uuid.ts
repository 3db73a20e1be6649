// UUIDs as the protocol writes them: the GUID of a server, the id of a machine. Specification: UUIDs.
// Tests: test/protocol/address.test.ts, test/auth/client.test.ts.

/** Whether the text is a server's GUID: exactly 32 hex digits, no hyphens. ‹UUIDs› */
export function isGuid(text: string): boolean {
  return /^[0-9a-fA-F]{32}$/.test(text);
}
