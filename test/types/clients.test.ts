// What the compiler and an editor say about watched and cached properties, signals, managed objects and values without
// variants: names that are wrong, types that follow, and the work of the compiler.
import { expect, test } from 'vitest';
import { heavyTest } from '../support/extent.js';
import { hovers } from './hovers.js';
import { compileText } from './support.js';

const DEFINITION = `import { createProxy } from 'SRC/client/proxy.js';
import { manageObjects } from 'SRC/client/managed-objects.js';
import { defineInterface } from 'SRC/interface/define.js';
import { isVariantOf, take, unwrap } from 'SRC/wire/plain.js';
import type { Variant } from 'SRC/wire/infer.js';
const Player = defineInterface({
  name: 'com.example.Player1',
  properties: {
    Volume: { type: 'd', access: 'readwrite' }, Title: { type: 's', access: 'read' },
    Position: { type: 'x', access: 'read', emitsChanged: 'false' }, Secret: { type: 's', access: 'write' },
  },
  signals: { Started: { args: 's', argNames: ['track'] as [track: string] }, Stopped: {} },
});
const Disk = defineInterface({ name: 'com.example.Disk1', properties: { Size: { type: 't', access: 'read' } } });
declare const never: never;
declare const details: Map<string, Variant>;
declare const found: Variant | undefined;
const player = createProxy(never, Player, { destination: 'com.example.Player', path: '/' });
const view = manageObjects(never, { path: '/' }, { player: Player, disk: Disk });
`;
const HEAD_LINES = DEFINITION.split('\n').length - 1;

heavyTest('an editor shows the types of values, names and arguments', async () => {
  const shown = await hovers(`${DEFINITION}
for await (const /*^*/volume of player.$watch('Volume')) volume;
player.$watch('Title', (/*^*/title) => title);
const cached = await player.$cache();
const /*^*/position = cached.$properties.Volume;
const /*^*/asked = await cached.$get('Position');
player.$signal('Started', (.../*^*/started) => started);
for await (const /*^*/signal of player.$signals('Started', 'Stopped')) signal;
for await (const change of view) {
  if (change.kind === 'disk') { const /*^*/size = change.proxy.$properties.Size; size; }
}
const /*^*/disk = view.objects.get('/')?.disk?.$properties.Size;
const /*^*/taken = take(details, 'title', 's', 'as');
const /*^*/values = unwrap(details, { title: 's', length: 'x' });
if (isVariantOf(found, 'x')) { const /*^*/value = found.value; value; }
`);
  expect(shown).toEqual([
    'const volume: number',
    '(parameter) title: string',
    'const position: number | undefined',
    'const asked: bigint',
    '(parameter) started: [track: string, message: Signal]',
    'const signal: NamedSignal<"Started", [track: string]> | NamedSignal<"Stopped", []>',
    'const size: bigint | undefined',
    'const disk: bigint | undefined',
    'const taken: string | string[] | undefined',
    'const values: { title?: string; length?: bigint; }',
    'const value: bigint',
  ].map((text) => expect.stringContaining(text)));
}, 60_000);

test('a wrong name or signature is an error that lists the correct ones', async () => {
  const { diagnostics } = await compileText(`${DEFINITION}
player.$watch('Volum');
player.$watch('Position');
player.$watch('Secret');
player.$signals('Started', 'Stoped');
player.$signal('Started', (track: number) => track);
view.objects.get('/')?.disc;
take(details, 'title', 'k');
unwrap(details, { title: 'ss' });
isVariantOf(found, 'a');
`);
  const own = diagnostics.filter(({ file }) => file.endsWith('case.ts'));
  const name = (wrong: string, right: string): string => (
    `Argument of type '"${wrong}"' is not assignable to parameter of type '${right}'.`
  );
  const signature = (wrong: string, problem: string): string => (
    `Argument of type '"${wrong}"' is not assignable to parameter of type '"invalid D-Bus signature: ${problem}"'.`
  );
  expect(own.map(({ line, message }) => [line - HEAD_LINES, message])).toEqual([
    [2, name('Volum', '"Title" | "Volume"')],
    [3, name('Position', '"Title" | "Volume"')],
    [4, name('Secret', '"Title" | "Volume"')],
    [5, name('Stoped', '"Started" | "Stopped" | SignalsOptions')],
    [6, 'No overload matches this call.'],
    [7, expect.stringContaining("Property 'disc' does not exist on type")],
    [8, signature('k', 'unknown type code \\"k\\": it must be one of ybnqiuxtdhsogva(){}')],
    [9, expect.stringContaining('invalid D-Bus signature: expected exactly one single complete type')],
    [10, signature('a', 'an array has no element type: it must have one')],
  ]);
}, 60_000);

heavyTest('an interface of 100 properties and signals, with everything that a client does, stays within the budget', async () => {
  const members = Array.from({ length: 100 }, (_, i) => `M${i}`);
  const large = `import { createProxy } from 'SRC/client/proxy.js';
import { manageObjects } from 'SRC/client/managed-objects.js';
import { defineInterface } from 'SRC/interface/define.js';
const Large = defineInterface({
  name: 'com.example.Large1',
  properties: { ${members.map((name) => `${name}: { type: 'a{sv}', access: 'read' }`).join(',\n')} },
  signals: { ${members.map((name) => `${name}: { args: 'sa{sv}' }`).join(',\n')} },
});
declare const never: never;
export const proxy = createProxy(never, Large, { path: '/' });
`;
  const [alone, used] = await Promise.all([compileText(large), compileText(`${large}
for await (const value of proxy.$watch('M0')) value.get('x');
const cached = await proxy.$cache({ changed: (names, { M1 }) => [names, M1?.size] });
export const sizes = [cached.$properties.M2?.size, (await cached.$get('M3')).size];
proxy.$signal('M4', (text, details) => [text, details.size]);
for await (const { name, args: [text, details] } of proxy.$signals()) [name, text, details.size];
for await (const { proxy: each } of manageObjects(never, { path: '/' }, { large: Large })) each.$properties.M5?.size;
`)]);
  const own = used.diagnostics.filter(({ file }) => file.endsWith('case.ts'));
  expect(own).toEqual([]);
  expect(used.instantiations - alone.instantiations).toBeGreaterThan(1_000);
  expect(used.instantiations - alone.instantiations).toBeLessThan(60_000);
}, 60_000);
