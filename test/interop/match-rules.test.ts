// Match rules on dbus-daemon, on dbus-broker and on our own bus: matchesRule selects the same messages as the bus, and
// formatMatchRule refuses the rules that the bus refuses.
// Specification: Match Rules.

import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { matchesRule } from '../../src/protocol/matches-rule.js';
import {
  type Bus, connectToBus, createProxy, DBusDaemon, DBusError, ErrorName, formatMatchRule, type MatchRule,
  MatchRuleError, openConnection, type Signal, variant,
} from '../../src/index.js';
import { signal } from '../../src/wire/index.js';
import { some } from '../support/extent.js';
import { ALL_BUSES } from '../support/private-broker.js';
import type { PrivateBus } from '../support/private-bus.js';
import { describeWith } from '../support/programs.js';

const END = 'com.example.TheEnd1';
const driver = { destination: 'org.freedesktop.DBus', path: '/org/freedesktop/DBus' } as const;

const where = { path: '/com/example/Thing', interface: 'com.example.Thing1', member: 'Changed' } as const;

/** Signals that differ in what rules look at. */
const SIGNALS: readonly Signal[] = [
  signal(where),
  signal({ ...where, member: 'Change' }),
  signal({ ...where, interface: 'com.example.Thing2' }),
  ...['/', '/com', '/com/example', '/com/example/Thing/a', '/com/example/Things', '/com/example/Other'].map((path) =>
    signal({ ...where, path })),
  ...[
    '', 'a', 'ab', "it's", 'a,b', 'a\\', ' a ', 'é😀', '/', '/a', '/a/', '/a/b', '/a/b/', '/aa', 'com.example.Thing',
    'com.example', 'com.example.', 'com.examples', 'com', ':1.0', ':1.00',
  ].map((text) => signal({ ...where, signature: 's', body: [text] })),
  ...['/', '/a', '/a/b', '/aa'].map((path) => signal({ ...where, signature: 'o', body: [path] })),
  ...(['s', 'g'] as const).map((signature) => signal({ ...where, signature, body: ['s'] })),
  signal({ ...where, signature: 'v', body: [variant('s', 'a')] }),
  signal({ ...where, signature: 'as', body: [['a']] }),
  signal({ ...where, signature: '(s)', body: [['a']] }),
  signal({ ...where, signature: 'u', body: [0] }),
  signal({ ...where, signature: 'us', body: [1, 'a'] }),
  signal({ ...where, signature: 'bs', body: [true, 'a'] }),
  signal({ ...where, signature: 'gs', body: ['s', 'a'] }),
  signal({ ...where, signature: 'os', body: ['/a', 'a'] }),
  signal({ ...where, signature: 'vs', body: [variant('s', 'a'), 'a'] }),
  signal({ ...where, signature: 'a{sv}s', body: [new Map(), 'a'] }),
  signal({ ...where, signature: '(sas)s', body: [['a', []], 'a'] }),
  signal({ ...where, signature: 'ss', body: ['a', 'a'] }),
  signal({ ...where, signature: 'so', body: ['a', '/a/b'] }),
  signal({ ...where, signature: 's'.repeat(64), body: Array.from({ length: 64 }, (_, index) => String(index)) }),
];

const RULES: readonly MatchRule[] = [
  {},
  { type: 'signal' },
  { type: 'method_call' },
  { interface: 'com.example.Thing1' },
  { member: 'Changed' },
  { interface: 'com.example.Thing1', member: 'Change' },
  { path: '/com/example/Thing' },
  { path: '/' },
  { pathNamespace: '/' },
  { pathNamespace: '/com' },
  { pathNamespace: '/com/example/Thing' },
  { path: '/com/example/Thing', member: 'Changed', args: { 0: 'a' } },
  ...['', 'a', "it's", 'a,b', 'a\\', ' a ', 'é😀', '/a', '/', '0', 's'].map((text) => ({ args: { 0: text } })),
  { args: { 1: 'a' } },
  { args: { 0: 'a', 1: 'a' } },
  { args: { 63: '63' } },
  { args: { 2: 'a' } },
  ...['/', '/a', '/a/', '/a/b', '/a/b/', 'a', '', '/aa/'].map((path) => ({ argPaths: { 0: path } })),
  { argPaths: { 1: '/a/' } },
  { args: { 0: 'a' }, argPaths: { 1: '/a/b' } },
  ...['com', 'com.example', 'com.example.Thing', 'com.exampl'].map((arg0Namespace) => ({ arg0Namespace })),
];

/** Whether a bus does not let through what the specification, and our own question, say that it must. */
const WITHHOLDS: Readonly<Record<string, (rule: MatchRule, message: Signal) => boolean>> = {
  'dbus-daemon': () => false,
  'our message bus': () => false,
  'dbus-broker': ({ args = {}, argPaths = {} }, { signature }) =>
    Object.values(argPaths).includes('') ||
    (!signature.startsWith('s') && Object.keys(args).some((index) => index !== '0')),
};

/** The differences of the two buses that docs/services-and-clients.md lists: a rule as text, the body of a signal. */
const DIFFERENCES: readonly {
  readonly rule: string;
  readonly signature: string;
  readonly body: readonly unknown[];
  readonly letBy: 'dbus-daemon' | 'dbus-broker';
}[] = [
  { rule: "arg1='a'", signature: 'us', body: [1, 'a'], letBy: 'dbus-daemon' },
  { rule: "arg1='a'", signature: 'os', body: ['/', 'a'], letBy: 'dbus-daemon' },
  { rule: "arg1='/a'", signature: 'so', body: ['', '/a'], letBy: 'dbus-broker' },
  { rule: "arg1path='/a'", signature: 'ss', body: ['/a', 'b'], letBy: 'dbus-broker' },
  { rule: "arg2path='/a'", signature: 'oss', body: ['/a', 'b', 'c'], letBy: 'dbus-broker' },
  { rule: "arg0path=''", signature: 's', body: [''], letBy: 'dbus-daemon' },
  { rule: "path_namespace='/'", signature: '', body: [], letBy: 'dbus-daemon' },
];

/** Our own bus does what dbus-daemon does. */
const isLetBy = (letBy: string, program: string): boolean =>
  letBy === (program === 'our message bus' ? 'dbus-daemon' : program);

const content = ({ path, interface: name, member, signature, body }: Signal): unknown[] =>
  [path, name, member, signature, body];

/** For a rule that is too long dbus-daemon has an error of its own. */
const REFUSALS: readonly string[] = [ErrorName.MATCH_RULE_INVALID, ErrorName.LIMITS_EXCEEDED];

type TextAndRule = readonly [text: string, rule: MatchRule];

for (const { program, required, startBus } of some(ALL_BUSES, 3)) describeWith(...required)(`a rule on ${program}`, () => {
  let daemon: PrivateBus;
  let sender: Bus;
  beforeAll(async () => {
    daemon = await startBus();
    sender = await connectToBus(daemon.address);
  });
  afterAll(async () => {
    await sender?.close();
    await daemon?.stop();
  });

  /** The signals that the bus lets through for each rule: each has a connection with this rule alone. */
  async function deliveredBy(rules: readonly string[], signals: readonly Signal[]) {
    const receivers = await Promise.all(rules.map(async (rule) => {
      const receiver = await openConnection(daemon.address); // adds no rules of its own
      onTestFinished(() => receiver.close());
      const received = receiver.subscribe({}, { queueLimit: Infinity });
      const [uniqueName] = await receiver.call({ ...driver, member: 'Hello', replySignature: 's' });
      await createProxy(receiver, DBusDaemon, driver).AddMatch(rule);
      return { rule, received, uniqueName };
    }));
    for (const message of signals) sender.send(message);
    return Promise.all(receivers.map(async ({ rule, received, uniqueName }) => {
      // Sent to this connection, so that no rule is needed, and after all the others.
      sender.send(signal({ path: '/', interface: END, member: 'End', destination: uniqueName }));
      const delivered: unknown[] = [];
      for await (const message of received) {
        if (message.interface === END) break;
        if (message.sender === sender.uniqueName) delivered.push(content(message));
      }
      return { rule, delivered };
    }));
  }

  test('of each kind matches exactly the signals that the bus delivers', async () => {
    expect(await deliveredBy(RULES.map((rule) => formatMatchRule(rule)), SIGNALS)).toStrictEqual(RULES.map((rule) => ({
      rule: formatMatchRule(rule),
      delivered: SIGNALS.filter((message) => matchesRule(rule, message) && !WITHHOLDS[program]?.(rule, message)).map(content),
    })));
  });

  test.each(DIFFERENCES)('differs as documented: $rule for $body', async ({ rule, signature, body, letBy }) => {
    const message: Signal = { ...signal(where), signature, body };
    const delivered = isLetBy(letBy, program) ? [content(message)] : [];
    expect(await deliveredBy([rule], [message])).toEqual([{ rule, delivered }]);
  });

  test('of each kind matches some signals and not others', () => {
    const counts = RULES.map((rule) => SIGNALS.filter((message) => matchesRule(rule, message)).length);
    expect(counts.filter((count) => count > 0 && count < SIGNALS.length).length).toBeGreaterThan(25);
  });

  test('delivers the matching signals to a subscription', async () => {
    await using receiver = await connectToBus(daemon.address);
    const rules = RULES.filter(({ type }) => type !== 'method_call');
    const subscriptions = rules.map((rule) => receiver.subscribe({ ...rule, sender: sender.uniqueName }));
    await Promise.all(subscriptions.map(({ ready }) => ready));
    for (const message of SIGNALS) sender.send(message);
    for (const [index, rule] of rules.entries()) {
      const expected = SIGNALS.filter((message) => matchesRule(rule, message));
      const received: Signal[] = [];
      for (const wanted of expected) {
        const { value } = (await subscriptions[index]?.next()) ?? { value: wanted };
        received.push(value as Signal); // the subscription is open
      }
      expect(received.map(content)).toStrictEqual(expected.map(content));
    }
    expect(receiver.dropped.size).toBe(0);
  });

  /** Rules as texts and as objects. formatMatchRule must refuse the object if and only if the bus refuses the text. */
  const grammar: readonly TextAndRule[] = [
    ...['', '/', '/a', 'a', '/a/', '//', '/a//b', '/é', '/a-b', '/_0'].flatMap((path): TextAndRule[] => [
      [`path='${path}'`, { path }],
      [`path_namespace='${path}'`, { pathNamespace: path }],
    ]),
    ...['', 'a', 'a.b', 'a.b.c', '.a.b', 'a..b', 'a.b.', 'a.0b', 'a.b0', 'a-b.c', 'a.b c', `a.${'b'.repeat(253)}`,
      `a.${'b'.repeat(254)}`, 'é.b', ':1.0', 'a._b'].flatMap((name): TextAndRule[] => [
      [`interface='${name}'`, { interface: name }],
      [`sender='${name}'`, { sender: name }],
      [`destination='${name}'`, { destination: name }],
      [`arg0namespace='${name}'`, { arg0Namespace: name }],
    ]),
    ...['', 'a', 'A_0', '0a', 'a.b', 'a-b', 'é', 'a'.repeat(255), 'a'.repeat(256), '_'].map((member): TextAndRule =>
      [`member='${member}'`, { member }]),
    ...['signal', 'method_call', 'method_return', 'error', 'Signal', '', 'toString'].map((type): TextAndRule =>
      [`type='${type}'`, { type: type as 'signal' }]), // any text, for the check at run time
    ...[0, 63, 64, 100].flatMap((index): TextAndRule[] => [
      [`arg${index}='x'`, { args: { [index]: 'x' } }],
      [`arg${index}path='/x'`, { argPaths: { [index]: '/x' } }],
    ]),
    ["path='/a',path_namespace='/a'", { path: '/a', pathNamespace: '/a' }],
    ...[0, 1, 10, 63].flatMap((index): TextAndRule[] => [
      [`arg${index}='/a',arg${index}path='/a'`, { args: { [index]: '/a' }, argPaths: { [index]: '/a' } }],
      [`arg${index}='/a',arg${index ^ 1}path='/a'`, { args: { [index]: '/a' }, argPaths: { [index ^ 1]: '/a' } }],
      [`arg0namespace='a',arg${index}='a'`, { arg0Namespace: 'a', args: { [index]: 'a' } }],
      [`arg0namespace='a',arg${index}path='a'`, { arg0Namespace: 'a', argPaths: { [index]: 'a' } }],
    ]),
    ...[1016, 1017, 1018, 5_000].flatMap((length): TextAndRule[] => [
      [`arg0='${'x'.repeat(length)}'`, { args: { 0: 'x'.repeat(length) } }],
      [`arg0='${'é'.repeat(length >> 1)}'`, { args: { 0: 'é'.repeat(length >> 1) } }],
    ]),
  ];

  test('is refused by us exactly if the bus refuses it', async () => {
    await using receiver = await connectToBus(daemon.address);
    const bus = createProxy(receiver, DBusDaemon, driver);
    const results = await Promise.all(grammar.map(async ([text, rule]) => {
      const byBus = await bus.AddMatch(text).then(() => 'taken', ({ errorName }: DBusError) =>
        REFUSALS.includes(errorName) ? 'refused' : errorName);
      let byUs = 'taken';
      try {
        formatMatchRule(rule);
      } catch {
        byUs = 'refused';
      }
      return { text: text.slice(0, 80), byUs, byBus };
    }));
    expect(results.filter(({ byUs, byBus }) => byUs !== byBus)).toEqual([]);
  });

  test('longer than the bus accepts is refused before it is sent, and the connection stays open', async () => {
    await using receiver = await connectToBus(daemon.address);
    const rule = { interface: where.interface, args: { 0: 'x'.repeat(2_000) } };
    expect(() => receiver.subscribe(rule)).toThrow(MatchRuleError);
    await using fine = receiver.subscribe({ interface: where.interface, args: { 0: 'a' } });
    await fine.ready;
    const sent = signal({ ...where, signature: 's', body: ['a'] });
    sender.send(sent);
    expect(content((await fine.next()).value as Signal)).toEqual(content(sent));
  });
});
