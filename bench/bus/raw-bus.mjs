// The bus's side of one connection, as bytes in and bytes out: it authenticates everyone, answers what a client asks
// of a bus, and the calls of the cases. It routes nothing. It stands in for a bus where the limits or the time of
// a real one would get in the way.
// Specification: Authentication Protocol, Message Bus Messages.
import { aligned, Cutter, messageBytes, readHeader, signature, text, TYPE, u32 } from './message-bytes.mjs';
import { BUS_NAME, BYTES, ECHO, INTERFACE, LARGE, NEVER, PROPERTIES, TICK } from './names.mjs';

const GUID = '0123456789abcdef0123456789abcdef';
const NO_REPLY = 1;
/** The unique name of the other program on this bus. */
export const OTHER_NAME = ':1.0';

const f64 = (value) => {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return bytes;
};

const strings = aligned([4, text('first')], [4, text('more')]);

/** The values of the properties: alignment and bytes. */
const VALUES = {
  u: [4, u32(42)],
  s: [4, text('A title of usual length')],
  b: [4, u32(1)],
  d: [8, f64(0.75)],
  as: [4, Buffer.concat([u32(strings.length), strings])],
};

function allProperties() {
  const entries = Object.entries(PROPERTIES).flatMap(([name, type]) =>
    [[8, text(name)], [1, signature(type)], VALUES[type]]);
  // The array's elements begin at 8, so that its own offset does not matter to them.
  const elements = aligned(...entries);
  return Buffer.concat([u32(elements.length), Buffer.alloc(4), elements]);
}

/** The answers, by member: the signature and the body. */
const ANSWERS = {
  Get: ['v', aligned([1, signature('u')], VALUES.u)],
  Set: undefined,
  GetAll: ['a{sv}', allProperties()],
  GetNameOwner: ['s', text(OTHER_NAME)],
  RequestName: ['u', u32(1)],
  [ECHO]: ['u', u32(0)],
  [BYTES]: ['ay', Buffer.concat([u32(LARGE), Buffer.alloc(LARGE, 7)])],
};

/** The bytes of an answer to `name`; the serial that it answers is 4 bytes at REPLY_SERIAL_AT, the body is last. */
export function answerBytes(member, { destination, sender = OTHER_NAME }) {
  const [bodySignature, body] = ANSWERS[member] ?? [];
  const ofBody = bodySignature === undefined ? {} : { signature: bodySignature, body };
  return messageBytes({ type: TYPE.reply, flags: NO_REPLY, replySerial: 0, destination, ...ofBody, sender });
}
export const REPLY_SERIAL_AT = 20;

/** The bytes of the signal of an object, to one receiver. */
export function tickBytes(path, destination) {
  const header = { path, interface: INTERFACE, member: TICK, destination, signature: 'u', sender: OTHER_NAME };
  return messageBytes({ type: TYPE.signal, flags: NO_REPLY, ...header, body: u32(0) });
}

export class RawPeer {
  #name;
  #write;
  /** The lines of the handshake as far as they have come; undefined after it. */
  #lines = '';
  #cutter = new Cutter((buffer, start, end) => this.#onFrame(buffer, start, end));
  #out = [];
  /** Member → the bytes of its answer. */
  #answers = new Map();
  #always;

  /** `write(bytes)` is called with all that answers one chunk. */
  constructor(name, write) {
    this.#name = name;
    this.#write = write;
  }

  /** From now on every call gets this answer, and nothing is looked at but its serial. */
  answerAllAs(member) {
    this.#always = answerBytes(member, { destination: this.#name });
  }

  receive(chunk) {
    let from = 0;
    if (this.#lines !== undefined) {
      this.#lines += chunk.latin1Slice();
      from = this.#handshake(chunk.length);
    }
    if (from < chunk.length) this.#cutter.feed(chunk, from, chunk.length);
    if (this.#out.length > 0) this.#write(this.#out.length === 1 ? this.#out[0] : Buffer.concat(this.#out));
    this.#out.length = 0;
  }

  /** Answers the lines that are complete; the place where the messages begin in the chunk that came last. */
  #handshake(chunkLength) {
    for (let end = this.#lines.indexOf('\r\n'); end >= 0; end = this.#lines.indexOf('\r\n')) {
      const line = this.#lines.slice(0, end).replace('\0', '');
      this.#lines = this.#lines.slice(end + 2);
      if (line === 'BEGIN') {
        const from = chunkLength - this.#lines.length;
        this.#lines = undefined;
        return from;
      }
      this.#out.push(Buffer.from(`${replyTo(line)}\r\n`));
    }
    return chunkLength;
  }

  #onFrame(buffer, start, end) {
    if (this.#always !== undefined) {
      const answer = Buffer.from(this.#always);
      buffer.copy(answer, REPLY_SERIAL_AT, start + 8, start + 12);
      this.#out.push(answer);
      return;
    }
    const header = readHeader(buffer, start);
    const { type, flags, member } = header;
    if (type !== TYPE.call || (flags & NO_REPLY) !== 0 || member === NEVER) return;
    const answer = Buffer.from(this.#answerTo(header));
    buffer.copy(answer, REPLY_SERIAL_AT, start + 8, start + 12);
    if (member === ECHO) buffer.copy(answer, answer.length - 4, end - 4, end);
    this.#out.push(answer);
  }

  #answerTo({ member, destination }) {
    let answer = this.#answers.get(member);
    if (answer !== undefined) return answer;
    const sender = destination === BUS_NAME ? BUS_NAME : OTHER_NAME;
    const name = text(this.#name);
    answer = member === 'Hello'
      ? messageBytes({
        type: TYPE.reply, flags: NO_REPLY, replySerial: 0, destination: this.#name, signature: 's', sender, body: name,
      })
      : answerBytes(member, { destination: this.#name, sender });
    this.#answers.set(member, answer);
    return answer;
  }
}

function replyTo(line) {
  if (/^AUTH EXTERNAL \w/.test(line) || /^DATA/.test(line)) return `OK ${GUID}`;
  if (/^AUTH EXTERNAL/.test(line)) return 'DATA';
  if (/^AUTH/.test(line)) return 'REJECTED EXTERNAL';
  return 'ERROR';
}
