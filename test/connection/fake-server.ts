// A server in this process that sends what a test wants, right or wrong: by default it authenticates properly; it plays
// as much of a bus as the test asks for, and counts the chunks in which a client's bytes arrive.
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { externalServer } from '../../src/auth/mechanisms.js';
import { AuthServer } from '../../src/auth/server.js';
import { type Connection, connectionOn, openConnection } from '../../src/connection/connection.js';
import { Bus } from '../../src/connection/bus.js';
import { greetBus } from '../../src/connection/hello.js';
import type { LinkCore } from '../../src/connection/link-core.js';
import type { ReceiveOptions } from '../../src/connection/receive-options.js';
import type { Wishes } from '../../src/connection/wishes.js';
import { ErrorName } from '../../src/protocol/error-names.js';
import { StreamTransport } from '../../src/transport/stream-transport.js';
import { encodeMessage, type EncodeOptions } from '../../src/wire/messages/encode.js';
import { MessageReader } from '../../src/wire/messages/framing.js';
import { errorReply, type Message, type MethodCall, methodReturn } from '../../src/wire/messages/message.js';
import { scratchDirectory } from '../support/reaper.js';

export const GUID = '00112233445566778899aabbccddeeff';
export const UNIQUE_NAME = ':1.7';

/** Milliseconds after which a message that does not come is missed. */
const PATIENCE = 30_000;

/** The server's answer to a call; undefined for none. */
export type Answer = (call: MethodCall, peer: FakePeer) => Message | undefined;

/** The least that a client needs of a bus. Each unique name has an owner, and no other name has one. */
export const answerAsBus: Answer = (call) => {
  switch (call.member) {
    case 'Hello':
      return methodReturn(call, { signature: 's', body: [UNIQUE_NAME] });
    case 'AddMatch':
    case 'RemoveMatch':
    case 'Ping':
      return methodReturn(call);
    case 'GetNameOwner': {
      const [name] = call.body as [string]; // our client checks what it asks
      return name.startsWith(':')
        ? methodReturn(call, { signature: 's', body: [name] })
        : errorReply(call, { errorName: ErrorName.NAME_HAS_NO_OWNER, message: 'nobody' });
    }
    default:
      return undefined;
  }
};

/** One client of the server, after its handshake. */
export class FakePeer {
  readonly socket: Socket;
  /** Everything that the client has sent, in order. */
  readonly messages: Message[] = [];
  /** How many bytes each chunk had that came after the handshake. */
  readonly chunks: number[] = [];
  readonly #reader = new MessageReader();
  readonly #answer: Answer;
  readonly #waiting = new Set<() => void>();
  #serial = 0;

  constructor(socket: Socket, answer: Answer) {
    this.socket = socket;
    this.#answer = answer;
    socket.on('close', () => this.#wake());
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
  }

  get isClosed(): boolean {
    return this.socket.closed;
  }

  receive(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.chunks.push(chunk.length);
    for (const message of this.#reader.push(chunk)) {
      this.messages.push(message);
      if (message.type !== 'method_call') continue;
      const reply = this.#answer(message, this);
      if (reply !== undefined) this.send(reply);
    }
    const error = this.#reader.failure ?? this.#reader.invalid[0]?.error;
    if (error !== undefined) throw error; // we sent something that is not valid
    this.#wake();
  }

  /** A message as the bytes that this server sends, signed by the bus unless the options name somebody else. */
  encode(message: Message, { sender, ...options }: EncodeOptions & { sender?: string | undefined } = {}): Buffer {
    const from = sender ?? message.sender ?? 'org.freedesktop.DBus';
    return Buffer.from(encodeMessage({ ...message, sender: from } as Message, { serial: ++this.#serial, ...options }));
  }

  /** Sends messages and raw bytes in one chunk. */
  send(...parts: readonly (Message | Uint8Array)[]): void {
    this.socket.write(Buffer.concat(parts.map((part) => (part instanceof Uint8Array ? part : this.encode(part)))));
  }

  /** The first message that passes, one that came already or one still to come. */
  async received<M extends Message>(matches: (message: Message) => message is M): Promise<M>;
  async received(matches: (message: Message) => boolean): Promise<Message>;
  async received(matches: (message: Message) => boolean): Promise<Message> {
    const deadline = Date.now() + PATIENCE;
    for (;;) {
      const found = this.messages.find(matches);
      if (found !== undefined) return found;
      if (this.isClosed || Date.now() >= deadline) {
        const came = this.messages.map(({ type, member }) => `${type} ${member}`).join(', ');
        throw new Error(`the message awaited did not come; these did: ${came}`);
      }
      await this.#news(deadline - Date.now());
    }
  }

  /** Resolves when something came, the client has gone, or the time is over. */
  async #news(patience: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    let wake!: () => void; // set by the promise below
    await new Promise<void>((resolve) => {
      wake = resolve;
      this.#waiting.add(wake);
      timer = setTimeout(wake, patience);
    });
    clearTimeout(timer);
    this.#waiting.delete(wake);
  }

  /** The first call of a member. */
  call(member: string): Promise<MethodCall> {
    return this.received((message): message is MethodCall =>
      message.type === 'method_call' && message.member === member,
    );
  }

  /** The reply to the message that had this serial. */
  reply(serial: number): Promise<Message> {
    return this.received((message) => message.replySerial === serial);
  }

  /** The calls of a member that came so far. */
  calls(member: string): Message[] {
    return this.messages.filter((message) => message.type === 'method_call' && message.member === member);
  }
}

export interface FakeServerOptions {
  /** Where the server listens, in a directory of its own unless given. */
  readonly path?: string;
  /** Takes each connection over from its first byte on; there is no handshake then. */
  readonly onSocket?: (socket: Socket) => void;
  /** Takes each connection over once the client's BEGIN is there. */
  readonly onBegin?: (socket: Socket, rest: Uint8Array) => void;
  /** Answers calls; as a bus unless given. */
  readonly answer?: Answer;
}

/** A listening server; `await using` ends it. */
export class FakeServer implements AsyncDisposable {
  readonly address: string;
  readonly path: string;
  readonly guid = GUID;
  /** Connections that were made, authenticated or not. */
  readonly sockets: Socket[] = [];
  readonly #server: Server;
  readonly #options: FakeServerOptions;
  readonly #peers: FakePeer[] = [];
  #wake: () => void = () => {};

  constructor(path: string, options: FakeServerOptions) {
    this.path = path;
    this.address = `unix:path=${path}`;
    this.#options = options;
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket));
  }

  /** Accepts no clients until {@link listen} is called again; those that are there stay. */
  pause(): void {
    this.#server.close();
  }

  listen(): Promise<void> {
    return new Promise((resolve) => this.#server.listen(this.path, resolve));
  }

  /** The next client that has authenticated itself. */
  async peer(): Promise<FakePeer> {
    for (;;) {
      const peer = this.#peers.shift();
      if (peer !== undefined) return peer;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #accept(socket: Socket): void {
    this.sockets.push(socket);
    socket.on('error', () => {}); // clients of this server may vanish in any way
    socket.on('end', () => socket.end());
    if (this.#options.onSocket !== undefined) return this.#options.onSocket(socket);
    const auth = new AuthServer({ guid: GUID, mechanisms: [externalServer(() => '0')] });
    const onData = (chunk: Uint8Array): void => {
      const { send, done } = auth.receive(chunk);
      if (send !== undefined) socket.write(send);
      if (done === undefined) return;
      socket.off('data', onData);
      if (this.#options.onBegin !== undefined) return this.#options.onBegin(socket, done.rest);
      const peer = new FakePeer(socket, this.#options.answer ?? answerAsBus);
      socket.on('data', (bytes: Uint8Array) => peer.receive(bytes));
      this.#peers.push(peer);
      peer.receive(done.rest);
      this.#wake();
    };
    socket.on('data', onData);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

export async function startFakeServer(options: FakeServerOptions = {}): Promise<FakeServer> {
  const server = new FakeServer(options.path ?? join(scratchDirectory(), 'socket'), options);
  await server.listen();
  return server;
}

/** A server, a connection to it without Hello, and the server's side of that. */
export interface Link extends AsyncDisposable {
  readonly server: FakeServer;
  readonly connection: Connection;
  readonly peer: FakePeer;
}

export async function startLink(options: FakeServerOptions = {}): Promise<Link> {
  const server = await startFakeServer(options);
  const connection = await openConnection(server.address);
  const peer = await server.peer();
  return {
    server,
    connection,
    peer,
    [Symbol.asyncDispose]: async () => {
      await connection.close({ timeout: 0 });
      await server[Symbol.asyncDispose]();
    },
  };
}

/** A server that plays a bus, a connection to it after Hello with its internal parts, and the server's side of that. */
export interface BusLink extends Omit<Link, 'connection'> {
  readonly bus: Bus;
  readonly core: LinkCore;
  readonly wishes: Wishes;
}

export async function startBusLink(options: FakeServerOptions = {}): Promise<BusLink> {
  const server = await startFakeServer(options);
  const greeted = await greetBus(server.address, {}).catch(async (error: unknown) => {
    await server[Symbol.asyncDispose]();
    throw error;
  });
  const { core, wishes } = greeted;
  const bus = new Bus(greeted);
  const peer = await server.peer();
  return {
    server,
    bus,
    core,
    wishes,
    peer,
    [Symbol.asyncDispose]: async () => {
      await bus.close({ timeout: 0 });
      await server[Symbol.asyncDispose]();
    },
  };
}

/** Two connections of this library, one at each end of a socket. */
export async function startPair<Typed extends boolean = false>(options: ReceiveOptions<Typed> = {}): Promise<
  AsyncDisposable & { readonly one: Connection<Typed>; readonly other: Connection<Typed> }
> {
  let resolve!: (connection: Connection<Typed>) => void; // set by the promise below
  const accepted = new Promise<Connection<Typed>>((settle) => {
    resolve = settle;
  });
  const server = await startFakeServer({
    onBegin: (socket, rest) => resolve(connectionOn(new StreamTransport(socket, { guid: GUID, rest }), options)),
  });
  const one = await openConnection(server.address, options);
  const other = await accepted;
  return {
    one,
    other,
    [Symbol.asyncDispose]: async () => {
      await Promise.all([one.close({ timeout: 0 }), other.close({ timeout: 0 })]);
      await server[Symbol.asyncDispose]();
    },
  };
}
