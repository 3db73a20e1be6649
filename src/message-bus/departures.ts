// The end of a client: its rules go first, then its names, the newest first, then its open calls. A client that becomes
// a monitor also loses its names here. intake.ts and delivery.ts decide which client must end. Specification: Message
// Bus Names. Tests: test/interop/bus-rules.test.ts.
import type { BusCore } from './bus-core.js';
import type { Client } from './client.js';
import { dropRules } from './client-rules.js';
import { ProtocolViolation } from './errors.js';
import { announce } from './name-changes.js';

/** Ends a client and destroys its transport. Nothing happens if the client is gone already. */
export function disconnect(core: BusCore, client: Client, cause?: Error): void {
  if (client.state === 'gone') return;
  client.state = 'gone'; // from now on nothing is sent to it
  core.connected.delete(client);
  dropRules(core, client);
  releaseNames(core, client);
  core.replies.leave(client);
  client.transport.destroy(cause);
}

/** Disconnects the clients that do not read. The signals about their ends can exceed the limits of other clients. */
export function disconnectSlow(core: BusCore): void {
  for (let clients = core.delivery.takeOverflowing(); clients.length > 0;) {
    for (const client of clients) disconnect(core, client, ProtocolViolation.notReading());
    clients = core.delivery.takeOverflowing();
  }
}

/** Removes all names of a client that has left: the newest first, the unique name last. */
function releaseNames(core: BusCore, client: Client): void {
  for (const { name } of [...client.places].reverse()) releaseName(core, client, name);
  releaseUniqueName(core, client);
}

/** Removes all names of a client that becomes a monitor: the unique name first, then the others, the oldest first. */
export function surrenderNames(core: BusCore, client: Client): void {
  releaseUniqueName(core, client);
  for (const { name } of [...client.places]) releaseName(core, client, name);
}

function releaseName(core: BusCore, client: Client, name: string): void {
  const { change } = core.names.release(name, client);
  if (change !== undefined) announce(core, change);
}

function releaseUniqueName(core: BusCore, client: Client): void {
  if (core.clients.get(client.uniqueName) !== client) return; // it has none
  announce(core, { name: client.uniqueName, from: client, to: undefined });
  core.unregister(client);
}
