// The options that both programs share.

import { expect, test } from 'vitest';
import { parseCommandLine as parseClient } from '../../src/client/random-data/command-line.js';
import { parseCommandLine as parseService } from '../../src/service/random-data/command-line.js';

test('both programs explain the options that choose a bus in the same words', () => {
  const sharedPart = (help: unknown): string => {
    const text = String(help);
    return text.slice(text.indexOf('  --session'), text.indexOf('\nExit codes'));
  };
  const client = sharedPart(parseClient(['--help']));
  expect(client).toContain('--address');
  expect(sharedPart(parseService(['--help']))).toBe(client);
});
