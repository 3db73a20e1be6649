// The machine ID that Peer.GetMachineId returns: the files that may hold it, and the texts that are not one.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readMachineId } from '../../src/connection/machine-id.js';
import { scratchDirectory } from '../support/reaper.js';

const ID = '0123456789abcdef0123456789abcdef';

function files(...texts: readonly (string | undefined)[]): string[] {
  const directory = scratchDirectory();
  return texts.map((text, index) => {
    const file = join(directory, String(index));
    if (text !== undefined) writeFileSync(file, text);
    return file;
  });
}

describe('the machine id', () => {
  test.each([
    ['in the first file', [`${ID}\n`, undefined]],
    ['in the second file', [undefined, `${ID}\n`]],
    ['without a line end', [ID]],
    ['in capitals', [`${ID.toUpperCase()}\n`]],
    ['after a file of a system that is being set up', ['uninitialized\n', ID]],
    ['after an empty file', ['', ID]],
    ['after a file with too few digits', [ID.slice(1), ID]],
    ['after a file with too many digits', [`${ID}0`, ID]],
    ['after a file with hyphens', ['01234567-89ab-cdef-0123-456789abcdef', ID]],
    ['after a file with two lines', [`f${ID.slice(1)}\n${ID}`, ID]],
  ])('is found %s', async (_, texts) => {
    expect(await readMachineId(files(...texts))).toBe(ID);
  });

  test.each([[[undefined]], [['']], [['uninitialized\n', undefined]], [[`${'g'.repeat(32)}\n`]]])(
    'is an error if no file contains one: %j',
    async (texts) => {
      await expect(readMachineId(files(...texts))).rejects.toMatchObject({
        errorName: 'org.freedesktop.DBus.Error.Failed',
        message: expect.stringMatching(/^found no machine ID: .* must hold it$/),
      });
    },
  );
});
