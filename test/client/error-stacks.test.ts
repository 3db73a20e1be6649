// Errors about values, names and signatures: they name the member and the argument, and their stack shows the code of
// the user, whichever function of the library it called. Covers proxies, implementations and calls.

import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { createProxy } from '../../src/client/proxy.js';
import type { Bus } from '../../src/connection/bus.js';
import { defineInterface } from '../../src/interface/define.js';
import { exportObject } from '../../src/service/export-object.js';
import { methodCall } from '../../src/wire/messages/message.js';
import { startBusLink } from '../connection/fake-server.js';

const Counter = defineInterface({
  name: 'com.example.Counter1',
  methods: { Add: { in: 'su', inNames: ['label', 'step'], out: 'u' }, Forget: { in: 'u', noReply: true } },
  properties: { Limit: { type: 'u', access: 'readwrite' } },
  signals: { Overflow: { args: 'us', argNames: ['value', 'text'] } },
});
const implementation = () =>
  Counter.implement({
    methods: { Add: () => 1, Forget: () => {} },
    properties: { Limit: { get: () => 1, set: () => {} } },
  });

const target = { destination: 'com.example.Counter', path: '/' } as const;
const ADD = { ...target, interface: Counter.name, member: 'Add', signature: 'su' } as const;
const WRONG = ['a', -1] as const;

let bus: Bus;
beforeEach(async () => {
  const link = await startBusLink();
  onTestFinished(() => link[Symbol.asyncDispose]());
  ({ bus } = link);
});

/** How many frames of the library may precede the frame of the user, for functions that find it. */
const OWN_FRAMES = 3;

/** How many may precede it for any function, because Node shows 10 frames by default. */
const MOST_FRAMES = 9;

interface Refusal extends Error {
  readonly member?: string;
}

/** The error with which `userCode` fails. Checks that `userCode` is one of the first frames of its stack. */
async function refusalOf(userCode: () => unknown, ownFrames = OWN_FRAMES): Promise<Refusal> {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = ownFrames + 1;
  try {
    await userCode();
  } catch (error) {
    const { stack } = error as Error;
    expect(stack).toContain('error-stacks.test.ts');
    expect(stack).toContain('userCode');
    expect(stack?.startsWith(`${(error as Error).name}: ${(error as Error).message}\n`)).toBe(true);
    return error as Refusal; // an error, because it has a stack
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
  throw new Error('nothing was refused');
}

const IN_ARGUMENT = /^com\.example\.Counter1\.Add: argument 1 \(step\): .*-1$/;
const UNNAMED = /^com\.example\.Counter1\.Add: argument 1: .*-1$/;

describe('a value that does not fit is refused', () => {
  test('in bus.call', async () => {
    const error = await refusalOf(async function userCode() {
      await bus.call({ ...ADD, body: WRONG });
    });
    expect(error.message).toMatch(UNNAMED);
    expect(error).toMatchObject({ interface: Counter.name, member: 'Add', argument: 1, path: 'body[1]' });
  });

  test.each([undefined, true])('in bus.call, noReply: %s', async (noReply) => {
    const error = await refusalOf(async function userCode() {
      await bus.call({ ...ADD, body: WRONG, noReply });
    });
    expect(error.message).toMatch(UNNAMED);
  });

  test('in bus.send', async () => {
    const error = await refusalOf(function userCode() {
      bus.send(methodCall({ ...ADD, body: WRONG }));
    });
    expect(error.message).toMatch(UNNAMED);
  });

  test('in a method of a proxy, called after an await', async () => {
    const proxy = createProxy(bus, Counter, target);
    const error = await refusalOf(async function userCode() {
      await Promise.resolve();
      await proxy.Add(...WRONG);
    });
    expect(error.message).toMatch(IN_ARGUMENT);
    expect(error).toMatchObject({ argument: 1, argumentName: 'step' });
    const silent = await refusalOf(async function userCode() {
      await proxy.Forget(-1);
    });
    expect(silent.message).toMatch(/^com\.example\.Counter1\.Forget: argument 0: /);
  });

  test('in a method of a proxy, in a function that only returns the promise', async () => {
    const proxy = createProxy(bus, Counter, target);
    const error = await refusalOf(async function userCode() {
      const helper = async (): Promise<unknown> => {
        await Promise.resolve();
        return await proxy.Add(...WRONG);
      };
      await helper();
    });
    expect(error.message).toMatch(IN_ARGUMENT);
  });

  test('in $set', async () => {
    const proxy = createProxy(bus, Counter, target);
    const error = await refusalOf(async function userCode() {
      await proxy.$set('Limit', -1);
    });
    expect(error.message).toMatch(/^com\.example\.Counter1\.Limit: value of type "u": .*-1$/);
    expect(error).toMatchObject({ interface: Counter.name, member: 'Limit', argument: undefined });
  });

  test.each([0, 1, 2])('in emit, exported on %i objects; nothing is sent', async (count) => {
    const counter = implementation();
    for (let index = 0; index < count; index++) exportObject(bus, `/${index}`, counter);
    const { queuedBytes } = bus;
    const error = await refusalOf(function userCode() {
      counter.emit('Overflow', 1, 5 as never);
    });
    expect(error.message).toBe(
      'com.example.Counter1.Overflow: argument 1 (text): expected a string (STRING), got number 5',
    );
    expect(error).toMatchObject({ code: 'VALUE_TYPE_MISMATCH', argumentName: 'text' });
    expect(bus.queuedBytes).toBe(queuedBytes);
  });
});

describe('a mistake in the use of an interface', () => {
  test('in the handlers of an implementation', async () => {
    const error = await refusalOf(function userCode() {
      Counter.implement({} as never);
    });
    expect(error).toMatchObject({ name: 'DefinitionError', code: 'HANDLER_MISSING', member: 'Add' });
  });

  test('in emit and emitPropertiesChanged', async () => {
    const counter = implementation();
    const unknownSignal = await refusalOf(function userCode() {
      counter.emit('Nope' as never, ...[] as never);
    });
    expect(unknownSignal).toMatchObject({ name: 'DefinitionError', code: 'SIGNAL_UNKNOWN', member: 'Nope' });
    const unknownProperty = await refusalOf(function userCode() {
      counter.emitPropertiesChanged('Nope' as never);
    });
    expect(unknownProperty).toMatchObject({ name: 'DefinitionError', code: 'PROPERTY_UNKNOWN', member: 'Nope' });
  });

  test('in a proxy', async () => {
    const proxy = createProxy(bus, Counter, target);
    const unknownProperty = await refusalOf(async function userCode() {
      await proxy.$get('Nope' as never);
    });
    expect(unknownProperty).toMatchObject({ name: 'DefinitionError', code: 'PROPERTY_UNKNOWN', member: 'Nope' });
    const unknownSignal = await refusalOf(function userCode() {
      proxy.$signal('Nope' as never);
    });
    expect(unknownSignal).toMatchObject({ name: 'DefinitionError', code: 'SIGNAL_UNKNOWN', member: 'Nope' });
    const missing = await refusalOf(async function userCode() {
      await (proxy.Add as (label: string) => Promise<number>)('a');
    });
    expect(missing).toMatchObject({ name: 'MarshalError', argument: 1, argumentName: 'step' });
  });
});

test.each([0, 1, 2])('a file descriptor is refused in emit, exported on %i objects', async (count) => {
  const Opener = defineInterface({ name: 'com.example.Opener1', signals: { Opened: { args: 'h' } } });
  const opener = Opener.implement({});
  for (let index = 0; index < count; index++) exportObject(bus, `/${index}`, opener);
  const error = await refusalOf(function userCode() {
    opener.emit('Opened', 0);
  });
  expect(error).toMatchObject({ name: 'MarshalError', member: 'Opened', argument: 0 });
});

describe('an invalid name', () => {
  test('in bus.call is an error that names the header field and the member', async () => {
    const error = await refusalOf(async function userCode() {
      await bus.call({ ...ADD, destination: 'nowhere', body: ['a', 1] });
    });
    expect(error.message).toMatch(/^com\.example\.Counter1\.Add: header\.DESTINATION: string "nowhere" is not a valid bus name/);
    expect(error).toMatchObject({ path: 'header.DESTINATION', interface: Counter.name, member: 'Add' });
  });

  const functions: readonly (readonly [name: string, call: () => unknown])[] = [
    ['bus.requestName', () => bus.requestName('no name')],
    ['bus.releaseName', () => bus.releaseName('no name')],
    ['bus.watchOwner', () => bus.watchOwner('no name', () => {})],
    ['bus.subscribe', () => bus.subscribe({ sender: 'no name' })],
    ['createProxy', () => createProxy(bus, Counter, { destination: 'no name', path: '/' })],
    ['exportObject', () => exportObject(bus, 'no name', implementation())],
  ];

  test.each(functions)('in %s is an error with the caller in its stack trace', async (_name, call) => {
    const error = await refusalOf(async function userCode() {
      await call();
    }, MOST_FRAMES);
    expect(error).toMatchObject({ name: 'InvalidNameError', value: 'no name' });
  });

  test('in a definition is an error that names the member', async () => {
    const error = await refusalOf(function userCode() {
      defineInterface({ name: 'a.B', properties: { 'a\0': { type: 's', access: 'read' } } });
    });
    expect(error).toMatchObject({ name: 'DefinitionError', code: 'NAME_INVALID', interface: 'a.B', member: 'a\0' });
  });
});

test('an invalid signature in a definition is an error that names the member', async () => {
  const error = await refusalOf(function userCode() {
    defineInterface({ name: 'a.B', properties: { P: { type: 'ss' as never, access: 'read' } } });
  });
  expect(error.message).toMatch(/^a\.B\.P: "type": .*"ss"\)$/);
  expect(error).toMatchObject({ name: 'DefinitionError', interface: 'a.B', member: 'P' });
});

test('the error that a getter of a value throws reaches the caller unchanged', async () => {
  const thrown = new RangeError('of a getter');
  const body = [{ get a(): never { throw thrown; } }] as never;
  await expect(bus.call({ ...ADD, signature: 'a{ss}', body })).rejects.toBe(thrown);
});
