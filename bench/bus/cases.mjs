// What is measured on a bus. Each case says how a contestant opens it (`kind`, with `n` or `what`), and who drives it:
//   self   the contestant itself, as client: `run`
//   calls  the partner calls the contestant's service, from `clients` connections, `width` calls in flight in all
//   ticks  the partner sends signals over the real bus
//   flood  the partner, as bus, sends signals: `path` says for which of the objects
//   memory a fresh process makes `count` calls, and is asked for its peak memory
//   start  a program is run from its start to its end
// `bus: 'raw'` stands for the partner's own (raw-bus.mjs), else it is a dbus-daemon. `least` operations fill what is in
// flight; no slice has more than `most`; before them come at least `warmUp`.
import { ECHO, objectPath } from './names.mjs';

const call = (n) => ({ name: `call ${n}`, title: `u → u, ${n} in flight`, kind: 'call', n, drive: 'self', least: n });

const service = (width, clients = 1) => ({
  name: clients === 1 ? `service ${width}` : `clients ${clients}`,
  title: `u → u, ${width} in flight; the service is measured, the callers are ${clients}`,
  kind: 'service', drive: 'calls', width, clients, least: width,
});

const proxied = (name, what, title) => ({
  name, title: `${title}, 64 in flight, no kernel`, kind: 'fake', what, drive: 'self', least: 64,
});

const subscriptions = (n) => ({
  name: `subscriptions ${n}`, title: `one signal with ${n} subscriptions to its member, one of which matches`,
  kind: 'subscriptions', n, drive: 'flood', bus: 'raw', path: objectPath(Math.floor(n / 2)), least: 64,
});

const unmatched = (n) => ({
  name: `unmatched ${n}`, title: `one signal with ${n} subscriptions to its member that do not match`,
  kind: 'subscriptions', n, drive: 'flood', bus: 'raw', path: objectPath(n), isUnmatched: true, least: 64,
});

const objects = (n) => ({
  name: `objects ${n}`, title: `exporting one object when there are ${n}`,
  kind: 'export', n, drive: 'self', bus: 'raw', least: 8, most: 1_000,
});

const pending = (n) => ({
  name: `pending ${n}`, title: `u → u, 64 in flight beside ${n} calls that nobody answers`,
  kind: 'pending', n, drive: 'self', bus: 'raw', least: 64,
});

export const CASES = [
  ...[1, 16, 64, 256].map(call),
  service(1),
  service(64),
  service(64, 8),
  service(64, 64),
  { name: 'signal', title: 'a signal to one subscription', kind: 'signal', drive: 'ticks', least: 64 },
  { name: 'reply', title: 'a reply with an ay of 1 MiB, one at a time', kind: 'reply', drive: 'self', least: 2 },
  {
    name: 'connect', title: 'the handshake, in a warm process', kind: 'connect', drive: 'self', least: 4, most: 100,
    warmUp: 8_000,
  },
  proxied('get', 'Get', '$get'),
  proxied('set', 'Set', '$set'),
  proxied('getAll', 'GetAll', '$getAll of 5 properties'),
  proxied('method', ECHO, 'a method of a proxy, u → u'),
  ...[10, 1_000, 10_000].map(subscriptions),
  ...[10, 1_000, 10_000].map(unmatched),
  ...[1_000, 36_000, 100_000].map(objects),
  ...[100, 10_000, 100_000].map(pending),
  { name: 'rss', title: 'peak memory at 64 in flight', kind: 'rss', n: 64, drive: 'memory', count: 50_000 },
  { name: 'program', title: 'the client program, less node -e 0: by the clock', drive: 'start' },
];
