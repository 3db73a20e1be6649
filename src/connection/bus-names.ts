// The names of this side on a bus: which are wanted, with which flags, and which the bus has given us.
// It knows no names of others (name-owners.ts). Specification: Message Bus Names, org.freedesktop.DBus.RequestName.
// Tests: wishes.test.ts, bus.test.ts.
import {
  BUS_OBJECT, type NameReleaseResult, type NameRequestResult, RELEASE_NAME_RESULT, REQUEST_NAME_FLAG,
  REQUEST_NAME_RESULT,
} from '../protocol/bus.js';
import { ErrorName } from '../protocol/error-names.js';
import { DBusError } from '../protocol/errors.js';
import { assertWellKnownName } from '../wire/names.js';
import { checkOptions, FLAG, type OptionRules } from '../wire/options.js';
import type { ArrivedSignal } from './arrived-signal.js';
import { WAIT_RULES, type WaitOptions } from './call-options.js';
import type { Engine } from './engine.js';
import { NameRequestError } from './errors.js';

/** How a name is requested. ‹org.freedesktop.DBus.RequestName› */
export interface NameOptions extends WaitOptions {
  /** Lets other connections take the name from us, if they ask to replace its owner. */
  readonly allowReplacement?: boolean | undefined;
  /** Takes the name from its present owner, if the owner allows it. */
  readonly replaceExisting?: boolean | undefined;
  /** Fails if the name has an owner, instead of waiting in its queue. True unless given. */
  readonly doNotQueue?: boolean | undefined;
}

/** The rules of {@link NameOptions}. */
export const NAME_RULES: OptionRules<NameOptions> = {
  allowReplacement: FLAG, replaceExisting: FLAG, doNotQueue: FLAG, ...WAIT_RULES,
};

function resultOf<Result>(results: ReadonlyMap<number, Result>, code: number, member: string): Result {
  const result = results.get(code);
  if (result === undefined) throw new DBusError(ErrorName.FAILED, `the bus answered ${member} with ${code}`);
  return result;
}

/** The names of one connection to a bus. */
export class BusNames {
  /** The name that Hello has given us; undefined before its reply. */
  uniqueName: string | undefined;
  readonly #engine: () => Engine;
  readonly #owned = new Set<string>();
  readonly #wanted = new Map<string, number>();

  constructor(engine: () => Engine) {
    this.#engine = engine;
  }

  /** The well-known names that were requested and not released, with the flags of RequestName. */
  get wanted(): ReadonlyMap<string, number> {
    return this.#wanted;
  }

  /** Whether a name is ours. Before the reply to Hello, our names are not known and every name counts as ours. */
  isOurs(name: string): boolean {
    return this.uniqueName === undefined || name === this.uniqueName || this.#owned.has(name);
  }

  /** Takes NameAcquired and NameLost; must be called for every signal of the bus, in order of arrival. */
  handleBusSignal(signal: ArrivedSignal): void {
    const { member, signature, destination } = signal.header;
    if (signature !== 's' || destination !== this.uniqueName) return;
    if (member !== 'NameAcquired' && member !== 'NameLost') return;
    const message = signal.read();
    if (message === undefined) return;
    const name = message.body[0] as string; // by its signature
    if (member === 'NameAcquired') this.#owned.add(name);
    if (member !== 'NameLost') return;
    this.#owned.delete(name);
    const flags = this.#wanted.get(name) ?? 0;
    if ((flags & REQUEST_NAME_FLAG.DO_NOT_QUEUE) !== 0) this.#wanted.delete(name); // we are not in its queue either
  }

  /** See {@link Bus.requestName}. */
  async request(name: string, options: NameOptions): Promise<NameRequestResult> {
    assertWellKnownName(name);
    checkOptions('requestName', options, NAME_RULES);
    const { allowReplacement = false, replaceExisting = false, doNotQueue = true, timeout, signal } = options;
    const flags =
      (allowReplacement ? REQUEST_NAME_FLAG.ALLOW_REPLACEMENT : 0) |
      (replaceExisting ? REQUEST_NAME_FLAG.REPLACE_EXISTING : 0) |
      (doNotQueue ? REQUEST_NAME_FLAG.DO_NOT_QUEUE : 0);
    const call = { ...BUS_OBJECT, member: 'RequestName', signature: 'su', body: [name, flags] } as const;
    const [code] = await this.#engine().call({ ...call, replySignature: 'u', timeout, signal });
    const result = resultOf(REQUEST_NAME_RESULT, code, 'RequestName');
    if (result === 'exists') throw new NameRequestError(name);
    this.#wanted.set(name, flags);
    if (result !== 'in queue') this.#owned.add(name);
    return result;
  }

  /** See {@link Bus.releaseName}. */
  async release(name: string, options: WaitOptions): Promise<NameReleaseResult> {
    assertWellKnownName(name);
    checkOptions('releaseName', options, WAIT_RULES);
    const { timeout, signal } = options;
    const call = { ...BUS_OBJECT, member: 'ReleaseName', signature: 's', body: [name], replySignature: 'u' } as const;
    const [code] = await this.#engine().call({ ...call, timeout, signal });
    this.#wanted.delete(name);
    return resultOf(RELEASE_NAME_RESULT, code, 'ReleaseName');
  }
}
