// The line that shows the progress of a slow job: its text, and when it is drawn. Time is simulated.

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { formatProgress, ProgressLine } from '../../../src/client/random-data/progress.js';

const wide = { columns: 80, color: false };

describe('the text of the progress line', () => {
  test.each([
    [{ elapsed: 0 }, 'waiting  0:00'],
    [{ elapsed: 65_999 }, 'waiting  1:05'],
    [{ elapsed: 3_600_000 }, 'waiting  1:00:00'],
    [{ done: 1, elapsed: 0 }, 'waiting  0:00'],
    [{ done: 0, total: 4, elapsed: 0 }, `[${'-'.repeat(40)}]  0/4 bits  0:00`],
    [{ done: 1, total: 4, elapsed: 1000 }, `[${'#'.repeat(10)}${'-'.repeat(30)}]  1/4 bits  0:01`],
    [{ done: 4, total: 4, elapsed: 4000 }, `[${'#'.repeat(40)}]  4/4 bits  0:04`],
    [{ done: 9, total: 4, elapsed: 4000 }, `[${'#'.repeat(40)}]  9/4 bits  0:04`],
    [{ done: 0, total: 0, elapsed: 0 }, `[${'#'.repeat(40)}]  0/0 bits  0:00`],
    [{ done: 99, total: 3600, elapsed: 3_725_000 }, `[#${'-'.repeat(39)}]    99/3600 bits  1:02:05`],
  ])('%j', (progress, text) => {
    expect(formatProgress(progress, wide)).toBe(text);
  });

  test('has a shorter bar on a narrower terminal, and no bar on a very narrow one', () => {
    const progress = { done: 2, total: 4, elapsed: 0 };
    expect(formatProgress(progress, { ...wide, columns: 40 })).toBe('[##########-----------]  2/4 bits  0:00');
    expect(formatProgress(progress, { ...wide, columns: 20 })).toBe('2/4 bits  0:00');
    expect(formatProgress(progress, { ...wide, columns: 5 })).toBe('2/4 ');
    for (let columns = 1; columns < 100; columns++) {
      expect(formatProgress(progress, { ...wide, columns }).length).toBeLessThan(columns);
      expect(formatProgress({ elapsed: 1e6 }, { ...wide, columns }).length).toBeLessThan(columns);
    }
  });

  test('has color only in its bar', () => {
    const text = formatProgress({ done: 2, total: 4, elapsed: 0 }, { columns: 31, color: true });
    expect(text).toBe('[\x1b[32m######\x1b[0m------]  2/4 bits  0:00');
  });
});

describe('the progress line', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const terminal = (isTTY = true) => {
    const written: string[] = [];
    return { isTTY, columns: 31, written, write: (text: string) => written.push(text) };
  };

  test('is drawn at once, at each step and each second, and then removed', () => {
    const stream = terminal();
    const line = new ProgressLine(stream, { NO_COLOR: '1' });
    vi.advanceTimersByTime(1000);
    line.update(1, 2);
    vi.advanceTimersByTime(1000);
    line[Symbol.dispose]();
    vi.advanceTimersByTime(5000);
    expect(stream.written).toEqual([
      '\r\x1b[Kwaiting  0:00',
      '\r\x1b[Kwaiting  0:01',
      '\r\x1b[K[######------]  1/2 bits  0:01',
      '\r\x1b[K[######------]  1/2 bits  0:02',
      '\r\x1b[K',
    ]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test.each([
    [{}, true], [{ NO_COLOR: '' }, true], [{ NO_COLOR: '1' }, false], [{ NO_COLOR: '0' }, false],
  ])('in an environment with %j has color: %s', (environment, hasColor) => {
    const stream = terminal();
    new ProgressLine(stream, environment).update(1, 2);
    expect(stream.written.at(-1)?.includes('\x1b[32m')).toBe(hasColor);
  });

  test.each([
    ['a stream that is not a terminal', terminal(false), {}],
    ['a dumb terminal', terminal(), { TERM: 'dumb' }],
  ])('is not drawn on %s', (_, stream, environment) => {
    const line = new ProgressLine(stream, environment);
    line.update(1, 2);
    vi.advanceTimersByTime(5000);
    line[Symbol.dispose]();
    expect(stream.written).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test.each([0, undefined])('is drawn for 80 columns if the terminal has %s', (columns) => {
    const written: string[] = [];
    new ProgressLine({ isTTY: true, columns, write: (text) => written.push(text) }, { NO_COLOR: '1' }).update(1, 1);
    expect(written.at(-1)).toBe(`\r\x1b[K[${'#'.repeat(40)}]  1/1 bits  0:00`);
  });
});
