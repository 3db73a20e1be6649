// Configuration files of a bus: what is read, included and refused. read-policy.ts is tested here too.
import { describe, expect, test } from 'vitest';
import { readConfiguration } from '../../../src/message-bus/configuration/read-configuration.js';

function read(files: Record<string, string>) {
  return readConfiguration('/etc/bus.conf', {
    readFile: (path) => files[path],
    listDirectory: (path) =>
      Object.keys(files).filter((file) => file.startsWith(`${path}/`)).map((file) => file.slice(path.length + 1)),
    idOf: () => undefined,
  });
}
const readElements = (elements: string) => read({ '/etc/bus.conf': `<busconfig>${elements}</busconfig>` });

test('addresses, mechanisms, directories, limits and the type are read in the order of the file', () => {
  const configuration = readElements(`
    <!-- a comment --><type>system</type><type>session</type>
    <listen>unix:path=/a</listen><listen> tcp:host=localhost,port=0 </listen>
    <auth>EXTERNAL</auth><auth>DBUS_COOKIE_SHA1</auth>
    <servicedir>services</servicedir><standard_session_servicedirs /><servicedir>/x&amp;y</servicedir>
    <limit name="max_message_size">16</limit><limit name="max_message_size">32</limit>
    <keep_umask/><fork/><fork/>`);
  expect(configuration).toMatchObject({
    type: 'session',
    addresses: ['unix:path=/a', 'tcp:host=localhost,port=0'],
    mechanisms: ['EXTERNAL', 'DBUS_COOKIE_SHA1'],
    allowAnonymous: false,
    serviceDirectories: [{ path: '/etc/services' }, 'standard session directories', { path: '/x&y' }],
    limits: new Map([['max_message_size', 32]]),
    ignored: ['keep_umask', 'fork'],
  });
});

test.each([
  ['hello'], ['<type>session</type> x <fork/>'], ['<![CDATA[x]]>'], ['<policy context="default">x</policy>'], ['&lt;'],
])('text between elements is refused: %s', (elements) => {
  expect(() => readElements(elements)).toThrow(/found text between the elements of <(busconfig|policy)>/);
});

test('the text of elements without effect is skipped', () => {
  const elements = '<pidfile>/run/x</pidfile><user>a</user><selinux> <associate own="a.b" context="c"/> </selinux>';
  expect(readElements(elements).ignored).toEqual(['pidfile', 'user', 'selinux']);
});

test('an empty file gives a configuration without contents', () => {
  expect(readElements('')).toEqual({
    type: undefined, addresses: [], mechanisms: [], allowAnonymous: false, serviceDirectories: [], limits: new Map(),
    policy: [], ignored: [],
  });
});

test('other files are included at their place, relative to the file that names them', () => {
  const { addresses } = read({
    '/etc/bus.conf': '<busconfig><include>x/a.conf</include><listen>b:</listen><includedir>d</includedir>' +
      '<include ignore_missing="yes">none.conf</include>' +
      '<include if_selinux_enabled="yes">none.conf</include></busconfig>',
    '/etc/x/a.conf': '<busconfig><listen>a:</listen></busconfig>',
    '/etc/d/2.conf': '<busconfig><listen>d:</listen></busconfig>',
    '/etc/d/1.conf': '<busconfig><listen>c:</listen></busconfig>',
    '/etc/d/readme': 'not XML',
  });
  expect(addresses).toEqual(['a:', 'b:', 'c:', 'd:']);
});

test('a policy for a user that the system does not know is listed as ignored', () => {
  const { policy, ignored } = readElements('<policy user="nobody-here"><allow own="*"/></policy>');
  expect([policy, ignored]).toEqual([[], ['user "nobody-here", which the system does not know']]);
});

describe('a configuration is refused if it contains', () => {
  test.each([
    ['<bees/>', 'unknown element <bees>'],
    ['<listen carefully="yes">unix:</listen>', 'unknown attribute "carefully" of <listen>'],
    ['<listen></listen>', '<listen> is empty: it must contain text'],
    ['<listen>a<b/></listen>', 'an element inside <listen>: it must contain text only'],
    ['<limit/>', '<limit> without name: it must have it'],
    ['<limit name="max_bees">5</limit>', 'unknown limit "max_bees"'],
    ['<limit name="max_message_size">-1</limit>', 'limit max_message_size is "-1": it must be an integer from 0 to 2147483647'],
    ['<limit name="max_message_size">many</limit>', 'limit max_message_size is "many": it must be an integer from 0 to 2147483647'],
    ['<limit name="max_message_size">3123123123</limit>', 'limit max_message_size is "3123123123": it must be an integer from 0 to 2147483647'],
    ['<limit name="reply_timeout" name="reply_timeout">1</limit>', 'attribute name appears twice in one element: it must appear at most once'],
    ['<policy/>', '<policy> with 0 attributes: it must have exactly one of context, user, group, at_console'],
    ['<policy user="root" at_console="true"/>', '<policy> with 2 attributes: it must have exactly one of context, user, group, at_console'],
    ['<policy context="other"/>', 'context of <policy> is "other": it must be default or mandatory'],
    ['<policy at_console="there"/>', 'at_console of <policy> is "there": it must be true or false'],
    ['<policy hat="top"/>', 'unknown attribute "hat" of <policy>'],
    ['<policy context="default"><bees/></policy>', '<bees> in <policy>: it must be <allow> or <deny>'],
    ['<include ignore_missing="y">a</include>', 'ignore_missing is "y": it must be yes or no'],
    ['<include if_selinux_enabled="moo">a</include>', 'if_selinux_enabled is "moo": it must be yes or no'],
  ])('%s', (elements, problem) => {
    expect(() => readElements(elements)).toThrow(
      expect.objectContaining({ name: 'ConfigurationError', message: `/etc/bus.conf:1: ${problem}` }),
    );
  });

  test.each([
    ['<allow/>', '<allow> without attributes: it must have one'],
    ['<allow species="stoat"/>', 'unknown attribute "species" of <allow>'],
    ['<allow user="*" own="a.B"/>', '<allow> has attributes about user and own: all must be about one of them'],
    ['<allow receive_type="signal" send_destination="a.B"/>', '<allow> has attributes about receive and send: all must be about one of them'],
    ['<allow send_broadcast="true" send_destination="a.B"/>', 'a broadcast with a destination: a broadcast must not have one in <allow>'],
    ['<deny send_member="Reboot"/>', 'send_member alone: send_interface or send_path must be given too in <deny>'],
    ['<deny send_interface="a.B" send_error="a.B"/>', 'send_interface and send_error: an error has no interface in <deny>'],
    ['<allow send_type="call"/>', 'send_type is "call": it must be one of method_call, method_return, error, signal'],
    ['<allow own="5"/>', 'own is "5": it must be a bus name'],
    ['<allow own="*">text</allow>', '<allow> contains text: it must be empty'],
  ])('%s in a policy', (rule, problem) => {
    expect(() => readElements(`<policy context="default">${rule}</policy>`)).toThrow(
      expect.objectContaining({ name: 'ConfigurationError', message: `/etc/bus.conf:1: ${problem}` }),
    );
  });

  test('no such file, no XML, another root element, or an include of itself', () => {
    expect(() => read({})).toThrow('/etc/bus.conf: there is no such file');
    expect(() => read({ '/etc/bus.conf': 'bus' })).toThrow('found text outside of the root element: it must be inside');
    expect(() => read({ '/etc/bus.conf': '<node/>' })).toThrow('root element <node>: it must be <busconfig>');
    expect(() => readElements('<listen>unix:')).toThrow('must be');
    expect(() => readElements('<include>bus.conf</include>')).toThrow('/etc/bus.conf: the file includes itself');
    expect(() => readElements('<include>none.conf</include>')).toThrow('/etc/none.conf: there is no such file');
  });
});
