// What the buses have to do. All clients are sockets with bytes that were made before, in the process of the bench: they
// cost little, and they are the same for all buses. A case opens its clients once and then does operations, of which
// a fixed number is in flight.
import { messageBytes, text, TYPE } from '../bus/message-bytes.mjs';
import { BUS_NAME, BUS_PATH } from '../bus/names.mjs';
import { RawClient } from '../bus/raw-client.mjs';

const SERVICE = 'com.example.Bench';
const INTERFACE = 'com.example.Bench1';
const SERIAL_AT = 8;
/** In a message whose first header field is REPLY_SERIAL. */
const REPLY_SERIAL_AT = 20;
const NO_REPLY_EXPECTED = 1;
const BODY = { signature: 's', body: text('a text of some length') };

const closeAll = (clients) => Promise.all(clients.map((client) => client.close()));

/** Calls through the bus to a service that echoes at once. An operation is a call and its reply. */
export async function openCalls(socketPath, { width }) {
  const caller = await RawClient.open(socketPath);
  const service = await RawClient.open(socketPath);
  await service.requestName(SERVICE);
  const call = messageBytes({
    type: TYPE.call, path: '/com/example/Bench', destination: SERVICE, interface: INTERFACE, member: 'Echo', ...BODY,
  });
  const reply = messageBytes({
    type: TYPE.reply, flags: NO_REPLY_EXPECTED, replySerial: 1, destination: caller.name, ...BODY,
  });
  service.onFrame = (buffer, start) => {
    if (buffer[start + 1] !== TYPE.call) return;
    const at = service.append(reply);
    service.out.writeUInt32LE(++service.serial, at + SERIAL_AT);
    service.out.writeUInt32LE(buffer.readUInt32LE(start + SERIAL_AT), at + REPLY_SERIAL_AT);
  };
  const send = () => {
    const at = caller.append(call);
    caller.out.writeUInt32LE(++caller.serial, at + SERIAL_AT);
  };
  const run = (count) => new Promise((resolve, reject) => {
    let unsent = count;
    let unanswered = count;
    caller.onFrame = (buffer, start) => {
      if (buffer[start + 1] !== TYPE.reply) return reject(new Error('a call has failed'));
      if (--unanswered === 0) resolve();
      else if (unsent-- > 0) send();
    };
    for (; unsent > count - width && unsent > 0; unsent--) send();
    caller.flush();
  });
  return { run, close: () => closeAll([caller, service]) };
}

/** Counts what all clients get, and resolves a promise at a number. */
class Tally {
  #left = 0;
  #done;

  hit() {
    if (--this.#left === 0) this.#done();
  }

  expect(count) {
    this.#left = count;
    return new Promise((resolve) => (this.#done = resolve));
  }
}

/** Adds rules in one round trip. */
function addRules(client, rules) {
  const call = { type: TYPE.call, path: BUS_PATH, destination: BUS_NAME, interface: BUS_NAME, member: 'AddMatch' };
  for (const rule of rules.slice(1)) {
    const serial = ++client.serial;
    client.append(messageBytes({ ...call, flags: NO_REPLY_EXPECTED, serial, signature: 's', body: text(rule) }));
  }
  return client.addMatch(rules[0]);
}

/** Connections that count signals. */
async function openSubscribers(socketPath, count, rulesOf) {
  const tally = new Tally();
  const subscribers = [];
  for (let i = 0; i < count; i++) {
    const subscriber = await RawClient.open(socketPath);
    await addRules(subscriber, rulesOf(i));
    subscriber.onFrame = (buffer, start) => {
      if (buffer[start + 1] === TYPE.signal) tally.hit();
    };
    subscribers.push(subscriber);
  }
  return { tally, subscribers };
}

/** Emits signals in groups; the next group follows when all have come. `next()` gives the bytes of one. */
async function emit(emitter, { tally, receivers, width, count, next }) {
  for (let left = count; left > 0; left -= width) {
    const group = Math.min(left, width);
    const arrived = tally.expect(group * receivers);
    for (let i = 0; i < group; i++) {
      const at = emitter.append(next());
      emitter.out.writeUInt32LE(++emitter.serial, at + SERIAL_AT);
    }
    emitter.flush();
    await arrived;
  }
}

/** Signals that all of many clients want. An operation is a signal that one client gets. */
export async function openBroadcasts(socketPath, { width, receivers }) {
  const emitter = await RawClient.open(socketPath);
  await emitter.requestName(SERVICE);
  const rule = `type='signal',sender='${SERVICE}',path='/com/example/Bench',interface='${INTERFACE}',member='Changed'`;
  const { tally, subscribers } = await openSubscribers(socketPath, receivers, () => [rule]);
  const signal = messageBytes({
    type: TYPE.signal, path: '/com/example/Bench', interface: INTERFACE, member: 'Changed', ...BODY,
  });
  const next = () => signal;
  return {
    run: (count) => emit(emitter, { tally, receivers, width, count: Math.ceil(count / receivers), next }),
    close: () => closeAll([emitter, ...subscribers]),
  };
}

const RULES_OF_ONE = 20;

/** The rules of a connection: half by path, a quarter each by argument and by namespace; and a signal for each. */
function ruleAndSignal(connection, index) {
  const key = `c${connection}r${index}`;
  const common = `type='signal',interface='${INTERFACE}',member='Changed'`;
  const signal = (path, argument) => messageBytes({
    type: TYPE.signal, path, interface: INTERFACE, member: 'Changed', signature: 's', body: text(argument),
  });
  if (index % 4 === 0) return [`${common},arg0='${key}'`, signal('/com/example', key)];
  const path = `/com/example/${key}`;
  if (index % 4 === 1) return [`${common},path_namespace='${path}'`, signal(`${path}/below`, 'text')];
  return [`${common},path='${path}'`, signal(path, 'text')];
}

/** Signals that one of many connections wants, in turn. An operation is a signal. */
export async function openSelections(socketPath, { width, connections }) {
  const emitter = await RawClient.open(socketPath);
  const all = Array.from({ length: connections }, (_, i) =>
    Array.from({ length: RULES_OF_ONE }, (__, index) => ruleAndSignal(i, index)));
  const { tally, subscribers } = await openSubscribers(socketPath, connections, (i) => all[i].map(([rule]) => rule));
  let turn = 0;
  const next = () => {
    const signals = all[turn % connections];
    const [, signal] = signals[Math.floor(turn / connections + turn) % RULES_OF_ONE];
    turn++;
    return signal;
  };
  return {
    run: (count) => emit(emitter, { tally, receivers: 1, width, count, next }),
    close: () => closeAll([emitter, ...subscribers]),
  };
}
