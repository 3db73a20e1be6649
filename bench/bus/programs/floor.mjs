// The least that a program does which asks the RandomData service for a number and prints it: a socket and bytes.
import { connect } from 'node:net';

const uid = Buffer.from(String(process.getuid())).toString('hex');
const [, path] = process.env.DBUS_SESSION_BUS_ADDRESS.match(/path=([^,;]+)/);

/** A header field whose value is text, padded for the next one. */
function field(code, type, value) {
  const bytes = Buffer.alloc((8 + value.length + 1 + 7) & ~7);
  bytes.set([code, 1, type.charCodeAt(0), 0]);
  bytes.writeUInt32LE(value.length, 4);
  bytes.latin1Write(value, 8);
  return bytes;
}

/** A method call; the signature is the last field, without padding. */
function call(serial, fields, bodySignature, body) {
  const last = Buffer.from([8, 1, 0x67, 0, bodySignature.length, ...Buffer.from(bodySignature), 0]);
  const array = Buffer.concat([...fields, last]);
  const head = Buffer.from([0x6c, 1, 0, 1, body.length, 0, 0, 0, serial, 0, 0, 0, array.length, 0, 0, 0]);
  return Buffer.concat([head, array, Buffer.alloc((8 - (array.length % 8)) % 8), body]);
}

const bus = 'org.freedesktop.DBus';
const nothing = Buffer.alloc(0);
const hello = call(1, [
  field(1, 'o', '/org/freedesktop/DBus'), field(6, 's', bus), field(2, 's', bus), field(3, 's', 'Hello'),
], '', nothing);
const quick = call(2, [
  field(1, 'o', '/com/larry_price/test/RandomData'),
  field(6, 's', 'com.larry-price.test'),
  field(2, 's', 'com.larry_price.test.RandomData'),
  field(3, 's', 'quick'),
], 'i', Buffer.from([16, 0, 0, 0]));

const socket = connect({ path });
let received = nothing;
let offset = 0;
socket.write(Buffer.concat([Buffer.from(`\0AUTH EXTERNAL ${uid}\r\nBEGIN\r\n`), hello, quick]));
socket.on('data', (chunk) => {
  received = Buffer.concat([received, chunk]);
  if (offset === 0) offset = received.indexOf('\r\n') + 2;
  while (offset > 1 && received.length >= offset + 16) {
    const fieldsLength = received.readUInt32LE(offset + 12);
    const body = offset + 16 + ((fieldsLength + 7) & ~7);
    const end = body + received.readUInt32LE(offset + 4);
    if (received.length < end) return;
    // The one reply to serial 2: its field REPLY_SERIAL is code 5.
    for (let at = offset + 16; at < body; at += 8) {
      if (received[at] !== 5 || received[at + 2] !== 0x75 || received.readUInt32LE(at + 4) !== 2) continue;
      process.stdout.write(`Your random number is: ${received.latin1Slice(body + 4, end - 1)}\n`);
      socket.end();
      return;
    }
    offset = end;
  }
});
