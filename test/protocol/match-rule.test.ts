// Match rules as text, held against the specification's examples and a real bus, and as a question to a message.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Bus, connectToBus } from '../../src/connection/bus.js';
import { formatMatchRule, matchesRule, type MatchRule } from '../../src/protocol/match-rule.js';
import { BUS_OBJECT } from '../../src/protocol/bus.js';
import { type Message, methodCall, signal } from '../../src/wire/messages/message.js';
import { variant } from '../../src/wire/variant.js';
import { type PrivateBus, startPrivateBus } from '../support/private-bus.js';
import { describeWith } from '../support/programs.js';

const TEXTS: readonly (readonly [rule: MatchRule, text: string])[] = [
  [{}, ''],
  [{ type: 'signal' }, "type='signal'"],
  [{ type: 'method_call' }, "type='method_call'"],
  [{ type: 'method_return' }, "type='method_return'"],
  [{ type: 'error' }, "type='error'"],
  [{ sender: ':1.42' }, "sender=':1.42'"],
  [{ sender: 'com.example.Service' }, "sender='com.example.Service'"],
  [{ sender: 'org.freedesktop.DBus' }, "sender='org.freedesktop.DBus'"],
  [{ destination: ':1.42' }, "destination=':1.42'"],
  [{ path: '/' }, "path='/'"],
  [{ path: '/a/b_1' }, "path='/a/b_1'"],
  [{ pathNamespace: '/' }, ''], // as the specification has it; dbus-broker would let nothing through
  [{ type: 'signal', pathNamespace: '/', member: 'M' }, "type='signal',member='M'"],
  [{ pathNamespace: '/a' }, "path_namespace='/a'"],
  // The examples of the specification.
  [{ args: { 0: "'", 1: '\\', 2: ',', 3: '\\\\' } }, "arg0=''\\''',arg1='\\',arg2=',',arg3='\\\\'"],
  [{ args: { 0: '' } }, "arg0=''"],
  [{ args: { 0: "''" } }, "arg0=''\\'''\\'''"],
  [{ args: { 0: "it's, \\'quoted\\'" } }, "arg0='it'\\''s, \\'\\''quoted\\'\\'''"],
  [{ args: { 0: "a='b',type='error'" } }, "arg0='a='\\''b'\\'',type='\\''error'\\'''"],
  [{ args: { 0: ' spaces ', 1: 'Größe €\u{1f600}' } }, "arg0=' spaces ',arg1='Größe €\u{1f600}'"],
  [{ args: { 63: 'x', 9: 'y', 10: 'z', 0: '' } }, "arg0='',arg9='y',arg10='z',arg63='x'"],
  [{ argPaths: { 1: '/aa/bb/', 0: '/' } }, "arg0path='/',arg1path='/aa/bb/'"],
  [{ argPaths: { 0: 'no/path' } }, "arg0path='no/path'"],
  [{ arg0Namespace: 'com' }, "arg0namespace='com'"],
  [{ arg0Namespace: 'com.example' }, "arg0namespace='com.example'"],
  [{ arg0Namespace: 'a'.repeat(127) + '.' + 'b'.repeat(127) }, `arg0namespace='${'a'.repeat(127)}.${'b'.repeat(127)}'`],
  [
    {
      argPaths: { 2: '/p' }, args: { 1: 'v' }, destination: ':1.1', path: '/p', member: 'M', interface: 'a.B',
      sender: ':1.2', type: 'signal',
    },
    "type='signal',sender=':1.2',interface='a.B',member='M',path='/p',destination=':1.1',arg1='v',arg2path='/p'",
  ],
  [{ type: undefined, sender: undefined, args: undefined, member: 'M' }, "member='M'"],
];

describe('the text of a rule', () => {
  test.each(TEXTS)('%j is %s', (rule, text) => {
    expect(formatMatchRule(rule)).toBe(text);
  });

  test('does not depend on the order of its keys', () => {
    const one: MatchRule = { member: 'M', type: 'signal', args: { 1: 'b', 0: 'a' }, path: '/' };
    const other: MatchRule = { path: '/', args: { 0: 'a', 1: 'b' }, type: 'signal', member: 'M' };
    expect(formatMatchRule(one)).toBe(formatMatchRule(other));
  });

  const invalid = (rule: object): MatchRule => rule as MatchRule; // what only JavaScript lets through

  test.each<[what: string, rule: MatchRule, code: string]>([
    ['a sender that is no bus name', { sender: 'example' }, 'NAME_INVALID'],
    ['a destination that is no bus name', { destination: '1.2' }, 'NAME_INVALID'],
    ['an interface that is none', { interface: 'example' }, 'NAME_INVALID'],
    ['a member that is none', { member: 'a.b' }, 'NAME_INVALID'],
    ['a path that is none', { path: '/a/' }, 'NAME_INVALID'],
    ['a namespace that is no path', { pathNamespace: 'a' }, 'NAME_INVALID'],
    ['path and path_namespace', { path: '/a', pathNamespace: '/a' }, 'MATCH_RULE_INVALID'],
    ['path and the namespace of all paths', { path: '/a', pathNamespace: '/' }, 'MATCH_RULE_INVALID'],
    ['a value and a path of one argument', { args: { 0: 'a', 5: 'a' }, argPaths: { 5: '/' } }, 'MATCH_RULE_INVALID'],
    ['a value and a namespace of argument 0', { args: { 0: 'a' }, arg0Namespace: 'a' }, 'MATCH_RULE_INVALID'],
    ['a path and a namespace of argument 0', { argPaths: { 0: '/' }, arg0Namespace: 'a' }, 'MATCH_RULE_INVALID'],
    ['more than 1,024 bytes', { args: { 0: 'x'.repeat(1018) } }, 'MATCH_RULE_INVALID'],
    ['more than 1,024 bytes of UTF-8', { args: { 0: 'é'.repeat(509) } }, 'MATCH_RULE_INVALID'],
    ['an unknown type', invalid({ type: 'reply' }), 'MATCH_RULE_INVALID'],
    ['argument 64', { args: { 64: 'x' } }, 'MATCH_RULE_INVALID'],
    ['argument path 64', { argPaths: { 64: '/' } }, 'MATCH_RULE_INVALID'],
    ['argument -1', { args: { [-1]: 'x' } }, 'MATCH_RULE_INVALID'],
    ['argument 1.5', { args: { 1.5: 'x' } }, 'MATCH_RULE_INVALID'],
    ['an argument that is no number', invalid({ args: { first: 'x' } }), 'MATCH_RULE_INVALID'],
    ['an argument with a leading zero', invalid({ args: { '01': 'x' } }), 'MATCH_RULE_INVALID'],
    ['an argument that is no text', invalid({ args: { 0: 7 } }), 'MATCH_RULE_INVALID'],
    ['a NUL', { args: { 0: 'a\0' } }, 'MATCH_RULE_INVALID'],
    ['a lone surrogate', { args: { 0: '\ud800' } }, 'MATCH_RULE_INVALID'],
    ['an empty arg0namespace', { arg0Namespace: '' }, 'MATCH_RULE_INVALID'],
    ['an arg0namespace that ends in a dot', { arg0Namespace: 'com.' }, 'MATCH_RULE_INVALID'],
    ['an arg0namespace that is too long', { arg0Namespace: 'a'.repeat(256) }, 'MATCH_RULE_INVALID'],
  ])('cannot hold %s', (_, rule, code) => {
    expect(() => formatMatchRule(rule)).toThrow(expect.objectContaining({ code }));
  });
});

describeWith('dbus-daemon')('a real bus', () => {
  let daemon: PrivateBus;
  let bus: Bus;

  beforeAll(async () => {
    daemon = await startPrivateBus();
    bus = await connectToBus(daemon.address);
  });
  afterAll(async () => {
    await bus?.close();
    await daemon?.stop();
  });

  const call = (member: 'AddMatch' | 'RemoveMatch', text: string): Promise<unknown> =>
    bus.call({ ...BUS_OBJECT, member, signature: 's', body: [text] });

  test.each(TEXTS)('takes %j and finds it again', async (_, text) => {
    await call('AddMatch', text);
    await call('RemoveMatch', text);
    await expect(call('RemoveMatch', text)).rejects.toMatchObject({
      errorName: 'org.freedesktop.DBus.Error.MatchRuleNotFound',
    });
  });

  const PATHS = ['/', '/aa/', '/aa/bb/', '/aa/bb/cc/', '/aa/bb/cc', '/aa', '/aa/b', '/aa/bb', '', 'aa', '/aa/bbb/'];
  const NAMES = ['com.example', 'com.example.a', 'com.example2', 'com', 'com.example.', '', 'com.example..'];
  const TEXT = ['', "'", '\\', ',', '\\\\', "it's, \\'quoted\\'", 'Größe €\u{1f600}', 'a'];
  const strings = (values: readonly string[]) => values.map((value) => ({ signature: 's', body: [value] }));

  type Bodies = readonly { readonly signature: string; readonly body: readonly unknown[] }[];

  const ARGUMENTS: readonly (readonly [rule: MatchRule, bodies: Bodies])[] = [
    [{ argPaths: { 0: '/aa/bb/' } }, strings(PATHS)],
    [{ argPaths: { 0: '/aa/bb' } }, strings(PATHS)],
    [{ argPaths: { 0: '/' } }, strings(PATHS)],
    [
      { argPaths: { 0: '/aa/' } },
      [
        { signature: 'o', body: ['/aa/bb'] }, { signature: 'g', body: ['y'] },
        { signature: 'v', body: [variant('s', '/aa/')] },
        { signature: 'as', body: [['/aa/']] }, { signature: '', body: [] }, { signature: 'u', body: [1] },
      ],
    ],
    [
      { argPaths: { 1: '/aa/' } },
      [{ signature: 'as(so)o', body: [[], ['', '/'], '/aa/b'] }, { signature: 'yo', body: [1, '/aa/b'] }],
    ],
    [{ arg0Namespace: 'com.example' }, [...strings(NAMES), { signature: 'o', body: ['/'] }]],
    ...TEXT.map((text) => [{ args: { 0: text } }, strings(TEXT)] as [MatchRule, Bodies]),
    [
      { args: { 0: 'y' } },
      [
        { signature: 's', body: ['y'] }, { signature: 'g', body: ['y'] }, { signature: 'v', body: [variant('s', 'y')] },
        { signature: 'ss', body: ['', 'y'] }, { signature: '', body: [] }, { signature: 'as', body: [['y']] },
      ],
    ],
    [{ args: { 0: '/a' } }, [{ signature: 'o', body: ['/a'] }, { signature: 's', body: ['/a'] }]],
    [
      { args: { 2: 'z' } },
      [
        { signature: 'a{s(ii)}(s(o))s', body: [new Map(), ['', ['/']], 'z'] },
        { signature: 'aasv', body: [[], variant('s', 'z')] },
        { signature: 'sss', body: ['', '', 'z'] }, { signature: 'ss', body: ['z', 'z'] },
      ],
    ],
    [{ path: '/a' }, [{ signature: '', body: [] }]],
    [{ pathNamespace: '/t' }, [{ signature: '', body: [] }]],
    [{ pathNamespace: '/test' }, [{ signature: '', body: [] }]],
    [{ pathNamespace: '/test/path' }, [{ signature: '', body: [] }]],
    [{ pathNamespace: '/test/path/deep' }, [{ signature: '', body: [] }]],
    [{ pathNamespace: '/' }, [{ signature: '', body: [] }]],
  ];

  test.each(ARGUMENTS)('and matchesRule agree about %j', async (rule, bodies) => {
    await using sender = await connectToBus(daemon.address);
    const came: unknown[] = [];
    const stop = bus.connection.listenToSignals((message) => {
      if (message.interface === 'com.example.Test') came.push([message.signature, ...message.body]);
    });
    const text = formatMatchRule({ ...rule, interface: 'com.example.Test' });
    await call('AddMatch', text);
    const signals = bodies.map((body) =>
      signal({ path: '/test/path', interface: 'com.example.Test', member: 'Tested', ...body }),
    );
    for (const message of signals) sender.send(message);
    await sender.listNames(); // whatever the bus delivers of them is on its way now
    await bus.listNames();
    expect(came).toEqual(
      signals.filter((message) => matchesRule(rule, message)).map(({ signature, body }) => [signature, ...body]),
    );
    await call('RemoveMatch', text);
    stop();
  });
});

describe('a message', () => {
  const message = {
    ...signal({ path: '/a/b', interface: 'com.example.I', member: 'M', destination: ':1.3' }),
    sender: ':1.2',
  };
  const withBody = (signature: string, ...body: readonly unknown[]): Message => ({ ...message, signature, body });

  test.each<[what: string, rule: MatchRule, message: Message, expected: boolean]>([
    ['every rule without keys', {}, message, true],
    ['its type', { type: 'signal' }, message, true],
    ['another type', { type: 'method_call' }, message, false],
    ['its type, being of one without a name', { type: 'signal' }, { ...message, type: 7 }, false],
    ['its interface', { interface: 'com.example.I' }, message, true],
    ['another interface', { interface: 'com.example.J' }, message, false],
    ['an interface, having none', { interface: 'com.example.I' }, methodCall({ path: '/', member: 'M' }), false],
    ['its member', { member: 'M' }, message, true],
    ['another member', { member: 'm' }, message, false],
    ['its path', { path: '/a/b' }, message, true],
    ['a path above its own', { path: '/a' }, message, false],
    ['its destination', { destination: ':1.3' }, message, true],
    ['another destination', { destination: ':1.2' }, message, false],
    ['whatever sender, which is not looked at here', { sender: ':1.9' }, message, true],
    ['the namespace /', { pathNamespace: '/' }, message, true],
    ['a namespace above it', { pathNamespace: '/a' }, message, true],
    ['its path as namespace', { pathNamespace: '/a/b' }, message, true],
    ['a namespace below it', { pathNamespace: '/a/b/c' }, message, false],
    ['the start of an element', { pathNamespace: '/a/bb' }, { ...message, path: '/a/bbb' }, false],
    ['a namespace, having no path', { pathNamespace: '/' }, { ...message, type: 9, path: undefined } as Message, false],
    ['one argument of two', { args: { 1: 'x' } }, withBody('ss', '', 'x'), true],
    ['two arguments, one of which differs', { args: { 0: 'y', 1: 'x' } }, withBody('ss', '', 'x'), false],
    ['an argument beyond the body', { args: { 2: 'x' } }, withBody('ss', 'x', 'x'), false],
    ['an empty argument beyond the body', { args: { 0: '' } }, withBody(''), false],
    ['an argument of type OBJECT_PATH', { args: { 0: '/' } }, withBody('o', '/'), false],
    ['an argument of type SIGNATURE', { args: { 0: 's' } }, withBody('g', 's'), false],
    ['a variant of text', { args: { 0: 's' } }, withBody('v', variant('s', 's')), false],
    ['a path in a variant', { argPaths: { 0: '/' } }, withBody('v', variant('o', '/')), false],
    ['a number', { args: { 0: '1' } }, withBody('u', 1), false],
    [
      'text behind containers', { args: { 3: 'x' } },
      withBody('a(sa{sv})(s(s))vs', [], ['', ['']], variant('s', ''), 'x'), true,
    ],
    ['an argument path beyond the body', { argPaths: { 1: '/' } }, withBody('o', '/'), false],
    ['an argument path that is a signature', { argPaths: { 0: '' } }, withBody('g', ''), false],
    ['a namespace that is a path', { arg0Namespace: 'com' }, withBody('o', '/'), false],
    ['a namespace without arguments', { arg0Namespace: 'com' }, withBody(''), false],
    ['all its keys', { type: 'signal', path: '/a/b', member: 'M', args: { 0: 'x' } }, withBody('s', 'x'), true],
    ['all its keys but one', { type: 'signal', path: '/a', member: 'M', args: { 0: 'x' } }, withBody('s', 'x'), false],
  ])('and %s', (_, rule, tested, expected) => {
    expect(matchesRule(rule, tested)).toBe(expected);
  });

  // The example of the specification: /aa/bb/ takes the first five, not the others.
  test.each([
    ['/', true], ['/aa/', true], ['/aa/bb/', true], ['/aa/bb/cc/', true], ['/aa/bb/cc', true],
    ['/aa', false], ['/aa/b', false], ['/aa/bb', false],
  ])('with the argument %s under /aa/bb/: %j', (argument, expected) => {
    const rule: MatchRule = { argPaths: { 0: '/aa/bb/' } };
    expect(matchesRule(rule, withBody('s', argument))).toBe(expected);
    // A slash at the end is for text only: no OBJECT_PATH has one.
    if (argument === '/' || !argument.endsWith('/')) expect(matchesRule(rule, withBody('o', argument))).toBe(expected);
  });
});

describe('a rule with a key that there is not', () => {
  test.each([[{ pth: '/a' }, 'pth'], ["type='signal'", '0']])('is refused: %j', (rule, key) => {
    expect(() => formatMatchRule(rule as MatchRule)).toThrow(`a match rule has no key "${key}"`);
  });
});
