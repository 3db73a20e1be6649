// A fuzzer of a service: calls of every member of every object, real and made up, with random bodies. Every call must be
// answered, and an innocent caller must get its answers meanwhile.

import type { Bus } from '../../src/connection/bus.js';
import { connectToBus } from '../../src/connection/open-bus.js';
import { defineInterface } from '../../src/interface/define.js';
import { DBusError } from '../../src/protocol/errors.js';
import { exportObject } from '../../src/service/export-object.js';
import { exportObjectManager } from '../../src/service/export-object-manager.js';
import { exportSubtree } from '../../src/service/export-subtree.js';
import type { PrivateBus } from '../support/private-bus.js';
import { variant, type Variant } from '../../src/wire/variant.js';
import { Random } from '../fuzz/random.js';

const Victim = defineInterface({
  name: 'com.example.Victim1',
  methods: {
    Echo: { in: 'v', out: 'v' }, Later: { in: 'sa{sv}', out: 's', optional: 1 }, Throw: { in: 's' },
    Reject: { in: 's' }, Lie: { out: 'u' }, toString: { out: 's' }, constructor: {},
  },
  properties: {
    Volume: { type: 'd', access: 'readwrite' }, Title: { type: 's', access: 'read' },
    Broken: { type: 'u', access: 'readwrite' }, Slow: { type: 's', access: 'readwrite' },
    Secret: { type: 's', access: 'write' }, ['__proto__']: { type: 'v', access: 'readwrite' },
  },
  signals: { Changed: { args: 's' } },
  errors: { No: 'com.example.Error.No' },
});

function victim(title: string) {
  let slow = '';
  const implementation = Victim.implement({
    methods: {
      Echo: (value) => value,
      Later: async (text, details, context) => {
        await new Promise(setImmediate);
        implementation.emit('Changed', text, { destination: context.sender });
        return `${text} ${details?.size ?? 0}`;
      },
      Throw: (text) => { throw new Error(text); },
      Reject: async (text) => { throw new Victim.errors.No(text); },
      Lie: () => 'no number' as never,
      toString: () => title,
      constructor: () => {},
    },
    properties: {
      Volume: 0.5,
      Title: title,
      Broken: { get: () => -1, set: (value) => { if (value > 100) throw new DBusError('com.example.Error.No', '\0'); } },
      Slow: { get: async () => slow, set: async (value) => void (slow = value.slice(0, 100)) },
      Secret: '',
      ['__proto__']: variant('s', 'x'),
    },
  });
  return implementation;
}

/** Exports everything that a service can have. */
export function exportVictims(bus: Bus): void {
  exportObjectManager(bus, '/');
  exportObject(bus, '/victim', victim('exported'));
  exportSubtree(bus, '/found/*', {
    children: async () => ['a', 'b'],
    object: ([element = '']) => (element === 'bad' ? (() => { throw new Error('bad'); })() : victim(element)),
  });
  exportSubtree(bus, '/deep/**', { children: () => ['x'], fallback: victim('fallback') });
}

const PATHS = ['/', '/victim', '/found', '/found/a', '/found/bad', '/found/a/b', '/deep/x/y/z', '/nowhere', '/deep'];
const INTERFACES = [
  undefined, Victim.name, 'org.freedesktop.DBus.Properties', 'org.freedesktop.DBus.Introspectable',
  'org.freedesktop.DBus.Peer', 'org.freedesktop.DBus.ObjectManager', 'com.example.MadeUp',
];
const MEMBERS = [
  ...Object.keys(Victim.methods), 'Get', 'Set', 'GetAll', 'Introspect', 'Ping', 'GetMachineId', 'GetManagedObjects',
  'emit', 'on', 'once', 'hasOwnProperty', 'valueOf', '__proto__', 'Volume', 'Changed', 'MadeUp',
];
const NAMES = [Victim.name, '', ...Object.keys(Victim.properties), 'constructor', 'text', 'é\u2028', 'x'.repeat(5_000)];

/** How often the calls were answered, and the answers of the innocent caller. */
export interface FuzzResult {
  readonly calls: number;
  readonly unanswered: number;
  readonly innocent: number;
  /** The longest wait of the innocent caller in milliseconds, to be looked at and not to be asserted. */
  readonly longestWait: number;
}

/** Calls random members for some time. The errors of handlers are published on a channel that somebody must read. */
export async function fuzzService(
  daemon: PrivateBus, service: Bus, { milliseconds, seed }: { readonly milliseconds: number; readonly seed: number },
): Promise<FuzzResult> {
  const random = new Random(seed, 1);
  const below = (limit: number): number => random.below(limit);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)]!; // no list is empty
  const randomVariant = (depth = 0): Variant => {
    const kind = below(depth > 6 ? 4 : 7);
    if (kind === 0) return variant('u', below(2 ** 32 - 1));
    if (kind === 1) return variant('d', pick([0, NaN, Infinity, -1.5]));
    if (kind === 2) return variant('s', pick(NAMES));
    if (kind === 3) return variant('ay', new Uint8Array(below(1_000)));
    if (kind === 4) return variant('v', randomVariant(depth + 1));
    if (kind === 5) return variant('a{sv}', Object.fromEntries(['a', 'b'].map((key) => [key, randomVariant(depth + 1)])));
    return variant('(sv)', [pick(NAMES), randomVariant(depth + 1)]);
  };
  const bodies: readonly (() => readonly [string, readonly unknown[]])[] = [
    () => ['', []],
    () => ['s', [pick(NAMES)]],
    () => ['ss', [pick(NAMES), pick(NAMES)]],
    () => ['ss', [Victim.name, pick(NAMES)]],
    () => ['ssv', [Victim.name, pick(Object.keys(Victim.properties)), randomVariant()]],
    () => ['v', [randomVariant()]],
    () => ['sa{sv}', [pick(NAMES), { a: randomVariant() }]],
    () => ['u', [below(1_000)]],
    () => ['a{sv}aiv', [{ a: randomVariant() }, [1, 2], randomVariant()]],
  ];
  const attacker = await connectToBus(daemon.address);
  const innocent = await connectToBus(daemon.address);
  const end = performance.now() + milliseconds;
  let [calls, unanswered, answers, longestWait] = [0, 0, 0, 0];
  const attack = async (): Promise<void> => {
    do { // at least once, even if the machine is so busy that the time is over already
      const batch = Array.from({ length: 200 }, async () => {
        const [signature, body] = pick(bodies)();
        calls++;
        try {
          await attacker.call({
            destination: service.uniqueName, path: pick(PATHS), interface: pick(INTERFACES), member: pick(MEMBERS),
            signature, body: body as never, timeout: 60_000,
          });
        } catch (error) {
          if (!(error instanceof DBusError)) unanswered++;
        }
      });
      await Promise.all(batch);
    } while (performance.now() < end);
  };
  const live = async (): Promise<void> => {
    const target = { destination: service.uniqueName, path: '/victim', interface: Victim.name, member: 'toString' };
    do {
      const begin = performance.now();
      const [title] = await innocent.call({ ...target, replySignature: 's' });
      if (title === 'exported') answers++;
      longestWait = Math.max(longestWait, performance.now() - begin);
      await new Promise((resolve) => setTimeout(resolve, 5));
    } while (performance.now() < end);
  };
  await Promise.all([attack(), live()]);
  await Promise.all([attacker.close(), innocent.close()]);
  return { calls, unanswered, innocent: answers, longestWait };
}
