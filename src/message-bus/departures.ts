// The end of a client: its rules go first, then its names, then its open calls. router.ts and message-bus.ts decide
// when a client ends. Specification: Message Bus Names. Tests: test/interop/bus-rules.test.ts.
import type { BusCore } from './bus-core.js';
import type { Client } from './client.js';
import { dropRules } from './client-rules.js';
import { releaseNames } from './name-changes.js';

/** Ends a client and cuts its transport. Nothing happens if the client is gone already. */
export function disconnect(core: BusCore, client: Client, cause?: Error): void {
  if (client.state === 'gone') return;
  client.state = 'gone'; // from now on nothing is sent to it
  core.connected.delete(client);
  dropRules(core, client);
  releaseNames(core, client);
  core.replies.leave(client);
  client.transport.destroy(cause);
}
