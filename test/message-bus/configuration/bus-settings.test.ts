// What a bus is started with because of its configuration file: limits, mechanisms and who may connect.
import { describe, expect, test } from 'vitest';
import {
  limitsOf, mechanismsOf, Policies, unknownMechanisms,
} from '../../../src/message-bus/configuration/bus-settings.js';
import { readConfiguration } from '../../../src/message-bus/configuration/read-configuration.js';
import { NOBODY, ownUser } from '../../../src/message-bus/identity.js';
import { DEFAULT_LIMITS } from '../../../src/message-bus/limits.js';
import { codeSpans, tableUnder } from '../../support/pages.js';
import { read as readPage } from '../../support/sources.js';

const read = (elements: string) =>
  readConfiguration('/bus.conf', {
    readFile: () => `<busconfig>${elements}</busconfig>`, listDirectory: () => [], idOf: () => undefined,
  });

test('limits get the names of the options of the bus, and limits that it does not have are left out', () => {
  const limit = (name: string, value: number) => `<limit name="${name}">${value}</limit>`;
  expect(limitsOf(read(
    limit('max_names_per_connection', 4) + limit('reply_timeout', 100) + limit('max_incoming_unix_fds', 7)),
  )).toEqual({ maxNamesPerConnection: 4, replyTimeout: 100 });
  expect(limitsOf(read(limit('max_message_size', 1_000_000_000)))).toEqual({ maxMessageSize: 2 ** 27 });
  expect(limitsOf(read(limit('max_message_size', 0)))).toEqual({ maxMessageSize: 16 });
});

test('docs/bus.md lists all limits, by both names, with their defaults', () => {
  const scale: Readonly<Record<string, number>> = { '': 1, s: 1_000, MiB: 2 ** 20 };
  const valueOf = (text: string): number => {
    const [, digits = '', unit = ''] = /^([\d,]+) ?(\w*)$/.exec(text) ?? [];
    return text === 'none' ? Infinity : Number(digits.replaceAll(',', '')) * (scale[unit] ?? Number.NaN);
  };
  const rows = tableUnder(readPage('docs/bus.md'), 'Limits').map(([name = '', option = '', text = '']) => {
    const [limit = '', key = ''] = [...codeSpans(name), ...codeSpans(option)];
    expect(limitsOf(read(`<limit name="${limit}">20</limit>`)), limit).toEqual({ [key]: 20 });
    return [key, valueOf(text)];
  });
  expect(Object.fromEntries(rows)).toEqual(DEFAULT_LIMITS);
});

describe('mechanisms', () => {
  test.each<[string, string, readonly string[] | undefined]>([
    ['are chosen by the bus if the file names none', '', undefined],
    ['are those of the file, in the order of the bus', '<auth>DBUS_COOKIE_SHA1</auth><auth>EXTERNAL</auth>', ['EXTERNAL', 'DBUS_COOKIE_SHA1']],
    ['without <allow_anonymous/> have no ANONYMOUS', '<auth>ANONYMOUS</auth>', []],
    ['with <allow_anonymous/> have ANONYMOUS', '<auth>ANONYMOUS</auth><allow_anonymous/>', ['ANONYMOUS']],
    ['are all of them if <allow_anonymous/> is the only element', '<allow_anonymous/>', ['EXTERNAL', 'DBUS_COOKIE_SHA1', 'ANONYMOUS']],
    ['are only those of the file, even with <allow_anonymous/>', '<auth>EXTERNAL</auth><allow_anonymous/>', ['EXTERNAL']],
  ])('%s', (_, elements, expected) => {
    expect(mechanismsOf(read(elements))).toEqual(expected);
  });

  test('that the bus does not have are listed', () => {
    expect(unknownMechanisms(read('<auth>KERBEROS_V4</auth><auth>EXTERNAL</auth>'))).toEqual(['KERBEROS_V4']);
  });
});

describe('the policies of a configuration file', () => {
  const ALL = '<allow send_destination="*"/><allow eavesdrop="true"/><allow own="*"/>';
  const policies = (rules: string) => new Policies(read(`<policy context="default">${rules}</policy>`).policy);

  test('let the user of the bus connect unless a rule denies it', () => {
    expect(policies('').mayConnect(ownUser())).toBe(true);
    expect(policies('<deny user="*"/>').mayConnect(ownUser())).toBe(false);
    expect(policies(`<deny user="*"/><allow user="${process.getuid?.()}"/>`).mayConnect(ownUser())).toBe(true);
  });

  test('let an anonymous client connect', () => {
    expect(policies('<deny user="*"/>').mayConnect(NOBODY)).toBe(true);
  });

  test('give a user no policy if everything is allowed, and otherwise always the same one', () => {
    expect(policies(ALL).policyFor(ownUser())).toBeUndefined();
    const policy = policies(`${ALL}<deny own="a.B"/>`);
    expect(policy.policyFor(ownUser())?.mayOwn('a.B')).toBe(false);
    expect(policy.policyFor(ownUser())?.mayOwn('a.C')).toBe(true);
    expect(policy.policyFor(ownUser())).toBe(policy.policyFor(ownUser()));
  });
});
