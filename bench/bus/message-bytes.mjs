// Bytes of messages made and read by hand, for the processes that stand opposite to a contestant and for the floor.
// It is no codec: little-endian only, nothing is checked, bodies come as bytes. Specification: Message Format.

export const TYPE = { call: 1, reply: 2, error: 3, signal: 4 };

/** The header fields: code and type. A message has them in the order in which its parts are given. */
const FIELDS = {
  path: [1, 'o'],
  interface: [2, 's'],
  member: [3, 's'],
  errorName: [4, 's'],
  replySerial: [5, 'u'],
  destination: [6, 's'],
  sender: [7, 's'],
  signature: [8, 'g'],
};
const FIELD_NAMES = new Map(Object.entries(FIELDS).map(([name, [code]]) => [code, name]));

const align8 = (offset) => (offset + 7) & ~7;

export function u32(value) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** A STRING or OBJECT_PATH. */
export const text = (value) => Buffer.concat([u32(Buffer.byteLength(value)), Buffer.from(`${value}\0`)]);

/** A SIGNATURE. */
export const signature = (value) => Buffer.from(`${String.fromCharCode(value.length)}${value}\0`, 'latin1');

/** Parts of a body one after the other, each as its alignment and its bytes. */
export function aligned(...parts) {
  let bytes = Buffer.alloc(0);
  for (const [alignment, part] of parts) {
    const padding = (alignment - (bytes.length % alignment)) % alignment;
    bytes = Buffer.concat([bytes, Buffer.alloc(padding), part]);
  }
  return bytes;
}

const writeValue = { s: text, o: text, g: signature, u: u32 };

/** The bytes of a message. `type` is a code, `body` bytes; all other parts are header fields. */
export function messageBytes({ type, flags = 0, serial = 1, body = Buffer.alloc(0), ...fields }) {
  const structs = Object.entries(fields).map(([name, value]) => {
    const [code, fieldType] = FIELDS[name];
    return [8, Buffer.concat([Buffer.from([code, 1, fieldType.charCodeAt(0), 0]), writeValue[fieldType](value)])];
  });
  const array = aligned(...structs);
  const fixed = Buffer.concat([Buffer.from([0x6c, type, flags, 1]), u32(body.length), u32(serial), u32(array.length)]);
  return aligned([1, fixed], [1, array], [8, body]);
}

/** Where the fields end in a message that was made here: what a bus appends to them begins there. */
export const endOfFields = (message) => align8(16 + message.readUInt32LE(12));

/** The header of the message that begins at `start`: type, flags, serial, fields by name, and `bodyAt`. */
export function readHeader(buffer, start) {
  const header = { type: buffer[start + 1], flags: buffer[start + 2], serial: buffer.readUInt32LE(start + 8) };
  const end = 16 + buffer.readUInt32LE(start + 12);
  for (let offset = 16; offset < end; ) {
    offset = align8(offset);
    const at = start + offset;
    const name = FIELD_NAMES.get(buffer[at]);
    const fieldType = String.fromCharCode(buffer[at + 2]);
    if (fieldType === 'u') {
      header[name] = buffer.readUInt32LE(at + 4);
      offset += 8;
    } else {
      const lengthSize = fieldType === 'g' ? 1 : 4;
      const length = fieldType === 'g' ? buffer[at + 4] : buffer.readUInt32LE(at + 4);
      header[name] = buffer.latin1Slice(at + 4 + lengthSize, at + 4 + lengthSize + length);
      offset += 4 + lengthSize + length + 1;
    }
  }
  header.bodyAt = start + align8(end);
  return header;
}

/** Cuts chunks into messages. `onFrame(buffer, start, end)` gets each; the bytes are its own until it returns. */
export class Cutter {
  #onFrame;
  /** The beginning of a message that is shorter than its fixed header. */
  #head = Buffer.alloc(16);
  #headLength = 0;
  /** A message that did not come in one chunk, as far as it has come. */
  #partial;
  #filled = 0;

  constructor(onFrame) {
    this.#onFrame = onFrame;
  }

  feed(buffer, from, to) {
    let at = from;
    while (at < to) {
      if (this.#partial !== undefined) {
        const end = Math.min(to, at + this.#partial.length - this.#filled);
        buffer.copy(this.#partial, this.#filled, at, end);
        this.#filled += end - at;
        at = end;
        if (this.#filled < this.#partial.length) return;
        const whole = this.#partial;
        this.#partial = undefined;
        this.#onFrame(whole, 0, whole.length);
      } else if (this.#headLength > 0 || to - at < 16) {
        const end = Math.min(to, at + 16 - this.#headLength);
        buffer.copy(this.#head, this.#headLength, at, end);
        this.#headLength += end - at;
        at = end;
        if (this.#headLength < 16) return;
        this.#headLength = 0;
        this.#begin(this.#head, 0, 16);
      } else {
        const length = lengthOf(buffer, at);
        if (length > to - at) return this.#begin(buffer, at, to);
        this.#onFrame(buffer, at, at + length);
        at += length;
      }
    }
  }

  #begin(buffer, from, to) {
    this.#partial = Buffer.allocUnsafe(lengthOf(buffer, from));
    this.#filled = buffer.copy(this.#partial, 0, from, to);
  }
}

function lengthOf(buffer, at) {
  return 16 + align8(buffer.readUInt32LE(at + 12)) + buffer.readUInt32LE(at + 4);
}
