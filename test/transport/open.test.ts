// Opening a list of addresses: what makes an address unusable, and that the next one is tried.
// Addresses of real and fake servers: "address" in test/connection/bus.test.ts.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ConnectError } from '../../src/transport/errors.js';
import { openTransport } from '../../src/transport/open.js';
import { scratchDirectory } from '../support/reaper.js';

async function failureOf(addresses: string): Promise<ConnectError> {
  const error: unknown = await openTransport(addresses).then(() => undefined, (reason: unknown) => reason);
  if (error instanceof ConnectError) return error;
  throw error;
}

test.each(['tcp:host=localhost,port=1', 'nonce-tcp:', 'autolaunch:', 'x-future:', 'constructor:'])(
  'the transport of %s is not supported',
  async (address) => {
    const { message, errors } = await failureOf(address);
    const transport = address.slice(0, address.indexOf(':'));
    expect(message).toBe(`cannot connect to ${address}: transport "${transport}" is not supported: it must be unix`);
    expect(errors).toMatchObject([{ cause: { name: 'AddressError', code: 'TRANSPORT_NOT_SUPPORTED', address } }]);
  },
);

test('each address of a list has its reason, in order', async () => {
  const missing = `unix:path=${join(scratchDirectory(), 'missing')}`;
  const { message, errors, fault, code } = await failureOf(`tcp:;${missing};unix:dir=/a;unix`);
  expect({ fault, code }).toEqual({ fault: 'link', code: 'CONNECT_FAILED' });
  expect(errors).toHaveLength(4);
  expect(message).toBe(`cannot connect to ${errors.map((error) => error.message).join('; ')}`);
  expect(errors.map((error) => error.message)).toEqual([
    'tcp:: transport "tcp" is not supported: it must be unix',
    `${missing}: connect ENOENT (there is no such socket)`,
    'unix:dir=/a: key dir is for servers: a client must use the address that the server prints',
    '"unix": found no transport: an address must begin with one, as in unix:path=/tmp/bus (offset 0)',
  ]);
});

test('a list without a valid address is an AddressError', async () => {
  await expect(openTransport('unix')).rejects.toMatchObject({ name: 'AddressError', code: 'TRANSPORT_INVALID' });
});

test('a list that is not a string is refused', async () => {
  await expect(openTransport(5 as never)).rejects.toThrow('connect: the addresses must be one string, got number 5');
});
