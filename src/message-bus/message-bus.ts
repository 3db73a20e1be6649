// A message bus: it gets authenticated transports, and serves them as clients until it is closed. It does not open
// sockets (start.ts), and does not read messages (intake.ts). Specification: Message Bus Specification.
// Tests: start.test.ts.
import type { Transport } from '../transport/transport.js';
import { startTimer } from '../transport/waiting.js';
import type { Activator } from './activator.js';
import { BusCore } from './bus-core.js';
import { Client, type ClientPolicy } from './client.js';
import { disconnect } from './departures.js';
import { Driver } from './driver/driver.js';
import type { Identity } from './identity.js';
import { Intake } from './intake.js';
import { type BusLimits, withDefaults } from './limits.js';
import { Router } from './router.js';

/** How a bus is made. */
export interface MessageBusOptions {
  readonly limits?: BusLimits | undefined;
  /** Makes the activator for the state of this bus. Default: one that starts no services. */
  readonly activator?: ((core: BusCore) => Activator) | undefined;
  /** The policy for a client; undefined if it may do everything. Default: every client may. */
  readonly policyFor?: ((identity: Identity) => ClientPolicy | undefined) | undefined;
  /** Further names for the property Features. */
  readonly features?: readonly string[] | undefined;
}

/** Longest time for the last bytes to clients when a bus is closed, in milliseconds. */
const MAX_LINGER = 1_000;

/** A message bus without sockets. */
export class MessageBus {
  readonly #core: BusCore;
  readonly #intake: Intake;
  readonly #policyFor: (identity: Identity) => ClientPolicy | undefined;
  /** The clients whose transports have not ended, and the ends. */
  readonly #open = new Map<Client, Promise<void>>();

  constructor({ limits, activator, policyFor, features }: MessageBusOptions = {}) {
    this.#core = new BusCore(withDefaults(limits), features);
    this.#policyFor = policyFor ?? (() => undefined);
    if (activator !== undefined) this.#core.activator = activator(this.#core);
    const router = new Router(this.#core, new Driver(this.#core));
    this.#intake = new Intake(this.#core, (client, header, frame) => router.route(client, header, frame));
  }

  /** The state, for the parts of the bus. */
  get core(): BusCore {
    return this.#core;
  }

  /** Adds a client whose handshake is complete. The first message that it sends must be Hello. */
  accept(transport: Transport, identity: Identity): void {
    const client = new Client(transport, identity, this.#policyFor(identity));
    this.#core.connected.add(client);
    const { receive, relieved } = this.#intake.open(client);
    const ended = new Promise<void>((resolve) => {
      transport.start({
        receive,
        relieved,
        end: () => {
          this.#open.delete(client);
          this.#intake.close(client);
          disconnect(this.#core, client);
          resolve();
        },
      });
    });
    this.#open.set(client, ended);
  }

  /**
   * Disconnects all clients, and waits for the ends of their transports. Waiting bytes are sent if the client reads
   * them within a second.
   */
  async close(): Promise<void> {
    const clients = [...this.#open.keys()];
    const ends = Promise.all(this.#open.values());
    for (const { transport } of clients) transport.end();
    const timer = startTimer(MAX_LINGER, () => {
      for (const { transport } of clients) transport.destroy();
    });
    await ends;
    clearTimeout(timer);
    this.#core.activator.close();
  }
}
