// A client under attack. Arguments: an address; `bus` or `peer`; the options of the connection as JSON.
import { connectToBus, openConnection } from '../../../dist/index.js';
import { serveCommands } from './commands.mjs';

const [address, kind, options = '{}'] = process.argv.slice(2);
const link = await (kind === 'bus' ? connectToBus : openConnection)(address, JSON.parse(options));

const TARGET = { destination: 'com.example.Victim', path: '/victim', interface: 'com.example.Victim' };
const nameOf = (error) => error.errorName ?? error.code ?? error.name;
const outcome = async (promise) => {
  try {
    return { body: await promise };
  } catch (error) {
    return { error: nameOf(error), message: error.message };
  }
};
const kept = new Map();
const subscriptions = [];

serveCommands({
  /** Begins a call, whose outcome `end` gives later. */
  begin: (key, parts) => void kept.set(key, outcome(link.call({ ...TARGET, ...parts }))),
  end: (key) => kept.get(key),
  /** Outcomes of calls that are made at once, counted. */
  many: async (count, parts, bytes) => {
    const body = bytes === undefined ? {} : { signature: 'ay', body: [new Uint8Array(bytes)] };
    const call = { ...TARGET, timeout: 300_000, ...body, ...parts };
    const outcomes = await Promise.all(Array.from({ length: count }, () => outcome(link.call(call))));
    const counts = {};
    for (const { error = 'reply' } of outcomes) counts[error] = (counts[error] ?? 0) + 1;
    return counts;
  },
  subscribe: async (rule, options) => {
    const subscription = link.subscribe(rule, options);
    await subscription.ready;
    return subscriptions.push(subscription) - 1;
  },
  received: async (index, count) => {
    let received = 0;
    while (received < count) {
      await subscriptions[index].next();
      received++;
    }
    return received;
  },
  droppedBy: (index) => subscriptions[index].dropped,
}, link, `ready ${link.uniqueName ?? ''}`);
