// Runs the compiler: on wrong signatures and definitions, on the largest legal signatures and on many at once, and
// compares it with the parser of run time. `npm test` compiles the files of this folder with all others.

import { describe, expect, test } from 'vitest';
import { SignatureError } from '../../src/wire/errors.js';
import { parseSignature } from '../../src/wire/signature.js';
import { heavyTest } from '../support/extent.js';
import { compileText, compileTogether, randomBelow } from './support.js';

const HEAD = `import type { BodyInputOf, BodyOf, CheckedSignature } from 'SRC/wire/infer.js';
declare function check<const S extends string>(signature: CheckedSignature<S>, body: BodyInputOf<S>): BodyOf<S>;
`;
/** Tests of short texts share one run. */
const compiled = compileTogether();
const HEAD_LINES = HEAD.split('\n').length - 1;

/** The signatures that the compiler rejects, with its messages. */
async function refused(signatures: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const lines = signatures.map((signature) => `check(${JSON.stringify(signature)}, undefined!);`);
  const { diagnostics } = await compileText(HEAD + lines.join('\n'));
  return new Map(diagnostics.map(({ line, message }) => [signatures[line - 1 - HEAD_LINES] ?? '?', message]));
}

function isLegal(signature: string): boolean {
  try {
    parseSignature(signature);
    return true;
  } catch (error) {
    if (error instanceof SignatureError) return false;
    throw error;
  }
}

const nest = (open: string, close: string, count: number, inner: string): string =>
  open.repeat(count) + inner + close.repeat(count);

describe('a wrong signature', () => {
  const cases: readonly (readonly [signature: string, problem: string])[] = [
    ['k', 'unknown type code "k": it must be one of ybnqiuxtdhsogva(){}'],
    ['ak', 'unknown type code "k": it must be one of ybnqiuxtdhsogva(){}'],
    ['a{sk}', 'unknown type code "k": it must be one of ybnqiuxtdhsogva(){}'],
    ['a{ks}', 'unknown type code "k": it must be one of ybnqiuxtdhsogva(){}'],
    ['r', 'unknown type code "r": it must be one of ybnqiuxtdhsogva(){}'],
    ['i i', 'unknown type code " ": it must be one of ybnqiuxtdhsogva(){}'],
    ['a', 'an array has no element type: it must have one'],
    ['aa', 'an array has no element type: it must have one'],
    ['(a)', 'an array has no element type: it must have one'],
    ['a{sa}', 'an array has no element type: it must have one'],
    ['()', 'a struct has no fields: it must have at least one'],
    ['i()', 'a struct has no fields: it must have at least one'],
    ['(', 'a struct has no end: it must end with ")"'],
    ['(i', 'a struct has no end: it must end with ")"'],
    ['a(i(s)', 'a struct has no end: it must end with ")"'],
    [')', 'found ")" without "(": it must end a struct'],
    ['i)', 'found ")" without "(": it must end a struct'],
    ['a{s)', 'found ")" without "(": it must end a struct'],
    ['{si}', 'found a dict entry outside an array: it must be the element type of one'],
    ['({si})', 'found a dict entry outside an array: it must be the element type of one'],
    ['}', 'found "}" without "{": it must end a dict entry'],
    ['(i}', 'found "}" without "{": it must end a dict entry'],
    ['a{', 'a dict entry has no end: it must end with "}"'],
    ['a{s', 'a dict entry has no end: it must end with "}"'],
    ['a{si', 'a dict entry has no end: it must end with "}"'],
    ['a{}', 'a dict entry has too few or too many types: it must have a key and a value'],
    ['a{s}', 'a dict entry has too few or too many types: it must have a key and a value'],
    ['a{sii}', 'a dict entry has too few or too many types: it must have a key and a value'],
    ['a{vs}', 'the key of a dict entry is a container or variant: its type must be basic'],
    ['a{ass}', 'the key of a dict entry is a container or variant: its type must be basic'],
    ['a{(i)s}', 'the key of a dict entry is a container or variant: its type must be basic'],
    [`${'a'.repeat(33)}i`, 'found more than 32 arrays inside one another: there must be at most 32'],
    [nest('(', ')', 33, 'i'), 'found more than 32 structs inside one another: there must be at most 32'],
    [nest('a{s', '}', 33, 'i'), 'found more than 32 dict entries inside one another: there must be at most 32'],
    ['i'.repeat(256), 'it has more than 255 characters: it must have at most 255'],
  ];

  const lines = cases.map(([signature]) => `check(${JSON.stringify(signature)}, []);`);
  const errors = compiled('signatures', HEAD + lines.join('\n'));

  test('is an error at its literal, with the reason', async () => {
    const column = 'check('.length + 1;
    const diagnostics = await errors();
    expect(diagnostics.map(({ line, column: at }) => [line - HEAD_LINES, at])).toEqual(
      cases.map((_, index) => [index + 1, column]),
    );
    const texts = diagnostics.map(({ message }) => /type '"(invalid D-Bus.*)"'\.$/.exec(message)?.[1]);
    expect(texts).toEqual(cases.map(([, problem]) => {
      return JSON.stringify(`invalid D-Bus signature: ${problem}`).slice(1, -1);
    }));
  }, 60_000);

  test.each(cases)('is also rejected at run time: %s', (signature) => {
    expect(isLegal(signature)).toBe(false);
  });
});

heavyTest('the largest legal signatures of each kind resolve', async () => {
  const largest = [
    'i'.repeat(255),
    `${'a{sv}'.repeat(51)}`,
    '(i)'.repeat(85),
    'aai'.repeat(85),
    `(${'v'.repeat(253)})`,
    `${'a'.repeat(32)}y`,
    nest('(', ')', 32, 'y'),
    nest('a{s', '}', 32, 'v'),
    `${'a'.repeat(32)}${nest('(', ')', 32, 'i')}`,
    nest('aaaaa(', ')', 32, 'a{sv}'),
    nest('a(', ')', 32, nest('a{s', '}', 30, 'v')),
    nest(`${'a'.repeat(32)}(`, ')', 7, 'i'),
  ];
  expect(largest.map(isLegal)).toEqual(largest.map(() => true));
  expect(largest.map((signature) => signature.length).filter((length) => length > 255)).toEqual([]);
  expect([...await refused(largest)]).toEqual([]);
}, 60_000);

const definitionErrors = compiled('definition', `import { defineInterface } from 'SRC/interface/define.js';
export const Wrong = defineInterface({
  name: 'com.example.Wrong1',
  methods: {
    Good: { in: 'u', out: 'a{sv}', inNames: ['count'], optional: 1 },
    BadIn: { in: 'ak', out: 's' },
    BadOut: { in: 's', out: 'a{vs}' },
    BadNames: { in: 'u', inNames: ['a', 'b'] },
    FewNames: { in: 'su', inNames: ['a'] },
    BadKey: { in: 'u', output: 's' },
  },
  properties: {
    Bad: { type: 'ii', access: 'read' },
  },
  signals: {
    Bad: { args: '()' },
  },
});
`);

test('a mistake in a definition is an error at its literal, with the reason', async () => {
  const diagnostics = await definitionErrors();
  const found = diagnostics.map(({ line, column, message }) => [line, column, message]);
  expect(found).toEqual([
    [6, 14, expect.stringContaining('invalid D-Bus signature: unknown type code \\"k\\"')],
    [7, 24, expect.stringContaining('invalid D-Bus signature: the key of a dict entry is a container or variant: its type must be basic')],
    [8, 26, expect.stringContaining('got 2: there must be 1 name, one for each argument')],
    [9, 27, expect.stringContaining('got 1: there must be 2 names, one for each argument')],
    [10, 24, expect.stringContaining('unknown key of a method: output')],
    [13, 12, expect.stringContaining('invalid D-Bus signature: expected exactly one single complete type')],
    [16, 12, expect.stringContaining('invalid D-Bus signature: a struct has no fields: it must have at least one')],
  ]);
}, 60_000);

const nameErrors = compiled('names', `import { createProxy } from 'SRC/client/proxy.js';
import { defineInterface } from 'SRC/interface/define.js';
const Clock = defineInterface({
  name: 'com.example.Clock1',
  properties: { Time: { type: 't', access: 'readwrite' }, Zone: { type: 's', access: 'readwrite' } },
  signals: { Alarm: { args: 's' }, Tick: {} },
});
declare const never: never;
const clock = Clock.implement(never);
clock.emit('Alrm');
clock.emitPropertiesChanged('Zon');
const proxy = createProxy(never, Clock, { destination: 'com.example.Clock', path: '/' });
proxy.$signal('Alrm');
proxy.$get('Zon');
proxy.$set('Zon', 'UTC');
`);

test('an unknown name of a member is an error that lists the names of the interface', async () => {
  const diagnostics = await nameErrors();
  const signals = `Argument of type '"Alrm"' is not assignable to parameter of type '"Alarm" | "Tick"'.`;
  const properties = `Argument of type '"Zon"' is not assignable to parameter of type '"Time" | "Zone"'.`;
  expect(diagnostics.map(({ line, message }) => [line, message])).toEqual([
    [10, signals], [11, properties], [13, signals], [14, properties], [15, properties],
  ]);
}, 60_000);

const ARGUMENTS = (count: number): readonly string[] => Array.from({ length: count }, (_, i) => `n${i}`);
const literals = (count: number): string => `[${ARGUMENTS(count).map((name) => `'${name}'`).join()}]`;

heavyTest.each<[kind: string, names: (count: number) => string]>([
  ['without names of arguments', () => ''],
  ['with names of arguments', (count) => `, inNames: ${literals(count)}`],
  ['with labels', (count) => (
    `, inNames: ${literals(count)} as [${ARGUMENTS(count).map((name) => `${name}: string`).join()}]`
  )],
])('an interface of 100 methods %s and its implementation stay within the budget of types', async (_, names) => {
  const members = Array.from({ length: 100 }, (_, i) => `M${i}`);
  const { output, instantiations } = await compileText(`import { defineInterface } from 'SRC/interface/define.js';
const Large = defineInterface({
  name: 'com.example.Large1',
  methods: { ${members.map((name, i) => `${name}: { in: 'sa{sv}${'u'.repeat(i)}', out: 'as'${names(i + 2)} }`).join(',\n')} },
  signals: { ${members.map((name, i) => `${name}: { args: 'a(${'s'.repeat(i + 1)})' }`).join(',\n')} },
});
export const large = Large.implement({
  methods: { ${members.map((name) => `${name}: (text, options) => [text, ...options.keys()]`).join(',\n')} },
});
`);
  expect(output).not.toContain('error');
  // Measured: 374,000, most of it for the signatures, which are 50 characters long on average; with names 450,000.
  expect(instantiations).toBeGreaterThan(50_000);
  expect(instantiations).toBeLessThan(500_000);
}, 60_000);

const BASIC = 'ybnqiuxtdhsog';

function randomType(below: (limit: number) => number, depth = 0): string {
  const choice = below(depth > 3 ? 14 : 20);
  const inner = (): string => randomType(below, depth + 1);
  if (choice < BASIC.length) return BASIC.charAt(choice);
  if (choice === 13) return 'v';
  if (choice < 16) return `a${inner()}`;
  if (choice < 18) return `a{${BASIC.charAt(below(BASIC.length))}${inner()}}`;
  return `(${Array.from({ length: 1 + below(4) }, inner).join('')})`;
}

function randomSignatures(seed: number, count: number): string[] {
  const below = randomBelow(seed);
  const signatures = new Set<string>();
  while (signatures.size < count) {
    const signature = Array.from({ length: 1 + below(6) }, () => randomType(below)).join('');
    if (signature.length <= 255) signatures.add(signature);
  }
  return [...signatures];
}

heavyTest('1,000 distinct signatures stay within the budget of types', async () => {
  const lines = randomSignatures(7, 1_000).map((signature) => `check('${signature}', undefined!);`);
  const [all, none] = await Promise.all([compileText(HEAD + lines.join('\n')), compileText(HEAD)]);
  expect(all.output).not.toContain('error');
  // Measured: 619 each, for values, inputs and the check.
  expect(all.instantiations - none.instantiations).toBeLessThan(650_000);
  expect(all.instantiations).toBeGreaterThan(100_000);
}, 60_000);

heavyTest('the compiler and the parser at run time agree', async () => {
  const seed = 20_260;
  const below = randomBelow(seed);
  const alphabet = `${BASIC}vaaa((()))a{{}}k`;
  const legal = randomSignatures(seed, 300);
  const mutated = legal.map((signature) => {
    const at = below(signature.length + 1);
    const character = alphabet.charAt(below(alphabet.length));
    return signature.slice(0, at) + (below(3) === 0 ? '' : character) + signature.slice(at + below(2));
  });
  const random = Array.from({ length: 300 }, () => (
    Array.from({ length: 1 + below(8) }, () => alphabet.charAt(below(alphabet.length))).join('')
  ));
  const signatures = [...new Set([...legal, ...mutated, ...random])];
  const refusedByCompiler = await refused(signatures);
  const disagreements = signatures.filter((signature) => isLegal(signature) === refusedByCompiler.has(signature));
  expect(disagreements, `seed ${seed}`).toEqual([]);
  expect(refusedByCompiler.size).toBeGreaterThan(200);
  expect(refusedByCompiler.size).toBeLessThan(signatures.length - 300);
}, 60_000);
