// Service files: the group, its keys, and what is refused.
import { expect, test } from 'vitest';
import { parseServiceFile } from '../../../src/message-bus/activation/service-file.js';

test('the name, the command, the user and the systemd unit are read', () => {
  const text = '# a comment\n\n[D-BUS Service]\nName=com.example.A\nExec = /bin/a --b "c d"\nUser=root\nSystemdService=a.service\n';
  expect(parseServiceFile(text)).toEqual({
    name: 'com.example.A', command: ['/bin/a', '--b', 'c d'], user: 'root', systemdService: 'a.service',
  });
});

test('other groups, other keys and translations are skipped, and lines may end in CR LF', () => {
  const text = '[Other]\r\nName=com.example.B\r\n[D-BUS Service]\r\nName[de]=com.example.C\r\nX-Key=1\r\nName=com.example.A\r\nExec=/bin/a\r\n';
  expect(parseServiceFile(text)).toMatchObject({ name: 'com.example.A', command: ['/bin/a'], user: undefined });
});

test('escapes in the value of Exec are read before it is split into words', () => {
  expect(parseServiceFile('[D-BUS Service]\nName=a.b\nExec=/bin/a\\sb\\\\\\\\c').command).toEqual(['/bin/a', 'b\\c']);
});

test.each([
  ['', 'GROUP_MISSING', '[D-BUS Service] is missing: a service file must have it'],
  ['[D-BUS Service]\nExec=/bin/a', 'KEY_MISSING', 'Name is missing: [D-BUS Service] must have it'],
  ['[D-BUS Service]\nName=a.b', 'KEY_MISSING', 'Exec is missing: [D-BUS Service] must have it'],
  ['[D-BUS Service]\nName=a.b\nExec=', 'KEY_MISSING', 'Exec is missing: [D-BUS Service] must have it'],
  ['[D-BUS Service]\nName=:1.5\nExec=a', 'VALUE_INVALID', 'Name is ":1.5": it must be a well-known bus name'],
  ['[D-BUS Service]\nName=a.b\nExec=\\q', 'VALUE_INVALID', 'line 3: an unknown escape "\\\\q": it must be \\s, \\t, \\n, \\r or \\\\'],
  ['Name=a.b', 'LINE_INVALID', 'line 1: "Name=a.b": it must be a group, such as [D-BUS Service]'],
  ['[D-BUS Service]\nrubbish', 'LINE_INVALID', 'line 2: "rubbish": it must be a group, a comment, or a key and its value'],
])('a service file that is not valid is refused: %j', (text, code, message) => {
  expect(() => parseServiceFile(text)).toThrow(expect.objectContaining({ name: 'ServiceFileError', code, message }));
});
