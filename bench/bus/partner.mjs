// The process opposite to all contestants: everything that it sends was made before. On the real bus it owns
// PARTNER_NAME, answers calls, calls services and emits signals. On a socket of its own it is a bus itself
// (raw-bus.mjs), for the cases that a real one would slow down or limit. It obeys a line at a time:
//   call NAME CLIENTS WIDTH COUNT → so many calls from so many connections, so many in flight in all
//   tick NAME COUNT               → so many signals to one client, who has subscribed
//   flood NAME PATH COUNT         → so many signals to one client of the bus that it is itself
import { createServer } from 'node:net';
import { serveLines } from './lines.mjs';
import { messageBytes, readHeader, TYPE, u32 } from './message-bytes.mjs';
import { ECHO, INTERFACE, NEVER, PARTNER_NAME, PATH, TICK } from './names.mjs';
import { answerBytes, RawPeer, REPLY_SERIAL_AT, tickBytes } from './raw-bus.mjs';
import { RawClient } from './raw-client.mjs';

const [socketPath, ownSocketPath] = process.argv.slice(2);

/** Answers the calls that come to a client, each sender's and member's from bytes made at the first. */
function answerCalls(client) {
  const answers = new Map();
  client.onFrame = (buffer, start, end) => {
    if (buffer[start + 1] !== TYPE.call) return;
    const { sender, member } = readHeader(buffer, start);
    if (member === NEVER) return;
    const key = sender + member;
    let answer = answers.get(key);
    if (answer === undefined) {
      answer = answerBytes(member, { destination: sender, sender: client.name });
      answers.set(key, answer);
    }
    const at = client.append(answer);
    buffer.copy(client.out, at + REPLY_SERIAL_AT, start + 8, start + 12);
    if (member === ECHO) buffer.copy(client.out, at + answer.length - 4, end - 4, end);
  };
}

const client = await RawClient.open(socketPath);
await client.requestName(PARTNER_NAME);
answerCalls(client);

/** Clients that call a service, by its name and their number. */
const callers = new Map();

async function callersOf(name, clients) {
  const key = `${name} ${clients}`;
  let found = callers.get(key);
  if (found === undefined) {
    found = await Promise.all(Array.from({ length: clients }, () => RawClient.open(socketPath)));
    callers.set(key, found);
  }
  return found;
}

const echoCall = (destination) => {
  const header = { path: PATH, destination, interface: INTERFACE, member: ECHO, signature: 'u' };
  return messageBytes({ type: TYPE.call, ...header, body: u32(0) });
};

/** Calls from several connections until `count` replies came, `width` in flight. */
async function callMany(name, clients, width, count) {
  const connections = await callersOf(name, clients);
  const template = echoCall(name);
  const bodyAt = template.length - 4;
  await new Promise((resolve, reject) => {
    let sent = 0;
    let answered = 0;
    const send = (connection) => {
      const at = connection.append(template);
      const { out } = connection;
      out.writeUInt32LE(++connection.serial, at + 8);
      out.writeUInt32LE(connection.serial, at + bodyAt); // what is echoed is the call's serial
      sent++;
    };
    for (const connection of connections) {
      connection.onFrame = (buffer, start, end) => {
        const { type, replySerial, errorName } = readHeader(buffer, start);
        if (type === TYPE.error) return reject(new Error(`the service answers ${errorName}`));
        if (replySerial === undefined) return undefined;
        if (buffer.readUInt32LE(end - 4) !== replySerial) return reject(new Error('the service echoes something else'));
        answered++;
        if (answered === count) resolve();
        else if (sent < count) send(connection);
        return undefined;
      };
    }
    for (let i = 0; i < Math.min(width, count); i++) send(connections[i % clients]);
    for (const connection of connections) connection.flush();
  });
}

const MAX_WRITE = 2 ** 16;

/** Sends one message many times; `write` resolves when more may follow. */
async function repeat(message, count, write) {
  const perWrite = Math.max(1, Math.floor(MAX_WRITE / message.length));
  const many = Buffer.concat(Array.from({ length: perWrite }, () => message));
  for (let left = count; left > 0; left -= perWrite) {
    await write(left >= perWrite ? many : many.subarray(0, left * message.length));
  }
}

function tick(destination, count) {
  const message = messageBytes({
    type: TYPE.signal, flags: 1, path: PATH, interface: INTERFACE, member: TICK, destination,
    signature: 'u', body: u32(42),
  });
  return repeat(message, count, (bytes) => client.write(bytes));
}

/** The sockets of those who took this process for their bus, by the unique name that they got. */
const guests = new Map();
let guestCount = 0;

createServer((socket) => {
  const name = `:1.${++guestCount}`;
  guests.set(name, socket);
  const peer = new RawPeer(name, (bytes) => socket.write(bytes));
  socket.on('data', (chunk) => peer.receive(chunk));
  socket.on('error', () => {});
  socket.on('close', () => guests.delete(name));
}).listen(ownSocketPath, () => process.stdout.write('ok\n'));

function flood(name, path, count) {
  const socket = guests.get(name);
  const write = (bytes) => new Promise((resolve, reject) => socket.write(bytes, (e) => (e ? reject(e) : resolve())));
  return repeat(tickBytes(path, name), count, write);
}

await serveLines({
  call: (name, clients, width, count) => callMany(name, Number(clients), Number(width), Number(count)),
  tick: (name, count) => tick(name, Number(count)),
  flood: (name, path, count) => flood(name, path, Number(count)),
});
process.exit();
