// Prints every message of a captured stream, byte by byte, with the meaning of each byte and the place of a broken rule.
//
//   dbus-monitor --session --binary > my.bin     the traffic of the session bus, until Ctrl-C
//   node examples/dissect.mjs my.bin
//
// Without a file it reads capture.bin, which was recorded in this way on a new bus during the call
// `dbus-send --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.GetNameOwner string:com.example.Nobody`
// and its reply.
import { readFileSync } from 'node:fs';
import { decodeHeader, formatDissection, FrameReader } from 'dbus-wire/wire';
import './one-sentence.mjs';

const bytes = readFileSync(process.argv[2] ?? new URL('capture.bin', import.meta.url));

/** The complete messages in a stream, then the rest, if any: the start of a message, or invalid bytes. */
function* cut(stream) {
  let offset = 0;
  for (const message of new FrameReader().push(stream)) {
    yield { offset, message };
    offset += message.length;
  }
  if (offset < stream.length) yield { offset, message: stream.subarray(offset) }; // the dissection explains it
}

/** The type and the member of a message, or the error code if its header is not valid. */
function title(message) {
  try {
    const header = decodeHeader(message);
    return [header.type, header.member ?? header.errorName ?? `to serial ${header.replySerial}`].join(' ');
  } catch (error) {
    return error.code;
  }
}

let number = 0;
for (const { offset, message } of cut(bytes)) {
  console.log(`# message ${++number}, ${message.length} bytes at offset ${offset}: ${title(message)}`);
  console.log(formatDissection(message));
}
