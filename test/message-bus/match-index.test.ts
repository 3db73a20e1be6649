// The index of match rules finds the rules that matchesRule() finds, whose agreement with real buses is tested in
// test/interop/match-rules.test.ts; and what a rule costs that does not match.
// Specification: Match Rules.

import { describe, expect, test } from 'vitest';
import { MatchIndex, type MatchedMessage } from '../../src/message-bus/match-index.js';
import type { MatchRule } from '../../src/protocol/match-rule.js';
import { matchesRule } from '../../src/protocol/matches-rule.js';
import { type Message, signal } from '../../src/wire/index.js';
import { expectProportionalWork } from '../support/work.js';

const where = { path: '/com/example/Thing', interface: 'com.example.Thing1', member: 'Changed' } as const;

const SIGNALS: readonly Message[] = [
  signal(where),
  ...['/', '/com', '/com/example', '/com/example/Things'].map((path) => signal({ ...where, path })),
  signal({ ...where, member: 'Other' }),
  signal({ ...where, interface: 'com.example.Thing2' }),
  ...['', 'com', 'com.example', 'com.example.A', 'com.examples', '/a', '/a/', '/a/b', ':1.5'].map((text) =>
    signal({ ...where, signature: 's', body: [text] })),
  signal({ ...where, signature: 'o', body: ['/a/b'] }),
  signal({ ...where, signature: 'g', body: ['s'] }),
  signal({ ...where, signature: 'uss', body: [1, 'com', '/a/b'] }),
  signal({ ...where, signature: 'ss', body: ['com.example', '/a/'] }),
  ...['/', '//', '/a/b/', '/a//b'].map((text) => signal({ ...where, signature: 's', body: [text] })),
  ...['/', '/a', '/a/b/c'].map((path) => signal({ ...where, signature: 'o', body: [path] })),
  { ...signal(where), type: 'method_call' } as unknown as Message,
];

const RULES: readonly MatchRule[] = [
  {}, { type: 'signal' }, { type: 'method_call' }, { member: 'Changed' }, { interface: where.interface },
  { path: '/' }, { path: where.path }, { pathNamespace: '/' }, { pathNamespace: '/com' }, { pathNamespace: where.path },
  { arg0Namespace: 'com' }, { arg0Namespace: 'com.example' }, { args: { 0: 'com.example' } }, { args: { 0: '' } },
  { args: { 1: 'com' } }, { args: { 0: 'com', 1: 'com' } }, { argPaths: { 0: '/a/' } }, { argPaths: { 0: '/a/b' } },
  { argPaths: { 2: '/a/' } }, { args: { 1: 'com' }, argPaths: { 2: '/a/b' } }, { argPaths: { 0: '/' } },
  { arg0Namespace: 'com', argPaths: { 1: '/a/' } }, { args: { 2: '/a/b' } }, { args: { 1: 'com', 2: '/a/b' } },
  { argPaths: { 0: '/a' } }, { argPaths: { 0: '/a/b/c' } }, { argPaths: { 0: 'com' } }, { args: { 0: '/a/b' } },
  { type: 'signal', interface: where.interface, member: 'Changed', path: where.path, args: { 0: 'com' } },
  { member: 'Changed', pathNamespace: '/com', arg0Namespace: 'com' },
];

const textsOf = ({ signature, body }: Message): (string | undefined)[] =>
  [...signature].map((code, index) => ('so'.includes(code) ? (body[index] as string) : undefined));

function matched(message: Message, options: Partial<MatchedMessage> = {}): MatchedMessage {
  return {
    header: message, senderName: ':1.1', senderNames: new Set(), texts: textsOf(message), isAddressedTo: () => false,
    ...options,
  };
}

function found(index: MatchIndex<string>, message: MatchedMessage): string[] {
  const subscribers: string[] = [];
  index.match(message, (subscriber) => subscribers.push(subscriber));
  return subscribers.sort();
}

describe('an index', () => {
  test.each([0, 40])('finds exactly the rules that match, with %i others for each kind of prefix', (others) => {
    const index = new MatchIndex<string>();
    const fillers = Array.from({ length: others }, (_, number) => [
      ...[0, 1, 2].map((place) => ({ argPaths: { [place]: `other/${number}/` } })),
      { pathNamespace: `/other/n${number}` }, { member: 'Changed', pathNamespace: `/other/n${number}` },
      { arg0Namespace: `other.n${number}` }, { member: 'Changed', pathNamespace: '/com', arg0Namespace: `other.n${number}` },
    ]).flat().map((rule) => index.add(rule, 'other'));
    const added = RULES.map((rule, number) => index.add(rule, `${number}`));
    for (const message of SIGNALS) {
      const expected = RULES.flatMap((rule, number) => (matchesRule(rule, message) ? [`${number}`] : [])).sort();
      expect(found(index, matched(message))).toEqual(expected);
    }
    for (const [number, rule] of added.entries()) {
      index.remove(rule);
      for (const message of SIGNALS) expect(found(index, matched(message))).not.toContain(`${number}`);
    }
    expect(index.size).toBe(fillers.length);
    for (const filler of fillers) index.remove(filler);
    expect(index.size).toBe(0);
  });

  test('makes the prefixes of an argument once, however many rules ask for them', async () => {
    const index = new MatchIndex<string>();
    const folder = (depth: number): string => `/${'a/'.repeat(depth)}`;
    for (let first = 1; first <= 40; first++) {
      for (let second = 1; second <= 50; second++) {
        index.add({ argPaths: { 0: folder(first), 1: folder(second), 2: `/other/${first}/${second}/` } }, 'x');
      }
    }
    await expectProportionalWork(60, (depth) => {
      const text = folder(depth);
      const message = matched(signal({ ...where, signature: 'sss', body: [text, text, text] }));
      for (let round = 0; round < 5; round++) expect(found(index, message)).toEqual([]);
    });
  });

  test('counts rules, and removes each once', () => {
    const index = new MatchIndex<string>();
    const [first, second] = [index.add({ member: 'A' }, 'x'), index.add({ member: 'A' }, 'x')];
    expect(index.size).toBe(2);
    index.remove(first);
    index.remove(first);
    expect(index.size).toBe(1);
    expect(found(index, matched(signal({ ...where, member: 'A' })))).toEqual(['x']);
    index.remove(second);
    expect(index.size).toBe(0);
  });

  test('compares the sender by its unique name and by the names that it owns', () => {
    const index = new MatchIndex<string>();
    for (const sender of [':1.1', ':1.2', 'com.example.A', 'com.example.B']) index.add({ sender }, sender);
    const owner = { senderNames: new Set(['com.example.A', 'com.example.C']) };
    expect(found(index, matched(signal(where), owner))).toEqual([':1.1', 'com.example.A']);
    const many = { senderNames: new Set(Array.from({ length: 50 }, (_, i) => `com.example.N${i}`).concat('com.example.B')) };
    expect(found(index, matched(signal(where), many))).toEqual([':1.1', 'com.example.B']);
  });

  test('finds a rule for a destination only if the message is addressed to it', () => {
    const index = new MatchIndex<string>();
    index.add({ destination: ':1.7' }, 'x');
    expect(found(index, matched(signal(where)))).toEqual([]);
    expect(found(index, matched(signal(where), { isAddressedTo: (name) => name === ':1.7' }))).toEqual(['x']);
  });

  test('reads the arguments only if a rule that matches so far asks for them', () => {
    const index = new MatchIndex<string>();
    index.add({ member: 'Other', args: { 0: 'x' } }, 'a');
    index.add({ sender: ':1.9', argPaths: { 1: '/x' } }, 'b');
    index.add({ member: 'Changed' }, 'c');
    const message = matched(signal({ ...where, signature: 's', body: ['x'] }));
    const untouched = Object.defineProperty({ ...message }, 'texts', {
      get: () => {
        throw new Error('the arguments were read');
      },
    }) as MatchedMessage;
    expect(found(index, untouched)).toEqual(['c']);
  });

  test('does not compare the thousands of rules for other values', () => {
    const index = new MatchIndex<string>();
    for (let i = 0; i < 500; i++) {
      index.add({ sender: `:1.${i + 10}` }, 'sender');
      index.add({ ...where, path: `/other/${i}` }, 'path');
      index.add({ member: where.member, pathNamespace: `/other/${i}` }, 'namespace');
      index.add({ member: 'Changed', args: { 0: `value ${i}` } }, 'argument');
      index.add({ member: 'Changed', args: { 1: 'the same', 2: `value ${i}` } }, 'other argument');
      index.add({ type: 'signal', argPaths: { 63: `/other/${i}/` } }, 'path in an argument');
    }
    index.add(where, 'wanted');
    let calls = 0;
    const message = matched(signal({ ...where, signature: 's', body: ['none of them'] }));
    const header = new Proxy(message.header, {
      get: (target, key) => {
        calls++;
        return Reflect.get(target, key) as unknown;
      },
    });
    expect(found(index, { ...message, header })).toEqual(['wanted']);
    expect(calls).toBeLessThan(50);
  });

  test('handles a path of a million elements', () => {
    const index = new MatchIndex<string>();
    index.add({ pathNamespace: '/a' }, 'near');
    index.add({ pathNamespace: '/a/a/a' }, 'far');
    const path = '/a'.repeat(1_000_000);
    expect(found(index, matched(signal({ ...where, path })))).toEqual(['far', 'near']);
  });
});
