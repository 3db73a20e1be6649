// dbus-native 0.16.1, its message functions, with its default value shapes: plain objects, and variants that lose their
// type when they are decoded.
import { createRequire } from 'node:module';
import { SERIAL, TYPED_ARRAY } from '../cases.mjs';
import { parseTypes, respell } from '../signature.mjs';
import { TYPE_CODE, typeName } from './type-code.mjs';

const require = createRequire(import.meta.url);

export async function open(message) {
  const { marshall, unmarshall } = require('dbus-native/lib/message.js');
  const { Variant } = require('dbus-native/lib/values.js');
  const { path, interface: iface, member, destination, replySerial, signature } = message;
  const type = TYPE_CODE[message.type];

  const encoder = (body) => () =>
    marshall({ type, serial: SERIAL, path, interface: iface, member, replySerial, destination, signature, body });
  const spelling = {
    dict: (entries) => Object.fromEntries(entries),
    variant: (s, value) => new Variant(s, value),
    bytes: (bytes) => Buffer.from(bytes),
  };
  const body = parseTypes(signature).map((t, i) => respell(t, message.body[i], spelling));
  const typed = TYPED_ARRAY[signature];
  return {
    directions: {
      enc: encoder(body),
      ...(typed && { 'enc typed': encoder([typed.from(message.body[0])]) }),
      dec: (bytes) => {
        const buffer = Buffer.from(bytes);
        return () => unmarshall(buffer);
      },
    },
    access: { entriesOf: (dict) => Object.entries(dict), variantOf: (value) => ({ value }), bytesOf: (bytes) => bytes },
    read: (decoded) => ({ ...decoded, type: typeName(decoded.type) }),
  };
}
