// D-Bus messages over a socket of your own, without a bus and without a handshake: the wire library and node:net.
// A server adds numbers; a client calls it, calls a method that does not exist, and then sends bytes that are not a
// D-Bus message.
//
//   node examples/own-socket.mjs
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { encodeMessage, errorReply, MessageReader, methodCall, methodReturn } from 'dbus-wire/wire';
import './one-sentence.mjs';

const INTERFACE = 'com.example.Calculator1';

/** Every message that arrives on a socket. Throws at the first invalid one. */
async function* messagesFrom(socket) {
  const reader = new MessageReader();
  for await (const chunk of socket) {
    yield* reader.push(chunk);
    const error = reader.invalid[0]?.error ?? reader.failure;
    if (error !== undefined) throw error;
  }
}

function answer(call) {
  if (call.interface === INTERFACE && call.member === 'Add' && call.signature === 'ii') {
    const [a, b] = call.body; // two INT32, as in the signature: the values were checked against it
    return methodReturn(call, { signature: 'x', body: [BigInt(a) + BigInt(b)] });
  }
  const errorName = 'org.freedesktop.DBus.Error.UnknownMethod';
  return errorReply(call, { errorName, message: `no method ${call.member} with arguments "${call.signature}"` });
}

async function serve(socket) {
  let serial = 0;
  try {
    for await (const message of messagesFrom(socket)) {
      if (message.type === 'method_call') socket.write(encodeMessage(answer(message), { serial: ++serial }));
    }
  } catch (error) {
    console.log(`server: ${error.code} at byte ${error.offset}, closing`);
    socket.destroy();
  }
}

const server = createServer((socket) => void serve(socket)).listen(0, '127.0.0.1');
await once(server, 'listening');

const socket = connect(server.address().port, '127.0.0.1');
const replies = messagesFrom(socket);
let serial = 0;

async function call(member, signature, body) {
  const message = methodCall({ path: '/com/example/Calculator', interface: INTERFACE, member, signature, body });
  socket.write(encodeMessage(message, { serial: ++serial }));
  const { value: reply } = await replies.next(); // one call at a time, so the next message is its reply
  console.log(`client: ${member}(${body.join(', ')})`, reply.errorName ?? 'is', ...reply.body);
}

await call('Add', 'ii', [2_147_483_647, 1]);
await call('Divide', 'ii', [1, 0]);
socket.write('GET / HTTP/1.1\r\n\r\n');
await replies.next();
console.log('client: the server has closed the connection');
server.close();
