// dbus-next 0.10.2: what its connection does with a message to be sent, and with the bytes of one that came.
import { createRequire } from 'node:module';
import { dbusNextLike } from './dbus-next-like.mjs';

const require = createRequire(import.meta.url);

export async function open(message) {
  const { Message } = require('dbus-next/lib/message-type.js');
  const { Variant } = require('dbus-next/lib/variant.js');
  const { marshallMessage, messageToJsFmt } = require('dbus-next/lib/marshall-compat.js');
  const { unmarshall } = require('dbus-next/lib/message.js');
  return dbusNextLike(message, { Message, Variant, marshallMessage, messageToJsFmt }, (bytes) => {
    const buffer = Buffer.from(bytes);
    return () => unmarshall(buffer);
  });
}
