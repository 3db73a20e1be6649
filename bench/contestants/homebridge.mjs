// @homebridge/dbus-native 0.7.9, its message functions: dicts are pairs, a variant is [signature, value] to be sent and
// [type tree, [value]] when it came, a 64-bit integer comes as a number.
import { createRequire } from 'node:module';
import { SERIAL } from '../cases.mjs';
import { parseTypes, respell } from '../signature.mjs';
import { TYPE_CODE, typeName } from './type-code.mjs';

const require = createRequire(import.meta.url);

export async function open(message) {
  const { marshall, unmarshall } = require('@homebridge/dbus-native/lib/message.js');
  const { path, interface: iface, member, destination, replySerial, signature } = message;
  const type = TYPE_CODE[message.type];
  const spelling = {
    dict: (entries) => entries,
    variant: (s, value) => [s, value],
    bytes: (bytes) => Buffer.from(bytes),
  };
  const withNumbers = (t, value) => numbers(respell(t, value, spelling));
  const body = parseTypes(signature).map((t, i) => withNumbers(t, message.body[i]));
  return {
    directions: {
      enc: () =>
        marshall({ type, serial: SERIAL, path, interface: iface, member, replySerial, destination, signature, body }),
      dec: (bytes) => {
        const buffer = Buffer.from(bytes);
        return () => unmarshall(buffer);
      },
    },
    access: { entriesOf: (pairs) => pairs, variantOf: ([, [value]]) => ({ value }), bytesOf: (bytes) => bytes },
    read: (decoded) => ({ ...decoded, type: typeName(decoded.type) }),
  };
}

/** It takes no bigint. */
function numbers(value) {
  if (typeof value === 'bigint') return Number(value);
  return Array.isArray(value) ? value.map(numbers) : value;
}
