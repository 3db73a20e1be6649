// Messages that refer to file descriptors, for streams that take none along: where the reference is, and what may pass.
import { expect, test } from 'vitest';
import { encodeMessage, MarshalError, type Message, signal, variant } from '../../src/wire/index.js';

const where = { path: '/com/example', interface: 'com.example.Test', member: 'Opened' };
const message = (signature: string, body: readonly unknown[]): Message => ({ ...signal(where), signature, body });
const encode = (given: Message): Uint8Array => encodeMessage(given, { serial: 1, allowUnixFds: false });

test.each<[signature: string, body: readonly unknown[], path: string]>([
  ['h', [0], 'body[0]'],
  ['sh', ['', 7], 'body[1]'],
  ['h', ['no number'], 'body[0]'],
  ['ah', [[0, 1]], 'body[0][0]'],
  ['ah', [Array.from({ length: 100 }, (_, index) => index)], 'body[0][0]'],
  ['ah', [new Uint32Array(3)], 'body[0][0]'],
  ['aah', [[[], [0]]], 'body[0][1][0]'],
  ['(sh)', [['', 0]], 'body[0][1]'],
  ['a(uh)', [[[0, 0]]], 'body[0][0][1]'],
  ['a(sh)', [[['', 0]]], 'body[0][0][1]'],
  ['a{hs}', [new Map([[3, '']])], 'body[0][3]'],
  ['a{sh}', [{ lock: 0 }], 'body[0]["lock"]'],
  ['v', [variant('h', 0)], 'body[0]'],
  ['a{sv}', [{ a: variant('s', ''), b: variant('(vah)', [variant('y', 1), [9]]) }], 'body[0]["b"][1][0]'],
  ['v', [variant('v', variant('a{sv}', { k: variant('h', 0) }))], 'body[0]["k"]'],
])('a UNIX_FD in %s %j is refused, and its place is named', (signature, body, path) => {
  const error = expect.objectContaining({ name: 'MarshalError', code: 'UNIX_FD_NOT_SENDABLE', signature, path });
  let thrown: unknown;
  try {
    encode(message(signature, body));
  } catch (reason) {
    thrown = reason;
  }
  expect(thrown).toEqual(error);
  expect((thrown as Error).message).toMatch(
    /^com\.example\.Test\.Opened: argument \d.*: file descriptors cannot be sent: the sockets of Node do not/,
  );
});

test.each<[signature: string, body: readonly unknown[]]>([
  ['ah', [[]]],
  ['ah', [new Uint32Array(0)]],
  ['a(sh)', [[]]],
  ['a(uh)', [[]]],
  ['a{sh}', [new Map()]],
  ['v', [variant('ah', [])]],
  ['g', ['h']],
  ['s', ['h']],
])('%s %j refers to no descriptor, and is written', (signature, body) => {
  const given = message(signature, body);
  expect(encode(given)).toEqual(encodeMessage(given, { serial: 1 }));
});

test('a header that promises descriptors is refused', () => {
  for (const unixFds of [1, 2 ** 32 - 1]) {
    const given: Message = { ...signal(where), unixFds };
    expect(() => encode(given)).toThrow(MarshalError);
    expect(() => encode(given)).toThrow(expect.objectContaining({
      code: 'UNIX_FD_NOT_SENDABLE',
      path: 'header.UNIX_FDS',
      message: expect.stringContaining('file descriptors cannot be sent'),
    }));
  }
});

test('an unknown header field that refers to a descriptor is refused', () => {
  const given: Message = { ...signal(where), unknownFields: [{ code: 200, value: variant('h', 0) }] };
  expect(() => encode(given)).toThrow(expect.objectContaining({ code: 'UNIX_FD_NOT_SENDABLE', path: 'header.200' }));
});

test('a message that may refer to descriptors is encoded even after one that may not', () => {
  const given: Message = { ...signal({ ...where, signature: 'h', body: [0] }), unixFds: 1 };
  const before = encodeMessage(given, { serial: 1 });
  expect(() => encode(given)).toThrow(MarshalError);
  expect(encodeMessage(given, { serial: 1 })).toEqual(before);
  expect(encodeMessage(given, { serial: 1, allowUnixFds: true })).toEqual(before);
  expect(encodeMessage(given, { serial: 1, allowUnixFds: undefined })).toEqual(before);
});
