// A client of a bus without any convenience: it sends what a test says, and keeps everything that arrives, in order.
// It says Hello only if a test asks for it.

import { connect } from 'node:net';
import { expect } from 'vitest';
import { AuthClient } from '../../src/auth/client.js';
import { anonymous } from '../../src/auth/mechanisms.js';
import { parseAddresses } from '../../src/protocol/address.js';
import { handshake } from '../../src/transport/client-handshake.js';
import { incomingOf } from '../../src/transport/incoming.js';
import { openTransport } from '../../src/transport/open.js';
import type { Transport } from '../../src/transport/transport.js';
import {
  encodeMessage, type Message, methodCall, type MethodCall, MessageReader, signal, type Signal,
} from '../../src/wire/index.js';
import { PATIENCE } from './waiting.js';

export const BUS = { destination: 'org.freedesktop.DBus', path: '/org/freedesktop/DBus' } as const;
/** Milliseconds between two looks at what has arrived, if nothing arrives. */
const INTERVAL = 500;

export class RawClient implements AsyncDisposable {
  uniqueName = '';
  /** Everything that has arrived. */
  readonly log: Message[] = [];
  /** Resolves when the bus has ended the connection. */
  readonly ended: Promise<void>;
  readonly transport: Transport;
  isEnded = false;
  #serial = 0;
  #wake = (): void => {};
  #news: Promise<void>;

  constructor(transport: Transport) {
    this.transport = transport;
    this.#news = new Promise((resolve) => (this.#wake = resolve));
    const reader = new MessageReader();
    this.ended = new Promise((resolve) => {
      transport.start({
        receive: (chunk) => {
          this.log.push(...reader.push(chunk));
          this.#announce();
        },
        end: () => {
          this.isEnded = true;
          this.#announce();
          resolve();
        },
      });
    });
  }

  static async open(address: string): Promise<RawClient> {
    return new RawClient(await openTransport(address));
  }

  /** A client that has authenticated with ANONYMOUS, over TCP. */
  static async openAnonymous(address: string): Promise<RawClient> {
    const { host, port } = Object.fromEntries(parseAddresses(address)[0]?.keys ?? []);
    const socket = connect(Number(port), host);
    const auth = new AuthClient({ mechanisms: [anonymous()] });
    const how = { guid: undefined, greeting: new Uint8Array(0), timeout: PATIENCE, signal: undefined };
    return new RawClient(await handshake({ stream: socket, incoming: incomingOf(socket) }, auth, how));
  }

  /** A client that is registered, and has read what follows Hello. */
  static async registered(address: string): Promise<RawClient> {
    const client = await RawClient.open(address);
    await client.hello();
    return client;
  }

  #announce(): void {
    const wake = this.#wake;
    this.#news = new Promise((resolve) => (this.#wake = resolve));
    wake();
  }

  nextSerial(): number {
    return ++this.#serial;
  }

  send(message: Message, serial = this.nextSerial()): number {
    this.transport.write(message, { serial });
    return serial;
  }

  sendBytes(bytes: Uint8Array): void {
    this.transport.writeBytes?.(bytes);
  }

  /** The first message that fulfills a condition, among those that arrived and those that will. */
  async find(condition: (message: Message) => boolean): Promise<Message> {
    // Counted in looks: a machine that pauses for seconds does not use up the patience.
    for (let looks = 0; looks * INTERVAL <= PATIENCE; looks++) {
      const found = this.log.find(condition);
      if (found !== undefined) return found;
      if (this.isEnded) throw new Error('the connection has ended');
      if (await this.#hasNews()) looks = 0;
    }
    throw new Error(`nothing arrived in ${PATIENCE} ms; before: ${this.summary().join(', ')}`);
  }

  /** Resolves with true when something arrives, or with false after an interval. */
  async #hasNews(): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(resolve, INTERVAL, false);
    });
    const hasNews = await Promise.race([this.#news.then(() => true), late]);
    clearTimeout(timer);
    return hasNews;
  }

  replyTo(serial: number): Promise<Message> {
    return this.find(({ replySerial }) => replySerial === serial);
  }

  request(call: MethodCall): Promise<Message> {
    return this.replyTo(this.send(call));
  }

  /** Calls a method of the bus. */
  ask(member: string, signature = '', body: readonly unknown[] = [], where: Partial<MethodCall> = {}): Promise<Message> {
    const call = methodCall<string>({ ...BUS, interface: 'org.freedesktop.DBus', member, signature, body });
    return this.request({ ...call, ...where } as MethodCall); // the parts of a call
  }

  async hello(): Promise<void> {
    const { body } = await this.ask('Hello');
    this.uniqueName = body[0] as string;
    await this.sync();
  }

  /** Waits until the bus has handled everything that was sent before. */
  async sync(): Promise<void> {
    await this.ask('Ping', '', [], { interface: 'org.freedesktop.DBus.Peer' });
  }

  /** Forgets what arrived. */
  clear(): void {
    this.log.length = 0;
  }

  /** What arrived, in short: signals with their arguments, errors by name, returns with their arguments; no Pings. */
  summary(): string[] {
    return this.log
      .filter(({ type, signature }) => type !== 'method_return' || signature !== '')
      .map(({ type, member, errorName, body }) => {
        const name = type === 'error' ? errorName?.replace('org.freedesktop.DBus.Error.', '') : member ?? 'reply';
        return `${name}(${body.map((value) => JSON.stringify(value)).join(', ')})`;
      });
  }

  async expectEnd(): Promise<void> {
    await this.ended;
    expect(this.isEnded).toBe(true);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.transport.destroy();
    await this.ended;
  }
}

const WHERE = { path: '/com/example/Thing', interface: 'com.example.Thing1' } as const;

/** A call to a destination. */
export function callTo(destination: string, parts: Partial<MethodCall> = {}): MethodCall {
  return { ...methodCall({ ...WHERE, member: 'Do', destination }), ...parts };
}

/** A signal, for everybody unless `parts` have a destination. */
export function signalOf(member: string, parts: Partial<Signal> = {}): Signal {
  return { ...signal({ ...WHERE, member }), ...parts };
}

export { encodeMessage };
