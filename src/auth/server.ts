// The server's side of the authentication protocol as a state machine: bytes of the client come in, bytes to send go
// out. It knows no sockets, clocks or credentials: the caller limits the time, and its mechanisms check identities.
// For the servers of this library, transport/server-mechanisms.ts compares the uid. A mechanism and the hook
// `authorize` may decide later: nothing is read until they have decided. NEGOTIATE_UNIX_FD is declined unless the
// caller says that its stream carries descriptors; a client that gets this answer sends no descriptors. Clients need
// not wait for answers: sd-bus writes its whole handshake at once.
// Specification: Server states, Special credentials-passing nul byte.
import {
  asciiBytes, decodeHex, encodeHex, formatCommand, LineReader, parseCommand, quote, splitWords,
} from './command.js';
import { describe } from '../wire/describe.js';
import { isGuid } from '../wire/uuid.js';
import { argumentError, checkBytes, hasMethods, isBytes, isRecord } from '../wire/arguments.js';
import { ANY, checkRequiredOptions, FLAG, FUNCTION, type OptionRules } from '../wire/options.js';
import { AuthError } from './errors.js';
import { SERVER_MECHANISMS, type ServerMechanism, type ServerStep } from './mechanisms.js';

/** A client is disconnected after this many rejections, as in the reference implementation. ‹Server states› */
export const MAX_REJECTIONS = 6;

/**
 * The state of a server's handshake; `WaitingForNul` is before the client's first byte, and `Deciding` means that a
 * mechanism or `authorize` has not decided yet. ‹Server states›
 */
export type ServerState = Phase['state'];

/** The result of one chunk of the client's bytes. */
export interface ServerProgress {
  /** Bytes to write to the socket now, if there are any; also before a disconnect. */
  readonly send: Uint8Array | undefined;
  /** Set after the client has sent BEGIN. */
  readonly done: ServerResult | undefined;
  /** Set if the client must be disconnected: the reason. */
  readonly disconnect: AuthError | undefined;
  /**
   * Set if a mechanism or `authorize` has not decided yet. It resolves with the further progress; before that, nothing
   * may be given to `receive`. It rejects if a mechanism fails.
   */
  readonly pending: Promise<ServerProgress> | undefined;
}

/** A client that is authenticated. */
export interface ServerResult {
  /** The mechanism by which the client was authenticated. */
  readonly mechanism: string;
  /** The identity that the mechanism has accepted; undefined if the client is anonymous. */
  readonly identity: string | undefined;
  /** Whether messages with file descriptors were agreed upon. ‹NEGOTIATE_UNIX_FD Command› */
  readonly unixFds: boolean;
  /** The first bytes of the message stream, if they came with BEGIN: a view of the chunk received. */
  readonly rest: Uint8Array;
}

/** A client as `authorize` sees it. */
export interface ServerClaim {
  /** The mechanism by which the client has authenticated. */
  readonly mechanism: string;
  /** The identity that the mechanism has accepted; undefined if the client is anonymous. */
  readonly identity: string | undefined;
}

/** How a server authenticates its clients. */
export interface AuthServerOptions {
  /** The GUID of the address that the client has connected to, 32 hex digits. ‹UUIDs› */
  readonly guid: string;
  /** The mechanisms that the server offers; REJECTED lists them in this order. */
  readonly mechanisms: readonly ServerMechanism[];
  /**
   * Decides about a client that a mechanism has accepted. The client is rejected unless the result is true, and if the
   * hook throws or its promise rejects. Default: every such client is accepted.
   */
  readonly authorize?: ((claim: ServerClaim) => boolean | Promise<boolean>) | undefined;
  /** Whether the stream carries file descriptors, so that they are agreed upon if the client asks. Default: false. */
  readonly unixFds?: boolean | undefined;
}

type Phase =
  | { readonly state: 'WaitingForNul' | 'WaitingForAuth' | 'Deciding' | 'Authenticated' | 'Failed' }
  | {
      readonly state: 'WaitingForData';
      readonly mechanism: string;
      readonly respond: (response: Uint8Array) => ServerStep | Promise<ServerStep>;
    }
  | { readonly state: 'WaitingForBegin'; readonly mechanism: string; readonly identity: string | undefined };

const SERVER_RULES: OptionRules<AuthServerOptions> = {
  guid: ANY, // the constructor checks its form
  mechanisms: SERVER_MECHANISMS,
  authorize: FUNCTION,
  unixFds: FLAG,
};

/** The text that answers a line; a promise if a decision is pending. */
type Answer = string | Promise<string>;

/** Authenticates a client. One object serves one connection. ‹Authentication Protocol› */
export class AuthServer {
  readonly #lines = new LineReader();
  readonly #guid: string;
  readonly #mechanisms: ReadonlyMap<string, ServerMechanism>;
  readonly #authorize: AuthServerOptions['authorize'];
  readonly #canPassUnixFds: boolean;
  #phase: Phase = { state: 'WaitingForNul' };
  #rejections = 0;
  #unixFds = false;
  #refusal: unknown;

  /**
   * @throws {AuthError} `GUID_INVALID` unless `guid` is 32 hex digits
   * @throws {ArgumentError} if an option is unknown, or its value is not valid
   */
  constructor(options: AuthServerOptions) {
    checkRequiredOptions('AuthServer', options, SERVER_RULES, ['mechanisms']);
    const { guid, mechanisms, authorize, unixFds = false } = options;
    if (!isGuid(guid)) {
      throw new AuthError('GUID_INVALID', `${describe(guid)} is not a GUID: it must be 32 hex digits`);
    }
    this.#guid = guid;
    this.#mechanisms = new Map(mechanisms.map((mechanism) => [mechanism.name, mechanism]));
    this.#authorize = authorize;
    this.#canPassUnixFds = unixFds;
  }

  /** The state of the handshake. */
  get state(): ServerState {
    return this.#phase.state;
  }

  /** The last error of this side for which the client was rejected: of `authorize`, or of a mechanism. */
  get refusal(): unknown {
    return this.#refusal;
  }

  /**
   * Reads bytes of the client, in chunks of any size. A mistake of the client is not thrown but returned as
   * `disconnect`, since answers to earlier lines may have to be sent first.
   * @throws {AuthError} `OUT_OF_TURN` after BEGIN or a disconnect, and while a decision is `pending`
   */
  receive(chunk: Uint8Array): ServerProgress {
    checkBytes('AuthServer.receive', 'chunk', chunk);
    const { state } = this.#phase;
    if (state === 'Authenticated' || state === 'Failed') {
      const problem = 'receive() was called after the end of the handshake: it must be called before that';
      throw new AuthError('OUT_OF_TURN', problem);
    }
    if (state === 'Deciding') {
      const problem = 'receive() was called before "pending" was settled: it must be called after that';
      throw new AuthError('OUT_OF_TURN', problem);
    }
    return this.#run('', () => {
      this.#lines.push(this.#skipNul(chunk));
      return undefined;
    });
  }

  /** Takes a first step, then reads lines until all are read, or a decision is pending. */
  #run(send: string, first: () => Answer | undefined): ServerProgress {
    const progress = (end: Partial<ServerProgress> = {}): ServerProgress => ({
      send: send === '' ? undefined : asciiBytes(send),
      done: undefined,
      disconnect: undefined,
      pending: undefined,
      ...end,
    });
    let lastLine = '';
    try {
      let answer = first();
      for (;;) {
        if (typeof answer === 'object') return progress({ pending: this.#continueAfter(answer) });
        send += answer ?? '';
        if (this.#rejections === MAX_REJECTIONS) {
          const problem = `the client was rejected ${MAX_REJECTIONS} times: it must be accepted before that`;
          throw new AuthError('TOO_MANY_REJECTIONS', problem, { line: lastLine });
        }
        const line = this.#lines.next();
        if (line === undefined) return progress();
        lastLine = line;
        const { name, argument } = parseCommand(line);
        if (name === 'BEGIN') {
          const { mechanism, identity } = this.#begin(line);
          return progress({ done: { mechanism, identity, unixFds: this.#unixFds, rest: this.#lines.rest() } });
        }
        answer = this.#answer(name, argument);
      }
    } catch (error) {
      this.#phase = { state: 'Failed' };
      if (error instanceof AuthError) return progress({ disconnect: error });
      throw error;
    }
  }

  async #continueAfter(decision: Promise<string>): Promise<ServerProgress> {
    this.#phase = { state: 'Deciding' };
    this.#lines.keep();
    let answer: string;
    try {
      answer = await decision;
    } catch (error) {
      this.#phase = { state: 'Failed' };
      throw error;
    }
    return this.#run('', () => answer);
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

  #answer(name: string, argument: string): Answer {
    const phase = this.#phase;
    switch (name) {
      case 'ERROR':
        return this.#reject();
      case 'CANCEL':
        return phase.state === 'WaitingForAuth' ? refuse('Nothing to cancel') : this.#reject();
      case 'AUTH':
        return phase.state === 'WaitingForAuth' ? this.#auth(argument) : refuse('Authentication is in progress');
      case 'DATA': {
        if (phase.state !== 'WaitingForData') return refuse('No data expected');
        const response = decodeHex(argument);
        if (response === undefined) return refuse('Data is not pairs of hex digits');
        return this.#take(phase.mechanism, phase.respond(response));
      }
      case 'NEGOTIATE_UNIX_FD':
        if (phase.state !== 'WaitingForBegin' || !this.#canPassUnixFds) return refuse('Descriptors cannot be passed');
        this.#unixFds = true;
        return formatCommand('AGREE_UNIX_FD');
      default:
        return refuse('Unknown command');
    }
  }

  #auth(argument: string): Answer {
    const [name, hex, ...excess] = splitWords(argument);
    const mechanism = name === undefined ? undefined : this.#mechanisms.get(name);
    if (mechanism === undefined) return this.#reject();
    const response = hex === undefined ? undefined : decodeHex(hex);
    if (excess.length > 0 || (hex !== undefined && response === undefined)) {
      return refuse('Initial response is not pairs of hex digits');
    }
    return this.#take(mechanism.name, mechanism.begin(response));
  }

  #take(mechanism: string, step: ServerStep | Promise<ServerStep>): Answer {
    if (hasMethods(step, 'then')) return Promise.resolve(step).then((taken) => this.#takeStep(mechanism, taken));
    return this.#takeStep(mechanism, step as ServerStep); // not a promise
  }

  #takeStep(mechanism: string, step: ServerStep): Answer {
    if (!isStep(step)) {
      return this.#refuse(argumentError('AuthServer', `mechanism ${mechanism} must return a step`, step));
    }
    switch (step.kind) {
      case 'rejected':
        return this.#refuse(step.cause);
      case 'challenge':
        this.#phase = { state: 'WaitingForData', mechanism, respond: step.respond };
        return formatCommand('DATA', encodeHex(step.challenge));
      case 'ok':
        return this.#accept(mechanism, step.identity);
    }
  }

  #accept(mechanism: string, identity: string | undefined): Answer {
    const decide = (isAuthorized: boolean): string => {
      if (isAuthorized !== true) return this.#reject(); // a caller without types can return anything
      this.#phase = { state: 'WaitingForBegin', mechanism, identity };
      return formatCommand('OK', this.#guid);
    };
    if (this.#authorize === undefined) return decide(true);
    try {
      const decision = this.#authorize({ mechanism, identity });
      if (typeof decision === 'boolean') return decide(decision);
      return Promise.resolve(decision).then(decide, (error: unknown) => this.#refuse(error));
    } catch (error) {
      return this.#refuse(error);
    }
  }

  #refuse(cause: unknown): string {
    if (cause !== undefined) this.#refusal = cause;
    return this.#reject();
  }

  #reject(): string {
    this.#rejections++;
    this.#unixFds = false;
    this.#phase = { state: 'WaitingForAuth' };
    return formatCommand('REJECTED', ...this.#mechanisms.keys());
  }
}

/** Whether a value is a step: without type checks, a mechanism can return anything. */
function isStep(value: unknown): value is ServerStep {
  if (!isRecord(value)) return false;
  const { kind, challenge, respond } = value;
  if (kind === 'challenge') return isBytes(challenge) && FUNCTION.accepts(respond);
  return kind === 'ok' || kind === 'rejected';
}

function refuse(reason: string): string {
  return formatCommand('ERROR', reason);
}
