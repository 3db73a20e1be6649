// The server's side of the authentication protocol as a state machine: bytes of the client come in, bytes to send go
// out. It knows no sockets, clocks or credentials: the caller limits the time and checks identities (see
// mechanisms.ts). NEGOTIATE_UNIX_FD is always declined, since descriptors would be lost on a socket of Node, and a
// client that was declined sends none. Clients need not wait for answers: sd-bus writes its whole handshake at once.
// Specification: Server states, Special credentials-passing nul byte.
import {
  asciiBytes, decodeHex, encodeHex, formatCommand, LineReader, parseCommand, quote, splitWords,
} from './command.js';
import { describe } from '../wire/describe.js';
import { isGuid } from '../wire/uuid.js';
import { checkBytes } from '../wire/arguments.js';
import { ANY, checkRequiredOptions, LIST } from '../wire/options.js';
import { AuthError } from './errors.js';
import type { ServerMechanism, ServerStep } from './mechanisms.js';

/** A client is disconnected after this many rejections, as in the reference implementation. ‹Server states› */
export const MAX_REJECTIONS = 6;

/** The state of a server's handshake; `WaitingForNul` is before the client's first byte. ‹Server states› */
export type ServerState = Phase['state'];

/** The result of one chunk of the client's bytes. */
export interface ServerProgress {
  /** Bytes to write to the socket now, if there are any; also before a disconnect. */
  readonly send: Uint8Array | undefined;
  /** Set after the client has sent BEGIN. */
  readonly done: ServerResult | undefined;
  /** Set if the client must be disconnected: the reason. */
  readonly disconnect: AuthError | undefined;
}

/** A client that is authenticated. */
export interface ServerResult {
  /** The mechanism by which the client was authenticated. */
  readonly mechanism: string;
  /** The identity that the mechanism has accepted; undefined if the client is anonymous. */
  readonly identity: string | undefined;
  /** The first bytes of the message stream, if they came with BEGIN: a view of the chunk received. */
  readonly rest: Uint8Array;
}

type Phase =
  | { readonly state: 'WaitingForNul' | 'WaitingForAuth' | 'Authenticated' | 'Failed' }
  | {
      readonly state: 'WaitingForData';
      readonly mechanism: string;
      readonly respond: (response: Uint8Array) => ServerStep;
    }
  | { readonly state: 'WaitingForBegin'; readonly mechanism: string; readonly identity: string | undefined };

// The constructor checks the form of the GUID.
const SERVER_RULES = { guid: ANY, mechanisms: LIST };

/** Authenticates a client. One object serves one connection. ‹Authentication Protocol› */
export class AuthServer {
  readonly #lines = new LineReader();
  readonly #guid: string;
  readonly #mechanisms: ReadonlyMap<string, ServerMechanism>;
  #phase: Phase = { state: 'WaitingForNul' };
  #rejections = 0;

  /**
   * `guid` is the GUID of the address that the client has connected to. ‹UUIDs›
   * @throws {AuthError} `GUID_INVALID` unless `guid` is 32 hex digits
   * @throws {ArgumentError} if an option is unknown, or its value is not valid
   */
  constructor(options: { readonly guid: string; readonly mechanisms: readonly ServerMechanism[] }) {
    checkRequiredOptions('AuthServer', options, SERVER_RULES);
    const { guid, mechanisms } = options;
    if (!isGuid(guid)) {
      throw new AuthError('GUID_INVALID', `${describe(guid)} is not a GUID: it must be 32 hex digits`);
    }
    this.#guid = guid;
    this.#mechanisms = new Map(mechanisms.map((mechanism) => [mechanism.name, mechanism]));
  }

  /** The state of the handshake. */
  get state(): ServerState {
    return this.#phase.state;
  }

  /**
   * Reads bytes of the client, in chunks of any size. A mistake of the client is not thrown but returned as
   * `disconnect`, since answers to earlier lines may have to be sent first.
   * @throws {AuthError} `OUT_OF_TURN` after BEGIN or a disconnect
   */
  receive(chunk: Uint8Array): ServerProgress {
    checkBytes('AuthServer.receive', 'chunk', chunk);
    if (this.#phase.state === 'Authenticated' || this.#phase.state === 'Failed') {
      const problem = 'receive() was called after the end of the handshake: it must be called before that';
      throw new AuthError('OUT_OF_TURN', problem);
    }
    let send = '';
    const progress = (end: Partial<ServerProgress> = {}): ServerProgress => ({
      send: send === '' ? undefined : asciiBytes(send),
      done: undefined,
      disconnect: undefined,
      ...end,
    });
    try {
      this.#lines.push(this.#skipNul(chunk));
      for (let line = this.#lines.next(); line !== undefined; line = this.#lines.next()) {
        const { name, argument } = parseCommand(line);
        if (name === 'BEGIN') {
          const { mechanism, identity } = this.#begin(line);
          return progress({ done: { mechanism, identity, rest: this.#lines.rest() } });
        }
        send += this.#answer(name, argument);
        if (this.#rejections === MAX_REJECTIONS) {
          const problem = `the client was rejected ${MAX_REJECTIONS} times: it must be accepted before that`;
          throw new AuthError('TOO_MANY_REJECTIONS', problem, { line });
        }
      }
    } catch (error) {
      this.#phase = { state: 'Failed' };
      if (error instanceof AuthError) return progress({ disconnect: error });
      throw error;
    }
    return progress();
  }

  #skipNul(chunk: Uint8Array): Uint8Array {
    if (this.#phase.state !== 'WaitingForNul' || chunk.length === 0) return chunk;
    if (chunk[0] !== 0) {
      throw new AuthError('NUL_BYTE_MISSING', `the client's first byte is ${chunk[0]}: it must be NUL`);
    }
    this.#phase = { state: 'WaitingForAuth' };
    return chunk.subarray(1);
  }

  #begin(line: string): { mechanism: string; identity: string | undefined } {
    if (this.#phase.state !== 'WaitingForBegin') {
      const problem = `the client sent ${quote(line)}: it must be authenticated first`;
      throw new AuthError('BEGIN_TOO_EARLY', problem, { line });
    }
    const { mechanism, identity } = this.#phase;
    this.#phase = { state: 'Authenticated' };
    return { mechanism, identity };
  }

  #answer(name: string, argument: string): string {
    const phase = this.#phase;
    switch (name) {
      case 'ERROR':
        return this.#reject();
      case 'CANCEL':
        return phase.state === 'WaitingForAuth' ? refuse('Nothing to cancel') : this.#reject();
      case 'AUTH':
        return phase.state === 'WaitingForAuth' ? this.#auth(argument) : refuse('Authentication is under way');
      case 'DATA': {
        if (phase.state !== 'WaitingForData') return refuse('No data expected');
        const response = decodeHex(argument);
        if (response === undefined) return refuse('Data is not pairs of hex digits');
        return this.#take(phase.mechanism, phase.respond(response));
      }
      case 'NEGOTIATE_UNIX_FD':
        return refuse('Descriptors cannot be passed');
      default:
        return refuse('Unknown command');
    }
  }

  #auth(argument: string): string {
    const [name, hex, ...excess] = splitWords(argument);
    const mechanism = name === undefined ? undefined : this.#mechanisms.get(name);
    if (mechanism === undefined) return this.#reject();
    const response = hex === undefined ? undefined : decodeHex(hex);
    if (excess.length > 0 || (hex !== undefined && response === undefined)) {
      return refuse('Initial response is not pairs of hex digits');
    }
    return this.#take(mechanism.name, mechanism.begin(response));
  }

  #take(mechanism: string, step: ServerStep): string {
    switch (step.kind) {
      case 'rejected':
        return this.#reject();
      case 'challenge':
        this.#phase = { state: 'WaitingForData', mechanism, respond: step.respond };
        return formatCommand('DATA', encodeHex(step.challenge));
      case 'ok':
        this.#phase = { state: 'WaitingForBegin', mechanism, identity: step.identity };
        return formatCommand('OK', this.#guid);
    }
  }

  #reject(): string {
    this.#rejections++;
    this.#phase = { state: 'WaitingForAuth' };
    return formatCommand('REJECTED', ...this.#mechanisms.keys());
  }
}

function refuse(reason: string): string {
  return formatCommand('ERROR', reason);
}
