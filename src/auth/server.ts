// The server's side of the authentication protocol as a state machine: bytes of the client in, bytes to send out.
// It must not know sockets, clocks or credentials: the caller limits the time and supplies the check of identities
// (see mechanisms.ts). NEGOTIATE_UNIX_FD is always declined: descriptors would be lost on the way, and a client that
// knows it does not send them. Clients need not wait for answers: sd-bus writes its whole handshake at once.
// Specification: Server states, Special credentials-passing nul byte.
import {
  asciiBytes, decodeHex, encodeHex, formatCommand, LineReader, parseCommand, quote, splitWords,
} from './command.js';
import { isGuid } from '../wire/uuid.js';
import { checkBytes } from '../wire/arguments.js';
import { ANY, checkRequiredOptions, LIST } from '../wire/options.js';
import { AuthError } from './errors.js';
import type { ServerMechanism, ServerStep } from './mechanisms.js';

/** Rejections after which a client is disconnected, as in the reference implementation. ‹Server states› */
export const MAX_REJECTIONS = 6;

/** Where a server's handshake stands; `WaitingForNul` is before the client's first byte. ‹Server states› */
export type ServerState = Phase['state'];

/** What came of a chunk of the client's. */
export interface ServerProgress {
  /** To be written to the socket now, if anything; also before a disconnect. */
  readonly send: Uint8Array | undefined;
  /** There once the client said BEGIN. */
  readonly done: ServerResult | undefined;
  /** There if the client must be disconnected, and why. */
  readonly disconnect: AuthError | undefined;
}

/** A client that is authenticated. */
export interface ServerResult {
  /** The mechanism that let the client in. */
  readonly mechanism: string;
  /** Who the client is, in the words of the mechanism; undefined if it is anonymous. */
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

// The GUID is held to its form in the constructor.
const SERVER_RULES = { guid: ANY, mechanisms: LIST };

/** Lets a client authenticate; one object serves one connection. ‹Authentication Protocol› */
export class AuthServer {
  readonly #lines = new LineReader();
  readonly #guid: string;
  readonly #mechanisms: ReadonlyMap<string, ServerMechanism>;
  #phase: Phase = { state: 'WaitingForNul' };
  #rejections = 0;

  /**
   * `guid` is the UUID of the address that the client connected to. ‹UUIDs›
   * @throws {AuthError} `GUID_INVALID` unless `guid` is 32 hex digits
   * @throws {ArgumentError} if an option is unknown, or its value is not valid
   */
  constructor(options: { readonly guid: string; readonly mechanisms: readonly ServerMechanism[] }) {
    checkRequiredOptions('AuthServer', options, SERVER_RULES);
    const { guid, mechanisms } = options;
    if (!isGuid(guid)) throw new AuthError('GUID_INVALID', `${JSON.stringify(guid)} is no GUID: it has 32 hex digits`);
    this.#guid = guid;
    this.#mechanisms = new Map(mechanisms.map((mechanism) => [mechanism.name, mechanism]));
  }

  /** Where the handshake stands. */
  get state(): ServerState {
    return this.#phase.state;
  }

  /**
   * Takes bytes of the client, in chunks of any size, and returns what they lead to. What a client does wrong is not
   * thrown but told by `disconnect`, since the lines answered before may still have to be sent.
   * @throws {AuthError} `OUT_OF_TURN` after BEGIN or a disconnect
   */
  receive(chunk: Uint8Array): ServerProgress {
    checkBytes('AuthServer.receive', 'chunk', chunk);
    if (this.#phase.state === 'Authenticated' || this.#phase.state === 'Failed') {
      throw new AuthError('OUT_OF_TURN', 'receive() belongs before the end of the handshake');
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
          throw new AuthError('TOO_MANY_REJECTIONS', `the client was rejected ${MAX_REJECTIONS} times`, { line });
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
      throw new AuthError('NUL_BYTE_MISSING', `the client's first byte is ${chunk[0]}; it must be NUL`);
    }
    this.#phase = { state: 'WaitingForAuth' };
    return chunk.subarray(1);
  }

  #begin(line: string): { mechanism: string; identity: string | undefined } {
    if (this.#phase.state !== 'WaitingForBegin') {
      throw new AuthError('BEGIN_TOO_EARLY', `the client sent ${quote(line)} before it was authenticated`, { line });
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
