// The changes of an object's properties, announced to all who listen: in order, and each with its value if that can be
// had and sent. One that cannot does not keep back the others. It knows no messages.
// Specification: org.freedesktop.DBus.Properties (PropertiesChanged); EmitsChangedSignal.
import { ConnectionClosedError } from '../connection/errors.js';
import type { CallContext } from '../interface/definition.js';
import type { Variant } from '../wire/variant.js';
import { type ExportedInterface, isPromiseLike } from './exported-interface.js';
import { isA, reportHandlerError } from './handler-errors.js';
import { unsendable } from './properties.js';

/** Sends one PropertiesChanged; throws where a value does not fit its type. */
export type SendChanges = (changed: ReadonlyMap<string, Variant>, invalidated: readonly string[]) => void;

/** Who announces the changes of an interface, for each that is exported. */
export type ExportedPropertyChanges = Pick<WeakMap<ExportedInterface, PropertyChanges>, 'get'>;

/** How changes of one interface of one object are announced. */
export interface PropertyChangesParts {
  readonly exported: ExportedInterface;
  readonly send: SendChanges;
  /** What the `get` of a property is told when nobody has called. */
  readonly contextFor: (name: string) => CallContext;
}

/** The changes of one announcement. */
interface Changes {
  /** By name, in order; `WITHOUT_VALUE` for those that are announced without one, or whose value is still to come. */
  readonly values: Map<string, unknown>;
  /** The values that come later; no promise rejects. */
  readonly later: readonly (readonly [name: string, value: Promise<unknown>])[];
}

/** What a change has for a value where none is announced; undefined is a value, though one that fits no type. */
const WITHOUT_VALUE = Symbol('without value');

/** Announces changed properties in order: while values are still being read, later changes wait and are gathered. */
export class PropertyChanges {
  readonly #parts: PropertyChangesParts;
  readonly #waiting = new Set<string>();
  #running: Promise<void> | undefined;

  constructor(parts: PropertyChangesParts) {
    this.#parts = parts;
  }

  /**
   * Announces changes: with the value, or where the definition says so or the value cannot be had, without it.
   * It throws nothing; a promise, where a value comes later, resolves after the signal is sent.
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
    const { exported, contextFor } = this.#parts;
    const values = new Map<string, unknown>();
    const later: [string, Promise<unknown>][] = [];
    for (const name of names) {
      const property = exported.properties.get(name);
      if (property === undefined || property.emitsChanged === 'const' || property.emitsChanged === 'false') continue;
      const { get, emitsChanged } = property;
      values.set(name, WITHOUT_VALUE);
      if (get === undefined || emitsChanged === 'invalidates') continue;
      try {
        const value = get(contextFor(name));
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
    const { exported } = this.#parts;
    const changed = new Map<string, Variant>();
    for (const [name, value] of values) {
      const { type } = exported.properties.get(name)!; // only properties are read
      if (value !== WITHOUT_VALUE) changed.set(name, { signature: type, value } as Variant);
    }
    const names = [...values.keys()];
    if (this.#attempt(names, changed) === undefined) return;
    // A change is announced even where its value does not fit: whoever caches it must know that it is stale.
    for (const [name, error] of unsendable(changed)) {
      this.#report(name, error);
      changed.delete(name);
    }
    const failure = this.#attempt(names, changed);
    if (failure === undefined) return;
    this.#report([...changed.keys()].join(', '), failure.error); // each fits, and all together do not
    changed.clear();
    const last = this.#attempt(names, changed);
    if (last !== undefined) this.#report(names.join(', '), last.error);
  }

  /** Sends changes, those without a value as invalidated; returns why that cannot be. */
  #attempt(
    names: readonly string[],
    changed: ReadonlyMap<string, Variant>,
  ): { readonly error: unknown } | undefined {
    try {
      this.#parts.send(changed, names.filter((name) => !changed.has(name)));
      return undefined;
    } catch (error) {
      return isA(error, ConnectionClosedError) ? undefined : { error };
    }
  }

  #report(names: string, error: unknown): void {
    reportHandlerError({ error, what: `${this.#parts.exported.name}.${names}`, call: undefined });
  }
}
