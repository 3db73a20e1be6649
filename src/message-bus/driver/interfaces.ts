// The interfaces of the bus's own object, as definitions, and the paths at which each interface and method answers.
// Data only: driver.ts compares the path of a call, the other files of this folder have the methods.
// Specification: Message Bus Messages, Standard Interfaces. Tests: test/interop/bus-rules.test.ts.
import { defineInterface } from '../../interface/define.js';
import type { InterfaceDefinition } from '../../interface/definition.js';
import { DBusDaemon, Introspectable, Peer, Properties } from '../../interface/standard.js';

/** The path at which every interface of the bus answers; elsewhere only some do. */
export const CANONICAL_PATH = '/org/freedesktop/DBus';

/** A method of the reference implementation that the specification does not have. */
const ReloadConfig = defineInterface({ name: 'org.freedesktop.DBus', methods: { ReloadConfig: {} } });

/** The methods, properties and signals of org.freedesktop.DBus. */
export const BusInterface: InterfaceDefinition = {
  ...DBusDaemon,
  methods: { ...DBusDaemon.methods, ...ReloadConfig.methods },
};

/** Lets a program see all messages. ‹org.freedesktop.DBus.Monitoring› */
export const Monitoring = defineInterface({
  name: 'org.freedesktop.DBus.Monitoring',
  methods: { BecomeMonitor: { in: 'asu', inNames: ['rules', 'flags'] } },
});

/** Counts for tests and debugging, as the reference implementation has them. (Not in the specification.) */
export const DebugStats = defineInterface({
  name: 'org.freedesktop.DBus.Debug.Stats',
  methods: {
    GetStats: { out: 'a{sv}', outNames: ['statistics'] },
    GetConnectionStats: { in: 's', out: 'a{sv}', inNames: ['name'], outNames: ['statistics'] },
    GetAllMatchRules: { out: 'a{sas}', outNames: ['rules'] },
  },
});

/** An interface of the bus. */
export interface DriverInterface {
  readonly definition: InterfaceDefinition;
  /** Whether it answers at every path. If not, it is known at the canonical path only. */
  readonly isAnywhere: boolean;
  /** Its methods that answer at the canonical path only. At another path, the caller gets AccessDenied. */
  readonly canonicalOnly?: readonly string[];
}

/** All interfaces of the bus, in the order in which a call without an interface looks for its method. */
export const DRIVER_INTERFACES: readonly DriverInterface[] = [
  { definition: BusInterface, isAnywhere: true, canonicalOnly: ['UpdateActivationEnvironment'] },
  { definition: Properties, isAnywhere: false },
  { definition: Introspectable, isAnywhere: true },
  { definition: Monitoring, isAnywhere: false }, // BecomeMonitor
  { definition: DebugStats, isAnywhere: false },
  { definition: Peer, isAnywhere: true },
];
