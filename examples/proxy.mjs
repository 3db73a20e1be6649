// A proxy between clients and the session bus that prints each message and, on request, redirects the calls to
// one name to another. It reads only headers, and passes bodies on as bytes.
//
//   node examples/proxy.mjs /tmp/proxy.sock                                    print
//   node examples/proxy.mjs /tmp/proxy.sock com.example.Old=com.example.New    and redirect calls
//   DBUS_SESSION_BUS_ADDRESS=unix:path=/tmp/proxy.sock some-program
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { sessionBusAddress } from 'dbus-wire';
import { decodeHeader, FrameReader, readdress } from 'dbus-wire/wire';
import './one-sentence.mjs';

const MAX_LINE_LENGTH = 16_384;

const [path, redirection = ''] = process.argv.slice(2);
const [from, to] = redirection.split('=');
const busPath = /(?:^|;)unix:path=([^,;]+)/.exec(sessionBusAddress())?.[1];
if (path === undefined || busPath === undefined || (from !== '') !== (to !== undefined)) {
  console.error('usage: proxy.mjs PATH [OLD=NEW], with a session bus at a unix:path= address');
  process.exit(2);
}

/** Reads the lines of a handshake from a stream, up to the first byte of a message. */
class Handshake {
  #text = Buffer.alloc(0);
  #lastLine = '';
  #beginsMessages;

  constructor(beginsMessages) {
    this.#beginsMessages = beginsMessages;
  }

  /** The lines that a chunk completes, and, after the end of the handshake, the bytes after it. */
  push(chunk) {
    this.#text = Buffer.concat([this.#text, chunk]);
    const lines = [];
    while (this.#text.length > 0) {
      if (this.#beginsMessages(this.#lastLine, this.#text[0])) return { lines, rest: this.#text };
      const end = this.#text.indexOf('\r\n');
      if (end < 0) break;
      this.#lastLine = this.#text.toString('latin1', 0, end);
      this.#text = this.#text.subarray(end + 2);
      lines.push(this.#lastLine);
    }
    if (this.#text.length > MAX_LINE_LENGTH) throw new Error('a line of the handshake without an end');
    return { lines, rest: undefined };
  }
}

/** Passes on the lines of the handshake, then whole messages. */
async function relay(source, target, { beginsMessages, passLine, passMessage }) {
  const write = async (bytes) => {
    if (!target.write(bytes)) await once(target, 'drain'); // the receiver is slower than the sender
  };
  const reader = new FrameReader();
  let handshake = new Handshake(beginsMessages);
  for await (const chunk of source) {
    let bytes = chunk;
    if (handshake !== undefined) {
      const { lines, rest } = handshake.push(chunk);
      for (const line of lines) await write(Buffer.from(`${passLine(line)}\r\n`, 'latin1'));
      if (rest === undefined) continue;
      bytes = rest;
      handshake = undefined;
    }
    for (const message of reader.push(bytes)) await write(passMessage(message));
    if (reader.failure !== undefined) throw reader.failure;
  }
  target.end();
}

function print(direction, header) {
  const { type, serial, replySerial, sender, destination } = header;
  const what = header.errorName ?? [header.interface, header.member].filter((name) => name !== undefined).join('.');
  const answers = replySerial === undefined ? '' : ` to ${replySerial}`;
  console.log(`${direction} ${sender ?? '?'} > ${destination ?? 'all'}: ${type} ${serial}${answers} ${what}`.trimEnd());
}

const FROM_CLIENT = {
  beginsMessages: (lastLine) => lastLine === 'BEGIN',
  // Descriptors do not pass through a socket of Node. The reply to an unknown command is ERROR, and the
  // client continues without them.
  passLine: (line) => (line === 'NEGOTIATE_UNIX_FD' ? 'NEGOTIATE_NOTHING' : line),
  passMessage: (message) => {
    const header = decodeHeader(message);
    print('->', header);
    return header.destination === from && to !== undefined ? readdress(message, { destination: to }) : message;
  },
};

const FROM_BUS = {
  // The first byte of a message is l or B, and no line of a server begins with one of them.
  beginsMessages: (_lastLine, byte) => byte === 0x6c || byte === 0x42,
  passLine: (line) => line,
  passMessage: (message) => {
    print('<-', decodeHeader(message));
    return message;
  },
};

const server = createServer({ allowHalfOpen: true }, (client) => {
  const bus = connect(busPath);
  const close = () => {
    client.destroy();
    bus.destroy();
  };
  const fail = (error) => {
    const isNews = !['ERR_STREAM_PREMATURE_CLOSE', 'EPIPE', 'ECONNRESET'].includes(error.code); // disconnected
    if (isNews) console.error(`closed: ${error.message}`);
    close();
  };
  Promise.all([relay(client, bus, FROM_CLIENT), relay(bus, client, FROM_BUS)]).then(close, fail);
});
server.listen(path, () => console.log(`listening at ${path}`));
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    server.close(); // removes the socket
    process.exit();
  });
}
