// A service under attack: one object with methods that count their calls. Arguments: an address; `bus` or `peer`; the
// options of the connection as JSON.
import { connectToBus, defineInterface, exportObject, openConnection } from '../../../dist/index.js';
import { serveCommands } from './commands.mjs';

const KEYS = ['n', 'q', 'i', 'u', 'x', 't', 'd', 's'];
const Victim = defineInterface({
  name: 'com.example.Victim',
  methods: {
    Echo: { in: 's', out: 's' },
    Give: { in: 'u', out: 'ay' },
    Take: { in: 'ay' },
    Hang: {},
    Keep: { in: 'aa{sv}' },
    Throw: { in: 's' },
    ThrowStrange: { in: 'u' },
    Close: {},
    ...Object.fromEntries(KEYS.map((key) => [`Keys_${key}`, { in: `a{${key}y}` }])),
  },
  properties: {
    Fine: { type: 's', access: 'readwrite' },
    Stuck: { type: 's', access: 'read' },
  },
});

const [address, kind, options = '{}'] = process.argv.slice(2);
const link = await (kind === 'bus' ? connectToBus : openConnection)(address, JSON.parse(options));

const counts = { calls: 0, hanging: 0, kept: 0, aborted: 0, keys: 0, closed: 0 };
const thrower = () => new Proxy({}, {
  get() {
    throw thrower();
  },
});
const revoked = Proxy.revocable({}, {});
revoked.revoke();
const STRANGE = [
  () => thrower(), () => revoked.proxy, () => undefined, () => null, () => Symbol('x'), () => Object.create(null),
  () => Object.defineProperty(new Error('x'), 'message', { get() { throw new Error('no message'); } }),
  () => Object.defineProperty(new Error('x'), 'stack', { get() { throw new Error('no stack'); } }),
  () => Object.assign(new Error('x'), { name: Symbol('name') }), () => ({ toString() { throw 1; } }), () => 10n,
  () => new Error('a\u0000b\ud800'), () => { const error = new Error('circle'); error.cause = error; return error; },
];
let fine = '';
const victim = Victim.implement({
  methods: {
    Echo: (text) => { counts.calls++; return text; },
    Give: (length) => new Uint8Array(length),
    Take: () => { counts.calls++; },
    Hang: ({ signal }) => {
      counts.hanging++;
      return new Promise((_, reject) => signal.addEventListener('abort', () => {
        counts.aborted++;
        reject(signal.reason);
      }));
    },
    Keep: (_values, { signal }) => {
      counts.kept++;
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    },
    Throw: (text) => { throw new Error(text); },
    ThrowStrange: (index) => { throw STRANGE[index % STRANGE.length](); },
    Close: async () => {
      await link.close();
      counts.closed++;
    },
    ...Object.fromEntries(KEYS.map((key) => [`Keys_${key}`, () => { counts.keys++; }])),
  },
  properties: {
    Fine: { get: () => fine, set: (value) => { fine = value; } },
    Stuck: { get: () => new Promise(() => {}) },
  },
});
exportObject(link, '/victim', victim);
if (kind === 'bus') await link.requestName('com.example.Victim');

serveCommands({
  counts: () => counts,
  strange: () => STRANGE.length,
  announce: () => { victim.emitPropertiesChanged('Stuck'); victim.emitPropertiesChanged('Fine'); },
}, link, `ready ${link.uniqueName ?? ''}`);
