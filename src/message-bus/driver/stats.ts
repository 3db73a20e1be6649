// The counts of the bus, under the names of the reference implementation if it has the same count.
// (Not in the specification.) Tests: test/interop/bus-rules.test.ts.
import { BUS_NAME } from '../../protocol/bus.js';
import { ErrorName } from '../../protocol/error-names.js';
import { DBusError } from '../../protocol/errors.js';
import { type Variant, variant } from '../../wire/variant.js';
import type { BusCore } from '../bus-core.js';
import { ruleText } from '../client-rules.js';
import type { DriverMethods } from './driver-call.js';

function counts(values: Readonly<Record<string, number>>): Map<string, Variant> {
  const clamp = (value: number): number => Math.min(value, 0xffff_ffff);
  return new Map(Object.entries(values).map(([key, value]) => [key, variant('u', clamp(value))]));
}

function statsOf(core: BusCore): Map<string, Variant> {
  const { clients, connected, names, delivery, peaks } = core;
  const monitors = [...connected].filter(({ state }) => state === 'monitor').length;
  return counts({
    Serial: 0,
    ActiveConnections: clients.size + monitors,
    IncompleteConnections: connected.size - clients.size - monitors,
    MatchRules: delivery.rules.size,
    PeakMatchRules: peaks.rules,
    PeakMatchRulesPerConnection: peaks.rulesOfOne,
    BusNames: clients.size + names.size,
    PeakBusNames: peaks.names,
    PeakBusNamesPerConnection: peaks.namesOfOne,
  });
}

function connectionStatsOf(core: BusCore, name: string): Map<string, Variant> {
  if (name === BUS_NAME) {
    const problem = `GetConnectionStats is not meaningful for the message bus "${name}" itself`;
    throw new DBusError(ErrorName.INVALID_ARGS, problem);
  }
  const client = core.clientOf(name);
  if (client === undefined) {
    throw new DBusError(ErrorName.NAME_HAS_NO_OWNER, `Could not get statistics of name '${name}': no such name`);
  }
  const stats = counts({
    MatchRules: client.ruleCount,
    PeakMatchRules: client.peaks.rules,
    BusNames: client.places.size + 1,
    PeakBusNames: client.peaks.names,
    IncomingBytes: client.incomingBytes,
    IncomingFDs: 0,
    PeakIncomingBytes: client.peaks.incomingBytes,
    PeakIncomingFDs: 0,
    OutgoingBytes: client.transport.queuedBytes,
    OutgoingFDs: 0,
    PeakOutgoingBytes: client.peaks.outgoingBytes,
    PeakOutgoingFDs: 0,
  });
  return stats.set('UniqueName', variant('s', client.uniqueName));
}

/** Each client's rules as often as it has added them. */
function allMatchRules(core: BusCore): Map<string, string[]> {
  const textsOf = [...core.clients].map(([name, { rules }]): [string, string[]] => [
    name,
    [...rules.values()].flatMap(({ count, broadcast }) => Array<string>(count).fill(ruleText(broadcast.rule))),
  ]);
  return new Map(textsOf);
}

/** Debug.Stats. */
export function statsMethods(core: BusCore): DriverMethods {
  return {
    GetStats: () => [statsOf(core)],
    GetConnectionStats: ({ args }) => [connectionStatsOf(core, args[0] as string)],
    GetAllMatchRules: () => [allMatchRules(core)],
  };
}
