// The client's side of the authentication protocol as a state machine: bytes of the server in, bytes to send out.
// It must not know sockets or clocks; their owner reports an end or a timeout (see abandon).
// In lock-step it costs one round trip: NUL and AUTH out, OK in, and BEGIN travels with the first messages; with
// NEGOTIATE_UNIX_FD it costs two. With an early BEGIN, sent along with AUTH, the first messages need not wait; but a
// server that rejects must then disconnect, so that the next exchange needs another connection: a matter for the opener
// of connections. Specification: Client states.
import {
  asciiBytes, decodeHex, encodeHex, formatCommand, LineReader, parseCommand, quote, splitWords,
} from './command.js';
import { isGuid } from '../wire/uuid.js';
import { checkBytes } from '../wire/arguments.js';
import { checkRequiredOptions, FLAG, LIST, type OptionRules } from '../wire/options.js';
import { AuthError } from './errors.js';
import type { ClientExchange, ClientMechanism, ClientResponder } from './mechanisms.js';

/** Where a client's handshake stands. ‹Client states› */
export type ClientState =
  | 'Initial'
  | 'WaitingForData'
  | 'WaitingForOK'
  | 'WaitingForReject'
  | 'WaitingForAgreeUnixFD'
  | 'Authenticated'
  | 'Failed';

/** What came of a chunk of the server's. */
export interface ClientProgress {
  /** To be written to the socket now, if anything. */
  readonly send: Uint8Array | undefined;
  /**
   * Set once the server said OK, and answered NEGOTIATE_UNIX_FD if that was sent; `send` then ends in BEGIN, unless
   * that was early, and messages may follow at once.
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
  /** Tried in this order, if the server offers them. */
  readonly mechanisms: readonly ClientMechanism[];
  /**
   * BEGIN goes out with AUTH: only the very first exchange is tried, and messages may follow what
   * {@link AuthClient.start} returns. It needs an exchange without challenges. False unless given.
   */
  readonly earlyBegin?: boolean | undefined;
  /**
   * Asks for messages with file descriptors; the server's answer is taken, whichever it is. Without it a bus withholds
   * such messages, or closes the connection. False unless given. ‹NEGOTIATE_UNIX_FD Command›
   */
  readonly negotiateUnixFds?: boolean | undefined;
}

const CLIENT_RULES: OptionRules<AuthClientOptions> = {
  mechanisms: LIST, earlyBegin: FLAG, negotiateUnixFds: FLAG,
};

const NUL_BYTE = '\0';
const NEGOTIATE = 'NEGOTIATE_UNIX_FD';

/** Authenticates to a server; one object serves one connection. ‹Authentication Protocol› */
export class AuthClient {
  readonly #lines = new LineReader();
  readonly #earlyBegin: boolean;
  readonly #negotiatesUnixFds: boolean;
  readonly #untried: Attempt[];
  readonly #tried: string[] = [];
  #state: ClientState = 'Initial';
  #respond: ClientResponder | undefined;
  /** The first list that the server gave: it must not change later. ‹REJECTED Command› */
  #offered: readonly string[] | undefined;
  /** The text of the server's last ERROR: often the only explanation there is. */
  #complaint = '';
  /** The server's GUID, once it said OK. */
  #guid = '';
  #failure: unknown;

  /** @throws {ArgumentError} if an option is unknown, or its value is not valid */
  constructor(options: AuthClientOptions) {
    checkRequiredOptions('AuthClient', options, CLIENT_RULES);
    const { mechanisms, earlyBegin = false, negotiateUnixFds = false } = options;
    this.#earlyBegin = earlyBegin;
    this.#negotiatesUnixFds = negotiateUnixFds;
    this.#untried = mechanisms.flatMap(({ name, exchanges }) =>
      exchanges.map((exchange) => ({ mechanism: name, exchange })),
    );
  }

  /** Where the handshake stands. */
  get state(): ClientState {
    return this.#state;
  }

  /** Whether BEGIN goes out with the first bytes. */
  get hasBegun(): boolean {
    return this.#earlyBegin;
  }

  /**
   * The first bytes of the connection: NUL and AUTH. To be called once, before anything else.
   * @throws {AuthError} `MECHANISM_MISSING` if the client was given none, `OUT_OF_TURN` if called again
   */
  start(): Uint8Array {
    if (this.#state !== 'Initial') throw new AuthError('OUT_OF_TURN', 'start() is called once, before anything else');
    const auth = this.#nextAuth();
    if (auth === undefined) throw this.#fail(new AuthError('MECHANISM_MISSING', 'the client was given no mechanism'));
    if (!this.#earlyBegin) return asciiBytes(NUL_BYTE + auth);
    this.#untried.length = 0;
    const negotiate = this.#negotiatesUnixFds ? formatCommand(NEGOTIATE) : '';
    return asciiBytes(NUL_BYTE + auth + negotiate + formatCommand('BEGIN'));
  }

  /**
   * Takes bytes of the server, in chunks of any size, and returns what they lead to.
   * @throws {AuthError} if authentication failed: the connection is of no more use, and later calls throw the same
   */
  receive(chunk: Uint8Array): ClientProgress {
    checkBytes('AuthClient.receive', 'chunk', chunk);
    if (this.#state === 'Failed') throw this.#failure;
    if (this.#state === 'Initial' || this.#state === 'Authenticated') {
      throw new AuthError('OUT_OF_TURN', 'receive() belongs between start() and the end of the handshake');
    }
    this.#lines.push(chunk);
    let send = '';
    try {
      for (let line = this.#lines.next(); line !== undefined; line = this.#lines.next()) {
        const { name, argument } = parseCommand(line);
        send += this.#answer(name, argument, line);
        if (this.state !== 'Authenticated') continue;
        if (!this.#earlyBegin) send += formatCommand('BEGIN');
        return {
          send: send === '' ? undefined : asciiBytes(send),
          done: { guid: this.#guid, rest: this.#lines.rest() },
        };
      }
    } catch (error) {
      throw this.#fail(error);
    }
    return { send: send === '' ? undefined : asciiBytes(send), done: undefined };
  }

  /**
   * Ends the handshake because the connection ended or time ran out; returns the error that says what was awaited, or
   * the one with which the handshake had failed already.
   */
  abandon(code: 'SERVER_CLOSED' | 'AUTH_TIMED_OUT'): AuthError {
    if (this.#failure instanceof AuthError) return this.#failure;
    const hasTimedOut = code === 'AUTH_TIMED_OUT';
    const problem = hasTimedOut ? 'the server did not answer in time' : 'the server closed the connection';
    const last = this.#tried.at(-1);
    const awaited = this.#state === 'WaitingForAgreeUnixFD' ? NEGOTIATE : `AUTH (${last})`;
    const moment = last === undefined ? 'before the handshake began' : `while its answer was awaited to ${awaited}`;
    const error = new AuthError(code, `${problem}, ${moment}${this.#explain()}`, this.#details());
    this.#fail(error);
    return error;
  }

  #answer(name: string, argument: string, line: string): string {
    if (this.#state === 'WaitingForAgreeUnixFD') return this.#finishNegotiation(name, line);
    if (name === 'OK' && this.#state !== 'WaitingForReject') return this.#takeOk(argument, line);
    if (name === 'REJECTED') return this.#reject(argument);
    if (this.#earlyBegin) {
      const problem = `the server answered AUTH with ${quote(line)}, and BEGIN was sent already: nothing can be added`;
      throw new AuthError('UNEXPECTED_COMMAND', problem, { ...this.#details(), line });
    }
    if (this.#state === 'WaitingForReject') {
      throw new AuthError(
        'UNEXPECTED_COMMAND',
        `the server answered CANCEL with ${quote(line)}; only REJECTED may follow${this.#explain()}`,
        { ...this.#details(), line },
      );
    }
    switch (name) {
      case 'DATA':
        return this.#state === 'WaitingForOK' ? this.#cancel() : this.#answerChallenge(argument);
      case 'ERROR':
        this.#complaint = argument;
        return this.#cancel();
      default:
        return formatCommand('ERROR', 'Unknown command');
    }
  }

  #takeOk(guid: string, line: string): string {
    if (!isGuid(guid)) {
      throw new AuthError('GUID_INVALID', `the server's ${quote(line)} must hold its GUID, 32 hex digits`, { line });
    }
    this.#guid = guid.toLowerCase();
    this.#state = this.#negotiatesUnixFds ? 'WaitingForAgreeUnixFD' : 'Authenticated';
    return this.#negotiatesUnixFds && !this.#earlyBegin ? formatCommand(NEGOTIATE) : '';
  }

  /** Yes or no: either way the handshake is complete. */
  #finishNegotiation(name: string, line: string): string {
    if (name !== 'AGREE_UNIX_FD' && name !== 'ERROR') {
      const problem = `the server answered ${NEGOTIATE} with ${quote(line)}; it must be AGREE_UNIX_FD or ERROR`;
      throw new AuthError('UNEXPECTED_COMMAND', problem, { ...this.#details(), line });
    }
    this.#state = 'Authenticated';
    return '';
  }

  #answerChallenge(hex: string): string {
    const challenge = decodeHex(hex);
    if (challenge === undefined) return formatCommand('ERROR', 'Data is not pairs of hex digits');
    const step = this.#respond?.(challenge);
    if (step === undefined) return formatCommand('ERROR', 'Challenge not understood');
    this.#respond = step.respond;
    this.#state = step.respond === undefined ? 'WaitingForOK' : 'WaitingForData';
    return formatCommand('DATA', encodeHex(step.response));
  }

  #cancel(): string {
    this.#state = 'WaitingForReject';
    return formatCommand('CANCEL');
  }

  #reject(list: string): string {
    if (list !== '') this.#offered ??= splitWords(list);
    const auth = this.#nextAuth();
    if (auth !== undefined) return auth;
    const offer = this.#offered === undefined ? 'lists no mechanisms' : `offers ${quote(this.#offered.join(', '))}`;
    throw new AuthError(
      'REJECTED',
      `the server rejected us; we tried ${this.#tried.join(', then ')}; it ${offer}${this.#explain()}`,
      this.#details(),
    );
  }

  /** AUTH for the next exchange whose mechanism the server offers, as far as it said; undefined if none is left. */
  #nextAuth(): string | undefined {
    for (let attempt = this.#untried.shift(); attempt !== undefined; attempt = this.#untried.shift()) {
      const { mechanism, exchange } = attempt;
      if (this.#offered !== undefined && !this.#offered.includes(mechanism)) continue;
      this.#tried.push(exchange.description);
      this.#respond = exchange.respond;
      this.#state = exchange.respond === undefined ? 'WaitingForOK' : 'WaitingForData';
      return formatCommand('AUTH', mechanism, encodeHex(exchange.initialResponse ?? new Uint8Array(0)));
    }
    return undefined;
  }

  #explain(): string {
    return this.#complaint === '' ? '' : `; its last ERROR was ${quote(this.#complaint)}`;
  }

  #details(): { tried: readonly string[]; offered?: readonly string[] } {
    const tried = [...this.#tried];
    return this.#offered === undefined ? { tried } : { tried, offered: this.#offered };
  }

  #fail(error: unknown): unknown {
    this.#state = 'Failed';
    this.#failure = error;
    return error;
  }
}
