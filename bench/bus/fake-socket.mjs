// A socket without a kernel: what node:net hands out to those who connect, in a process that measures a library alone.
// Behind it a RawPeer answers within the process, a turn of the event loop later, as a bus that is infinitely fast.
// The library is loaded as it is: it connects as to any address.
import net from 'node:net';
import { syncBuiltinESMExports } from 'node:module';
import { Duplex } from 'node:stream';
import { RawPeer } from './raw-bus.mjs';

export const FAKE_SOCKET_PATH = '/nowhere/fake-bus';

class FakeSocket extends Duplex {
  connecting = true;
  #incoming = [];
  #isScheduled = false;
  #onread;
  peer = new RawPeer(':1.1', (bytes) => this.#answer(bytes));

  constructor({ onread } = {}) {
    super({ allowHalfOpen: false });
    this.#onread = onread;
    process.nextTick(() => {
      this.connecting = false;
      this.emit('connect');
      this.emit('ready');
    });
  }

  #answer(bytes) {
    this.#incoming.push(bytes);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => this.#deliver());
  }

  #deliver() {
    this.#isScheduled = false;
    const bytes = this.#incoming.length === 1 ? this.#incoming[0] : Buffer.concat(this.#incoming);
    this.#incoming.length = 0;
    if (this.#onread === undefined || this.#onread === null) {
      this.push(bytes);
      return;
    }
    const { buffer, callback } = this.#onread;
    for (let at = 0; at < bytes.length; ) {
      const target = typeof buffer === 'function' ? buffer() : buffer;
      const length = Math.min(target.length, bytes.length - at);
      target.set(bytes.subarray(at, at + length));
      at += length;
      callback(length, target);
    }
  }

  _read() {}

  _write(chunk, _encoding, done) {
    this.peer.receive(chunk);
    done();
  }

  _final(done) {
    done();
    if (this.#onread === undefined) this.push(null);
    else this.destroy();
  }

  // What libraries ask of a socket and a stream does not have.
  setNoDelay() { return this; }
  setKeepAlive() { return this; }
  setTimeout() { return this; }
  ref() { return this; }
  unref() { return this; }
}

const opened = [];

/** The peer behind the socket that was opened last. */
export function lastPeer() {
  const socket = opened.at(-1);
  if (socket === undefined) throw new Error('the library did not connect by node:net');
  return socket.peer;
}

/** From now on node:net connects to FAKE_SOCKET_PATH without a kernel. */
export function installFakeSocket() {
  for (const name of ['connect', 'createConnection']) {
    const original = net[name];
    net[name] = (target, ...more) => {
      const options = typeof target === 'string' ? { path: target } : target;
      if (options?.path !== FAKE_SOCKET_PATH) return original(target, ...more);
      const socket = new FakeSocket(options);
      opened.push(socket);
      return socket;
    };
  }
  syncBuiltinESMExports();
}
