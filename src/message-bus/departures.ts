// The end of a client: its rules go first, then its names, then its open calls. intake.ts and delivery.ts decide which
// client must end. Specification: Message Bus Names. Tests: test/interop/bus-rules.test.ts.
import type { BusCore } from './bus-core.js';
import type { Client } from './client.js';
import { dropRules } from './client-rules.js';
import { ProtocolViolation } from './errors.js';
import { releaseNames } from './name-changes.js';

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
