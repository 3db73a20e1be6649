// The floor: JavaScript written by hand for exactly one payload each, which checks nothing. It knows the header by
// heart (a template of its bytes, fixed places of its strings) and the body's type, and uses what is quickest in Node.
// It takes and makes values of the same kinds as ours: arrays, plain objects or Map, variants, Uint8Array, strings.
import { SERIAL } from '../cases.mjs';
import { OURS } from '../signature.mjs';

/* Output: a scratch buffer, copied at the end into memory of the message's own. */

const out = Buffer.allocUnsafeSlow(1 << 23);
const outView = new DataView(out.buffer);
let at = 0;

function pad(boundary) {
  for (; (at & (boundary - 1)) !== 0; at++) out[at] = 0;
}

function putUint32(value) {
  pad(4);
  outView.setUint32(at, value, true);
  at += 4;
}

function putText(text) {
  const { length } = text;
  if (length > 40) out.latin1Write(text, at, length);
  else for (let i = 0; i < length; i++) out[at + i] = text.charCodeAt(i);
  at += length;
  out[at++] = 0;
}

function putString(text) {
  putUint32(text.length);
  putText(text);
}

function putSignature(text) {
  out[at++] = text.length;
  putText(text);
}

/** The length word of an array; `endArray` fills it in. */
function beginArray(boundary) {
  putUint32(0);
  const lengthAt = at - 4;
  pad(boundary);
  return lengthAt;
}

function endArray(lengthAt, start) {
  outView.setUint32(lengthAt, at - start, true);
}

function putStrings(texts) {
  const lengthAt = beginArray(4);
  const start = at;
  for (let i = 0; i < texts.length; i++) putString(texts[i]);
  endArray(lengthAt, start);
}

function putBytes(bytes) {
  putUint32(bytes.length);
  out.set(bytes, at);
  at += bytes.length;
}

function putVariant({ signature, value }) {
  putSignature(signature);
  switch (signature) {
    case 's': case 'o': return putString(value);
    case 'b': return putUint32(value ? 1 : 0);
    case 'u': return putUint32(value);
    case 'y': out[at++] = value; return;
    case 'n': pad(2); outView.setInt16(at, value, true); at += 2; return;
    case 'd': pad(8); outView.setFloat64(at, value, true); at += 8; return;
    case 'x': pad(8); outView.setBigInt64(at, value, true); at += 8; return;
    case 'as': return putStrings(value);
    case 'ay': return putBytes(value);
    case '(ii)':
      pad(8);
      outView.setInt32(at, value[0], true);
      outView.setInt32(at + 4, value[1], true);
      at += 8;
      return;
    case 'a{sv}': return putVardict(value);
  }
}

function putVardict(dict) {
  const lengthAt = beginArray(8);
  const start = at;
  for (const key in dict) {
    pad(8);
    putString(key);
    putVariant(dict[key]);
  }
  endArray(lengthAt, start);
}

function putObjects(objects) {
  const lengthAt = beginArray(8);
  const start = at;
  for (const path in objects) {
    pad(8);
    putString(path);
    const innerAt = beginArray(8);
    const innerStart = at;
    const interfaces = objects[path];
    for (const name in interfaces) {
      pad(8);
      putString(name);
      putVardict(interfaces[name]);
    }
    endArray(innerAt, innerStart);
  }
  endArray(lengthAt, start);
}

/* Input: the text of the whole message at once, of which strings are parts; numbers through a view. */

let input;
let view;
let text;
let position = 0;


function getUint32() {
  position = (position + 3) & ~3;
  const value = view.getUint32(position, true);
  position += 4;
  return value;
}

function getString() {
  const length = getUint32();
  const start = position;
  position += length + 1;
  return text.substring(start, start + length);
}

function getSignature() {
  const length = input[position];
  const start = position + 1;
  position += length + 2;
  return text.substring(start, start + length);
}

function getStrings() {
  const length = getUint32();
  const end = position + length;
  const values = [];
  while (position < end) values.push(getString());
  return values;
}

function getVariant() {
  const signature = getSignature();
  return { signature, value: getValue(signature) };
}

function getValue(signature) {
  switch (signature) {
    case 's': case 'o': return getString();
    case 'b': return getUint32() === 1;
    case 'u': return getUint32();
    case 'y': return input[position++];
    case 'n': position = (position + 1) & ~1; position += 2; return view.getInt16(position - 2, true);
    case 'd': position = (position + 7) & ~7; position += 8; return view.getFloat64(position - 8, true);
    case 'x': position = (position + 7) & ~7; position += 8; return view.getBigInt64(position - 8, true);
    case 'as': return getStrings();
    case 'ay': {
      const length = getUint32();
      position += length;
      return input.subarray(position - length, position).slice();
    }
    case '(ii)':
      position = (position + 7) & ~7;
      position += 8;
      return [view.getInt32(position - 8, true), view.getInt32(position - 4, true)];
    case 'a{sv}': return getVardict();
  }
}

function getVardict() {
  const length = getUint32();
  position = (position + 7) & ~7;
  const end = position + length;
  const dict = new Map();
  while (position < end) {
    position = (position + 7) & ~7;
    const key = getString();
    dict.set(key, getVariant());
  }
  return dict;
}

function getObjects() {
  const length = getUint32();
  position = (position + 7) & ~7;
  const end = position + length;
  const objects = new Map();
  while (position < end) {
    position = (position + 7) & ~7;
    const path = getString();
    const innerLength = getUint32();
    position = (position + 7) & ~7;
    const innerEnd = position + innerLength;
    const interfaces = new Map();
    while (position < innerEnd) {
      position = (position + 7) & ~7;
      const name = getString();
      interfaces.set(name, getVardict());
    }
    objects.set(path, interfaces);
  }
  return objects;
}

/* One encoder and one decoder a case. `template` is the message up to its body, `rest` the values. */

/** A copy of the template with room for the body behind it. */
function start(template, bodyLength) {
  const length = template.length + bodyLength;
  // Bodies that are written through typed arrays need memory that starts on a boundary, which pooled memory does not.
  const bytes = bodyLength > 4 ? Buffer.allocUnsafeSlow(length) : Buffer.allocUnsafe(length);
  bytes.set(template);
  return bytes;
}

/** What was put into the scratch buffer behind the template, as a message; the template is there already. */
function finish(template) {
  outView.setUint32(4, at - template.length, true);
  const bytes = Buffer.allocUnsafe(at);
  out.copy(bytes, 0, 0, at);
  return bytes;
}

const ENCODERS = {
  quick: (template, [value]) => () => {
    const bytes = start(template, 4);
    const { length } = template;
    bytes[length] = value;
    bytes[length + 1] = value >> 8;
    bytes[length + 2] = value >> 16;
    bytes[length + 3] = value >> 24;
    return bytes;
  },
  props: (template, [name, changed, invalidated]) => () => {
    at = template.length;
    putString(name);
    putVardict(changed);
    putStrings(invalidated);
    return finish(template);
  },
  structs: (template, [rows]) => () => {
    const words = rows.length * 4;
    const bytes = start(template, 8 + words * 4);
    const int32 = new Int32Array(bytes.buffer, 0, bytes.length >> 2);
    let word = (template.length >> 2) + 2; // the length and its padding
    int32[word - 2] = words * 4 - 4;
    int32[word - 1] = 0;
    for (let i = 0; i < rows.length; i++, word += 4) {
      const row = rows[i];
      int32[word] = row[0];
      int32[word + 1] = row[1];
      int32[word + 2] = row[2];
      int32[word + 3] = 0;
    }
    return bytes.subarray(0, bytes.length - 4); // no padding behind the last one
  },
  managed: (template, [objects]) => () => {
    at = template.length;
    putObjects(objects);
    return finish(template);
  },
  objects: (template, body) => ENCODERS.managed(template, body),
  bytes: (template, [value]) => () => {
    const bytes = start(template, 4 + value.length);
    new Uint32Array(bytes.buffer, template.length, 1)[0] = value.length;
    bytes.set(value, template.length + 4);
    return bytes;
  },
  strings: (template, [values]) => () => {
    at = template.length;
    putStrings(values);
    return finish(template);
  },
  doubles: (template, [values]) => () => {
    const bytes = start(template, 8 + values.length * 8);
    new Uint32Array(bytes.buffer, template.length, 2).set([values.length * 8, 0]); // and padding
    new Float64Array(bytes.buffer, template.length + 8).set(values);
    return bytes;
  },
  keys: (template, [dict]) => () => {
    at = template.length;
    const lengthAt = beginArray(8);
    const first = at;
    for (const key in dict) {
      pad(8);
      putString(key);
      putUint32(dict[key]);
    }
    endArray(lengthAt, first);
    return finish(template);
  },
  ints: (template, [values]) => () => {
    const bytes = start(template, 4 + values.length * 4);
    const int32 = new Int32Array(bytes.buffer, template.length);
    int32[0] = values.length * 4;
    int32.set(values, 1);
    return bytes;
  },
};

const DECODERS = {
  quick: () => [view.getInt32(position, true)],
  props: () => [getString(), getVardict(), getStrings()],
  structs: () => {
    const length = getUint32();
    position = (position + 7) & ~7;
    const count = (length + 4) >> 4;
    const int32 = new Int32Array(input.buffer, position);
    const rows = new Array(count);
    for (let i = 0, word = 0; i < count; i++, word += 4) {
      rows[i] = [int32[word], int32[word + 1], int32[word + 2] >>> 0];
    }
    return [rows];
  },
  managed: () => [getObjects()],
  objects: () => [getObjects()],
  keys: () => {
    const length = getUint32();
    position = (position + 7) & ~7;
    const end = position + length;
    const dict = new Map();
    while (position < end) {
      position = (position + 7) & ~7;
      const key = getString();
      dict.set(key, getUint32() | 0);
    }
    return [dict];
  },
  bytes: () => {
    const length = getUint32();
    return [new Uint8Array(new Uint8Array(input.buffer, position, length))];
  },
  strings: () => [getStrings()],
  doubles: () => {
    const length = getUint32();
    position = (position + 7) & ~7;
    return [toArray(new Float64Array(input.buffer, position, length >> 3))];
  },
  ints: () => {
    const length = getUint32();
    return [toArray(new Int32Array(input.buffer, position, length >> 2))];
  },
};

const TYPED_DECODERS = {
  doubles: () => [new Float64Array(new Float64Array(input.buffer, ...arrayRange(8)))],
  ints: () => [new Int32Array(new Int32Array(input.buffer, ...arrayRange(4)))],
};

/** Start and length of an array of numbers of this size. */
function arrayRange(size) {
  const length = getUint32();
  position = (position + size - 1) & -size;
  return [position, length / size];
}

/** A big-endian message: its numbers are reversed one by one, four bytes at a time, which is all that JavaScript has. */
const BIG_DECODERS = {
  doubles: () => {
    const length = view.getUint32(position);
    const words = new Int32Array(input.buffer, (position + 11) & ~7, length >> 2);
    const swapped = new Int32Array(words.length);
    for (let i = 0; i < words.length; i += 2) {
      swapped[i] = reverse(words[i + 1]);
      swapped[i + 1] = reverse(words[i]);
    }
    return [new Float64Array(swapped.buffer)];
  },
  ints: () => {
    const words = new Int32Array(input.buffer, position + 4, view.getUint32(position) >> 2);
    const swapped = new Int32Array(words.length);
    for (let i = 0; i < words.length; i++) swapped[i] = reverse(words[i]);
    return [swapped];
  },
};

/** Four bytes in reverse: each half is a rotation, which is one instruction. */
function reverse(word) {
  return (((word << 8) | (word >>> 24)) & 0x00ff00ff) | (((word << 24) | (word >>> 8)) & 0xff00ff00);
}

/** Quicker than Array.from, and than an array that grows. */
function toArray(typed) {
  const { length } = typed;
  const values = new Array(length);
  for (let i = 0; i < length; i++) values[i] = typed[i];
  return values;
}

/** Cases whose body has no text to speak of: only the header is made into text. */
const WITHOUT_TEXT = new Set(['quick', 'structs', 'bytes', 'doubles', 'ints']);

/** Where the value of each header field stands, and where the body starts: the payload-specific knowledge. */
function layoutOf(bytes) {
  const buffer = Buffer.from(bytes);
  const uint32At = (offset) => (isBig(bytes) ? buffer.readUInt32BE(offset) : buffer.readUInt32LE(offset));
  const fieldsEnd = 16 + uint32At(12);
  const fields = {};
  for (let offset = 16; offset < fieldsEnd; ) {
    offset = (offset + 7) & ~7;
    const code = buffer[offset];
    const type = String.fromCharCode(buffer[offset + 2]);
    offset += 4;
    const length = type === 'g' ? buffer[offset] : type === 'u' ? 0 : uint32At(offset);
    const valueAt = type === 'u' ? offset : offset + (type === 'g' ? 1 : 4);
    fields[code] = [valueAt, valueAt + length];
    offset = type === 'u' ? offset + 4 : valueAt + length + 1;
  }
  return { fields, bodyStart: (fieldsEnd + 7) & ~7 };
}

const isBig = (bytes) => bytes[0] === 0x42; // B

/** Reads the header strings out of the text that was just made. */
function headerReader(message, fields) {
  const [pathAt, pathEnd] = fields[1] ?? [0, 0];
  const [interfaceAt, interfaceEnd] = fields[2] ?? [0, 0];
  const [memberAt, memberEnd] = fields[3] ?? [0, 0];
  const [destinationAt, destinationEnd] = fields[6] ?? [0, 0];
  const [senderAt, senderEnd] = fields[7] ?? [0, 0];
  const [signatureAt, signatureEnd] = fields[8];
  const { type } = message;
  const isReply = type === 'method_return';
  const hasDestination = fields[6] !== undefined;
  return (body) => ({
    type,
    flags: input[2],
    serial: view.getUint32(8, !isBig(input)),
    byteOrder: isBig(input) ? 'big' : 'little',
    path: isReply ? undefined : text.substring(pathAt, pathEnd),
    interface: isReply ? undefined : text.substring(interfaceAt, interfaceEnd),
    member: isReply ? undefined : text.substring(memberAt, memberEnd),
    errorName: undefined,
    replySerial: isReply ? view.getUint32(fields[5][0], true) : undefined,
    destination: hasDestination ? text.substring(destinationAt, destinationEnd) : undefined,
    sender: text.substring(senderAt, senderEnd),
    signature: text.substring(signatureAt, signatureEnd),
    unixFds: 0,
    unknownFields: [],
    body,
  });
}

/** A copy that starts at the start of its memory, so that aligned places in the message are aligned there. */
const ownCopy = (bytes) => {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  copy.set(bytes);
  return copy;
};

export async function open(message, { name, sent, plainBody, typedBody }) {
  const { bodyStart } = layoutOf(sent);
  const template = ownCopy(sent.subarray(0, bodyStart));
  template.writeUInt32LE(SERIAL, 8);
  const decoder = (decodeBody) => (bytes) => {
    const { fields, bodyStart: received } = layoutOf(bytes);
    const buffer = ownCopy(bytes);
    const itsView = new DataView(buffer.buffer);
    const withHeader = headerReader(message, fields);
    const textLength = WITHOUT_TEXT.has(name) ? received : buffer.length;
    return () => {
      input = buffer;
      view = itsView;
      text = buffer.latin1Slice(0, textLength);
      position = received;
      return withHeader(decodeBody());
    };
  };
  out.set(template); // of the message that was opened last, which is the one to be measured
  return {
    directions: {
      enc: ENCODERS[name](template, plainBody),
      ...(typedBody && { 'enc typed': ENCODERS[name](template, typedBody) }),
      dec: decoder(DECODERS[name]),
      ...(typedBody && { 'dec typed': decoder(TYPED_DECODERS[name]), 'dec big': decoder(BIG_DECODERS[name]) }),
    },
    access: OURS,
    read: (decoded) => decoded,
  };
}
