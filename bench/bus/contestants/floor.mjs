// The floor: a socket, bytes that were made before, and no more looking at what comes than finding whose it is.
import { Counter } from '../counter.mjs';
import { endOfFields, messageBytes, readHeader, TYPE, u32 } from '../message-bytes.mjs';
import {
  BYTES, ECHO, INTERFACE, LARGE, matchRule, NEVER, objectPath, PARTNER_NAME, PATH, PROPERTIES,
} from '../names.mjs';
import { answerBytes, REPLY_SERIAL_AT } from '../raw-bus.mjs';
import { RawClient } from '../raw-client.mjs';

const SLOTS = 2 ** 12;

function callBytes(member, parts = {}) {
  const header = { path: PATH, destination: PARTNER_NAME, interface: INTERFACE, member, ...parts };
  return messageBytes({ type: TYPE.call, ...header });
}

/** Calls `width` at a time. With `isEcho` the reply's last 4 bytes must be those of the call. */
function caller(client, template, { width, isEcho = false }) {
  const bodyAt = template.length - 4;
  /** By serial: what the reply must say. */
  const slots = new Uint32Array(SLOTS);
  return {
    run: (count) => new Promise((resolve, reject) => {
      let sent = 0;
      let answered = 0;
      const send = () => {
        const at = client.append(template);
        const serial = ++client.serial;
        const { out } = client;
        out.writeUInt32LE(serial, at + 8);
        if (isEcho) out.writeUInt32LE(sent, at + bodyAt);
        slots[serial % SLOTS] = sent;
        sent++;
      };
      client.onFrame = (buffer, start, end) => {
        if (buffer[start + 1] !== TYPE.reply) {
          if (buffer[start + 1] === TYPE.error) reject(new Error(readHeader(buffer, start).errorName));
          return;
        }
        const answer = buffer.readUInt32LE(end - 4);
        const isRight = answer === slots[buffer.readUInt32LE(start + REPLY_SERIAL_AT) % SLOTS];
        if (isEcho && !isRight) reject(new Error('a wrong reply'));
        answered++;
        if (answered === count) resolve();
        else if (sent < count) send();
      };
      const first = Math.min(width, count);
      for (let i = 0; i < first; i++) send();
      client.flush();
    }),
  };
}

const echo = () => callBytes(ECHO, { signature: 'u', body: u32(0) });

export const kinds = {
  async call({ socketPath, n: width }) {
    return caller(await RawClient.open(socketPath), echo(), { width, isEcho: true });
  },

  async pending({ socketPath, n }) {
    const client = await RawClient.open(socketPath);
    const never = callBytes(NEVER, { signature: 'u', body: u32(0) });
    for (let i = 0; i < n; i++) client.out.writeUInt32LE(++client.serial, client.append(never) + 8);
    client.flush();
    return caller(client, echo(), { width: 64, isEcho: true });
  },

  async reply({ socketPath }) {
    const client = await RawClient.open(socketPath);
    const template = callBytes(BYTES);
    return {
      run: (count) => new Promise((resolve, reject) => {
        let answered = 0;
        const send = () => client.out.writeUInt32LE(++client.serial, client.append(template) + 8);
        client.onFrame = (buffer, start, end) => {
          if (end - start < LARGE) return;
          const body = buffer.subarray(end - LARGE, end); // the cutter has put it into memory of its own
          if (body[LARGE - 1] !== 7) reject(new Error('a wrong reply'));
          answered++;
          if (answered === count) resolve();
          else send();
        };
        send();
        client.flush();
      }),
    };
  },

  async connect({ socketPath }) {
    const open = [];
    return {
      async run(count) {
        for (let i = 0; i < count; i++) open.push(await RawClient.open(socketPath));
      },
      undo: () => Promise.all(open.splice(0).map((client) => client.close())),
    };
  },

  async service({ socketPath }) {
    const client = await RawClient.open(socketPath);
    const senderAt = endOfFields(messageBytes({
      type: TYPE.call, path: PATH, destination: client.name, interface: INTERFACE, member: ECHO, signature: 'u',
    }));
    const answers = new Map();
    client.onFrame = (buffer, start, end) => {
      if (buffer[start + 1] !== TYPE.call) return;
      const at = start + senderAt + 8; // after the field's code, its type and the length
      const sender = buffer.latin1Slice(at, at + buffer[at - 4]);
      let answer = answers.get(sender);
      if (answer === undefined) {
        answer = answerBytes(ECHO, { destination: sender, sender: client.name });
        answers.set(sender, answer);
      }
      const to = client.append(answer);
      const { out } = client;
      out.writeUInt32LE(++client.serial, to + 8);
      out.writeUInt32LE(buffer.readUInt32LE(start + 8), to + REPLY_SERIAL_AT);
      out.writeUInt32LE(buffer.readUInt32LE(end - 4), to + answer.length - 4);
    };
    return { name: client.name };
  },

  async signal({ socketPath }) {
    const client = await RawClient.open(socketPath);
    await client.addMatch(matchRule(PARTNER_NAME, PATH));
    return counting(client, () => true);
  },

  async subscriptions({ socketPath, n }) {
    const client = await RawClient.open(socketPath);
    const paths = new Set(Array.from({ length: n }, (_, i) => objectPath(i)));
    return counting(client, (buffer, start) => {
      // The bus that sends these has the path first: its length at 20, its text at 24.
      return paths.has(buffer.latin1Slice(start + 24, start + 24 + buffer.readUInt32LE(start + 20)));
    });
  },

  async fake({ socketPath, what, lastPeer }) {
    const properties = 'org.freedesktop.DBus.Properties';
    const name = Object.keys(PROPERTIES)[0];
    const body = Buffer.alloc(24 + INTERFACE.length + name.length);
    const templates = {
      Get: () => callBytes('Get', { interface: properties, signature: 'ss', body }),
      Set: () => callBytes('Set', { interface: properties, signature: 'ssv', body }),
      GetAll: () => callBytes('GetAll', { interface: properties, signature: 's', body }),
      [ECHO]: echo,
    };
    const client = await RawClient.open(socketPath);
    lastPeer().answerAllAs(what);
    return caller(client, templates[what](), { width: 64 });
  },
};
kinds.rss = kinds.call;

/** Counts signals; `has` says whether one is for a subscription. */
function counting(client, has) {
  const counter = new Counter();
  client.onFrame = (buffer, start) => {
    if (buffer[start + 1] === TYPE.signal && has(buffer, start)) counter.hit();
  };
  return { name: client.name, counter };
}
