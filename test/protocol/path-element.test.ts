// Text as an element of an object path, and back. The expected elements are those of sd_bus_path_encode().
import { describe, expect, test } from 'vitest';
import { escapePathElement, unescapePathElement } from '../../src/protocol/path-element.js';
import { InvalidNameError } from '../../src/wire/errors.js';
import { isObjectPath } from '../../src/wire/names.js';

describe('a path element', () => {
  test.each([
    ['', '_'],
    ['a', 'a'],
    ['A9', 'A9'],
    ['9a', '_39a'],
    ['0', '_30'],
    ['dbus.service', 'dbus_2eservice'],
    ['user@1000.service', 'user_401000_2eservice'],
    ['é', '_c3_a9'],
    ['💾', '_f0_9f_92_be'],
    ['_', '_5f'],
    ['a_b', 'a_5fb'],
    ['a/b', 'a_2fb'],
    ['-.-', '_2d_2e_2d'],
    ['\n', '_0a'],
    ['\0', '_00'],
    ["!~*'()", '_21_7e_2a_27_28_29'],
  ])('for %j is %s, and back', (text, element) => {
    expect(escapePathElement(text)).toBe(element);
    expect(unescapePathElement(element)).toBe(text);
  });

  test('for each character of Latin-1, and for each pair, is valid and different', () => {
    const texts = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code));
    const all = [...texts, ...texts.map((text) => `_${text}`), ...texts.map((text) => `${text}5`)];
    const elements = new Set(all.map(escapePathElement));
    expect(elements.size).toBe(new Set(all).size);
    for (const element of elements) expect(isObjectPath(`/${element}`)).toBe(true);
    for (const text of all) expect(unescapePathElement(escapePathElement(text))).toBe(text);
  });

  test.each([['a_', 'a_'], ['_zz', '_zz'], ['__41', '_A'], ['_4', '_4'], ['a_2Eb', 'a.b'], ['a_b', 'a_b'], ['9', '9']])(
    'of another program, %s, is read as %j, as systemd reads it', (element, text) => {
      expect(unescapePathElement(element)).toBe(text);
    },
  );

  test.each<[value: unknown, message: string]>([
    ['', 'string "" is not a valid path element: it must have one or more of [A-Za-z0-9_]'],
    ['a/b', 'string "a/b" is not a valid path element: it must have one or more of'],
    ['a%20', 'is not a valid path element'],
    [5, 'number 5 is not a valid path element'],
    ['_ff', 'string "_ff" is not a valid path element: it must be UTF-8 after its escapes are resolved'],
    ['_c3', 'it must be UTF-8'],
  ])('%j is refused', (value, message) => {
    const act = (): string => unescapePathElement(value as string);
    expect(act).toThrow(InvalidNameError);
    expect(act).toThrow(message);
  });

  test('cannot be made from a lone surrogate or from a value that is not a string', () => {
    expect(() => escapePathElement('\ud800')).toThrow('the text must be well-formed, got');
    expect(() => escapePathElement(5 as never)).toThrow('the text must be a string, got number 5');
  });
});
