// Addresses: lists parsed and single addresses formatted, with every way to break the grammar.
import { describe, expect, test } from 'vitest';
import {
  type Address, type AddressParts, escapeAddressValue, formatAddress, parseAddresses, unescapeAddressValue,
} from '../../src/protocol/address.js';
import type { AddressErrorCode } from '../../src/protocol/errors.js';
import { address, addressErrorOf, GUID, only } from './addresses.js';

describe('an address list', () => {
  test.each<[text: string, expected: readonly Address[]]>([
    // the examples of the specification
    ['unix:path=/tmp/dbus-test', [address('unix', { path: '/tmp/dbus-test' })]],
    [
      'unix:path=/tmp/dbus-test;unix:path=/tmp/dbus-test2',
      [address('unix', { path: '/tmp/dbus-test' }), address('unix', { path: '/tmp/dbus-test2' })],
    ],
    ['tcp:host=127.0.0.1,port=4242', [address('tcp', { host: '127.0.0.1', port: '4242' })]],
    ['tcp:host=127.0.0.1', [address('tcp', { host: '127.0.0.1' })]],
    ['tcp:host=127.0.0.1,port=30958', [address('tcp', { host: '127.0.0.1', port: '30958' })]],
    ['tcp:host=localhost', [address('tcp', { host: 'localhost' })]],
    ['unix:tmpdir=/tmp', [address('unix', { tmpdir: '/tmp' })]],
    ['unix:abstract=/tmp/dbus-U8OSdmf7', [address('unix', { abstract: '/tmp/dbus-U8OSdmf7' })]],
    ['unix:runtime=yes', [address('unix', { runtime: 'yes' })]],
    ['unix:path=/run/user/1234/bus', [address('unix', { path: '/run/user/1234/bus' })]],
    ['unix:runtime=yes;unix:tmpdir=/tmp', [address('unix', { runtime: 'yes' }), address('unix', { tmpdir: '/tmp' })]],
    ['unix:path=/var/run/dbus/system_bus_socket', [address('unix', { path: '/var/run/dbus/system_bus_socket' })]],
    ['autolaunch:', [address('autolaunch')]],
    ['systemd:', [address('systemd')]],
    ['launchd:env=DBUS_LAUNCHD_SESSION_BUS_SOCKET', [address('launchd', { env: 'DBUS_LAUNCHD_SESSION_BUS_SOCKET' })]],
    ['autolaunch:scope=*install-path', [address('autolaunch', { scope: '*install-path' })]],
    // other transports
    [
      'tcp:host=%3a%3a1,port=1,family=ipv6',
      [address('tcp', { host: '::1', port: '1', family: 'ipv6' })],
    ],
    [
      'nonce-tcp:host=localhost,port=1,noncefile=C%3a\\nonce',
      [address('nonce-tcp', { host: 'localhost', port: '1', noncefile: 'C:\\nonce' })],
    ],
    [
      'unixexec:path=ssh,argv1=-xT,argv2=host,argv3=systemd-stdio-bridge',
      [address('unixexec', { path: 'ssh', argv1: '-xT', argv2: 'host', argv3: 'systemd-stdio-bridge' })],
    ],
    ['x-future:a=1;unix:path=/b', [address('x-future', { a: '1' }), address('unix', { path: '/b' })]],
    ['unix:', [address('unix')]],
    // guid
    [`unix:path=/a,guid=${GUID}`, [address('unix', { path: '/a' }, GUID)]],
    [`unix:guid=${GUID.toUpperCase()},path=/a`, [address('unix', { path: '/a' }, GUID)]],
    // one separator at the end, as in the reference implementation
    ['unix:path=/a;', [address('unix', { path: '/a' })]],
    ['unix:path=/a,', [address('unix', { path: '/a' })]],
    ['unix:path=/a,;', [address('unix', { path: '/a' })]],
  ])('%s is parsed', (text, expected) => {
    expect(parseAddresses(text)).toEqual(expected);
  });

  test('keeps its keys in order, whatever their names', () => {
    const { keys } = only('x:b=1,2=2,1=3,__proto__=4,constructor=5');
    expect([...keys]).toEqual([
      ['b', '1'],
      ['2', '2'],
      ['1', '3'],
      ['__proto__', '4'],
      ['constructor', '5'],
    ]);
  });

  test.each<[text: string, code: AddressErrorCode, offset: number]>([
    ['', 'ADDRESS_EMPTY', 0],
    [';', 'ADDRESS_EMPTY', 0],
    [';unix:path=/a', 'ADDRESS_EMPTY', 0],
    ['unix:path=/a;;', 'ADDRESS_EMPTY', 13],
    ['unix:path=/a;;unix:path=/b', 'ADDRESS_EMPTY', 13],
    ['unix', 'TRANSPORT_INVALID', 0],
    [':path=/a', 'TRANSPORT_INVALID', 0],
    ['/run/user/1000/bus', 'TRANSPORT_INVALID', 0],
    [' unix:path=/a', 'TRANSPORT_INVALID', 0],
    ['unix:path=/a; unix:path=/b', 'TRANSPORT_INVALID', 13],
    ['path=unix:/a', 'TRANSPORT_INVALID', 0],
    ['unix:path', 'KEY_INVALID', 5],
    ['unix:=x', 'KEY_INVALID', 5],
    ['unix:,', 'KEY_INVALID', 5],
    ['unix:,path=/a', 'KEY_INVALID', 5],
    ['unix:path=/a,,guid=1', 'KEY_INVALID', 13],
    ['unix:path=/a,,', 'KEY_INVALID', 13],
    ['unix: path=/a', 'KEY_INVALID', 5],
    ['unix:path=/a,path=/b', 'KEY_DUPLICATE', 13],
    [`x:guid=${GUID},guid=${GUID}`, 'KEY_DUPLICATE', 40],
    ['unix:path=', 'VALUE_EMPTY', 10],
    ['unix:path=,guid=1', 'VALUE_EMPTY', 10],
    ['unix:path=/a b', 'VALUE_NOT_ESCAPED', 12],
    ['unix:path=/a=b', 'VALUE_NOT_ESCAPED', 12],
    ['unix:path=/a:b', 'VALUE_NOT_ESCAPED', 12],
    ['unix:path=/~', 'VALUE_NOT_ESCAPED', 11],
    ['unix:path=/a\n', 'VALUE_NOT_ESCAPED', 12],
    ['unix:path=/\0', 'VALUE_NOT_ESCAPED', 11],
    ['unix:path=/é', 'VALUE_NOT_ESCAPED', 11],
    ['unix:path=/💾', 'VALUE_NOT_ESCAPED', 11],
    ['unix:path=%', 'VALUE_ESCAPE_INVALID', 10],
    ['unix:path=/%2', 'VALUE_ESCAPE_INVALID', 11],
    ['unix:path=/%2,guid=1', 'VALUE_ESCAPE_INVALID', 11],
    ['unix:path=/%2;unix:', 'VALUE_ESCAPE_INVALID', 11],
    ['unix:path=/%zz', 'VALUE_ESCAPE_INVALID', 11],
    ['unix:path=/%+1', 'VALUE_ESCAPE_INVALID', 11],
    ['unix:path=/%%41', 'VALUE_ESCAPE_INVALID', 11],
    ['unix:path=/%0x41', 'VALUE_ESCAPE_INVALID', 11],
    ['unix:path=%00a', 'VALUE_CONTAINS_NUL', 10],
    ['unix:path=/a%00', 'VALUE_CONTAINS_NUL', 12],
    ['unix:path=/%ff', 'VALUE_NOT_UTF8', 10],
    ['unix:path=/%c3', 'VALUE_NOT_UTF8', 10],
    ['unix:path=/%ed%a0%80', 'VALUE_NOT_UTF8', 10],
    ['unix:path=/%c0%af', 'VALUE_NOT_UTF8', 10],
    ['unix:path=/a,guid=xyz', 'GUID_INVALID', 18],
    ['unix:path=/a,guid=1234deadbeef', 'GUID_INVALID', 18],
    ['unix:path=/a;unix:path=/b,guid=0', 'GUID_INVALID', 31],
  ])('%j is refused: %s at %i', (text, code, offset) => {
    const error = addressErrorOf(() => parseAddresses(text));
    expect(error).toMatchObject({ name: 'AddressError', code, address: text, offset });
    expect(error).toMatchObject({ fault: 'caller' });
    expect(error.message).toContain(`(offset ${offset} of address ${JSON.stringify(text)})`);
  });

  test.each([
    [' unix:path=/a', 'found white space before the address: there must be none (offset 0 of address " unix:path=/a")'],
    ['unix:path=/a;\nunix:path=/b', 'found white space before the address: there must be none (offset 13 of address'],
    ['unix:path=/a \n', 'found white space after a value: there must be none (offset 12 of address'],
  ])('with white space around it is refused: %j', (text, message) => {
    expect(addressErrorOf(() => parseAddresses(text)).message).toContain(message);
  });

  test('with an unescaped character is refused, and the error has its escaped form', () => {
    expect(addressErrorOf(() => parseAddresses('unix:path=/💾')).message).toBe(
      'found "💾" in a value: it must be written %f0%9f%92%be (offset 11 of address "unix:path=/💾")',
    );
  });

  test('can have tens of thousands of keys and addresses', () => {
    const count = 20_000;
    const keys = Array.from({ length: count }, (_, i) => `k${i}=%41`).join(',');
    expect(only(`x:${keys}`).keys.size).toBe(count);
    expect(parseAddresses('x:a=1;'.repeat(count))).toHaveLength(count);
    expect(only(`x:a=${'%41'.repeat(count)}`).keys.get('a')).toBe('A'.repeat(count));
  });
});

describe('the escaping of values', () => {
  test.each([
    ['/a%20b', '/a b'],
    ['%2f%41%2F%62', '/A/b'],
    ['%25', '%'],
    ['%2500', '%00'],
    ['/%c3%a9%E2%82%AC%f0%9f%92%be', '/é€💾'],
    ['%ef%bb%bfa', '\uFEFFa'],
    ['-0-9A-Za-z_/.\\*', '-0-9A-Za-z_/.\\*'],
  ])('%s is read as %j', (escaped, value) => {
    expect(only(`unix:path=${escaped}`).keys.get('path')).toBe(value);
  });

  test('changes every byte except the optionally-escaped ones', () => {
    const plain = '-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_/.\\*';
    for (let code = 1; code < 128; code++) {
      const character = String.fromCharCode(code);
      const escaped = plain.includes(character) ? character : `%${code.toString(16).padStart(2, '0')}`;
      expect(formatAddress(address('unix', { path: character }))).toBe(`unix:path=${escaped}`);
      expect(only(`unix:path=${escaped}`).keys.get('path')).toBe(character);
    }
  });

  test.each([
    ['unix:path=/tmp/dbus-test', address('unix', { path: '/tmp/dbus-test' })],
    ['tcp:host=%3a%3a1,port=4242,family=ipv6', address('tcp', { host: '::1', port: '4242', family: 'ipv6' })],
    [`unix:path=/a%2c%3b%3d%25,guid=${GUID}`, address('unix', { path: '/a,;=%' }, GUID)],
    ['unix:abstract=%c3%a9%20%0a%7f', address('unix', { abstract: 'é \n\x7f' })],
    ['autolaunch:', address('autolaunch')],
  ])('%s is parsed to what it was formatted from', (text, parsed) => {
    expect(formatAddress(parsed)).toBe(text);
    expect(only(text)).toEqual(parsed);
  });

  test.each<[Address, AddressErrorCode]>([
    [address(''), 'TRANSPORT_INVALID'],
    [address('unix:path=/a;x'), 'TRANSPORT_INVALID'],
    [address('unix', { 'path=/a,x': '1' }), 'KEY_INVALID'],
    [address('unix', { path: '' }), 'VALUE_EMPTY'],
    [address('unix', { path: '/a\0' }), 'VALUE_CONTAINS_NUL'],
    [address('unix', { path: '/\ud83d' }), 'VALUE_NOT_UTF8'],
    [address('unix', { path: '/a' }, 'xyz'), 'GUID_INVALID'],
  ])('%j is not formatted: %s', (unfit, code) => {
    expect(addressErrorOf(() => formatAddress(unfit))).toMatchObject({ code, address: undefined, offset: undefined });
  });

  test.each<[parts: unknown, message: string]>([
    [undefined, 'the address must be an object, got undefined'],
    ['unix:', 'the address must be an object, got string "unix:"'],
    [{}, 'the transport must be a string, got undefined'],
    [{ transport: 'unix', keys: [['path', '/a']] }, 'the keys must be an object or a Map, got an array of 1'],
    [{ transport: 'unix', keys: 5 }, 'the keys must be an object or a Map, got number 5'],
    [{ transport: 'tcp', keys: { port: 1 } }, 'the value of key port must be a string, got number 1'],
    [{ transport: 'tcp', guid: 1 }, 'the value of key guid must be a string, got number 1'],
  ])('%j is not formatted: %s', (parts, message) => {
    expect(() => formatAddress(parts as AddressParts)).toThrow(message);
  });

  test('an address with a GUID as a key and as a property is not formatted', () => {
    const twice = { transport: 'unix', keys: { guid: GUID }, guid: GUID };
    expect(addressErrorOf(() => formatAddress(twice))).toMatchObject({ code: 'KEY_DUPLICATE' });
  });

  test('keys can be an object, a Map or left out', () => {
    expect(formatAddress({ transport: 'tcp', keys: { host: '::1', port: '1' } })).toBe('tcp:host=%3a%3a1,port=1');
    expect(formatAddress({ transport: 'tcp', keys: new Map([['host', '::1']]), guid: GUID }))
      .toBe(`tcp:host=%3a%3a1,guid=${GUID}`);
    expect(formatAddress({ transport: 'autolaunch' })).toBe('autolaunch:');
  });

  test('an address list that is not a string is refused', () => {
    expect(() => parseAddresses(5 as never)).toThrow('the address list must be a string, got number 5');
  });
});

describe('a single value', () => {
  test.each([['/a b', '/a%20b'], ['::1', '%3a%3a1'], ['é', '%c3%a9'], ['a-_/.\\*', 'a-_/.\\*'], ['%', '%25']])(
    '%j is escaped to %s, and back',
    (value, escaped) => {
      expect(escapeAddressValue(value)).toBe(escaped);
      expect(unescapeAddressValue(escaped)).toBe(value);
    },
  );

  test.each([['', 'VALUE_EMPTY'], ['a\0', 'VALUE_CONTAINS_NUL'], ['\ud800', 'VALUE_NOT_UTF8']])(
    '%j cannot be escaped: %s', (value, code) => {
      expect(addressErrorOf(() => escapeAddressValue(value)).code).toBe(code);
    },
  );

  test.each([
    ['', 'VALUE_EMPTY', 0], ['a b', 'VALUE_NOT_ESCAPED', 1], ['ab%0', 'VALUE_ESCAPE_INVALID', 2],
    ['%00', 'VALUE_CONTAINS_NUL', 0], ['%ff', 'VALUE_NOT_UTF8', 0], ['a,b', 'VALUE_NOT_ESCAPED', 1],
  ])('%j is not an escaped value: %s at %i', (text, code, offset) => {
    expect(addressErrorOf(() => unescapeAddressValue(text))).toMatchObject({ code, offset });
  });

  test('that is not a string is refused', () => {
    expect(() => escapeAddressValue(1 as never)).toThrow('the value must be a string, got number 1');
    expect(() => unescapeAddressValue(null as never)).toThrow('the text must be a string, got null');
  });
});
