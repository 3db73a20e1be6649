// Arguments of the wrong kind: every function of the wire layer and of authentication refuses them by name.
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { AuthClient } from '../../src/auth/client.js';
import { anonymous, anonymousServer } from '../../src/auth/mechanisms.js';
import { AuthServer } from '../../src/auth/server.js';
import {
  ArgumentError, decodeBody, decodeHeader, decodeMessage, dissect, encodeMessage, errorReply, formatDissection,
  FrameReader, MessageReader, methodCall, methodReturn, parseSignature, readdress, readEnvelope, signal,
  splitSignature, unmarshal, variant,
} from '../../src/wire/index.js';
import { isBytes } from '../../src/wire/arguments.js';

const call = methodCall({ path: '/', member: 'M' });
const bytes = encodeMessage(call, { serial: 1 });
const received = { serial: 7, sender: ':1.5' };

function thrownBy(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  return 'nothing was thrown';
}

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

type Act = (value: never) => unknown;

/** Each function that takes bytes, by the start of the text of its error. */
const TAKES_BYTES: readonly (readonly [text: string, act: Act])[] = [
  ['decodeMessage: the bytes', (value) => decodeMessage(value)],
  ['decodeHeader: the bytes', (value) => decodeHeader(value)],
  ['decodeBody: the bytes', (value) => decodeBody(decodeHeader(bytes), value)],
  ['readEnvelope: the frame', (value) => readEnvelope(value)],
  ['readdress: the bytes', (value) => readdress(value, {})],
  ['unmarshal: the bytes', (value) => unmarshal('', value)],
  ['dissect: the bytes', (value) => dissect(value)],
  ['formatDissection: the bytes', (value) => formatDissection(value)],
  ['FrameReader.push: the chunk', (value) => new FrameReader().push(value)],
  ['MessageReader.push: the chunk', (value) => new MessageReader().push(value)],
  ['AuthServer.receive: the chunk', (value) => {
    new AuthServer({ guid: '0'.repeat(32), mechanisms: [anonymousServer()] }).receive(value);
  }],
];

/** Values that are not bytes, with their description in the text of the error. */
const NOT_BYTES: readonly (readonly [text: string, value: unknown])[] = [
  ['undefined', undefined],
  ['null', null],
  ['number 5', 5],
  ['string "6c01"', '6c01'],
  ['an array of 1', [1]],
  ['an ArrayBuffer: pass new Uint8Array(buffer)', new ArrayBuffer(16)],
  ['a SharedArrayBuffer: pass new Uint8Array(buffer)', new SharedArrayBuffer(16)],
  ['an object of class DataView', new DataView(new ArrayBuffer(16))],
  ['an object of class Int8Array', new Int8Array(16)],
  ['an object of class Uint16Array', new Uint16Array(16)],
  ['an object of class Uint8Array', Object.create(Uint8Array.prototype)],
  ['a promise: await it first', Promise.resolve(bytes)],
  ['a value that cannot be inspected', revoked()],
];

describe('received bytes', () => {
  test.each(TAKES_BYTES)('%s must be a Uint8Array', (text, act) => {
    for (const [found, value] of NOT_BYTES) {
      const error = thrownBy(() => act(value as never));
      expect(error).toBeInstanceOf(ArgumentError);
      expect(error).toMatchObject({ code: 'ARGUMENT_INVALID', message: `${text} must be a Uint8Array, got ${found}` });
    }
  });

  test('can be a Buffer, or a Uint8Array of another realm', () => {
    expect(decodeMessage(Buffer.from(bytes))).toMatchObject({ member: 'M' });
    const foreign = runInNewContext('Uint8Array.from(bytes)', { bytes: [...bytes] }) as Uint8Array;
    expect(foreign).not.toBeInstanceOf(Uint8Array);
    expect(isBytes(foreign)).toBe(true);
    expect(decodeMessage(foreign)).toEqual(decodeMessage(bytes));
    expect(new MessageReader().push(foreign)).toHaveLength(1);
  });

  test('of a handshake must be a Uint8Array', () => {
    const client = new AuthClient({ mechanisms: [anonymous()] });
    client.start();
    expect(() => client.receive('OK' as never)).toThrow('AuthClient.receive: the chunk must be a Uint8Array, got str');
  });
});

describe('arguments of the wrong kind', () => {
  test.each<[text: string, act: () => unknown]>([
    ['unmarshal: the signature must be a string, got an object of class Uint8Array',
      () => unmarshal(bytes as never, 'u' as never)],
    ['unmarshal: the signature must be a string, got undefined', () => (unmarshal as () => unknown)()],
    ['parseSignature: the signature must be a string, got number 5', () => parseSignature(5 as never)],
    ['splitSignature: the signature must be a string, got undefined', () => (splitSignature as () => unknown)()],
    ['variant: the signature must be a string, got number 5', () => variant(5 as never, 5 as never)],
    ['decodeBody: the header must be what decodeHeader() returns, got undefined',
      () => decodeBody(undefined as never, bytes)],
    ['decodeBody: the header must be what decodeHeader() returns, got an object of class Object',
      () => decodeBody({} as never, bytes)],
    ['formatDissection: the parts must be an array, got number 5', () => formatDissection(bytes, 5 as never)],
    ['encodeMessage: the message must be an object, got undefined', () => (encodeMessage as () => unknown)()],
    ['methodCall: the options must be an object, got undefined', () => (methodCall as () => unknown)()],
    ['methodCall: the options must be an object, got number 5', () => methodCall(5 as never)],
    ['signal: the options must be an object, got undefined', () => (signal as () => unknown)()],
    ['methodReturn: the call must be an object, got undefined', () => (methodReturn as () => unknown)()],
    ['methodReturn: the options must be an object, got null', () => methodReturn(received, null as never)],
    ['errorReply: the call must be an object, got string ":1.5"',
      () => errorReply(':1.5' as never, { errorName: 'a.b' })],
    ['errorReply: the options must be an object, got undefined', () => errorReply(received, undefined as never)],
  ])('are refused by name: %s', (text, act) => {
    const error = thrownBy(act);
    expect(error).toBeInstanceOf(ArgumentError);
    expect(error).toMatchObject({ code: 'ARGUMENT_INVALID', message: text, fault: 'caller' });
  });

  const PARTS = { path: '/', member: 'M' };
  test.each<[text: string, act: () => unknown]>([
    ['methodCall: unknown option "dest"; did you mean "destination"?',
      () => methodCall({ ...PARTS, dest: 'x.y' } as never)],
    ['methodCall: unknown option "signatur"; did you mean "signature"?',
      () => methodCall({ ...PARTS, signatur: 's' } as never)],
    ['methodCall: unknown option "sig"; did you mean "signature"?', () => methodCall({ ...PARTS, sig: 's' } as never)],
    ['methodCall: unknown option "args": it must be one of path, interface, member, destination, flags, signature, body',
      () => methodCall({ ...PARTS, args: [] } as never)],
    ['methodCall: unknown option "type": it must be one of path, interface, member, destination, flags, signature, body',
      () => methodCall(call as never)],
    ['methodCall: unknown option "dest"; did you mean "destination"?',
      () => methodCall(Object.create({ ...PARTS, dest: 'x.y' }) as never)],
    ['signal: unknown option "flags": it must be one of path, interface, member, destination, signature, body',
      () => signal({ ...PARTS, interface: 'a.b', flags: 1 } as never)],
    ['methodReturn: unknown option "destination": it must be one of signature, body',
      () => methodReturn(received, { destination: 'a.b' } as never)],
    ['errorReply: unknown option "name"; did you mean "errorName"?',
      () => errorReply(received, { name: 'a.b' } as never)],
  ])('a message cannot have unknown parts: %s', (text, act) => {
    expect(thrownBy(act)).toMatchObject({ name: 'ArgumentError', code: 'OPTION_UNKNOWN', message: text });
  });

  test('all parts of a message can be undefined, except the required ones', () => {
    const body = { signature: undefined, body: undefined };
    const parts = { interface: undefined, destination: undefined, flags: undefined, ...body };
    expect(methodCall({ ...PARTS, ...parts })).toEqual(call);
  });
});

describe('a reply', () => {
  test.each([[undefined], [':1.5'], ['com.example.Name']])('goes to the sender of its call: %s', (sender) => {
    expect(methodReturn({ serial: 7, sender }).destination).toBe(sender);
    expect(errorReply({ serial: 7, sender }, { errorName: 'a.b' }).destination).toBe(sender);
  });

  test.each([
    [':1'], [':'], [':.a'],
  ])('has no destination if its call has a sender that must not be sent: %s', (sender) => {
    const reply = errorReply({ serial: 7, sender }, { errorName: 'a.b', message: 'no' });
    expect(reply.destination).toBeUndefined();
    expect(decodeMessage(encodeMessage(reply, { serial: 1 }))).toMatchObject({ replySerial: 7 });
    expect(encodeMessage(methodReturn({ serial: 7, sender }), { serial: 1 })).toHaveLength(24);
  });

  test('to an invalid sender is refused when it is encoded', () => {
    expect(() => encodeMessage(methodReturn({ serial: 7, sender: 'x' }), { serial: 1 })).toThrow('header.DESTINATION');
  });
});
