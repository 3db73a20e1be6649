// The service that foreign programs call: an echo for every type, properties of every access, signals, errors, an
// interface with every annotation, and an object manager. It records the arguments of its handlers, because an echo
// alone would not show a mistake that is made in both directions.

import {
  type Bus, type CallContext, DBusError, defineInterface, type ExportedObject, exportObject,
  type MessageLink,
  type MethodCall, ObjectManager, variant, type Variant,
} from '../../src/index.js';
import { ECHOES } from './echoes.js';

export const Mirror = defineInterface({
  name: 'com.example.Mirror1',
  methods: {
    ...ECHOES,
    EchoHandle: { in: 'h', out: 'h' },
    Divide: { in: 'ii', out: 'ii', inNames: ['dividend', 'divisor'], outNames: ['quotient', 'remainder'] },
    Greet: { in: 'ss', out: 's', inNames: ['whom', 'greeting'], optional: 1 },
    Nothing: {},
    Bytes: { in: 'u', out: 'ay' },
    WhoAmI: { out: 's' },
    Sleep: { in: 'u', out: 'u' },
    Fail: { in: 's' },
    FailInDetail: {},
    Crash: {},
    Emit: { in: 'u' },
  },
  properties: {
    Version: { type: 'u', access: 'read', emitsChanged: 'const' },
    Title: { type: 's', access: 'readwrite' },
    Level: { type: 'd', access: 'readwrite', emitsChanged: 'invalidates' },
    Quiet: { type: 'n', access: 'readwrite', emitsChanged: 'false' },
    Tags: { type: 'as', access: 'readwrite' },
    Details: { type: 'a{sv}', access: 'read' },
    Pair: { type: '(xd)', access: 'readwrite' },
    Secret: { type: 's', access: 'write' },
  },
  signals: {
    Changed: { args: 'usa{sv}(xd)', argNames: ['index', 'text', 'details', ''] },
    Emptied: {},
  },
});

export const Annotated = defineInterface({
  name: 'com.example.Annotated1',
  deprecated: true,
  methods: {
    Note: { in: 's', inNames: ['text'], noReply: true },
    Old: { out: 's', deprecated: true },
  },
  properties: { OldValue: { type: 'y', access: 'read', emitsChanged: 'const', deprecated: true } },
  signals: { OldNews: { args: 's', deprecated: true } },
});

export const MIRROR = {
  destination: 'com.example.Mirror1',
  path: '/com/example/Mirror',
  interface: Mirror.name,
} as const;

export const CUSTOM_ERROR = 'com.example.Mirror1.Error.Custom';

const ITEMS_PATH = '/com/example/items';

const Items = defineInterface({ name: 'com.example.Items1', methods: { Grow: {}, Shrink: {} } });

const Item = defineInterface({
  name: 'com.example.Item1',
  properties: { Index: { type: 'u', access: 'read', emitsChanged: 'const' } },
});

/** One echo: what the handler was given, and the call. */
export interface Seen {
  readonly value: unknown;
  readonly call: MethodCall;
}

export interface MirrorState {
  /** All echoes, oldest first. */
  readonly seen: Seen[];
  readonly notes: string[];
  secret: string;
  readonly annotated: ReturnType<typeof Annotated.implement>;
  readonly mirror: ReturnType<typeof Mirror.implement>;
  /** Puts all properties back, without telling anybody. */
  reset(): void;
}

const FIRST_VALUES = {
  title: 'untitled',
  level: 0.5,
  quiet: -3,
  tags: ['a', 'b'] as readonly string[],
  pair: [-(2n ** 63n), -0] as readonly [bigint, number],
};

/** Exports everything and asks for the name. */
export async function startMirror(bus: Bus): Promise<MirrorState> {
  const state = exportMirror(bus);
  await bus.requestName(MIRROR.destination);
  return state;
}

/** Exports everything on a connection, be there a bus or not. */
export function exportMirror(connection: MessageLink): MirrorState {
  const values = { ...FIRST_VALUES };
  const seen: Seen[] = [];
  const notes: string[] = [];

  const echo = <T>(value: T, { message: call }: CallContext): T => {
    seen.push({ value, call });
    return value;
  };
  // Each echo is of its own type, and all are this one function.
  const echoes = Object.fromEntries(Object.keys(ECHOES).map((member) => [member, echo])) as {
    readonly [M in keyof typeof ECHOES]: typeof echo;
  };

  const mirror = Mirror.implement({
    methods: {
      ...echoes,
      EchoHandle: echo,
      Divide: (dividend, divisor) => [Math.trunc(dividend / divisor), dividend % divisor],
      Greet: (whom, greeting = 'hello') => `${greeting}, ${whom}`,
      Nothing: () => {},
      Bytes: (count) => Uint8Array.from({ length: count }, (_, index) => index),
      WhoAmI: ({ sender }) => sender ?? '',
      Sleep: async (ms) => {
        await new Promise((resolve) => setTimeout(resolve, ms));
        return ms;
      },
      Fail: (text) => {
        throw new DBusError(CUSTOM_ERROR, text);
      },
      FailInDetail: () => {
        throw new DBusError(CUSTOM_ERROR, '', { signature: 'us', body: [7, 'detail'] });
      },
      Crash: () => {
        throw new RangeError('not a D-Bus error');
      },
      Emit: (count) => {
        for (let index = 0; index < count; index++) {
          const details = new Map<string, Variant>([['__proto__', variant('t', 2n ** 64n - 1n)]]);
          mirror.emit('Changed', index, `change ${index}`, details, [-1n, 0.25]);
        }
        mirror.emit('Emptied');
      },
    },
    properties: {
      Version: { get: () => 1 },
      Title: { get: () => values.title, set: (title) => void (values.title = title) },
      Level: {
        get: async () => values.level,
        set: async (level) => {
          await Promise.resolve();
          values.level = level;
        },
      },
      Quiet: { get: () => values.quiet, set: (quiet) => void (values.quiet = quiet) },
      Tags: {
        get: () => values.tags,
        set: (tags) => {
          values.tags = tags;
          values.title = `${tags.length} tags`;
          mirror.emitPropertiesChanged('Title'); // the library announces the property that was set
        },
      },
      Details: { get: () => ({ size: variant('x', -1n), empty: variant('a(tt)', []) }) },
      Pair: { get: () => values.pair, set: (pair) => void (values.pair = pair) },
      Secret: { set: (secret) => void (state.secret = secret) },
    },
  });

  const annotated = Annotated.implement({
    methods: { Note: (text) => void notes.push(text), Old: () => 'old' },
    properties: { OldValue: { get: () => 9 } },
  });

  const state: MirrorState = {
    seen, notes, mirror, annotated,
    secret: '',
    reset: () => {
      Object.assign(values, FIRST_VALUES);
      seen.length = 0;
      notes.length = 0;
      state.secret = '';
    },
  };
  exportObject(connection, MIRROR.path, [mirror, annotated]);
  exportItems(connection, 2);
  return state;
}

/** An object manager written by hand, with objects below it that come and go. */
function exportItems(connection: MessageLink, count: number): void {
  const items: ExportedObject[] = [];
  const path = (index: number): string => `${ITEMS_PATH}/${index}`;
  const interfaces = (index: number) => new Map([[Item.name, new Map([['Index', variant('u', index)]])]]);
  const add = (): void => {
    const index = items.length;
    items.push(exportObject(connection, path(index), Item.implement({ properties: { Index: { get: () => index } } })));
  };
  const manager = ObjectManager.implement({
    methods: { GetManagedObjects: () => new Map(items.map((item, index) => [item.path, interfaces(index)])) },
  });
  const owner = Items.implement({
    methods: {
      Grow: () => {
        add();
        manager.emit('InterfacesAdded', path(items.length - 1), interfaces(items.length - 1));
      },
      Shrink: () => {
        items.pop()?.unexport();
        manager.emit('InterfacesRemoved', path(items.length), [Item.name]);
      },
    },
  });
  exportObject(connection, ITEMS_PATH, [manager, owner]);
  while (items.length < count) add();
}
