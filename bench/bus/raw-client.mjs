// A client that is nothing but a socket: it sends bytes that were made before and cuts what comes into messages. It is
// the floor under every contestant written for Node, and the other side of the contestants.
import { connect } from 'node:net';
import { Cutter, messageBytes, readHeader, text, TYPE, u32 } from './message-bytes.mjs';
import { BUS_NAME, BUS_PATH } from './names.mjs';

const HELLO_SERIAL = 1;
const INITIAL_CAPACITY = 2 ** 16;
const READ_CAPACITY = 2 ** 18;

const busCall = (member, more = {}) =>
  messageBytes({ type: TYPE.call, path: BUS_PATH, destination: BUS_NAME, interface: BUS_NAME, member, ...more });

const uid = Buffer.from(String(process.getuid())).toString('hex');
const GREETING = Buffer.concat([
  Buffer.from(`\0AUTH EXTERNAL ${uid}\r\nBEGIN\r\n`),
  busCall('Hello', { serial: HELLO_SERIAL }),
]);

export class RawClient {
  /** The unique name. */
  name;
  serial = HELLO_SERIAL;
  /** Gets every message, as `(buffer, start, end)`; what it appends leaves in one write after the chunk. */
  onFrame = () => {};
  #socket;
  #out = Buffer.allocUnsafeSlow(INITIAL_CAPACITY);
  #length = 0;

  /** Connects to the bus at a socket's path, in one round trip. */
  static open(socketPath) {
    const client = new RawClient();
    return new Promise((resolve, reject) => {
      let isAuthenticated = false;
      const cutter = new Cutter((buffer, start, end) => client.onFrame(buffer, start, end));
      const receive = (length, buffer) => {
        let from = 0;
        if (!isAuthenticated) {
          // The one line of the server, OK, comes at once: it is shorter than any buffer.
          const end = buffer.indexOf('\r\n');
          if (buffer.latin1Slice(0, 2) !== 'OK' || end < 0) {
            reject(new Error(`the bus says ${buffer.latin1Slice(0, length)}`));
            return true;
          }
          isAuthenticated = true;
          from = end + 2;
        }
        cutter.feed(buffer, from, length);
        client.flush();
        return true;
      };
      client.onFrame = (buffer, start) => {
        const header = readHeader(buffer, start);
        if (header.replySerial !== HELLO_SERIAL) return;
        client.name = buffer.latin1Slice(header.bodyAt + 4, header.bodyAt + 4 + buffer.readUInt32LE(header.bodyAt));
        client.onFrame = () => {};
        resolve(client);
      };
      const onread = { buffer: Buffer.allocUnsafeSlow(READ_CAPACITY), callback: receive };
      client.#socket = connect({ path: socketPath, onread });
      client.#socket.on('error', reject);
      client.#socket.write(GREETING);
    });
  }

  /** Appends a message to what leaves next, and gives the place where it begins in `out`. */
  append(message) {
    const at = this.#length;
    if (at + message.length > this.#out.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.#out.length, at + message.length));
      this.#out.copy(larger, 0, 0, at);
      this.#out = larger;
    }
    message.copy(this.#out, at);
    this.#length = at + message.length;
    return at;
  }

  get out() {
    return this.#out;
  }

  flush() {
    if (this.#length === 0) return;
    this.#socket.write(this.#out.subarray(0, this.#length));
    this.#length = 0;
    // Bytes that the kernel has not taken yet stay where they are.
    if (this.#socket.writableLength > 0) this.#out = Buffer.allocUnsafeSlow(INITIAL_CAPACITY);
  }

  /** Writes bytes and resolves once the kernel has taken them. */
  write(bytes) {
    return new Promise((resolve, reject) => this.#socket.write(bytes, (error) => (error ? reject(error) : resolve())));
  }

  /** Calls a method of the bus and waits; only before anything is measured. */
  callBus(member, parts) {
    const before = this.onFrame;
    const serial = ++this.serial;
    return new Promise((resolve, reject) => {
      this.onFrame = (buffer, start, end) => {
        const header = readHeader(buffer, start);
        if (header.replySerial !== serial) return before(buffer, start, end);
        this.onFrame = before;
        if (header.type === TYPE.error) reject(new Error(`${member}: ${header.errorName}`));
        else resolve();
      };
      this.append(busCall(member, { ...parts, serial }));
      this.flush();
    });
  }

  requestName(name) {
    return this.callBus('RequestName', { signature: 'su', body: alignedName(name) });
  }

  addMatch(rule) {
    return this.callBus('AddMatch', { signature: 's', body: text(rule) });
  }

  /** Ends the connection; resolves when it is gone. */
  close() {
    return new Promise((resolve) => {
      this.#socket.on('close', resolve);
      this.#socket.end();
    });
  }

  /** Keeps the process alive or not. */
  destroy() {
    this.#socket.destroy();
  }
}

function alignedName(name) {
  const value = text(name);
  return Buffer.concat([value, Buffer.alloc((4 - (value.length % 4)) % 4), u32(4)]); // DO_NOT_QUEUE
}
