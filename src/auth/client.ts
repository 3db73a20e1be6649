// The client's side of the authentication protocol as a state machine: bytes of the server come in, bytes to send go
// out. It knows no sockets and no clocks; their owner reports an end or a timeout (see abandon).
// Step by step, a handshake costs one round trip: NUL and AUTH, then OK; BEGIN travels with the first messages. With
// NEGOTIATE_UNIX_FD it costs two. With an early BEGIN, sent together with AUTH, the first messages need not wait. But a
// server that rejects must then disconnect, and the next exchange needs another connection, which the caller opens.
// Specification: Client states.
import {
  asciiBytes, decodeHex, encodeHex, formatCommand, LineReader, parseCommand, quote, splitWords,
} from './command.js';
import { isGuid } from '../wire/uuid.js';
import { checkBytes } from '../wire/arguments.js';
import { checkRequiredOptions, FLAG, type OptionRules } from '../wire/options.js';
import { AuthError } from './errors.js';
import { CLIENT_MECHANISMS, type ClientExchange, type ClientMechanism, type ClientResponder } from './mechanisms.js';

/** A state of the client, with the data that belongs to it. ‹Client states› */
type Phase =
  | { readonly state: 'Initial' | 'WaitingForOK' | 'WaitingForReject' }
  | { readonly state: 'WaitingForData'; readonly respond: ClientResponder }
  | { readonly state: 'WaitingForAgreeUnixFD' | 'Authenticated'; readonly guid: string }
  | { readonly state: 'Failed'; readonly error: unknown };

/** The state of a client's handshake. ‹Client states› */
export type ClientState = Phase['state'];

/** The result of one chunk of the server's bytes. */
export interface ClientProgress {
  /** Bytes to write to the socket now, if there are any. */
  readonly send: Uint8Array | undefined;
  /**
   * Set after the server has sent OK, and has answered NEGOTIATE_UNIX_FD if that was sent. `send` then ends with BEGIN,
   * unless BEGIN was early, and messages may follow at once.
   */
  readonly done: ClientResult | undefined;
}

/** A handshake that succeeded. */
export interface ClientResult {
  /** The server's GUID: 32 hex digits, in lower case so that GUIDs can be compared. ‹OK Command› */
  readonly guid: string;
  /** The first bytes of the message stream, if they came with the last line: a view of the chunk received. */
  readonly rest: Uint8Array;
}

/** An exchange and the mechanism it belongs to. */
interface Attempt {
  readonly mechanism: string;
  readonly exchange: ClientExchange;
}

/** How a client authenticates. */
export interface AuthClientOptions {
  /** The mechanisms, in the order in which they are tried; those that the server does not offer are skipped. */
  readonly mechanisms: readonly ClientMechanism[];
  /**
   * Sends BEGIN together with AUTH: only the first exchange is tried, it must need no challenge, and messages may
   * follow the bytes of {@link AuthClient.start}. Default: false.
   */
  readonly earlyBegin?: boolean | undefined;
  /**
   * Asks for messages with file descriptors, and accepts either answer of the server. A client that does not ask gets
   * no such messages from dbus-daemon, and is disconnected by dbus-broker. Default: false.
   * ‹NEGOTIATE_UNIX_FD Command›
   */
  readonly negotiateUnixFds?: boolean | undefined;
}

const CLIENT_RULES: OptionRules<AuthClientOptions> = {
  mechanisms: CLIENT_MECHANISMS, earlyBegin: FLAG, negotiateUnixFds: FLAG,
};

const NUL_BYTE = '\0';
const NEGOTIATE = 'NEGOTIATE_UNIX_FD';

/** Authenticates to a server. One object serves one connection. ‹Authentication Protocol› */
export class AuthClient {
  readonly #lines = new LineReader();
  readonly #earlyBegin: boolean;
  readonly #negotiatesUnixFds: boolean;
  readonly #untried: Attempt[];
  readonly #tried: string[] = [];
  #phase: Phase = { state: 'Initial' };
  /** The first list of mechanisms that the server sent; later lists must equal it, and are ignored. ‹REJECTED› */
  #offered: readonly string[] | undefined;
  /** The text of the server's last ERROR: often the only explanation there is. */
  #complaint = '';
  /** The last reason why a challenge could not be answered. */
  #problem = '';

  /** @throws {ArgumentError} if an option is unknown, or its value is not valid */
  constructor(options: AuthClientOptions) {
    checkRequiredOptions('AuthClient', options, CLIENT_RULES, ['mechanisms']);
    const { mechanisms, earlyBegin = false, negotiateUnixFds = false } = options;
    this.#earlyBegin = earlyBegin;
    this.#negotiatesUnixFds = negotiateUnixFds;
    this.#untried = mechanisms.flatMap(({ name, exchanges }) =>
      exchanges.map((exchange) => ({ mechanism: name, exchange })),
    );
  }

  /** The state of the handshake. */
  get state(): ClientState {
    return this.#phase.state;
  }

  /** The exchange that was tried last, such as `EXTERNAL as user 1000`; undefined before the start. */
  get attempt(): string | undefined {
    return this.#tried.at(-1);
  }

  /** Whether BEGIN is sent with the first bytes. */
  get hasBegun(): boolean {
    return this.#earlyBegin;
  }

  /**
   * The first bytes of the connection: NUL and AUTH. It must be called once, first.
   * @throws {AuthError} `MECHANISM_MISSING` if the client has no mechanism, `OUT_OF_TURN` if it is called again
   */
  start(): Uint8Array {
    if (this.#phase.state !== 'Initial') {
      throw new AuthError('OUT_OF_TURN', 'start() was called again: it must be called once, first');
    }
    const auth = this.#nextAuth();
    if (auth === undefined) {
      const problem = 'found no mechanism: the client must have at least one';
      throw this.#fail(new AuthError('MECHANISM_MISSING', problem));
    }
    if (!this.#earlyBegin) return asciiBytes(NUL_BYTE + auth);
    this.#untried.length = 0;
    const negotiate = this.#negotiatesUnixFds ? formatCommand(NEGOTIATE) : '';
    return asciiBytes(NUL_BYTE + auth + negotiate + formatCommand('BEGIN'));
  }

  /**
   * Reads bytes of the server, in chunks of any size.
   * @throws {AuthError} if the authentication has failed. The connection cannot be used, and later calls throw the same
   * error
   */
  receive(chunk: Uint8Array): ClientProgress {
    checkBytes('AuthClient.receive', 'chunk', chunk);
    const { state } = this.#phase;
    if (state === 'Failed') throw this.#phase.error;
    if (state === 'Initial' || state === 'Authenticated') {
      const isEarly = state === 'Initial';
      const found = `receive() was called ${isEarly ? 'before start()' : 'after the end of the handshake'}`;
      throw new AuthError('OUT_OF_TURN', `${found}: it must be called ${isEarly ? 'after it' : 'before that'}`);
    }
    this.#lines.push(chunk);
    let send = '';
    try {
      for (let line = this.#lines.next(); line !== undefined; line = this.#lines.next()) {
        const { name, argument } = parseCommand(line);
        send += this.#answer(name, argument, line);
        const phase = this.#phase as Phase; // it has changed, which the compiler does not see
        if (phase.state !== 'Authenticated') continue;
        if (!this.#earlyBegin) send += formatCommand('BEGIN');
        return {
          send: send === '' ? undefined : asciiBytes(send),
          done: { guid: phase.guid, rest: this.#lines.rest() },
        };
      }
    } catch (error) {
      throw this.#fail(this.#explainMessage(error));
    }
    return { send: send === '' ? undefined : asciiBytes(send), done: undefined };
  }

  /**
   * Ends the handshake because the connection has ended or the time is up. Returns the error, which says what the
   * client was waiting for, or the error with which the handshake had failed before.
   */
  abandon(code: 'SERVER_CLOSED' | 'AUTH_TIMED_OUT'): AuthError {
    if (this.#phase.state === 'Failed' && this.#phase.error instanceof AuthError) return this.#phase.error;
    const error = new AuthError(code, `${this.#endProblem(code)}${this.#explain()}`, this.#details());
    this.#fail(error);
    return error;
  }

  /** The command that the server has not answered yet. */
  get #awaited(): string {
    return this.#phase.state === 'WaitingForAgreeUnixFD' ? NEGOTIATE : `AUTH (${this.#tried.at(-1)})`;
  }

  /**
   * The error for a line that is the start of a message: after an early BEGIN a server can leave out an answer and go
   * on with messages. Any other error is returned as it is.
   */
  #explainMessage(error: unknown): unknown {
    if (!(error instanceof AuthError) || error.code !== 'LINE_CONTAINS_NUL') return error;
    const { code, line = '' } = error;
    if (!/^[lB][\x01-\x04]/.test(line)) return error;
    const problem = `the server sent a message (${quote(line)}…) before its answer to ${this.#awaited}`;
    return new AuthError(code, `${problem}: it must answer first`, { ...this.#details(), line });
  }

  #endProblem(code: 'SERVER_CLOSED' | 'AUTH_TIMED_OUT'): string {
    const last = this.#tried.at(-1);
    const awaited = this.#awaited;
    if (code === 'AUTH_TIMED_OUT') {
      return `the server did not ${last === undefined ? 'accept the connection' : `answer ${awaited}`} in time`;
    }
    return `the server closed the connection before ${last === undefined ? 'the handshake' : `it answered ${awaited}`}`;
  }

  #answer(name: string, argument: string, line: string): string {
    const phase = this.#phase;
    if (phase.state === 'WaitingForAgreeUnixFD') return this.#finishNegotiation(phase.guid, name, line);
    if (name === 'OK' && phase.state !== 'WaitingForReject') return this.#takeOk(argument, line);
    if (name === 'REJECTED') return this.#reject(argument);
    if (this.#earlyBegin) {
      const problem = `the server answered AUTH with ${quote(line)}: it must be OK or REJECTED after an early BEGIN`;
      throw new AuthError('UNEXPECTED_COMMAND', problem, { ...this.#details(), line });
    }
    if (phase.state === 'WaitingForReject') {
      throw new AuthError(
        'UNEXPECTED_COMMAND',
        `the server answered CANCEL with ${quote(line)}: it must be REJECTED${this.#explain()}`,
        { ...this.#details(), line },
      );
    }
    switch (name) {
      case 'DATA':
        return phase.state === 'WaitingForData' ? this.#answerChallenge(argument, phase.respond) : this.#cancel();
      case 'ERROR':
        this.#complaint = argument;
        return this.#cancel();
      default:
        return formatCommand('ERROR', 'Unknown command');
    }
  }

  #takeOk(guid: string, line: string): string {
    if (!isGuid(guid)) {
      const problem = `the server sent ${quote(line)}: OK must have its GUID, 32 hex digits`;
      throw new AuthError('GUID_INVALID', problem, { line });
    }
    const state = this.#negotiatesUnixFds ? 'WaitingForAgreeUnixFD' : 'Authenticated';
    this.#phase = { state, guid: guid.toLowerCase() };
    return this.#negotiatesUnixFds && !this.#earlyBegin ? formatCommand(NEGOTIATE) : '';
  }

  /** The answer may be yes or no; the handshake is complete after either. */
  #finishNegotiation(guid: string, name: string, line: string): string {
    if (name !== 'AGREE_UNIX_FD' && name !== 'ERROR') {
      const problem = `the server answered ${NEGOTIATE} with ${quote(line)}: it must be AGREE_UNIX_FD or ERROR`;
      throw new AuthError('UNEXPECTED_COMMAND', problem, { ...this.#details(), line });
    }
    this.#phase = { state: 'Authenticated', guid };
    return '';
  }

  #answerChallenge(hex: string, respond: ClientResponder): string {
    const challenge = decodeHex(hex);
    if (challenge === undefined) return formatCommand('ERROR', 'Data is not pairs of hex digits');
    const step = respond(challenge);
    if (step === undefined || 'problem' in step) {
      if (step !== undefined) this.#problem = step.problem;
      return formatCommand('ERROR', 'Challenge not understood');
    }
    this.#await(step.respond);
    return formatCommand('DATA', encodeHex(step.response));
  }

  #cancel(): string {
    this.#phase = { state: 'WaitingForReject' };
    return formatCommand('CANCEL');
  }

  #reject(list: string): string {
    if (list !== '') this.#offered ??= splitWords(list);
    const auth = this.#nextAuth();
    if (auth !== undefined) return auth;
    const offer = this.#offered === undefined ? 'offers no mechanisms' : `offers ${quote(this.#offered.join(', '))}`;
    throw new AuthError(
      'REJECTED',
      `the server rejected ${this.#tried.join(', then ')}; it ${offer}${this.#explain()}`,
      this.#details(),
    );
  }

  /** AUTH for the next exchange, without mechanisms that the server does not offer; undefined if none is left. */
  #nextAuth(): string | undefined {
    for (let attempt = this.#untried.shift(); attempt !== undefined; attempt = this.#untried.shift()) {
      const { mechanism, exchange } = attempt;
      if (this.#offered !== undefined && !this.#offered.includes(mechanism)) continue;
      this.#tried.push(exchange.description);
      this.#await(exchange.respond);
      return formatCommand('AUTH', mechanism, encodeHex(exchange.initialResponse ?? new Uint8Array(0)));
    }
    return undefined;
  }

  /** Waits for a challenge if there is a function that answers it, otherwise for OK. */
  #await(respond: ClientResponder | undefined): void {
    this.#phase = respond === undefined ? { state: 'WaitingForOK' } : { state: 'WaitingForData', respond };
  }

  #explain(): string {
    const problem = this.#problem === '' ? '' : `; its challenge was not answered: ${this.#problem}`;
    return this.#complaint === '' ? problem : `${problem}; its last ERROR was ${quote(this.#complaint)}`;
  }

  #details(): { tried: readonly string[]; offered?: readonly string[] } {
    const tried = [...this.#tried];
    return this.#offered === undefined ? { tried } : { tried, offered: this.#offered };
  }

  #fail(error: unknown): unknown {
    this.#phase = { state: 'Failed', error };
    return error;
  }
}
