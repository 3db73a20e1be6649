// The id of this machine, as Peer.GetMachineId gives it. Knows the two files it stands in, no messages.
// Specification: UUIDs; org.freedesktop.DBus.Peer.
import { readFile } from 'node:fs/promises';
import { DBusError } from '../protocol/errors.js';
import { ErrorName } from '../protocol/error-names.js';
import { isGuid } from '../wire/uuid.js';

/** Where the id may stand; on most systems one is a link to the other. */
const MACHINE_ID_FILES = ['/var/lib/dbus/machine-id', '/etc/machine-id'] as const;

/**
 * Reads the machine's id: 32 hex digits, the same for all programs of one running system.
 * @throws {DBusError} where no file has one
 */
export async function readMachineId(files: readonly string[] = MACHINE_ID_FILES): Promise<string> {
  for (const file of files) {
    const text = await readFile(file, 'latin1').catch(() => ''); // the next file may be there
    const id = text.trimEnd();
    if (isGuid(id)) return id.toLowerCase();
  }
  throw new DBusError(ErrorName.FAILED, `this machine has no id: none of ${files.join(', ')} holds one`);
}
