// Exec lines of service files are split into words as a shell splits them, and nothing is expanded.
// The expected words of the table are those of POSIX sh.
import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { splitExecLine } from '../../../src/message-bus/activation/exec-line.js';

describe('the words of an Exec line', () => {
  test.each([
    ['/bin/true', ['/bin/true']],
    ['  /bin/echo   a\tb ', ['/bin/echo', 'a', 'b']],
    [`echo 'a b' "c d"`, ['echo', 'a b', 'c d']],
    [`echo '' ""`, ['echo', '', '']],
    [`echo a'b'"c"d`, ['echo', 'abcd']],
    [`echo a\\ b \\' \\"`, ['echo', 'a b', `'`, '"']],
    [`echo "a\\"b\\\\c"`, ['echo', 'a"b\\c']],
    [`echo "a\\nb" 'a\\nb'`, ['echo', 'a\\nb', 'a\\nb']],
    [`echo 'it'\\''s'`, ['echo', `it's`]],
    ['echo a#b #c d', ['echo', 'a#b']],
  ])('are those of a shell: %j', (line, words) => {
    expect(splitExecLine(line)).toEqual(words);
    const shell = spawnSync('/bin/sh', ['-c', `for word in ${line}\ndo printf '%s\\0' "$word"; done`]);
    expect(shell.stdout.toString().split('\0').slice(0, -1)).toEqual(words);
  });

  test('are not expanded', () => {
    expect(splitExecLine('echo $HOME ~ * `date` $(date) "$HOME"')).toEqual(
      ['echo', '$HOME', '~', '*', '`date`', '$(date)', '$HOME'],
    );
  });
});

test.each([
  [`echo 'a`, `Exec has a ' that is not closed: quotes must be in pairs`],
  [`echo "a`, `Exec has a " that is not closed: quotes must be in pairs`],
  ['echo \\', 'Exec has a backslash at its end: quotes must be in pairs'],
  ['  ', 'Exec is empty: it must name a program'],
  ['# echo', 'Exec is empty: it must name a program'],
])('an Exec line that is not valid is refused: %j', (line, message) => {
  expect(() => splitExecLine(line)).toThrow(expect.objectContaining({ name: 'ServiceFileError', message }));
});

test('a long Exec line is split in linear time', () => {
  const line = `echo ${'"\\'.repeat(50_000)}`;
  expect(() => splitExecLine(line)).toThrow('quotes must be in pairs');
});
