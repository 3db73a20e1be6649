// A case as the C programs take it: the header and the values as records, described in c/contestant.h; and the digest
// that such a program must come to when it has read the message. Numbers are in this machine's byte order, as C's are.
import { FIXED_SIZE, parseTypes } from './signature.mjs';
import { TYPE_CODE } from './contestants/type-code.mjs';

const MEMORY = {
  y: Uint8Array, n: Int16Array, q: Uint16Array, i: Int32Array, u: Uint32Array, h: Uint32Array, b: Uint32Array,
  x: BigInt64Array, t: BigUint64Array, d: Float64Array,
};

const inMemory = (code, values) => Buffer.from(MEMORY[code].from(values).buffer);
const text = (value) => Buffer.from(value, 'latin1'); // the cases hold ASCII
const terminated = (value) => Buffer.from(`${value}\0`, 'latin1');

/** The values in order: `basic(code, memory)`, `open(code, contents)`, `close()`, `fixedArray(code, memory)`. */
function walk(type, value, visitor) {
  const { code, children } = type;
  if (code === 'v') {
    const [inner] = parseTypes(value.signature);
    return walkContainer('v', value.signature, [[inner, value.value]], visitor);
  }
  const contents = type.signature.slice(1, code === 'a' ? undefined : -1);
  if (code === '(') return walkContainer('(', contents, children.map((child, i) => [child, value[i]]), visitor);
  if (code !== 'a') return visitor.basic(code, code in MEMORY ? inMemory(code, [basicOf(value)]) : text(value));
  const [element] = children;
  if (element.code in FIXED_SIZE) return visitor.fixedArray(element.code, inMemory(element.code, value));
  visitor.open('a', contents);
  const entryContents = element.signature.slice(1, -1);
  for (const item of value) {
    if (element.code !== '{') walk(element, item, visitor);
    else walkContainer('{', entryContents, element.children.map((child, i) => [child, item[i]]), visitor);
  }
  visitor.close();
}

function walkContainer(code, contents, fields, visitor) {
  visitor.open(code, contents);
  for (const [type, value] of fields) walk(type, value, visitor);
  visitor.close();
}

const basicOf = (value) => (typeof value === 'boolean' ? Number(value) : value);

function walkBody(message, visitor) {
  for (const [i, type] of parseTypes(message.signature).entries()) walk(type, message.body[i], visitor);
}

const NAMES = [['P', 'path'], ['I', 'interface'], ['M', 'member'], ['D', 'destination'], ['S', 'sender']];

/** The file that a C program reads. */
export function formatSteps(message) {
  const records = [];
  const record = (code, data) => {
    const head = Buffer.alloc(5);
    head[0] = code.charCodeAt(0);
    head.set(inMemory('u', [data.length]), 1);
    records.push(head, data);
  };
  record('T', Buffer.from([TYPE_CODE[message.type]]));
  for (const [code, key] of NAMES) {
    if (message[key] !== undefined) record(code, terminated(message[key]));
  }
  if (message.replySerial !== undefined) record('R', inMemory('u', [message.replySerial]));
  walkBody(message, {
    basic: (code, data) => record(code, code in MEMORY ? data : Buffer.concat([data, Buffer.from([0])])),
    open: (code, contents) => record('[', terminated(code + contents)),
    close: () => record(']', Buffer.alloc(0)),
    fixedArray: (code, data) => record('F', Buffer.concat([text(code), data])),
  });
  return Buffer.concat(records);
}

/** The digest of the message as it is received. */
export function digestOf(message) {
  let hash = 2166136261;
  const add = (data) => {
    for (const byte of data) hash = Math.imul(hash ^ byte, 16777619);
  };
  const step = (code, data) => {
    add(text(code));
    add(data);
  };
  for (const [code, key] of NAMES) {
    if (message[key] !== undefined) step(code, text(message[key]));
  }
  walkBody(message, {
    basic: step,
    open: (code) => step('[', text(code)),
    close: () => step(']', []),
    fixedArray: (code, data) => {
      step('F', text(code));
      step('F', data);
    },
  });
  return hash >>> 0;
}
