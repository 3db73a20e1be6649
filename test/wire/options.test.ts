// Options that callers give to the wire layer, and the rules that all options are held to.
import { describe, expect, test } from 'vitest';
import {
  ArgumentError, type ArgumentErrorCode, dissect, encodeMessage, FrameReader, marshal, MAX_MESSAGE_LENGTH,
  MessageReader, methodCall, readdress, unmarshal,
} from '../../src/wire/index.js';
import { ABORT_SIGNAL, checkOptions, FLAG, integer, MILLISECONDS, TEXT } from '../../src/wire/options.js';

const RULES = { timeout: MILLISECONDS, signal: ABORT_SIGNAL, isLoud: FLAG, text: TEXT, count: integer(1, 9) };
const check = (options: unknown) => () => checkOptions('act', options, RULES);

function revokedProxy(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

function thrownBy(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  return 'nothing was thrown';
}

describe('options', () => {
  test.each([
    [undefined],
    [{}],
    [Object.create(null)],
    [{ timeout: undefined, signal: undefined, isLoud: undefined, text: undefined, count: undefined }],
    [{ timeout: 0 }], [{ timeout: 0.5 }], [{ timeout: Infinity }], [{ timeout: 2 ** 40 }],
    [{ signal: new AbortController().signal }], [{ signal: AbortSignal.abort() }], [{ signal: AbortSignal.any([]) }],
    [{ isLoud: false }], [{ text: '' }], [{ count: 1 }], [{ count: 9 }],
    [new (class { get timeout() { return 5; } })()], [new (class Settings {})()], [Object.create({ timeout: 5 })],
  ])('are accepted: %j', (options) => {
    expect(check(options)).not.toThrow();
  });

  const REFUSED: readonly (readonly [unknown, ArgumentErrorCode, string])[] = [
    [{ timeoutMs: 5 }, 'OPTION_UNKNOWN', 'act: unknown option "timeoutMs"; did you mean "timeout"?'],
    [{ tiemout: 5 }, 'OPTION_UNKNOWN', 'act: unknown option "tiemout"; did you mean "timeout"?'],
    [{ abortSignal: 5 }, 'OPTION_UNKNOWN', 'act: unknown option "abortSignal"; did you mean "signal"?'],
    [{ isLoad: true }, 'OPTION_UNKNOWN', 'act: unknown option "isLoad"; did you mean "isLoud"?'],
    [{ x: 5 }, 'OPTION_UNKNOWN', 'act: unknown option "x": it must be one of timeout, signal, isLoud, text, count'],
    [{ toString: 5 }, 'OPTION_UNKNOWN', 'act: unknown option "toString": it must be one of timeout, signal, isLoud, text, count'],
    [{ '': 5 }, 'OPTION_UNKNOWN', 'act: unknown option "": it must be one of timeout, signal, isLoud, text, count'],
    [{ timeoutMs: undefined }, 'OPTION_UNKNOWN', 'act: unknown option "timeoutMs"; did you mean "timeout"?'],
    [
      { timeout: NaN }, 'OPTION_INVALID',
      'act: "timeout" must be a number of milliseconds, 0 or more, or Infinity, got number NaN',
    ],
    [
      { timeout: -1 }, 'OPTION_INVALID',
      'act: "timeout" must be a number of milliseconds, 0 or more, or Infinity, got number -1',
    ],
    [
      { timeout: '5' }, 'OPTION_INVALID',
      'act: "timeout" must be a number of milliseconds, 0 or more, or Infinity, got string "5"',
    ],
    [
      { timeout: null }, 'OPTION_INVALID',
      'act: "timeout" must be a number of milliseconds, 0 or more, or Infinity, got null',
    ],
    [
      { signal: new AbortController() }, 'OPTION_INVALID',
      'act: "signal" must be an AbortSignal, got an object of class AbortController',
    ],
    [{ isLoud: 1 }, 'OPTION_INVALID', 'act: "isLoud" must be true or false, got number 1'],
    [{ text: 1 }, 'OPTION_INVALID', 'act: "text" must be a string, got number 1'],
    [{ count: 0 }, 'OPTION_INVALID', 'act: "count" must be an integer from 1 to 9, got number 0'],
    [{ count: 1.5 }, 'OPTION_INVALID', 'act: "count" must be an integer from 1 to 9, got number 1.5'],
    [{ count: 1n }, 'OPTION_INVALID', 'act: "count" must be an integer from 1 to 9, got bigint 1'],
    [null, 'ARGUMENT_INVALID', 'act: the options must be an object, got null'],
    [5, 'ARGUMENT_INVALID', 'act: the options must be an object, got number 5'],
    ['s', 'ARGUMENT_INVALID', 'act: the options must be an object, got string "s"'],
    [[], 'ARGUMENT_INVALID', 'act: the options must be an object, got an array of 0'],
    [AbortSignal.abort(), 'ARGUMENT_INVALID', 'act: the options must be an object, got an object of class AbortSignal'],
    [new Map([['timeout', 5]]), 'ARGUMENT_INVALID', 'act: the options must be an object, got an object of class Map'],
    [new Date(), 'ARGUMENT_INVALID', 'act: the options must be an object, got an object of class Date'],
    [new Error('e'), 'ARGUMENT_INVALID', 'act: the options must be an object, got an object of class Error'],
    [new Uint8Array(4), 'ARGUMENT_INVALID', 'act: the options must be an object, got an object of class Uint8Array'],
    [Promise.resolve({}), 'ARGUMENT_INVALID', 'act: the options must be an object, got a promise: await it first'],
    [revokedProxy(), 'ARGUMENT_INVALID', 'act: the options must be an object, got a value that cannot be inspected'],
  ];

  test.each(
    REFUSED.map(([options, code, text]) => [text, code, options] as const),
  )('are refused, and the error names the option: %s', (text, code, options) => {
    const error = thrownBy(check(options));
    expect(error).toBeInstanceOf(ArgumentError);
    expect(error).toMatchObject({ code, message: text, fault: 'caller', owner: 'act' });
    const key = code === 'ARGUMENT_INVALID' ? undefined : Object.keys(options as object)[0];
    expect(error).toMatchObject({ key });
  });

  test('with an unknown key that is inherited are refused', () => {
    const error = thrownBy(check(Object.create({ timeoutMs: 5 })));
    expect(error).toMatchObject({ code: 'OPTION_UNKNOWN', key: 'timeoutMs' });
  });

  test('with a `signal` that is not an AbortSignal are refused', () => {
    const incomplete = { aborted: false, addEventListener: () => undefined, removeEventListener: () => undefined };
    expect(check({ signal: incomplete })).toThrow('"signal" must be an AbortSignal, got an object of class Object');
    expect(check({ signal: revokedProxy() })).toThrow('must be an AbortSignal, got a value that cannot be inspected');
  });

  test('with a key of a megabyte are refused with a short text', () => {
    expect(String(thrownBy(check({ ['k'.repeat(1e6)]: 1 }))).length).toBeLessThan(200);
  });

  test('with a getter that throws pass its error on', () => {
    const thrown = new Error('of a getter');
    expect(check({ get timeout(): never { throw thrown; } })).toThrow(thrown);
  });
});

describe('the functions of the wire layer', () => {
  const message = methodCall({ path: '/', member: 'M' });
  const bytes = encodeMessage(message, { serial: 1 });

  test.each<[name: string, act: () => unknown, text: string]>([
    ['encodeMessage', () => encodeMessage(message, { seriall: 1 } as never), '"serial"?'],
    ['encodeMessage', () => encodeMessage(message, { serial: 1, byteOrder: 'LITTLE' as never }), '"byteOrder" must be'],
    ['encodeMessage', () => encodeMessage(message, 1 as never), 'must be an object, got number 1'],
    ['encodeMessage', () => encodeMessage(message, new Map([['serial', 1]]) as never), 'got an object of class Map'],
    ['encodeMessage', () => encodeMessage(message, null as never), 'must be an object, got null'],
    ['marshal', () => marshal('', [], { byteorder: 'big' } as never), '"byteOrder"?'],
    ['marshal', () => marshal('', [], { byteOrder: 'b' as never }), '"byteOrder" must be "little" or "big"'],
    ['unmarshal', () => unmarshal('', new Uint8Array(0), { byteOrder: 'b' as never }), '"byteOrder" must be'],
    ['dissect', () => dissect(bytes, { maxParts: NaN }), '"maxParts" must be'],
    ['dissect', () => dissect(bytes, { parts: 5 } as never), '"maxParts"?'],
    ['readdress', () => readdress(bytes, { dest: 'a.b' } as never), '"destination"?'],
    ['readdress', () => readdress(bytes, { stripUnknownFields: 1 as never }), '"stripUnknownFields" must be true'],
    ['readdress', () => readdress(bytes, undefined as never), 'must be an object, got undefined'],
    ['MessageReader', () => new MessageReader({ maxLength: 5 } as never), 'unknown option "maxLength"'],
    ...[NaN, -1, 15, 1.5, Infinity, MAX_MESSAGE_LENGTH + 1, '5'].flatMap((maxMessageLength) => {
      const options = { maxMessageLength } as never;
      const text = '"maxMessageLength" must be an integer from 16 to 134217728, got';
      return [
        ['MessageReader', () => new MessageReader(options), text] as [string, () => unknown, string],
        ['FrameReader', () => new FrameReader(options), text] as [string, () => unknown, string],
      ];
    }),
  ])('%s refuses unknown options, and the error names them', (name, act, text) => {
    expect(act).toThrow(new RegExp(`^${name}: .*${text.replace(/[?]/g, '\\?')}`));
  });

  test('treat options that are undefined as left out', () => {
    const byteOrder = undefined;
    expect(marshal('y', [1], { byteOrder })).toEqual(marshal('y', [1]));
    expect(unmarshal('y', Uint8Array.of(1), { byteOrder })).toEqual([1]);
    expect(encodeMessage(message, { serial: 1, byteOrder })).toEqual(bytes);
    expect(new MessageReader({ maxMessageLength: undefined }).push(bytes)).toHaveLength(1);
    expect(dissect(bytes, { maxParts: undefined })).toEqual(dissect(bytes));
    expect(readdress(bytes, { serial: undefined, sender: undefined })).toEqual(bytes);
  });
});
