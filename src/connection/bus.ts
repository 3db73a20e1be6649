// A connection to a message bus: the methods of the bus itself, and access to the names, match rules and watches
// that wishes.ts keeps. It knows no objects and no exports. Tests: bus.test.ts.
// Specification: Message Bus Specification.
import type { NameReleaseResult, NameRequestResult } from '../protocol/bus.js';
import type { ConnectionCredentials } from '../protocol/credentials.js';
import { argumentError } from '../wire/arguments.js';
import type { NameOptions } from './name-requests.js';
import {
  askAboutName, askBus, credentialsOf, listOfBus, startServiceByName, type StartResult,
} from './bus-queries.js';
import type { WaitOptions } from './call-options.js';
import { Connection } from './connection.js';
import type { ConnectionChangeListener, ConnectionState } from './gap.js';
import type { GreetedBus } from './hello.js';
import type { LinkCore } from './link-core.js';
import type { OwnerListener, OwnerWatch } from './name-owners.js';
import { namespaceOf } from './namespace-owners.js';
import type { Reconnection } from './reconnection.js';
import { type OwnerWaitOptions, waitForOwner } from './wait-for-owner.js';
import type { Wishes } from './wishes.js';

/**
 * A connection to a message bus, under a unique name. `Typed` says whether arrays of numbers arrive as typed arrays; a
 * bus that is opened without the option `typedArrays` is a `Bus<false>`, or `Bus` for short.
 */
export class Bus<Typed extends boolean = false> extends Connection<Typed> {
  readonly #firstName: string;
  readonly #core: LinkCore;
  readonly #wishes: Wishes;
  readonly #reconnection: Reconnection | undefined;

  /** For {@link connectToBus}. Without a reconnection, the bus ends with its connection. */
  constructor({ typedArrays, limits, uniqueName, core, wishes }: GreetedBus<Typed>, reconnection?: Reconnection) {
    super({ typedArrays, limits, core, subscriptions: wishes.subscriptions });
    this.#firstName = uniqueName;
    this.#reconnection = reconnection;
    this.#core = core;
    this.#wishes = wishes;
  }

  /**
   * The name that the bus has given this connection, such as `:1.42`. It changes when the connection is restored; until
   * then it is the name on the connection that has ended.
   */
  get uniqueName(): string {
    return this.#reconnection?.uniqueName ?? this.#firstName;
  }

  /** Whether the connection is open, is being restored, or has ended. */
  get state(): ConnectionState {
    return this.#core.state;
  }

  /**
   * Requests a well-known name. Export objects first, so that they are there for a client that sees the name.
   * @throws {NameRequestError} if another connection owns the name, and this one neither replaces it nor queues
   * @throws {InvalidNameError} if `name` is not a well-known bus name
   * @throws {DBusError} if the bus refuses, and the other errors of {@link Bus.call}
   */
  async requestName(name: string, options: NameOptions = {}): Promise<NameRequestResult> {
    return this.#wishes.names.request(name, options);
  }

  /**
   * Releases a name, or leaves the queue for it.
   * @throws {InvalidNameError} if `name` is not a well-known bus name
   * @throws {DBusError} if the bus refuses, and the other errors of {@link Bus.call}
   */
  async releaseName(name: string, options: WaitOptions = {}): Promise<NameReleaseResult> {
    return this.#wishes.names.release(name, options);
  }

  /**
   * The unique name of the connection that owns a name at present; undefined if the name has no owner.
   * @throws {InvalidNameError} if `name` is not a bus name
   * @throws {DBusError} if the bus refuses, and the other errors of {@link Bus.call}
   */
  async getNameOwner(name: string, options?: WaitOptions): Promise<string | undefined> {
    return askAboutName(this, 'getNameOwner', name, options);
  }

  /**
   * All names on the bus, unique and well-known.
   * @throws {DBusError} if the bus refuses, and the other errors of {@link Bus.call}
   */
  async listNames(options?: WaitOptions): Promise<string[]> {
    return askBus(this, 'listNames', options);
  }

  /**
   * Whether a name has an owner at present.
   * @throws {InvalidNameError} if `name` is not a bus name
   * @throws {DBusError} if the bus refuses, and the other errors of {@link Bus.call}
   */
  async nameHasOwner(name: string, options?: WaitOptions): Promise<boolean> {
    return (await askAboutName(this, 'nameHasOwner', name, options)) ?? false;
  }

  /**
   * The unique names of the owner of a name, first, and of the connections that wait for it, in their order. Empty if
   * the name has no owner. ‹org.freedesktop.DBus.ListQueuedOwners›
   * @throws {InvalidNameError} if `name` is not a bus name
   * @throws {DBusError} if the bus refuses, and the other errors of {@link Bus.call}
   */
  async listQueuedOwners(name: string, options?: WaitOptions): Promise<readonly string[]> {
    return (await askAboutName(this, 'listQueuedOwners', name, options)) ?? [];
  }

  /**
   * All names whose services the bus can start, and the name of the bus itself.
   * @throws {DBusError} if the bus refuses, and the other errors of {@link Bus.call}
   */
  async listActivatableNames(options?: WaitOptions): Promise<readonly string[]> {
    return askBus(this, 'listActivatableNames', options);
  }

  /**
   * Starts the service that the bus knows for a name, unless it runs already. Resolves when the service owns the name,
   * which can take longer than the timeout of other calls. A call to the name starts its service too.
   * @throws {InvalidNameError} if `name` is not a bus name
   * @throws {DBusError} `ServiceUnknown` if the bus knows no service of that name, `Spawn.…` if it cannot be started;
   *   and the other errors of {@link Bus.call} ‹org.freedesktop.DBus.StartServiceByName›
   */
  async startServiceByName(name: string, options?: WaitOptions): Promise<StartResult> {
    return startServiceByName(this, name, options);
  }

  /**
   * The credentials of the program that owns a name, as far as the bus knows them; undefined if the name has no owner.
   * ‹org.freedesktop.DBus.GetConnectionCredentials›
   * @throws {InvalidNameError} if `name` is not a bus name
   * @throws {DBusError} if the bus refuses, and the other errors of {@link Bus.call}
   */
  async getConnectionCredentials(name: string, options?: WaitOptions): Promise<ConnectionCredentials | undefined> {
    const all = await askAboutName(this, 'getConnectionCredentials', name, options);
    return all === undefined ? undefined : credentialsOf(all);
  }

  /**
   * The numeric user id of the owner of a name; undefined if the name has no owner, or if the bus does not know the id.
   * ‹org.freedesktop.DBus.GetConnectionUnixUser›
   * @throws {InvalidNameError} if `name` is not a bus name
   * @throws {DBusError} if the bus refuses, and the other errors of {@link Bus.call}
   */
  async getConnectionUnixUser(name: string, options?: WaitOptions): Promise<number | undefined> {
    return askAboutName(this, 'getConnectionUnixUser', name, options);
  }

  /**
   * The process id of the owner of a name; undefined if the name has no owner, or if the bus does not know the id.
   * ‹org.freedesktop.DBus.GetConnectionUnixProcessID›
   * @throws {InvalidNameError} if `name` is not a bus name
   * @throws {DBusError} if the bus refuses, and the other errors of {@link Bus.call}
   */
  async getConnectionUnixProcessId(name: string, options?: WaitOptions): Promise<number | undefined> {
    return askAboutName(this, 'getConnectionUnixProcessId', name, options);
  }

  /**
   * The id of the bus, 32 hex digits: the same for all addresses of the bus, unlike {@link Bus.guid}, and another one
   * after a restart. ‹org.freedesktop.DBus.GetId›
   * @throws {DBusError} if the bus refuses, and the other errors of {@link Bus.call}
   */
  async getId(options?: WaitOptions): Promise<string> {
    return askBus(this, 'getId', options);
  }

  /**
   * The optional features of the bus, such as `HeaderFiltering`; empty if the bus is older than the property.
   * ‹org.freedesktop.DBus, Features›
   * @throws {UnexpectedSignatureError} if the property is not a list of texts
   * @throws {DBusError} if the bus refuses, and the other errors of {@link Bus.call}
   */
  async listFeatures(options?: WaitOptions): Promise<readonly string[]> {
    return listOfBus(this, 'Features', options);
  }

  /**
   * The interfaces of the bus besides `org.freedesktop.DBus` and the standard ones, such as
   * `org.freedesktop.DBus.Monitoring`; empty if the bus is older than the property. ‹org.freedesktop.DBus, Interfaces›
   * @throws {UnexpectedSignatureError} if the property is not a list of texts
   * @throws {DBusError} if the bus refuses, and the other errors of {@link Bus.call}
   */
  async listInterfaces(options?: WaitOptions): Promise<readonly string[]> {
    return listOfBus(this, 'Interfaces', options);
  }

  /**
   * Watches the owner of a name, or of all names below a prefix: `org.mpris.MediaPlayer2.*`. `listener` is called with
   * the present owner of each name that has one, and then for each change, never before this function returns. An
   * exception of the listener becomes an uncaught exception of the process; other listeners are still called.
   * @throws {InvalidNameError} if `name` is neither a bus name nor a prefix of well-known names
   * @throws {ArgumentError} if `listener` is not a function
   */
  watchOwner(name: string, listener: OwnerListener): OwnerWatch {
    const prefix = namespaceOf(name);
    if (typeof listener !== 'function') {
      throw argumentError('watchOwner', 'the listener must be a function', listener);
    }
    return prefix === undefined
      ? this.#wishes.owners.watch(name, listener)
      : this.#wishes.namespaces.watch(prefix, listener);
  }

  /**
   * Resolves with the unique name of the owner of a name as soon as there is one. It does not start a service.
   * @throws {InvalidNameError} if `name` is not a bus name
   * @throws {OwnerTimeoutError} if there is no owner within `timeout`; if `signal` aborts, its reason is thrown
   * @throws {ConnectionClosedError} if the connection ends; for a unique name, even if the connection is restored,
   *   because the next bus can give the name to another program
   * @throws {DBusError} if the bus refuses the match rule
   */
  async waitForOwner(name: string, options?: OwnerWaitOptions): Promise<string> {
    const { closedSignal } = this;
    const watch = this.#wishes.owners.watch.bind(this.#wishes.owners);
    return waitForOwner({ closedSignal, watch }, name, options);
  }

  /**
   * Calls `listener` when the connection is lost, when an attempt to restore it fails, and when it is restored; returns
   * the function that ends this. Without the option `reconnect` it is never called. Without a listener, each name and
   * match rule that could not be restored causes a process warning.
   * @throws {ArgumentError} if `listener` is not a function
   */
  watchConnection(listener: ConnectionChangeListener): () => void {
    if (typeof listener !== 'function') {
      throw argumentError('watchConnection', 'the listener must be a function', listener);
    }
    return this.#reconnection?.watch(listener) ?? (() => {});
  }
}
