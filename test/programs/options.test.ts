// The list of options that both programs print, without a bus.
import { expect, test } from 'vitest';
import { builtProgram } from '../support/built.js';
import { run } from '../support/programs.js';

test('the options that are about the bus are the same in both programs', async () => {
  const sharedPart = async (name: 'service' | 'client'): Promise<string> => {
    const { stdout } = await run(process.execPath, [builtProgram(name), '--help']);
    return stdout.slice(stdout.indexOf('  --session'), stdout.indexOf('\nExit codes'));
  };
  expect(await sharedPart('service')).toBe(await sharedPart('client'));
  expect(await sharedPart('client')).toContain('--address');
});
