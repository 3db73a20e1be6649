// Announces changes of owner, in the order of the reference implementation: NameLost to the old owner, NameOwnerChanged
// to all with a rule, NameAcquired to the new owner, then the messages that waited for the name. names.ts decides who
// owns a name. Specification: NameOwnerChanged, NameLost, NameAcquired. Tests: test/interop/bus-rules.test.ts.
import { BUS_OBJECT } from '../protocol/bus.js';
import { signal } from '../wire/messages/message.js';
import type { BusCore } from './bus-core.js';
import type { Client } from './client.js';
import type { OwnerChange } from './names.js';

const { path, interface: interfaceName } = BUS_OBJECT;

/**
 * Announces a change of the owner of a well-known or a unique name. Monitors see NameLost even of a client that is
 * gone.
 */
export function announce(core: BusCore, { name, from, to }: OwnerChange<Client>): void {
  const { delivery } = core;
  if (from !== undefined) {
    const lost = signal({ path, interface: interfaceName, member: 'NameLost', signature: 's', body: [name] });
    delivery.fromBus(lost, from);
  }
  const body = [name, from?.uniqueName ?? '', to?.uniqueName ?? ''] as const;
  const member = 'NameOwnerChanged';
  delivery.broadcastFromBus(signal({ path, interface: interfaceName, member, signature: 'sss', body }));
  if (to === undefined) return;
  const acquired = signal({ path, interface: interfaceName, member: 'NameAcquired', signature: 's', body: [name] });
  delivery.fromBus(acquired, to);
  core.activator.nameTaken(name);
}

/** Removes all names of a client that has left: the newest first, the unique name last. */
export function releaseNames(core: BusCore, client: Client): void {
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
