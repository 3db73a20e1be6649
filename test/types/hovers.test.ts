// What an editor shows of proxies, handlers and signals: the names of arguments, if the definition gives them as labels,
// and the types of properties.
import { expect, test } from 'vitest';
import { hovers } from './hovers.js';

const DEFINITION = `import { createProxy } from 'SRC/client/proxy.js';
import type { ProxyOf } from 'SRC/client/proxy-of.js';
import { defineInterface } from 'SRC/interface/define.js';
export const Player = defineInterface({
  name: 'com.example.Player1',
  properties: {
    Volume: { type: 'd', access: 'readwrite' },
    Tags: { type: 'as', access: 'read' },
    Pin: { type: 's', access: 'write' },
  },
  methods: {
    Play: { in: 'su', inNames: ['track', 'start'] as [track: string, start: string], optional: 1 },
    Seek: { in: 'x', out: 'xs', inNames: ['to'] as [to: string], outNames: ['at', 'unit'] as [at: string, unit: string] },
    Plain: { in: 's', inNames: ['text'] },
    Open: { in: 'h', out: 'h' },
  },
  signals: { Started: { args: 'su', argNames: ['track', 'length'] as [track: string, length: string] } },
  errors: { NoTrack: 'com.example.Error.NoTrack' },
});
declare const player: ProxyOf<typeof Player>;
declare const implementation: ReturnType<typeof Player.implement>;
`;

test('an editor shows the names of arguments and results, if they have labels', async () => {
  const [play, seek, plain, open, body, emit, handler, error] = await hovers(`${DEFINITION}
await player./*^*/Play('a', 1);
await player./*^*/Seek(1);
await player./*^*/Plain('a');
export const index: number = await player.Open(5);
const /*^*/opened = await player.Open(5);
for await (const /*^*/body of player.$signal('Started')) body;
implementation./*^*/emit('Started', 'a', 1);
Player.implement({ methods: { Play() {}, Seek: (...args) => { const /*^*/all = args; return [all[0], 's']; }, Plain() {}, Open: (index) => index }, properties: { Volume: 1, Tags: [], Pin: '' } });
const /*^*/error = new Player.errors.NoTrack('x');
`);
  const options = (type: string): string => `options?: ProxyCallOptions<${type}> | undefined`;
  expect(play).toContain(`(track: string, start?: number | undefined, ${options('boolean')}) => Promise<void>`);
  expect(seek).toContain(`(to: number | bigint, ${options('false')}) => Promise<[at: bigint, unit: string]>`);
  expect(plain).toContain(`(args_0: string, ${options('boolean')}) => Promise<void>`);
  expect(open).toContain('const opened: DescriptorIndex');
  expect(body).toContain('const body: [track: string, length: number]');
  expect(emit).toContain('(signal: "Started", track: string, length: number, options?: EmitOptions | undefined): void');
  expect(handler).toContain('const all: [to: bigint, context: CallContext]');
  expect(error).toContain('const error: DeclaredError<"com.example.Error.NoTrack">');
}, 60_000);

test('an editor shows the values of properties, not the specification of their interface', async () => {
  const [all, listened, cached, values] = await hovers(`${DEFINITION}
export const /*^*/all = await player.$getAll();
const cache = await player.$cache({ changed: (names, /*^*/now) => console.log(names, now) });
export const /*^*/properties = cache.$properties;
export const /*^*/values = implementation.values;
`);
  const known = '{ readonly Tags?: string[]; readonly Volume?: number; }';
  expect(all).toBe(`const all: ${known}`);
  expect(listened).toBe(`(parameter) now: ${known}`);
  expect(cached).toBe(`const properties: ${known}`);
  expect(values).toBe('const values: { Pin: string; Tags: readonly string[]; Volume: number; }');
}, 60_000);
