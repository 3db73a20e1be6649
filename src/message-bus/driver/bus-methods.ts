// The methods of the bus for match rules, for services that it can start, and for itself.
// client-rules.ts keeps the rules, the activator starts services. Tests: test/interop/bus-rules.test.ts.
// Specification: Message Bus Messages.
import { BUS_NAME, BUS_OBJECT } from '../../protocol/bus.js';
import { ErrorName } from '../../protocol/error-names.js';
import { DBusError } from '../../protocol/errors.js';
import { signal } from '../../wire/messages/message.js';
import type { BusCore } from '../bus-core.js';
import { waitingOf } from '../activator.js';
import { addRule, removeRule } from '../client-rules.js';
import type { DriverCall, DriverMethods } from './driver-call.js';

/** The results of StartServiceByName. ‹org.freedesktop.DBus.StartServiceByName› */
const StartResult = { SUCCESS: 1, ALREADY_RUNNING: 2 } as const;

function startService(core: BusCore, call: DriverCall): readonly unknown[] | undefined {
  const name = call.args[0] as string;
  const { activator } = core;
  if (name !== BUS_NAME && !name.startsWith(':')) {
    if (core.hasOwner(name) && activator.names().includes(name)) return [StartResult.ALREADY_RUNNING];
    const waiting = waitingOf(call.client, {
      bytes: 0,
      deliver: () => call.reply(StartResult.SUCCESS),
      fail: (errorName, text) => call.fail(errorName, text),
    });
    if (!core.hasOwner(name) && activator.start(name, waiting)) return undefined;
  }
  throw new DBusError(ErrorName.SERVICE_UNKNOWN, `The name ${name} was not provided by any .service files`);
}

function updateEnvironment(core: BusCore, { args, client }: DriverCall): readonly unknown[] {
  if (!client.identity.isPrivileged) {
    const problem = 'Only the user of the bus and root may call UpdateActivationEnvironment';
    throw new DBusError(ErrorName.ACCESS_DENIED, problem);
  }
  core.activator.updateEnvironment(args[0] as ReadonlyMap<string, string>);
  return [];
}

function reloadConfig(core: BusCore): readonly unknown[] {
  if (core.activator.reload()) announceActivatable(core);
  return [];
}

/** Announces that other names can be started. ‹org.freedesktop.DBus.ActivatableServicesChanged› */
export function announceActivatable(core: BusCore): void {
  const { path, interface: interfaceName } = BUS_OBJECT;
  core.delivery.broadcastFromBus(signal({ path, interface: interfaceName, member: 'ActivatableServicesChanged' }));
}

/** The methods for rules, services and the bus itself. */
export function busMethods(core: BusCore): DriverMethods {
  return {
    AddMatch: ({ client, args }) => {
      addRule(core, client, args[0] as string);
      return [];
    },
    RemoveMatch: ({ client, args }) => {
      removeRule(core, client, args[0] as string);
      return [];
    },
    ListActivatableNames: () => [[BUS_NAME, ...core.activator.names()]],
    StartServiceByName: (call) => startService(core, call),
    UpdateActivationEnvironment: (call) => updateEnvironment(core, call),
    ReloadConfig: () => reloadConfig(core),
    GetId: () => [core.id],
  };
}
