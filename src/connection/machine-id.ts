// Reads the machine ID that Peer.GetMachineId returns. It knows the files that hold the ID, and no messages.
// Specification: UUIDs; org.freedesktop.DBus.Peer.
import { readFile } from 'node:fs/promises';
import { DBusError } from '../protocol/errors.js';
import { ErrorName } from '../protocol/error-names.js';
import { isGuid } from '../wire/uuid.js';

/** The files that may hold the ID; on most systems one is a link to the other. */
const MACHINE_ID_FILES = ['/var/lib/dbus/machine-id', '/etc/machine-id'] as const;

/**
 * Reads the machine ID: 32 hex digits, the same for all programs on one running system.
 * @throws {DBusError} Failed, if no file holds a valid ID
 */
export async function readMachineId(files: readonly string[] = MACHINE_ID_FILES): Promise<string> {
  for (const file of files) {
    const text = await readFile(file, 'latin1').catch(() => ''); // another file may exist
    const id = text.trimEnd();
    if (isGuid(id)) return id.toLowerCase();
  }
  throw new DBusError(ErrorName.FAILED, `found no machine ID: ${files.join(' or ')} must hold it`);
}
