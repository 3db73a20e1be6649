// The words for the errors of a client that connects.
import { expect, test } from 'vitest';
import { AddressError } from '../../src/protocol/errors.js';
import { reasonOf } from '../../src/transport/reasons.js';

const system = (syscall: string, code: string): Error => Object.assign(new Error(`${syscall} ${code} /x`), { syscall, code });

test.each<[error: unknown, reason: string]>([
  [system('connect', 'ENOENT'), 'connect ENOENT (there is no such socket)'],
  [system('connect', 'EBADF'), 'connect EBADF'],
  [system('open', 'ENOENT'), 'open ENOENT (there is no such file)'],
  [system('spawn ssh', 'ENOENT'), 'spawn ENOENT (there is no such program)'],
  [system('constructor', 'name'), 'constructor name'],
  [system('read', 'ECONNRESET'), 'read ECONNRESET (the server reset the connection)'],
  [new Error('other'), 'other'],
  ['text', 'text'],
  [new AddressError('KEY_INVALID', 'found no key', { address: 'unix:a', offset: 5 }), 'found no key (offset 5)'],
  [new AddressError('NOT_CONNECTABLE', 'key dir is for servers', { address: 'unix:dir=/' }), 'key dir is for servers'],
  [
    new AggregateError([system('connect', 'ECONNREFUSED'), system('connect', 'ECONNREFUSED'), system('connect', 'EPERM')]),
    'connect ECONNREFUSED (no server listens there), connect EPERM',
  ],
])('the reason of %s', (error, reason) => {
  expect(reasonOf(error)).toBe(reason);
});
