// Our own message bus for one test file, in the process of the tests, as private-bus.ts starts a dbus-daemon. Foreign
// programs reach it through its socket.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { BusLimits } from '../../src/message-bus/limits.js';
import { startBusWith } from '../../src/message-bus/start.js';
import { environmentOf, type PrivateBus, type PrivateBusOptions } from './private-bus.js';
import { scratchDirectory } from './reaper.js';

/** `max_match_rules_per_connection` is the limit `maxMatchRulesPerConnection`. */
function limitsOf(limits: PrivateBusOptions['limits'] = {}): BusLimits {
  const named = Object.entries(limits).map(([name, value]) => [
    name.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase()), value,
  ]);
  return Object.fromEntries(named) as BusLimits; // the bus refuses other names
}

/** Rules like `<deny own="com.example.Taken"/>`. */
function denied(policy = ''): readonly string[] {
  return [...policy.matchAll(/<deny own="([^"]*)"\/>/g)].map(([, name = '']) => name);
}

/** Starts a private message bus of our own. Its process is that of the tests: signals for it have no effect. */
export async function startPrivateMessageBus({ limits, policy }: PrivateBusOptions = {}): Promise<PrivateBus> {
  const directory = scratchDirectory();
  const socketPath = join(directory, 'bus');
  const names = denied(policy);
  const clientPolicy = { mayOwn: (name: string) => !names.includes(name), maySend: () => true, mayReceive: () => true };
  const options = { address: `unix:path=${socketPath}`, limits: limitsOf(limits) };
  const launch = () => startBusWith(options, { policyFor: () => (names.length === 0 ? undefined : clientPolicy) });
  let bus = await launch();
  const [address = '', guid = ''] = bus.address.split(',guid=');
  const restart = async (): Promise<void> => {
    await bus.close();
    bus = await launch();
  };
  const stop = async (): Promise<void> => {
    await bus.close();
    rmSync(directory, { recursive: true, force: true });
  };
  const env = environmentOf(address);
  return { address, guid, socketPath, directory, pid: process.pid, env, restart, stop, [Symbol.asyncDispose]: stop };
}
