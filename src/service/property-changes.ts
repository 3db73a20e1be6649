// Announces changes of the properties of one interface: in order, and with their values if those can be read and sent.
// A value that cannot be read or sent does not hold back the others. It knows no messages.
// Tested in properties.test.ts. Specification: org.freedesktop.DBus.Properties (PropertiesChanged); EmitsChangedSignal.
import { ConnectionClosedError } from '../connection/errors.js';
import type { CallContext } from '../interface/definition.js';
import type { Variant } from '../wire/variant.js';
import { type ExportedMembers, isPromiseLike, type PropertyAnnouncer } from './exported-interface.js';
import { isA, reportHandlerError } from './handler-errors.js';
import { misfits } from './properties.js';

/** Sends one PropertiesChanged; throws if a value does not fit its type. */
export type SendChanges = (changed: ReadonlyMap<string, Variant>, invalidated: readonly string[]) => void;

/** How changes of one interface of one object are announced. */
export interface PropertyChangesOptions {
  readonly send: SendChanges;
  /** The context that the `get` of a property receives, since there is no caller. */
  readonly contextFor: (name: string) => CallContext;
}

/** The changes of one announcement. */
interface Changes {
  /** Values by name, in order; `WITHOUT_VALUE` for a property whose value is not announced or not there yet. */
  readonly values: Map<string, unknown>;
  /** The values that come later; none of the promises rejects. */
  readonly later: readonly (readonly [name: string, value: Promise<unknown>])[];
}

/** Stands for a value that is not announced. Not undefined, which a `get` may return, although it fits no type. */
const WITHOUT_VALUE = Symbol('without value');

/** Announces changed properties in order: changes that arrive while values are being read are announced together. */
export class PropertyChanges implements PropertyAnnouncer {
  readonly #members: Pick<ExportedMembers, 'name' | 'properties'>;
  readonly #options: PropertyChangesOptions;
  readonly #waiting = new Set<string>();
  #running: Promise<void> | undefined;

  constructor(members: Pick<ExportedMembers, 'name' | 'properties'>, options: PropertyChangesOptions) {
    this.#members = members;
    this.#options = options;
  }

  /**
   * Announces changes with their values. The value is left out if the definition says so or it cannot be read.
   * Never throws; if a value comes later, returns a promise that resolves after the signal is sent.
   */
  announce(names: readonly string[]): void | Promise<void> {
    if (this.#running !== undefined) {
      for (const name of names) this.#waiting.add(name);
      return this.#running;
    }
    const changes = this.#read(names);
    if (changes.later.length === 0) return this.#send(changes.values);
    this.#running = this.#announceLater(changes);
    return this.#running;
  }

  async #announceLater(changes: Changes): Promise<void> {
    let { values, later } = changes;
    for (;;) {
      for (const [name, value] of later) values.set(name, await value);
      this.#send(values);
      if (this.#waiting.size === 0) break;
      ({ values, later } = this.#read([...this.#waiting]));
      this.#waiting.clear();
    }
    this.#running = undefined;
  }

  #read(names: readonly string[]): Changes {
    const values = new Map<string, unknown>();
    const later: [string, Promise<unknown>][] = [];
    for (const name of names) {
      const property = this.#members.properties.get(name);
      if (property === undefined || property.emitsChanged === 'const' || property.emitsChanged === 'false') continue;
      const { get, emitsChanged } = property;
      values.set(name, WITHOUT_VALUE);
      if (get === undefined || emitsChanged === 'invalidates') continue;
      try {
        const value = get(this.#options.contextFor(name));
        if (isPromiseLike(value)) later.push([name, this.#settled(name, value)]);
        else values.set(name, value);
      } catch (error) {
        this.#report(name, error);
      }
    }
    return { values, later };
  }

  async #settled(name: string, value: PromiseLike<unknown>): Promise<unknown> {
    try {
      return await value;
    } catch (error) {
      this.#report(name, error);
      return WITHOUT_VALUE;
    }
  }

  #send(values: ReadonlyMap<string, unknown>): void {
    if (values.size === 0) return;
    const { properties } = this.#members;
    const changed = new Map<string, Variant>();
    for (const [name, value] of values) {
      const { type } = properties.get(name)!; // only properties are read
      if (value !== WITHOUT_VALUE) changed.set(name, { signature: type, value } as Variant);
    }
    const names = [...values.keys()];
    if (this.#trySend(names, changed) === undefined) return;
    // Announce a change even if its value does not fit: programs that cache the property must learn that it is stale.
    for (const [{ name }, error] of misfits(changed, properties)) {
      this.#report(name, error);
      changed.delete(name);
    }
    const failure = this.#trySend(names, changed);
    if (failure === undefined) return;
    this.#report([...changed.keys()].join(', '), failure.error); // each value fits, but not all in one message
    changed.clear();
    const last = this.#trySend(names, changed);
    if (last !== undefined) this.#report(names.join(', '), last.error);
  }

  /** Sends changes, those without a value as invalidated; returns the reason if that fails. */
  #trySend(
    names: readonly string[],
    changed: ReadonlyMap<string, Variant>,
  ): { readonly error: unknown } | undefined {
    try {
      this.#options.send(changed, names.filter((name) => !changed.has(name)));
      return undefined;
    } catch (error) {
      return isA(error, ConnectionClosedError) ? undefined : { error };
    }
  }

  #report(member: string, error: unknown): void {
    reportHandlerError({ error, interface: this.#members.name, member, call: undefined });
  }
}
