// Errors about values and names, made again with a place: what their text and their fields say.
import { describe, expect, test } from 'vitest';
import { errorAt } from '../../src/wire/error-place.js';
import {
  encodeMessage, type InvalidNameError, marshal, type MarshalError, methodCall, signal, splitSignature, variant,
} from '../../src/wire/index.js';
import { thrownBy } from './support.js';

const ADD = { interface: 'com.example.Counter1', member: 'Add', argumentNames: ['step', ''] };

/** The error, made again by a function that is still running. */
function placed(action: () => unknown, place: Parameters<typeof errorAt>[1]): unknown {
  const error = thrownBy(action);
  return (function library() {
    return errorAt(error, place, library);
  })();
}

describe('an error about a value', () => {
  test('names the interface, the member, and the argument by index and name', () => {
    const error = placed(() => marshal('u', [-1]), ADD) as MarshalError;
    expect(error.message).toMatch(/^com\.example\.Counter1\.Add: argument 0 \(step\): .*, got number -1$/);
    expect(error).toMatchObject({
      name: 'MarshalError', code: 'VALUE_OUT_OF_RANGE', path: 'body[0]', signature: 'u',
      interface: 'com.example.Counter1', member: 'Add', argument: 0, argumentName: 'step',
    });
    expect(error.message.endsWith(error.problem)).toBe(true);
  });

  test('names an argument without a name by its index, with the place of the value in it', () => {
    const error = placed(() => marshal('ua{sv}', [1, { k: variant('au', [1, 'x' as never]) }]), ADD) as MarshalError;
    expect(error.message).toMatch(/^com\.example\.Counter1\.Add: argument 1 at \["k"\]\[1\]: expected /);
    expect(error).toMatchObject({ argument: 1, argumentName: undefined, path: 'body[1]["k"][1]' });
  });

  test('names an out-argument as an out-argument', () => {
    const error = placed(() => marshal('u', [-1]), { ...ADD, argumentNames: [], role: 'out-argument' });
    expect((error as MarshalError).message).toMatch(/^com\.example\.Counter1\.Add: out-argument 0: expected an integer /);
  });

  test('names only the parts of its place that are known', () => {
    expect((placed(() => marshal('u', [-1]), {}) as Error).message).toMatch(/^body\[0\]: expected an integer /);
    expect((placed(() => marshal('u', [-1]), { member: 'Add' }) as Error).message).toMatch(/^Add: argument 0: /);
    const count = placed(() => marshal('uu', [1] as never), ADD) as MarshalError;
    expect(count.message).toMatch(/^com\.example\.Counter1\.Add: body: /);
    expect(count.argument).toBeUndefined();
    const hostile = { interface: 5, member: Symbol('s') } as never;
    expect((placed(() => marshal('u', [-1]), hostile) as Error).message).toMatch(/^body\[0\]: /);
  });

  test('keeps its cause', () => {
    const error = placed(() => marshal('v', [variant('s', 'x')].map((v) => ({ ...v, signature: 'a' })) as never), ADD);
    expect(error).toMatchObject({ code: 'SIGNATURE_INVALID', cause: { name: 'SignatureError' } });
  });
});

describe('an error about a name', () => {
  const name = (parts: object): unknown =>
    thrownBy(() => encodeMessage(methodCall({ path: '/', member: 'Add', ...parts }), { serial: 1 }));

  test.each([
    [{ path: 'x' }, 'PATH', 'object path'],
    [{ member: 'a.b' }, 'MEMBER', 'member name'],
    [{ interface: 'x' }, 'INTERFACE', 'interface name'],
    [{ destination: 'x' }, 'DESTINATION', 'bus name'],
  ])('names the header field: %j', (parts, field, kind) => {
    const error = name(parts) as InvalidNameError;
    expect(error.message).toContain(`header.${field}: string "`);
    expect(error.message).toContain(`is not a valid ${kind}: it must `);
    expect(error).toMatchObject({ path: `header.${field}`, ...('member' in parts ? {} : { member: 'Add' }) });
  });

  test('of a signal names the error’s interface and member when they are known', () => {
    const message = signal({ path: '/', interface: 'a.B', member: 'C', destination: 'x' });
    const error = placed(() => encodeMessage(message, { serial: 1 }), message) as InvalidNameError;
    expect(error.message).toMatch(/^a\.B\.C: header\.DESTINATION: string "x" is not a valid bus name: it must /);
    expect(error).toMatchObject({ interface: 'a.B', member: 'C', path: 'header.DESTINATION', kind: 'bus name' });
  });
});

test('an error about a signature names the interface and the member', () => {
  const error = placed(() => splitSignature('a'), ADD) as Error;
  expect(error.message).toMatch(/^com\.example\.Counter1\.Add: .* of signature "a"\)$/);
  expect(error).toMatchObject({ name: 'SignatureError', interface: 'com.example.Counter1', member: 'Add', offset: 0 });
});

test('another error is not changed', () => {
  const error = new RangeError('of a getter');
  const value = { get a(): never { throw error; } };
  expect(placed(() => marshal('a{ss}', [value]), ADD)).toBe(error);
  expect(placed(() => { throw undefined; }, ADD)).toBeUndefined();
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  expect(placed(() => { throw proxy; }, ADD) === proxy).toBe(true);
});

test('the stack trace begins with the caller, even if the function that is removed from it was wrapped', () => {
  const error = placed(() => marshal('u', [-1]), ADD) as Error;
  expect(error.stack?.split('\n')[0]).toBe(`MarshalError: ${error.message}`);
  expect(error.stack?.split('\n')[1]).toMatch(/at placed /);
  const wrapped = errorAt(error, {}, () => {}) as Error;
  expect(wrapped.stack).toContain('error-place.test.ts');
});
