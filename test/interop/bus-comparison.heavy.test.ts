// Random conversations on dbus-daemon and on our own bus: clients that come and go, ask for names and rules, send
// signals, call, answer, and watch as monitors. Each client must get the same messages in the same order from both.
// The seed of a run that fails is printed. Specification: Message Bus Specification.

import { expect, onTestFinished, test } from 'vitest';
import { errorReply, methodReturn } from '../../src/wire/index.js';
import type { Random } from '../fuzz/random.js';
import { seededRandom } from '../hostile/seeded.js';
import { startPrivateBus } from '../support/private-bus.js';
import { startPrivateMessageBus } from '../support/private-message-bus.js';
import { describeWith } from '../support/programs.js';
import { callTo, RawClient, signalOf } from '../support/raw-client.js';

const NAMES = ['com.example.A', 'com.example.B', 'com.example.A.C'] as const;
const TEXTS = ['com.example.A', 'com.example', '/a/b', '/a/', 'x'] as const;
const PATHS = ['/', '/com/example', '/com/example/Thing'] as const;
const MONITORING = { interface: 'org.freedesktop.DBus.Monitoring' } as const;

/** Rules; `%u` is the unique name of some client. */
const RULES = [
  "type='signal'", "sender='org.freedesktop.DBus'", "member='Changed'", "sender='com.example.A'", "sender='%u'",
  "arg0='x'", "arg0namespace='com.example'", "arg0path='/a/'", "path='/com/example'", "path_namespace='/com'",
  "destination='%u',eavesdrop='true'", "type='method_call'",
  "eavesdrop='true',member='Do'", "type='error',eavesdrop='true'", "interface='com.example.Thing1',arg1='y'",
  "eavesdrop='true',sender='com.example.B'", "member='NameOwnerChanged',arg0='com.example.A'", '',
] as const;

/** One step, which does the same on both buses. */
type Step = (clients: (RawClient | undefined)[]) => Promise<void> | void;

const CLIENTS = 5;
const STEPS = 150;

/** What a client got, without the answers to what needs none: dbus-daemon sends errors even for those. */
function seenBy({ log, uniqueName }: RawClient, silent: ReadonlySet<number>, control: string): string[] {
  return log
    .filter(({ sender, destination }) => sender !== control && destination !== control)
    // How much a client that becomes a monitor sees of the end of its own names depends on dbus-daemon's transactions.
    .filter(({ member, body }) => member !== 'NameOwnerChanged' || body[1] !== uniqueName)
    .filter(({ member, destination }) => member !== 'NameAcquired' || destination === uniqueName)
    .filter(({ type, member, signature }) => member !== 'Ping' && member !== 'End' && (type !== 'method_return' || signature !== '')) // sync()
    .filter(({ type, replySerial }) => type !== 'error' || !silent.has(replySerial ?? 0))
    .map(({ type, path, interface: name, member, errorName, sender, destination, replySerial, flags, body }) =>
      JSON.stringify([type, sender, destination, path, name, member, errorName, replySerial, flags, body]));
}

/** A step by chance. `silent` collects the serials of messages to which the buses may answer differently. */
function chooseStep(random: Random, state: { monitors: Set<number>; silent: Set<number>; serial: number }): Step {
  const which = random.below(CLIENTS);
  const other = random.below(CLIENTS);
  const name = random.pick(NAMES);
  const flags = random.below(8);
  const rule = random.pick(RULES);
  const text = random.pick(TEXTS);
  const path = random.pick(PATHS);
  const kind = random.below(14);
  const isUnique = random.chance(0.5);
  const serial = ++state.serial;
  const isAnError = random.chance(0.3);
  if (state.monitors.has(which) && kind !== 0) return () => {};
  const withClient = (run: (client: RawClient, clients: readonly (RawClient | undefined)[]) => unknown): Step =>
    async (clients) => {
      const client = clients[which];
      if (client !== undefined) await run(client, clients);
    };
  const target = (clients: readonly (RawClient | undefined)[]): string =>
    isUnique ? (clients[other]?.uniqueName ?? ':1.99999') : name;
  const ruleFor = (clients: readonly (RawClient | undefined)[]): string =>
    rule.replace('%u', clients[other]?.uniqueName ?? ':1.99999');
  switch (kind) {
    case 0:
      state.monitors.delete(which);
      return withClient((client) => client[Symbol.asyncDispose]());
    case 1:
    case 2:
      return withClient((client) => client.ask('RequestName', 'su', [name, flags]));
    case 3:
      return withClient((client) => client.ask('ReleaseName', 's', [name]));
    case 4:
    case 5:
      return withClient((client, clients) => client.ask('AddMatch', 's', [ruleFor(clients)]));
    case 6:
      return withClient((client, clients) => client.ask('RemoveMatch', 's', [ruleFor(clients)]));
    case 7:
      return withClient((client) => client.send(signalOf('Changed', { path, signature: 'ss', body: [text, 'y'] }), serial));
    case 8:
      state.silent.add(serial);
      return withClient((client, clients) =>
        client.send(signalOf('Told', { path, destination: target(clients), signature: 'o', body: ['/a/b'] }), serial));
    case 9:
    case 10:
      if ((flags & 1) !== 0) state.silent.add(serial);
      return withClient((client, clients) => client.send(callTo(target(clients), { path, flags: flags & 3 }), serial));
    case 11:
      return withClient((client) => {
        const call = client.log.find(({ type, serial: each, flags: asked }) =>
          type === 'method_call' && (asked & 1) === 0 && !answered.has(`${client.uniqueName} ${each}`));
        if (call === undefined) return;
        answered.add(`${client.uniqueName} ${call.serial}`);
        state.silent.add(serial); // the caller may have left: dbus-daemon says so to the callee
        if (call.destination !== client.uniqueName) return; // it may have been overheard
        client.send(isAnError ? errorReply(call, { errorName: 'com.example.Error', message: text }) : methodReturn(call), serial);
      });
    case 12:
      return withClient((client) => client.ask('ListQueuedOwners', 's', [name]));
    default:
      if (!random.chance(0.2) || state.monitors.size > 2) return withClient((client) => client.ask('GetNameOwner', 's', [name]));
      state.monitors.add(which);
      return withClient((client, clients) => {
        const rules = ["member='End'", ruleFor(clients)];
        return client.ask('BecomeMonitor', 'asu', [rules, 0], MONITORING);
      });
  }
}

let answered = new Set<string>();

/** Runs a conversation; returns what each client got, in the order in which the clients came. */
async function converse(address: string, steps: readonly Step[], silent: ReadonlySet<number>): Promise<string[][]> {
  answered = new Set();
  /** Asks whether others have left; how often differs, so that its messages do not count. */
  await using control = await RawClient.registered(address);
  const clients: (RawClient | undefined)[] = Array.from({ length: CLIENTS }, () => undefined);
  const all: RawClient[] = [];
  const isMonitor = (client: RawClient): boolean =>
    client.log.some(({ member, body }) => member === 'NameLost' && body[0] === client.uniqueName);
  const present = (): RawClient[] =>
    clients.filter((each) => each !== undefined && !each.isEnded && !isMonitor(each)) as RawClient[];
  for (const step of steps) {
    for (const [index, client] of clients.entries()) {
      if (client !== undefined && !client.isEnded) continue;
      const fresh = await RawClient.open(address);
      onTestFinished(() => fresh[Symbol.asyncDispose]());
      await fresh.hello();
      clients[index] = fresh;
      all.push(fresh);
      for (const each of present()) await each.sync();
    }
    await step(clients);
    for (const { isEnded, uniqueName } of all) {
      if (!isEnded) continue;
      while ((await control.ask('NameHasOwner', 's', [uniqueName])).body[0] === true);
    }
    for (const client of present()) await client.sync();
    for (const client of present()) await client.sync(); // what the first of them caused
  }
  present()[0]?.send(signalOf('End'));
  for (const client of clients) {
    if (client !== undefined && !client.isEnded && isMonitor(client)) await client.find(({ member }) => member === 'End');
  }
  return all.map((client) => seenBy(client, silent, control.uniqueName));
}

describeWith('dbus-daemon')('a random conversation', () => {
  test.each([1, 2, 3])('is the same on dbus-daemon and on our own bus (run %i)', async () => {
    const random = seededRandom();
    const state = { monitors: new Set<number>(), silent: new Set<number>(), serial: 1_000_000 };
    const steps = Array.from({ length: STEPS }, () => chooseStep(random, state));
    await using theirs = await startPrivateBus();
    const expected = await converse(theirs.address, steps, state.silent);
    await using ours = await startPrivateMessageBus();
    const actual = await converse(ours.address, steps, state.silent);
    expect(actual.length).toBe(expected.length);
    for (const [index, messages] of actual.entries()) expect(messages, `client ${index}`).toEqual(expected[index]);
    expect(expected.flat().length).toBeGreaterThan(STEPS / 2);
  });
});

