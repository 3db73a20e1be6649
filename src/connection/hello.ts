// Hello: the call by which a connection to a bus gets its unique name. If an address is opened, Hello is sent with the
// handshake; on a transport that is open already, it is sent by itself. It does not know the requests of a program.
// Tests: bus.test.ts, hostile-peer.test.ts, round-trips.test.ts. Specification: org.freedesktop.DBus.Hello.
import { BUS_OBJECT } from '../protocol/bus.js';
import { ErrorName } from '../protocol/error-names.js';
import { DBusError } from '../protocol/errors.js';
import { EndOfStreamError } from '../transport/errors.js';
import { openFirst, UseError } from '../transport/open.js';
import type { Transport } from '../transport/transport.js';
import { describe } from '../wire/describe.js';
import { encodeMessage } from '../wire/messages/encode.js';
import { type MethodCall, methodCall } from '../wire/messages/message.js';
import { isUniqueName } from '../wire/names.js';
import { callLimits, type FullCallLimits } from './call-limits.js';
import type { ConnectOptions } from './connection.js';
import { publishOut } from './diagnostics.js';
import type { Engine } from './engine.js';
import { CallTimeoutError, ConnectionClosedError } from './errors.js';
import { LinkCore } from './link-core.js';
import { type ReceiveOptions, receiveOptions, typedArraysOf } from './receive-options.js';
import { Wishes } from './wishes.js';

/** An open connection to a bus, after Hello. */
export interface GreetedBus<Typed extends boolean> {
  readonly typedArrays: Typed;
  readonly limits: FullCallLimits;
  readonly uniqueName: string;
  readonly core: LinkCore;
  readonly wishes: Wishes;
}

/** Hello is the first message on a connection to a bus. */
const HELLO_SERIAL = 1;
/** Hello and its bytes, which are the same on all connections; they are created for the first one. */
let helloCall: MethodCall | undefined;
let helloBytes: Uint8Array | undefined;

/** The unique name in the reply to Hello. */
function uniqueNameOf([name]: readonly unknown[]): string {
  if (isUniqueName(name as string)) return name as string; // a string, by the signature of the reply
  throw new DBusError(ErrorName.FAILED, `the bus answered Hello with ${describe(name)}: it must be a unique name`);
}

/** Options of sending Hello on a transport. */
export interface HelloOptions {
  /** Whether Hello was sent, under its serial, before the transport was made. */
  readonly isSent: boolean;
  /** Milliseconds to wait for the reply; Infinity for no limit. */
  readonly timeout: number | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Turns a transport into a connection to a bus. If Hello fails, it destroys the transport. */
export async function sayHello<Typed extends boolean>(
  transport: Transport, options: HelloOptions & { readonly receive: ReceiveOptions<Typed> },
): Promise<GreetedBus<Typed>> {
  const { receive } = options;
  const core: LinkCore = new LinkCore(
    transport,
    {
      isOurs: (name) => wishes.isOurs(name),
      mayOwn: (name, sender) => wishes.mayOwn(name, sender),
      deliver: (message) => wishes.deliver(message),
      handleEnd: () => wishes.handleEnd(),
    },
    receive,
  );
  const wishes = new Wishes(core); // in the same turn, before any message can arrive
  const uniqueName = await greet({ core, wishes }, core.engine, options);
  core.announce(uniqueName);
  return { typedArrays: typedArraysOf(receive), limits: callLimits(receive), uniqueName, core, wishes };
}

/** Sends Hello on an engine of a link. If Hello fails, it ends the engine. */
async function greet(
  { core, wishes }: Pick<GreetedBus<boolean>, 'core' | 'wishes'>, engine: Engine,
  { isSent, timeout, signal }: HelloOptions,
): Promise<string> {
  helloCall ??= methodCall({ ...BUS_OBJECT, member: 'Hello' });
  try {
    const wait = { message: helloCall, replySignature: 's', signal, timeout, place: undefined, resultOf: uniqueNameOf };
    if (isSent) publishOut(core.id, helloCall, HELLO_SERIAL);
    const reply = isSent ? engine.awaitReply(HELLO_SERIAL, wait) : engine.invoke(wait, greet);
    const uniqueName = (await reply) as string; // what uniqueNameOf() returns
    wishes.names.uniqueName = uniqueName;
    return uniqueName;
  } catch (error) {
    await engine.close({ timeout: 0 });
    throw error;
  }
}

/** The failure of Hello in words that follow `accepted as user 1000, then`. */
function helloProblem(error: unknown): string {
  if (error instanceof CallTimeoutError) return 'the server did not answer Hello in time';
  if (error instanceof ConnectionClosedError) {
    const { cause } = error;
    const what = cause instanceof EndOfStreamError || cause === undefined
      ? 'the server closed the connection' : `the connection ended (${(cause as Error).message})`;
    return `${what} before the reply to Hello`;
  }
  if (error instanceof DBusError && error.call !== undefined) {
    const text = error.message === error.errorName ? '' : `: ${error.message}`;
    return `the server answered Hello with ${error.errorName}${text}`;
  }
  return error instanceof Error ? error.message : String(error);
}

/** The options of opening a bus again after it has ended. */
interface ReopenOptions extends ConnectOptions<boolean> {
  /** Whether the server may have another GUID than the address, because it was started again. */
  readonly anyGuid?: boolean | undefined;
  /** Whether the attempt keeps the process alive. Default: true. */
  readonly isRef?: boolean | undefined;
}

/** Opens the first address of a list that accepts us, with Hello in the handshake, and for which `use` resolves. */
function openBus<T>(
  addresses: string, options: ReopenOptions, use: (transport: Transport, hello: HelloOptions) => Promise<T>,
): Promise<T> {
  const { signal } = options;
  helloCall ??= methodCall({ ...BUS_OBJECT, member: 'Hello' });
  helloBytes ??= encodeMessage(helloCall, { serial: HELLO_SERIAL }).slice(); // a copy of its own
  return openFirst(addresses, { ...options, greeting: helloBytes }, async ({ transport, timeLeft: timeout }) => {
    try {
      return await use(transport, { isSent: true, timeout, signal });
    } catch (error) {
      throw new UseError(helloProblem(error), { cause: error });
    }
  });
}

/** Opens the first address of a list that accepts us and answers Hello. */
export function greetBus<Typed extends boolean = false>(
  addresses: string, options: ConnectOptions<Typed>,
): Promise<GreetedBus<Typed>> {
  const receive = receiveOptions(options);
  return openBus(addresses, options, (transport, { isSent, timeout, signal }) => (
    sayHello(transport, { isSent, timeout, signal, receive })
  ));
}

/** The parts of a bus that stay when its connection ends. */
export type ReopenedBus = Pick<GreetedBus<boolean>, 'core' | 'wishes' | 'uniqueName'>;

/** Opens a bus again for a link whose connection has ended, with a new engine. Resolves with the unique name. */
export function greetAgain(
  { core, wishes }: ReopenedBus, addresses: string, options: ConnectOptions<boolean>,
): Promise<string> {
  return openBus(addresses, { ...options, anyGuid: true, isRef: core.isRef }, (transport, hello) => (
    greet({ core, wishes }, core.replaceEngine(transport), hello)
  ));
}
