// Connections over a transport that carries file descriptors: they arrive with their message, the indices are checked on
// both sides, and each descriptor that nobody takes is closed. The transport is a fake; the descriptors are numbers.
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { Connection } from '../../src/connection/connection.js';
import { attachDescriptors, takeDescriptors } from '../../src/connection/descriptors.js';
import { connectionOver } from '../../src/connection/over-transport.js';
import { exportObject } from '../../src/service/export-object.js';
import { createProxy } from '../../src/client/proxy.js';
import { defineInterface } from '../../src/interface/define.js';
import type { Transport, TransportEvents } from '../../src/transport/transport.js';
import { encodeMessage } from '../../src/wire/messages/encode.js';
import { type Message, methodCall, type MethodCall, methodReturn, signal } from '../../src/wire/messages/message.js';
import { variant } from '../../src/wire/variant.js';
import { collectGarbage } from '../support/memory.js';
import { startPair } from './fake-server.js';

const GUID = '00112233445566778899aabbccddeeff';

/** One end of a pair of transports that carry descriptors, and what happens to those that arrive. */
class FakeEnd implements Transport {
  readonly guid = GUID;
  readonly queuedBytes = 0;
  readonly isCongested = false;
  readonly closed: number[] = [];
  readonly sent: (readonly number[])[] = [];
  readonly descriptors = { maxPerMessage: 4, close: (descriptor: number) => void this.closed.push(descriptor) };
  other: FakeEnd | undefined;
  #events: TransportEvents | undefined;
  #hasEnded = false;

  start(events: TransportEvents): void {
    this.#events = events;
  }

  /** Bytes and descriptors arrive. */
  arrive(bytes: Uint8Array, descriptors?: readonly number[]): void {
    setImmediate(() => {
      if (!this.#hasEnded) this.#events?.receive(bytes, descriptors);
    });
  }

  write(message: Message, { serial }: { serial?: number | undefined }, descriptors?: readonly number[]): void {
    this.sent.push(descriptors ?? []);
    this.other?.arrive(encodeMessage(message, { serial }).slice(), descriptors);
  }

  flush(): void {}
  drained(): Promise<void> {
    return Promise.resolve();
  }

  end(): void {
    this.destroy();
  }

  destroy(cause?: Error): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    setImmediate(() => {
      this.#events?.end(cause);
      this.other?.destroy(new Error('the peer has gone'));
    });
  }
}

interface Ends extends AsyncDisposable {
  readonly one: Connection;
  readonly other: Connection;
  readonly left: FakeEnd;
  readonly right: FakeEnd;
}

function startEnds(): Ends {
  const [left, right] = [new FakeEnd(), new FakeEnd()];
  left.other = right;
  right.other = left;
  const [one, other] = [connectionOver(left), connectionOver(right)];
  return {
    one, other, left, right,
    [Symbol.asyncDispose]: async () => void await Promise.all([one.close({ timeout: 0 }), other.close({ timeout: 0 })]),
  };
}

const where = { path: '/', interface: 'a.B', member: 'Open' } as const;

/** Resolves after everything that was sent so far has arrived. */
async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await turn();
}

describe('a message with descriptors', () => {
  test('carries them in a call and in its reply, and each can be taken once', async () => {
    await using ends = startEnds();
    const taken: unknown[] = [];
    ends.other.handleMethodCalls((call) => {
      taken.push(call.unixFds, call.body, takeDescriptors(call), takeDescriptors(call));
      const reply = methodReturn(call, { signature: 'hh', body: [1, 0] });
      ends.other.send(attachDescriptors(reply, [20, 21]));
    });
    const options = { ...where, signature: 'sah', body: ['a', [1, 0, 1]], replySignature: 'hh' } as const;
    const body = await ends.one.call({ ...options, descriptors: [10, 11] });
    expect(taken).toEqual([2, ['a', [1, 0, 1]], [10, 11], []]);
    expect([body, takeDescriptors(body), takeDescriptors(body)]).toEqual([[1, 0], [20, 21], []]);
    expect([ends.left.closed, ends.right.closed]).toEqual([[], []]);
    expect([ends.left.sent, ends.right.sent]).toEqual([[[10, 11]], [[20, 21]]]);
  });

  test('reaches an exported object, whose handler takes them from the message of its context', async () => {
    await using ends = startEnds();
    const Files = defineInterface({ name: 'a.Files', methods: { Store: { in: 'v', out: 'u' } } });
    exportObject(ends.other, '/', Files.implement({
      methods: { Store: (_value, { message }) => takeDescriptors(message)[0] ?? 0 },
    }));
    const call = { path: '/', interface: 'a.Files', member: 'Store', signature: 'v', replySignature: 'u' } as const;
    expect(await ends.one.call({ ...call, body: [variant('h', 0)], descriptors: [33] })).toEqual([33]);
    expect(await createProxy(ends.one, Files, { path: '/' }).Store(variant('s', 'none'))).toBe(0);
    expect(ends.right.closed).toEqual([]);
  });

  test('carries those of methods and properties of a proxy, which are options of the call', async () => {
    await using ends = startEnds();
    const Files = defineInterface({
      name: 'a.Files',
      methods: { Store: { in: 'h', out: 'u' } },
      properties: { Log: { type: 'h', access: 'write' } },
    });
    const logs: unknown[] = [];
    exportObject(ends.other, '/', Files.implement({
      methods: { Store: (_index, { message }) => takeDescriptors(message)[0] ?? 0 },
      properties: { Log: { set: (_index, { message }) => void logs.push(takeDescriptors(message)) } },
    }));
    const files = createProxy(ends.one, Files, { path: '/' });
    expect(await files.Store(0, { descriptors: [33] })).toBe(33);
    await files.$set('Log', 0, { descriptors: [34] });
    expect(logs).toEqual([[34]]);
    await expect(files.Store(0)).rejects.toMatchObject({ name: 'DescriptorError' });
    await expect(files.Store(0, { descriptors: [-1] })).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' });
    const { call, subscribe } = ends.one; // a link that another program has made
    const foreign = { call: call.bind(ends.one), subscribe: subscribe.bind(ends.one) } as unknown as Connection;
    expect(await createProxy(foreign, Files, { path: '/' }).Store(0, { descriptors: [35] })).toBe(35);
  });

  test('hands those of a reply to onDescriptors of a proxy, whatever the number of out-arguments', async () => {
    await using ends = startEnds();
    const Files = defineInterface({
      name: 'a.Files',
      methods: { Open: { in: 's', out: 'h' }, Pipe: { out: 'hh' }, Find: { out: 'v' }, Close: {} },
      properties: { Log: { type: 'h', access: 'read' } },
    });
    const bodies: Readonly<Record<string, readonly unknown[]>> = {
      Open: [0], Pipe: [1, 0], Find: [variant('ah', [0])], Close: [], Get: [variant('h', 0)],
    };
    ends.other.handleMethodCalls((call) => {
      const signature = { Open: 'h', Pipe: 'hh', Close: '' }[call.member] ?? 'v';
      const reply = methodReturn<string>(call, { signature, body: bodies[call.member] ?? [] });
      ends.other.send(signature === '' ? reply : attachDescriptors(reply, [20, 21].slice(0, signature.length)));
    });
    const files = createProxy(ends.one, Files, { path: '/' });
    const taken: unknown[] = [];
    const onDescriptors = (descriptors: readonly number[]): void => void taken.push(descriptors);
    expect(await files.Open('a', { onDescriptors })).toBe(0);
    expect(await files.Pipe({ onDescriptors })).toEqual([1, 0]);
    expect(await files.Find({ onDescriptors })).toEqual(variant('ah', [0]));
    expect(await files.Close({ onDescriptors })).toBe(undefined);
    await files.Open('a', { onDescriptors, noReply: true });
    expect(await files.$get('Log', { onDescriptors })).toBe(0);
    expect(taken).toEqual([[20], [20, 21], [20], [], [20]]);
    const both = await files.Pipe(); // without the option, the array of several out-arguments is the body
    expect(takeDescriptors(both)).toEqual([20, 21]);
    await settle();
    expect(ends.left.closed).toEqual([20]); // of the reply that nobody wanted
    await expect(files.Open('a', { onDescriptors: 5 as never })).rejects.toMatchObject({ code: 'OPTION_INVALID' });
  });

  test('leaves the descriptors of a value that is not valid to the library, and does not call onDescriptors', async () => {
    await using ends = startEnds();
    const Files = defineInterface({ name: 'a.Files', properties: { Log: { type: 's', access: 'read' } } });
    ends.other.handleMethodCalls((call) => {
      const reply = methodReturn(call, { signature: 'v', body: [variant('h', 0)] });
      ends.other.send(attachDescriptors(reply, [20]));
    });
    const read = createProxy(ends.one, Files, { path: '/' }).$get('Log', { onDescriptors: () => expect.unreachable() });
    await expect(read).rejects.toMatchObject({ name: 'UnexpectedSignatureError' });
  });

  test('carries them in a signal, between messages without descriptors', async () => {
    await using ends = startEnds();
    const subscription = ends.other.subscribe({ interface: 'a.B' });
    const happened = signal({ ...where, signature: 'h', body: [0] });
    ends.one.send(signal(where));
    ends.one.send(attachDescriptors(happened, [5]));
    ends.one.send(attachDescriptors(happened, [6]));
    const all = [];
    for (let i = 0; i < 3; i++) all.push((await subscription.next()).value as object);
    expect(all.map((each) => takeDescriptors(each))).toEqual([[], [5], [6]]);
  });

  test('carries those of the signals of a proxy: in the arguments of a stream, and in the message otherwise', async () => {
    await using ends = startEnds();
    const Files = defineInterface({ name: 'a.Files', signals: { Opened: { args: 'h' } } });
    const files = createProxy(ends.one, Files, { path: '/' });
    const stream = files.$signal('Opened');
    const send = (descriptor: number): void => {
      const opened = signal({ path: '/', interface: 'a.Files', member: 'Opened', signature: 'h', body: [0] });
      ends.other.send(attachDescriptors(opened, [descriptor]));
    };
    send(20);
    const args = (await stream.next()).value as object;
    expect(args).toEqual([0]);
    collectGarbage(); // the arguments are kept, and the message is not
    await settle();
    expect(ends.left.closed).toEqual([]);
    expect([takeDescriptors(args), takeDescriptors(args)]).toEqual([[20], []]);
    await stream.close();
    const several = files.$signals();
    send(21);
    expect(takeDescriptors((await several.next()).value.message as object)).toEqual([21]);
    await several.close();
    const taken: unknown[] = [];
    files.$signal('Opened', (_, message) => void taken.push(takeDescriptors(message)));
    send(22);
    await settle();
    expect(taken).toEqual([[22]]);
  });

  test('keeps the order of descriptors if several messages arrive in one chunk, or one in several', async () => {
    await using ends = startEnds();
    const taken: unknown[] = [];
    ends.other.handleMethodCalls((call) => void taken.push(takeDescriptors(call)));
    const bytes = (serial: number): Uint8Array =>
      encodeMessage({ ...methodCall({ ...where, signature: 'h', body: [0] }), unixFds: 1 }, { serial }).slice();
    ends.right.arrive(Buffer.concat([bytes(1), bytes(2)]), [7, 8]);
    ends.right.arrive(bytes(3).subarray(0, 20), [9]);
    ends.right.arrive(bytes(3).subarray(20));
    await settle();
    expect(taken).toEqual([[7], [8], [9]]);
  });
});

describe('a descriptor that the program does not take is closed', () => {
  test.each<[what: string, act: (ends: Ends) => unknown]>([
    ['of a call to an object that does not exist', ({ one }) => one.call({ ...where, signature: 'h', body: [0], descriptors: [5] })
      .catch(() => {})],
    ['of a signal without a subscription', ({ one }) => one.send(
      attachDescriptors(signal({ ...where, signature: 'h', body: [0] }), [5]))],
    ['of a reply to no pending call', ({ one }) => one.send(attachDescriptors(
      methodReturn({ serial: 77, sender: undefined }, { signature: 'h', body: [0] }), [5]))],
    ['of a message of an unknown type', ({ right }) => {
      const bytes = encodeMessage({ ...methodCall(where), unixFds: 1 }, { serial: 1 }).slice();
      bytes[1] = 200;
      right.arrive(bytes, [5]);
    }],
    ['to which no index of the message refers', ({ one, other }) => {
      other.handleMethodCalls(() => {});
      return one.call({ ...where, noReply: true, descriptors: [5] });
    }],
    ['of a message whose body is not valid', ({ right }) => {
      const bytes = encodeMessage(
        { ...methodCall({ ...where, signature: 'bh', body: [true, 0] }), unixFds: 1 }, { serial: 1 },
      ).slice();
      bytes[bytes.length - 8] = 7;
      right.arrive(bytes, [5]);
    }],
    ['of a message that has not arrived whole when the connection ends', ({ right, other }) => {
      right.arrive(Uint8Array.of(0x6c), [5]);
      return settle().then(() => other.close());
    }],
  ])('%s', async (_, act) => {
    await using ends = startEnds();
    await act(ends);
    await settle();
    expect(ends.right.closed).toEqual([5]);
  });

  test('if its message is garbage-collected', async () => {
    await using ends = startEnds();
    ends.other.handleMethodCalls(() => {});
    await ends.one.call({ ...where, signature: 'h', body: [0], descriptors: [5], noReply: true });
    for (let i = 0; i < 100 && ends.right.closed.length === 0; i++) {
      collectGarbage();
      await settle();
    }
    expect(ends.right.closed).toEqual([5]);
  });

  test('if no index refers to it, although indexes refer to others', async () => {
    await using ends = startEnds();
    const taken: unknown[] = [];
    ends.other.handleMethodCalls((call) => void taken.push(takeDescriptors(call)));
    await ends.one.call({ ...where, signature: 'h', body: [1], descriptors: [5, 6, 7], noReply: true });
    await settle();
    expect([taken, ends.right.closed]).toEqual([[[5, 6]], [7]]);
  });
});

describe('a message is refused before it is sent', () => {
  test.each<[what: string, act: (ends: Ends) => unknown, error: object]>([
    ['an index has no descriptor', ({ one }) => one.send(
      attachDescriptors(signal({ ...where, signature: 'av', body: [[variant('h', 2)]] }), [5, 6])),
    { code: 'DESCRIPTOR_INDEX_INVALID', fault: 'caller' }],
    ['UNIX_FDS promises descriptors that are not attached', ({ one }) => one.send({ ...signal(where), unixFds: 2 }),
      { code: 'DESCRIPTORS_MISSING', fault: 'caller' }],
    ['it has too many', ({ one }) => one.send(attachDescriptors(signal(where), [1, 2, 3, 4, 5])),
      { code: 'TOO_MANY_DESCRIPTORS', fault: 'caller' }],
  ])('if %s', async (_, act, error) => {
    await using ends = startEnds();
    expect(() => act(ends)).toThrow(expect.objectContaining({ name: 'DescriptorError', ...error }));
    expect(ends.left.sent).toEqual([]);
  });

  test('if its UNIX_FD has no descriptor at all: the call rejects', async () => {
    await using ends = startEnds();
    const call = ends.one.call({ ...where, signature: 'h', body: [0], descriptors: [] });
    await expect(call).rejects.toMatchObject({ code: 'DESCRIPTOR_INDEX_INVALID' });
  });

  test.each([[5], ['5'], [[-1]], [[1.5]], [['1']], [null]])('by attachDescriptors, if a descriptor is %j', (descriptors) => {
    expect(() => attachDescriptors(signal(where), descriptors as never)).toThrow('must be an array of integers, 0 or more');
  });

  test('on the sockets of Node, which carry no descriptors', async () => {
    await using pair = await startPair();
    const message = attachDescriptors(signal({ ...where, signature: 'h', body: [0] }), [5]);
    expect(() => pair.one.send(message)).toThrow('file descriptors cannot be sent');
    expect(() => pair.one.send(attachDescriptors(signal(where), [5]))).toThrow('file descriptors cannot be sent');
    const call = pair.one.call({ ...where, descriptors: [5] });
    await expect(call).rejects.toMatchObject({ code: 'UNIX_FD_NOT_SENDABLE' });
  });
});

describe('a peer that breaks the rules', () => {
  const withFds = (unixFds: number, parts: object = {}): Uint8Array =>
    encodeMessage({ ...methodCall({ ...where, ...parts }), unixFds } as MethodCall, { serial: 1 }).slice();

  test('with an index without a descriptor loses only that message, whose descriptors are closed', async () => {
    await using ends = startEnds();
    const calls: string[] = [];
    ends.other.handleMethodCalls((call) => void calls.push(call.member));
    ends.right.arrive(withFds(1, { signature: 'h', body: [1] }), [5]);
    ends.right.arrive(withFds(0, { member: 'Next' }));
    await settle();
    expect([calls, ends.right.closed, [...ends.other.dropped]]).toEqual([['Next'], [5], [['invalid message', 1]]]);
  });

  test.each<[what: string, act: (right: FakeEnd) => void, code: string, closed: number]>([
    ['more descriptors promised than sent', (right) => right.arrive(withFds(2), [5]), 'DESCRIPTORS_MISSING', 1],
    ['descriptors on a header that is not valid', (right) => {
      const bytes = withFds(1);
      bytes[3] = 1;
      bytes[16] = 0; // the code of a field
      right.arrive(bytes, [5]);
    }, 'DESCRIPTORS_MISSING', 1],
    ['too many descriptors', (right) => {
      right.arrive(Uint8Array.of(0x6c), Array.from({ length: 1_025 }, (_, index) => index));
    }, 'TOO_MANY_DESCRIPTORS', 1_025],
  ])('with %s ends the connection, and all descriptors are closed', async (_, act, code, closed) => {
    await using ends = startEnds();
    act(ends.right);
    expect((await ends.other.closed).cause).toMatchObject({ name: 'DescriptorError', code, fault: 'peer' });
    expect(ends.right.closed).toHaveLength(closed);
  });
});
