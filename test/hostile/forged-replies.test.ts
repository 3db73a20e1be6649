// Replies cannot be guessed: on a bus with the policy of session buses any program can send a reply to any other, with
// any serial. A client in a process of its own believes none that its callee did not send.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Bus } from '../../src/connection/bus.js';
import { connectToBus } from '../../src/connection/open-bus.js';
import { errorReply, type MethodCall, methodReturn } from '../../src/wire/messages/message.js';
import { extent } from '../support/extent.js';
import { type PrivateBus, startPrivateBus } from '../support/private-bus.js';
import { describeWith } from '../support/programs.js';
import { until } from '../support/waiting.js';
import { seededRandom } from './seeded.js';
import { startVictim, type Victim } from './victim.js';

const SERVICE = 'com.example.Victim';
const TRAP = 'com.example.Trap';
const GUESSES = extent(300, 2_000);

describeWith('dbus-daemon')('a reply from a program that was not called', () => {
  let daemon: PrivateBus;
  let service: Bus;
  let attacker: Bus;
  let client: Victim;
  const calls: MethodCall[] = []; // to the service, not yet answered
  const seen: MethodCall[] = []; // to the attacker
  beforeAll(async () => {
    daemon = await startPrivateBus();
    [service, attacker, client] = await Promise.all([
      connectToBus(daemon.address), connectToBus(daemon.address), startVictim('client', { bus: daemon.address }),
    ]);
    service.handleMethodCalls((call) => void calls.push(call));
    attacker.handleMethodCalls((call) => {
      seen.push(call);
      attacker.send(methodReturn(call, { signature: 's', body: ['trap'] }));
    });
    await Promise.all([service.requestName(SERVICE), attacker.requestName(TRAP)]);
  });
  afterAll(async () => {
    await Promise.all([service.close(), attacker.close(), client[Symbol.asyncDispose]()]);
    await daemon.stop();
  });

  const echo = { member: 'Echo', signature: 's', body: [''] };
  const nextCall = async (): Promise<MethodCall> => {
    await until(() => calls.length > 0, 'the service is called');
    return calls.shift()!; // there is one
  };

  test('is dropped if its serial is guessed from earlier serials', async () => {
    const random = seededRandom();
    expect(await client.ask('many', 50, { ...echo, destination: TRAP })).toEqual({ reply: 50 });
    const serials = seen.map(({ serial }) => serial);
    await client.ask('begin', 'call', echo);
    const call = await nextCall();
    const last = serials.at(-1)!;
    const step = (last - serials.at(-2)!) >>> 0;
    const wrong = Array.from({ length: GUESSES }, (_, i) => [
      i + 1, last + i + 1, last - i, last + step * (i + 1), random.pick(serials) + i, random.uint32(),
    ]).flat().map((serial) => serial >>> 0).filter((serial) => serial !== 0);
    expect(wrong).not.toContain(call.serial);
    const forged = { serial: 1, sender: client.uniqueName, flags: 0 };
    wrong.forEach((replySerial, i) => {
      const parts = { ...forged, serial: replySerial };
      attacker.send(i % 2 === 0 ? methodReturn(parts, { signature: 's', body: ['forged'] })
        : errorReply(parts, { errorName: 'com.example.Forged', message: 'forged' }));
    });
    await attacker.listNames(); // the bus has handled all of them
    service.send(methodReturn(call, { signature: 's', body: ['true'] }));
    expect(await client.ask('end', 'call')).toEqual({ body: ['true'] });
    expect((await client.report()).dropped).toEqual({ 'unexpected reply': wrong.length });
  });

  test('is ignored even if its serial is right, if the call was to a unique name', async () => {
    await client.ask('begin', 'call', { ...echo, destination: service.uniqueName });
    const call = await nextCall();
    attacker.send(methodReturn(call, { signature: 's', body: ['forged'] }));
    await attacker.listNames();
    service.send(methodReturn(call, { signature: 's', body: ['true'] }));
    expect(await client.ask('end', 'call')).toEqual({ body: ['true'] });
    await client.survives();
  });
});
