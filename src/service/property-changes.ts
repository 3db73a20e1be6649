// Announces changes of the properties of one interface, with their values if those can be read and sent: all changes of
// a turn of the event loop together, each once. A value that cannot be read or sent, or comes late, does not delay the
// others. It does not know messages. Tests: properties.test.ts. Specification: org.freedesktop.DBus.Properties
// (PropertiesChanged); EmitsChangedSignal.
import { ConnectionClosedError } from '../connection/errors.js';
import type { CallContext } from '../interface/definition.js';
import type { Variant } from '../wire/variant.js';
import {
  type ExportedInterface, type ExportedMembers, type ExportedProperty, isPromiseLike, type PropertyAnnouncer,
} from './exported-interface.js';
import { type Refusal, sendFitting } from './fitting-properties.js';
import { isA, reportHandlerError } from './failure-reports.js';
import { NO_VALUE, TimeLimit } from './time-limit.js';
import { AnsweredSoon } from './replies.js';
import type { TurnEnd } from './turn-end.js';

/** Sends one PropertiesChanged; throws if a value does not fit its type. */
export type SendChanges = (changed: ReadonlyMap<string, Variant>, invalidated: readonly string[]) => void;

/** How changes of one interface of one object are announced. */
export interface PropertyChangesOptions {
  readonly send: SendChanges;
  /** The context that the `get` of a property receives, since there is no caller. */
  readonly contextFor: (name: string) => CallContext;
  /** Says when the changes of a turn are announced. */
  readonly turnEnd: TurnEnd;
  /** Called when nothing is left to be read or announced. */
  readonly idle?: (() => void) | undefined;
}

/** Names that are announced together. */
interface Announcement {
  /** Values by name, in order; `WITHOUT_VALUE` for a property whose value is not announced. */
  readonly values: Map<string, unknown>;
  /** The properties whose values come later. */
  readonly later: Set<string>;
  /** Sends the values read so far, once; later values are then announced one by one. Set while values are missing. */
  send: (() => void) | undefined;
}

/**
 * Announces the change of a property that a caller has set, after `written`. The reply to Set waits for the result.
 */
export function announceSet(
  { changes }: ExportedInterface, name: string, written: void | Promise<void>,
): void | Promise<void> | AnsweredSoon {
  const announce = (): void | Promise<void> => changes?.announce([name]);
  if (written !== undefined) return written.then(announce);
  const announced = announce();
  return announced === undefined ? undefined : new AnsweredSoon(announced);
}

function isAnnounced(property: ExportedProperty | undefined): boolean {
  return property !== undefined && property.emitsChanged !== 'const' && property.emitsChanged !== 'false';
}

/** Marks a value that is not announced. It is not undefined, which a `get` may return, although it fits no type. */
const WITHOUT_VALUE = Symbol('without value');

/**
 * Announces changed properties. The changes of one property are announced in order: its value is read again if it
 * changes while it is being read. A `get` that hangs delays no other property.
 */
export class PropertyChanges implements PropertyAnnouncer {
  readonly #members: Pick<ExportedMembers, 'name' | 'properties'>;
  readonly #options: PropertyChangesOptions;
  /** The properties that are being read, and whether they have changed since. */
  readonly #reading = new Map<string, { hasChanged: boolean }>();
  /** The properties that have changed in this turn. */
  readonly #changed = new Set<string>();
  /** The announcements that wait for values. */
  readonly #announcements = new Set<Announcement>();
  /** The callers of `announce` that wait for the end of this turn. */
  #waiting: (() => void)[] = [];
  #hasEnded = false;

  constructor(members: Pick<ExportedMembers, 'name' | 'properties'>, options: PropertyChangesOptions) {
    this.#members = members;
    this.#options = options;
  }

  /**
   * Announces changes at the end of the turn of the event loop, each property once, with the value that it has then.
   * The value is left out if the definition says so or it cannot be read. Never throws. If some values come later, the
   * others wait for them until the end of the next turn, to be announced together; the returned promise resolves then.
   * It is undefined if there is nothing to announce.
   */
  announce(names: readonly string[]): void | Promise<void> {
    const { properties } = this.#members;
    const announced = this.#hasEnded ? [] : names.filter((name) => isAnnounced(properties.get(name)));
    if (announced.length === 0) return this.#reportIdle();
    for (const name of announced) this.#changed.add(name);
    this.#options.turnEnd.add(this.#atTurnEnd);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Announces what has changed in this turn, if anything has. */
  announceNow(): void {
    this.#options.turnEnd.runNow(this.#atTurnEnd);
  }

  /** Announces what has changed, with the values that are known now, and then nothing more. */
  finish(): void {
    this.announceNow();
    for (const { send } of [...this.#announcements]) send?.();
    this.end();
  }

  /** Announces nothing more: the object is removed. */
  end(): void {
    this.#hasEnded = true;
  }

  #reportIdle(): void {
    if (this.#changed.size + this.#reading.size + this.#announcements.size === 0) this.#options.idle?.();
  }

  readonly #atTurnEnd = (): void => {
    const names = [...this.#changed];
    const waiting = this.#waiting;
    this.#changed.clear();
    this.#waiting = [];
    const later = this.#announce(names);
    const resolveAll = (): void => {
      for (const resolve of waiting) resolve();
    };
    if (later === undefined) resolveAll();
    else void later.then(resolveAll);
    this.#reportIdle();
  };

  /** Announces changes, now or, if some values come later, at the end of the turn. */
  #announce(names: readonly string[]): void | Promise<void> {
    const announcement: Announcement = { values: new Map(), later: new Set(), send: undefined };
    for (const name of names) this.#read(name, announcement);
    const { values, later } = announcement;
    if (later.size === 0) return this.#send(values);
    return new Promise((resolve) => {
      this.#announcements.add(announcement);
      announcement.send = () => {
        announcement.send = undefined;
        this.#announcements.delete(announcement);
        for (const name of later) values.delete(name);
        this.#send(values);
        resolve();
        this.#reportIdle();
      };
      setImmediate(() => announcement.send?.());
    });
  }

  /** Adds the value of a property to an announcement, now or later. */
  #read(name: string, announcement: Announcement): void {
    if (this.#hasEnded) return;
    const { get, emitsChanged } = this.#members.properties.get(name)!; // only properties are announced
    const { values, later } = announcement;
    const running = this.#reading.get(name);
    if (running !== undefined) {
      if (!later.has(name)) running.hasChanged = true; // otherwise the name was given twice
      return;
    }
    values.set(name, WITHOUT_VALUE);
    if (get === undefined || emitsChanged === 'invalidates') return;
    try {
      const value = get(this.#options.contextFor(name));
      if (isPromiseLike(value)) {
        later.add(name);
        void this.#readLater(name, value, announcement);
      } else values.set(name, value);
    } catch (error) {
      this.#report(name, error);
    }
  }

  async #readLater(name: string, promise: PromiseLike<unknown>, announcement: Announcement): Promise<void> {
    const reading = { hasChanged: false };
    this.#reading.set(name, reading);
    let value: unknown = WITHOUT_VALUE;
    try {
      value = await new TimeLimit().wait(promise, NO_VALUE);
    } catch (error) {
      this.#report(name, error);
    }
    this.#reading.delete(name);
    const { values, later, send } = announcement;
    if (send === undefined) this.#send(new Map([[name, value]])); // the others have been announced already
    else {
      values.set(name, value);
      later.delete(name);
      if (later.size === 0) send();
    }
    if (reading.hasChanged) void this.#announce([name]);
    this.#reportIdle();
  }

  #send(read: ReadonlyMap<string, unknown>): void {
    if (read.size === 0 || this.#hasEnded) return;
    const { properties } = this.#members;
    const values = new Map<string, Variant>();
    for (const [name, value] of read) {
      const { type } = properties.get(name)!; // only properties are read
      if (value !== WITHOUT_VALUE) values.set(name, { signature: type, value } as Variant);
    }
    const names = [...read.keys()];
    // A change is announced even if its value does not fit: programs that cache the property must learn that it is
    // stale.
    const refusal = sendFitting({
      values, properties,
      send: () => this.#trySend(names, values),
      report: ({ name }, error) => this.#report(name, error),
    });
    if (refusal !== undefined) this.#report(names.join(', '), refusal.error);
  }

  /** Sends changes, those without a value as invalidated; returns the reason if that fails. */
  #trySend(names: readonly string[], values: ReadonlyMap<string, Variant>): Refusal | undefined {
    try {
      this.#options.send(values, names.filter((name) => !values.has(name)));
      return undefined;
    } catch (error) {
      return isA(error, ConnectionClosedError) ? undefined : { error };
    }
  }

  #report(member: string, error: unknown): void {
    if (this.#hasEnded) return; // the value would not be announced
    reportHandlerError({ error, interface: this.#members.name, member, call: undefined });
  }
}
