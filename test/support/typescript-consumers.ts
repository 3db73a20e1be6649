// Programs in TypeScript that use the package, and the options with which their users compile them.

const WIRE_CONSUMER = `
  import { decodeMessage, encodeMessage, methodCall, type Message } from 'dbus-wire/wire';
  const bytes: Uint8Array = encodeMessage(methodCall({ path: '/a', member: 'B' }), { serial: 1 });
  const message: Message = decodeMessage(bytes);
  if (message.type === 'method_call') {
    const path: string = message.path;
    // @ts-expect-error: a path is not a number
    const wrong: number = message.path;
  }
  // @ts-expect-error: a call has a member
  methodCall({ path: '/a' });
`;

const AUTH_CONSUMER = `
  import { AuthClient, AuthError, external, type ClientProgress } from 'dbus-wire/auth';
  const client = new AuthClient({ mechanisms: [external()] });
  const bytes: Uint8Array = client.start();
  const progress: ClientProgress = client.receive(bytes);
  const fault: 'caller' | 'peer' = new AuthError('REJECTED', 'no').fault;
  // @ts-expect-error: a mechanism is not a string
  new AuthClient({ mechanisms: ['EXTERNAL'] });
`;

const WHOLE_CONSUMER = `
  import { createProxy, defineInterface, exportObject, sessionBus } from 'dbus-wire';
  const Counter = defineInterface({
    name: 'com.example.Counter1',
    methods: { Add: { in: 'u', out: 'u', inNames: ['step'] } },
    properties: { Value: { type: 'u', access: 'read' } },
    signals: { Overflow: { args: 'u' } },
  });
  export async function main(): Promise<number> {
    await using bus = await sessionBus({ signal: AbortSignal.timeout(1_000) });
    const counter = createProxy(bus, Counter, { destination: 'com.example.Counter', path: '/com/example/Counter' });
    // @ts-expect-error: 'u' takes a number
    await counter.Add('1');
    // @ts-expect-error: no such method
    await counter.Subtract(1);
    const implementation = Counter.implement({
      methods: { Add: (step) => step + 1 },
      properties: { Value: { get: () => 1 } },
    });
    using exported = exportObject(bus, '/com/example/Counter', implementation);
    const value: number = await counter.$get('Value');
    const sum: number = await counter.Add(value);
    await bus.close();
    return sum;
  }
`;

type CompilerOptions = Readonly<Record<string, unknown>>;

const NODE_NEXT: CompilerOptions = { target: 'ES2022', module: 'NodeNext' };
const BUNDLER: CompilerOptions = { target: 'ES2022', module: 'ESNext', moduleResolution: 'bundler' };
const STRICT: CompilerOptions = { strict: true, exactOptionalPropertyTypes: true };
const WITHOUT_NODE: CompilerOptions = { lib: ['ES2022'], types: [] };

/** Files that a consumer compiles together, by their names, and their folder. Declarations are checked too. */
export type Compilation = readonly [folder: string, files: Readonly<Record<string, string>>, options: CompilerOptions];

/** For the newest compiler and the oldest one that README promises. */
export const COMPILATIONS: readonly Compilation[] = [
  ['pure-without-node', { 'wire.mts': WIRE_CONSUMER, 'auth.mts': AUTH_CONSUMER }, {
    ...NODE_NEXT, ...STRICT, ...WITHOUT_NODE,
  }],
  ['whole-node-next', { 'whole.mts': WHOLE_CONSUMER }, { ...NODE_NEXT, strict: true }],
  ['whole-bundled', { 'whole.ts': WHOLE_CONSUMER }, { ...BUNDLER, strict: true }],
];

/** For the newest compiler and the oldest one whose default settings find the package. */
export const DEFAULT_COMPILATIONS: readonly Compilation[] = [
  ['whole-by-default', { 'whole.ts': WHOLE_CONSUMER }, {}],
];

/** For the newest compiler and the oldest one that knows require() of ES modules. */
export const REQUIRE_COMPILATIONS: readonly Compilation[] = [
  ['whole-required', { 'whole.cts': WHOLE_CONSUMER }, { ...NODE_NEXT, strict: true }],
];

/** For the newest compiler. The oldest lacks require() of ES modules. */
export const NEWEST_COMPILATIONS: readonly Compilation[] = [
  ['wire-bundled', { 'wire.ts': WIRE_CONSUMER }, { ...BUNDLER, ...STRICT, ...WITHOUT_NODE }],
  ['whole-strictest', { 'whole.mts': WHOLE_CONSUMER, 'whole.cts': WHOLE_CONSUMER }, {
    ...NODE_NEXT, ...STRICT, lib: ['ES2022'],
  }],
];
