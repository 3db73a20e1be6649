// Match rules and the texts that they are written as: the examples of the specification, each key, each way to quote.
import type { MatchRule } from '../../src/protocol/match-rule.js';

export const RULES_AND_TEXTS: readonly (readonly [rule: MatchRule, text: string])[] = [
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
  [{ eavesdrop: true, type: 'method_call' }, "type='method_call',eavesdrop='true'"],
  [{ eavesdrop: false }, ''],
  [{ type: undefined, sender: undefined, args: undefined, member: 'M' }, "member='M'"],
];
