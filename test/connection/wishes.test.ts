// Everything that is wanted of a bus is on record, as a new connection to it would need it: names with their flags, and
// match rules with the number of requests for each (name-requests.ts, match-requests.ts).
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { type Message, methodReturn, signal } from '../../src/wire/messages/message.js';
import { type Answer, answerAsBus, type BusLink, startBusLink, UNIQUE_NAME } from './fake-server.js';
import { BUS, deliver } from './signals.js';

const NAME = 'com.example.Service';
const [PRIMARY_OWNER, IN_QUEUE, EXISTS] = [1, 2, 3];
const [ALLOW_REPLACEMENT, REPLACE_EXISTING, DO_NOT_QUEUE] = [1, 2, 4];

let result = PRIMARY_OWNER;
const answer: Answer = (call, peer) =>
  call.member === 'RequestName' ? methodReturn(call, { signature: 'u', body: [result] })
  : call.member === 'ReleaseName' ? methodReturn(call, { signature: 'u', body: [1] })
  : answerAsBus(call, peer);

let link: BusLink;
beforeEach(async () => {
  result = PRIMARY_OWNER;
  link = await startBusLink({ answer });
  onTestFinished(() => link[Symbol.asyncDispose]());
});

const ofBus = (member: string, name: string): Message => ({
  ...signal({
    path: '/org/freedesktop/DBus', interface: BUS, member, destination: UNIQUE_NAME, signature: 's', body: [name],
  }),
  sender: BUS,
});

describe('a name', () => {
  test.each([
    [{}, DO_NOT_QUEUE],
    [{ allowReplacement: true }, ALLOW_REPLACEMENT | DO_NOT_QUEUE],
    [{ replaceExisting: true, doNotQueue: false }, REPLACE_EXISTING],
  ])('that is requested with %j is wanted with the flags %i until it is released', async (options, flags) => {
    const { names } = link.wishes;
    await link.bus.requestName(NAME, options);
    expect([...names.wanted]).toEqual([[NAME, flags]]);
    expect(names.isOurs(NAME)).toBe(true);
    await link.bus.releaseName(NAME);
    expect([...names.wanted]).toEqual([]);
  });

  test('that another connection owns is not wanted after the request has failed', async () => {
    result = EXISTS;
    await expect(link.bus.requestName(NAME)).rejects.toMatchObject({ code: 'NAME_EXISTS' });
    expect([...link.wishes.names.wanted]).toEqual([]);
  });

  test('that is waited for is wanted, and is owned from NameAcquired to NameLost', async () => {
    result = IN_QUEUE;
    const { names } = link.wishes;
    await link.bus.requestName(NAME, { doNotQueue: false });
    expect([names.wanted.has(NAME), names.isOurs(NAME)]).toEqual([true, false]);
    await deliver(link, ofBus('NameAcquired', NAME));
    expect([names.wanted.has(NAME), names.isOurs(NAME)]).toEqual([true, true]);
    await deliver(link, ofBus('NameLost', NAME));
    expect([names.wanted.has(NAME), names.isOurs(NAME)]).toEqual([true, false]);
  });

  test('that is lost without a place in its queue is no longer wanted', async () => {
    const { names } = link.wishes;
    await link.bus.requestName(NAME, { allowReplacement: true });
    await deliver(link, ofBus('NameLost', NAME));
    expect([names.wanted.has(NAME), names.isOurs(NAME)]).toEqual([false, false]);
  });

  test('is not owned because of a signal that the bus has not sent', async () => {
    await deliver(link, { ...ofBus('NameAcquired', NAME), sender: ':1.9' }, { ...ofBus('NameAcquired', NAME), destination: ':1.9' });
    expect([link.wishes.names.isOurs(NAME), link.wishes.names.isOurs(UNIQUE_NAME)]).toEqual([false, true]);
  });
});

test('match rules are wanted while one request for them remains', async () => {
  const text = "type='signal',member='M'";
  const [one, two] = [link.bus.subscribe({ member: 'M' }), link.bus.subscribe({ member: 'M' })];
  expect([...link.wishes.rules.wanted]).toEqual([[text, 2]]);
  await one.close();
  expect([...link.wishes.rules.wanted]).toEqual([[text, 1]]);
  await two.close();
  expect([...link.wishes.rules.wanted]).toEqual([]);
});
