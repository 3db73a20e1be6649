// The end of a client: its rules go first, then its names, then its open calls. router.ts and message-bus.ts decide
// when a client ends. Specification: Message Bus Names; NoReply in Message Types (ERROR).
// Tests: test/interop/bus-rules.test.ts.
import { ErrorName } from '../protocol/error-names.js';
import { errorReply } from '../wire/messages/message.js';
import type { BusCore } from './bus-core.js';
import type { Client } from './client.js';
import { dropRules } from './client-rules.js';
import { releaseNames } from './name-changes.js';

/** The text of NoReply, as in the reference implementation. */
const NO_REPLY = 'Message recipient disconnected from message bus without replying';

/** Ends a client and cuts its transport. Nothing happens if the client is gone already. */
export function disconnect(core: BusCore, client: Client, cause?: Error): void {
  if (client.state === 'gone') return;
  client.state = 'gone'; // from now on nothing is sent to it
  core.connected.delete(client);
  dropRules(core, client);
  releaseNames(core, client);
  dropCalls(core, client);
  client.transport.destroy(cause);
}

/** Forgets the open calls of a client, and answers the open calls to it. */
export function dropCalls(core: BusCore, client: Client): void {
  core.replies.forgetCaller(client);
  for (const { caller, serial } of core.replies.forgetCallee(client)) {
    const reply = errorReply({ serial, sender: undefined }, { errorName: ErrorName.NO_REPLY, message: NO_REPLY });
    core.delivery.fromBus(reply, caller);
  }
}
