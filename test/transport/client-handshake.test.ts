// The client's handshake on a stream: its state, its end in each way, and that a stream that is given up is destroyed.
import { Duplex } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { AuthClient } from '../../src/auth/client.js';
import { external } from '../../src/auth/mechanisms.js';
import { Handshake, type HandshakeOptions } from '../../src/transport/client-handshake.js';
import { incomingOf } from '../../src/transport/incoming.js';
import { bytes, GUID, text } from '../auth/support.js';

const ZEROS = '0'.repeat(32);

function begin(options: Partial<HandshakeOptions> = {}, { earlyBegin = false, isConnecting = false } = {}) {
  let sent = '';
  const stream = new Duplex({
    read: () => {},
    write: (chunk: Uint8Array, _encoding, done) => {
      sent += text(chunk);
      done();
    },
  });
  if (isConnecting) Object.assign(stream, { connecting: true });
  const auth = new AuthClient({ mechanisms: [external({ uid: '7' })], earlyBegin });
  const defaults = { guid: undefined, greeting: bytes('l\x01'), timeout: Infinity, signal: undefined };
  const handshake = new Handshake({ stream, incoming: incomingOf(stream) }, auth, { ...defaults, ...options });
  handshake.result.catch(() => {}); // some tests look at it later
  return { stream, handshake, sent: () => sent };
}

describe('a handshake', () => {
  test('sends the greeting in one write with BEGIN, and gives the transport its GUID', async () => {
    const { stream, handshake, sent } = begin();
    expect(handshake.state).toBe('WaitingForOK');
    stream.push(bytes(`OK ${GUID}\r\n`));
    expect((await handshake.result).guid).toBe(GUID);
    expect(handshake.state).toBe('Authenticated');
    expect(sent()).toBe('\0AUTH EXTERNAL 37\r\nBEGIN\r\nl\x01');
  });

  test('with an early BEGIN sends everything at once', () => {
    const { sent } = begin({}, { earlyBegin: true });
    expect(sent()).toBe('\0AUTH EXTERNAL 37\r\nBEGIN\r\nl\x01');
  });

  test('waits until the stream is connected', () => {
    const { stream, handshake, sent } = begin({}, { isConnecting: true });
    expect({ state: handshake.state, sent: sent() }).toEqual({ state: 'Initial', sent: '' });
    stream.emit('connect');
    expect({ state: handshake.state, sent: sent() }).toEqual({ state: 'WaitingForOK', sent: '\0AUTH EXTERNAL 37\r\n' });
  });

  test('passes to the transport the bytes that came after OK', async () => {
    const { stream, handshake } = begin({ guid: GUID });
    stream.push(bytes(`OK ${GUID}\r\nrest`));
    const transport = await handshake.result;
    const received = await new Promise<string>((resolve) => {
      transport.start({ receive: (chunk) => resolve(text(chunk)), end: () => {} });
    });
    expect(received).toBe('rest');
  });

  const controller = new AbortController();
  const reason = new Error('enough');
  test.each<[title: string, options: Partial<HandshakeOptions>, act: (stream: Duplex) => unknown, error: object]>([
    ['the server has another GUID', { guid: ZEROS }, (stream) => stream.push(bytes(`OK ${GUID}\r\n`)),
      { code: 'GUID_MISMATCH', message: `the server's GUID is ${GUID}: it must be ${ZEROS}, as in its address` }],
    ['the server rejects it', {}, (stream) => stream.push(bytes('REJECTED\r\nREJECTED\r\n')), { code: 'REJECTED' }],
    ['the time is over', { timeout: 1 }, () => {}, { code: 'AUTH_TIMED_OUT' }],
    ['the signal aborts', { signal: controller.signal }, () => controller.abort(reason), { message: 'enough' }],
    ['the stream closes', {}, (stream) => stream.destroy(), { code: 'SERVER_CLOSED' }],
    ['the stream fails', {}, (stream) => stream.destroy(new Error('reset')), { message: 'reset' }],
  ])('rejects and destroys the stream if %s', async (_, options, act, error) => {
    const { stream, handshake } = begin(options);
    act(stream);
    await expect(handshake.result).rejects.toMatchObject(error);
    expect(stream.destroyed).toBe(true);
    stream.emit('error', new Error('a late error has a listener'));
  });
});
