// Exercises the wire layer without Node: everything, with JSON as input and output.
// It runs twice, in Node and in a context that has nothing but ECMAScript; the two results must be the same.

const DIGITS = '0123456789abcdef';
const toHex = (bytes) => Array.from(bytes, (byte) => DIGITS[byte >> 4] + DIGITS[byte & 15]).join('');
const fromHex = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (digits) => parseInt(digits, 16));

/** Values that JSON does not know, as text that tells them apart. */
function toJson(_key, value) {
  if (typeof value === 'bigint') return `bigint ${value}`;
  if (Object.is(value, -0)) return 'number -0';
  if (typeof value === 'number' && !Number.isFinite(value)) return `number ${value}`;
  if (value instanceof Map) return ['Map', ...value];
  if (value instanceof Uint8Array) return `bytes ${toHex(value)}`;
  return value === undefined ? 'undefined' : value;
}

function attempt(run) {
  try {
    return run();
  } catch (error) {
    return `${error.name} ${error.code}: ${error.message}`;
  }
}

/** The texts as message bodies, through every door of the wire layer that there is. */
export function run(wire, { messages, broken, texts }) {
  const reader = new wire.MessageReader();
  return JSON.stringify({
    messages: messages.map((hex) => {
      const message = wire.decodeMessage(fromHex(hex));
      const twin = message.byteOrder === 'little' ? 'big' : 'little';
      return {
        message,
        encoded: toHex(wire.encodeMessage(message)),
        twin: toHex(wire.encodeMessage(message, { byteOrder: twin })),
        readdressed: toHex(wire.readdress(fromHex(hex), { serial: 7, sender: ':1.7' })),
        dissection: wire.formatDissection(fromHex(hex)),
        streamed: reader.push(fromHex(hex)).length,
      };
    }),
    broken: broken.map((hex) => attempt(() => wire.decodeMessage(fromHex(hex)))),
    texts: texts.map((text) => attempt(() => {
      const bytes = wire.marshal('sv', [text, wire.variant('as', [text, ''])]);
      return { bytes: toHex(bytes), values: wire.unmarshal('sv', bytes) };
    })),
  }, toJson);
}
