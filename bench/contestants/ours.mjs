// This product: encodeMessage and decodeMessage of the built wire library. Everything is validated in both directions.
import { OURS, parseTypes, respell, WITH_OBJECTS } from '../signature.mjs';
import { SERIAL, TYPED_ARRAY } from '../cases.mjs';

/** `module` is the URL of a built `wire/index.js`. */
export async function open(message, { module }) {
  const { decodeMessage, encodeMessage, methodCall, methodReturn, signal } = await import(module);
  const { path, interface: iface, member, destination, signature } = message;

  const construct = {
    method_call: (body) => methodCall({ path, interface: iface, member, destination, signature, body }),
    signal: (body) => signal({ path, interface: iface, member, signature, body }),
    method_return: (body) => methodReturn(request, { signature, body }),
  }[message.type];
  const request = { type: 'method_call', serial: message.replySerial, sender: message.destination };
  const encoder = (body) => () => encodeMessage(construct(body), { serial: SERIAL });

  const body = parseTypes(signature).map((type, i) => respell(type, message.body[i], WITH_OBJECTS));
  const typed = TYPED_ARRAY[signature];
  const decodeTyped = (bytes) => () => decodeMessage(bytes, { typedArrays: true });
  return {
    directions: {
      enc: encoder(body),
      'enc Map': encoder(message.body),
      ...(typed && { 'enc typed': encoder([typed.from(message.body[0])]) }),
      dec: (bytes) => () => decodeMessage(bytes),
      ...(typed && { 'dec typed': decodeTyped, 'dec big': decodeTyped }),
    },
    access: OURS,
    read: (decoded) => decoded,
    /** The bytes that all contestants decode: as they come from a bus, with their sender. */
    received: (byteOrder) =>
      encodeMessage({ ...construct(message.body), sender: message.sender }, { serial: SERIAL, byteOrder }),
  };
}
