// The error that a handler throws to answer "no": what its constructor takes, and what it refuses at once.
import { describe, expect, test } from 'vitest';
import { DBusError } from '../../src/protocol/errors.js';
import { DBusWireError } from '../../src/wire/errors.js';

const wrong = (value: unknown): never => value as never; // only JavaScript lets it through

describe('a DBusError', () => {
  test('has a code and a fault, like every error, and its text as body', () => {
    const error = new DBusError('com.example.Error.NoTrack', 'nothing to play');
    expect(error).toBeInstanceOf(DBusWireError);
    expect(error).toMatchObject({
      name: 'DBusError', code: 'ERROR_REPLY', fault: 'answer', message: 'nothing to play',
      errorName: 'com.example.Error.NoTrack', signature: 's', body: ['nothing to play'],
    });
  });

  test('without a text has its name as message', () => {
    expect(new DBusError('com.example.Error.No')).toMatchObject({ message: 'com.example.Error.No', body: [''] });
  });

  test('keeps the arguments and the cause that it is given', () => {
    const details = { signature: 'su', body: ['no', 3], cause: new Error('why') };
    expect(new DBusError('com.example.Error.No', 'no', details)).toMatchObject(details);
  });

  test.each([
    ['a text instead of a name', 'nothing to play'],
    ['a name of one element', 'Failed'],
    ['an empty name', ''],
    ['a number', wrong(5)],
    ['nothing', wrong(undefined)],
  ])('cannot be made with %s', (_, errorName) => {
    expect(() => new DBusError(errorName)).toThrow(expect.objectContaining({
      name: 'InvalidNameError', kind: 'error name', value: errorName,
      message: expect.stringMatching(/ is not a valid error name: it must .* \(the error name comes first, its text/),
    }));
  });

  test('cannot be made with a text that is not a string', () => {
    const problem = 'DBusError: the message must be a string, got number 5';
    expect(() => new DBusError('a.b', wrong(5))).toThrow(problem);
  });
});
