// Announces changes of owner, in the order of the reference implementation: NameLost to the old owner, NameOwnerChanged
// to all with a rule, NameAcquired to the new owner, then the messages that waited for the name. names.ts decides which
// client owns a name, departures.ts removes the names of a client. Specification: NameOwnerChanged, NameLost,
// NameAcquired. Tests: test/interop/bus-rules.test.ts.
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
