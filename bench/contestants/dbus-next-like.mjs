// What dbus-next and its fork share: a Message class, a Variant class, and a form between them and the marshaller.
import { SERIAL } from '../cases.mjs';
import { parseTypes, respell } from '../signature.mjs';
import { TYPE_CODE, typeName } from './type-code.mjs';

/** `unmarshaller(bytes)` gives a function that reads the message in the marshaller's form. */
export function dbusNextLike(message, { Message, Variant, marshallMessage, messageToJsFmt }, unmarshaller) {
  const { path, interface: iface, member, destination, replySerial, signature } = message;
  const type = TYPE_CODE[message.type];
  const spelling = {
    dict: (entries) => Object.fromEntries(entries),
    variant: (s, value) => new Variant(s, value),
    bytes: (bytes) => Buffer.from(bytes),
  };
  const body = parseTypes(signature).map((t, i) => respell(t, message.body[i], spelling));
  const outgoing = () =>
    new Message({ type, serial: SERIAL, path, interface: iface, member, replySerial, destination, signature, body });
  return {
    directions: {
      enc: () => marshallMessage(outgoing())[0],
      dec: (bytes) => {
        const unmarshal = unmarshaller(bytes);
        return () => new Message(messageToJsFmt(unmarshal()));
      },
    },
    access: { entriesOf: (dict) => Object.entries(dict), variantOf: (variant) => variant, bytesOf: (bytes) => bytes },
    read: (decoded) => ({
      type: typeName(decoded.type),
      serial: decoded.serial,
      path: decoded.path,
      interface: decoded.interface,
      member: decoded.member,
      replySerial: decoded.replySerial,
      destination: decoded.destination,
      sender: decoded.sender,
      signature: decoded.signature,
      body: decoded.body,
    }),
  };
}
