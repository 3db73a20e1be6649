// Failures of handlers as warnings: escaped, and bounded in number.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { reportHandlerError } from '../../src/service/failure-reports.js';
import { MAX_WARNINGS, WARNING_PERIOD } from '../../src/service/warning-limit.js';

const INTERFACE = 'com.example.Test1';
let warning: ReturnType<typeof vi.spyOn>;

beforeEach(() => {
  vi.useFakeTimers();
  warning = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
});
afterEach(() => {
  vi.advanceTimersByTime(WARNING_PERIOD);
  vi.useRealTimers();
  warning.mockRestore();
});

const fail = (member: string, error: unknown): void => (
  reportHandlerError({ error, interface: INTERFACE, member, call: undefined })
);
const texts = (): unknown[] => warning.mock.calls.map((call: unknown[]) => call[0]);

test('a thousand failures of one member cause five warnings a minute and a count, and hide no others', () => {
  for (let index = 0; index < 1_000; index++) fail('A', new Error(`no ${index}`));
  fail('B', new Error('other'));
  expect(texts()).toEqual([
    ...Array.from({ length: MAX_WARNINGS }, (_, index) => `${INTERFACE}.A: no ${index}`), `${INTERFACE}.B: other`,
  ]);
  warning.mockClear();
  vi.advanceTimersByTime(WARNING_PERIOD);
  expect(texts()).toEqual([`${INTERFACE}.A: ${1_000 - MAX_WARNINGS} more errors in the last 60 s`]);
  expect(vi.getTimerCount()).toBe(0);
  fail('A', new Error('again'));
  expect(texts().at(-1)).toBe(`${INTERFACE}.A: again`);
});

test('the text of a peer cannot forge a line of a log, or control a terminal', () => {
  fail('A', new Error('a\x1b[2J\n(node:1) forged\u202e\x9b'));
  const [text, options] = warning.mock.calls[0] as [string, { detail: string }];
  expect(text).toBe(`${INTERFACE}.A: a\\x1b[2J\\n(node:1) forged\\u202e\\x9b`);
  const [first, ...stack] = options.detail.split('\n');
  expect(first).toBe('Error: a\\x1b[2J\\n(node:1) forged\\u202e\\x9b');
  for (const line of stack) expect(line).toMatch(/^ {4}at /);
});
