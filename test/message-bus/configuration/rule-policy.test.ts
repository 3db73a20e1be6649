// The policy of a bus: the last rule that matches decides. The expectations follow dbus-daemon(1).
import { describe, expect, test } from 'vitest';
import { type PolicyMessage, RulePolicy } from '../../../src/message-bus/configuration/rule-policy.js';
import { readConfiguration } from '../../../src/message-bus/configuration/read-configuration.js';

const CLIENT = { uid: 1000, gids: [1000, 7] };

function policyOf(rules: string, context = 'context="default"'): RulePolicy {
  return policyOfFile(`<policy ${context}>${rules}</policy>`);
}

function policyOfFile(elements: string): RulePolicy {
  const { policy } = readConfiguration('/bus.conf', {
    readFile: () => `<busconfig>${elements}</busconfig>`,
    listDirectory: () => [],
    idOf: (kind, name) => ({ 'user root': 0, 'group audio': 7 } as Record<string, number>)[`${kind} ${name}`],
  });
  return new RulePolicy(policy, CLIENT);
}

const CALL: PolicyMessage = { type: 'method_call', path: '/a', interface: 'a.B', member: 'C', destination: 'x.Y' };
const SIGNAL: PolicyMessage = { type: 'signal', path: '/a', interface: 'a.B', member: 'C' };
const RETURN: PolicyMessage = { type: 'method_return', destination: ':1.2', replySerial: 1 };
const passage = (changes = {}) => ({ peerNames: ['x.Y', ':1.2'], isRequestedReply: false, isEavesdropped: false, ...changes });

describe('sending', () => {
  test.each<[string, string, PolicyMessage, boolean]>([
    ['without rules nothing may be sent', '', CALL, false],
    ['the last rule decides', '<allow send_interface="*"/><deny send_member="C" send_interface="a.B"/>', CALL, false],
    ['an earlier rule does not', '<deny send_destination="*"/><allow send_destination="*"/>', CALL, true],
    ['a rule about another interface does not match', '<allow send_destination="*"/><deny send_interface="a.Z"/>', CALL, true],
    ['a denied interface hides a call without one', '<allow send_destination="*"/><deny send_interface="a.Z"/>', { ...CALL, interface: undefined }, false],
    ['an allowed interface does not admit a call without one', '<allow send_interface="a.B"/>', { ...CALL, interface: undefined }, false],
    ['a destination is each name of the receiver', '<allow send_destination="x.Y"/>', { ...CALL, destination: ':1.2' }, true],
    ['another destination does not match', '<allow send_destination="x.Z"/>', CALL, false],
    ['a prefix matches the name itself', '<allow send_destination_prefix="x.Y"/>', CALL, true],
    ['a prefix matches names below', '<allow send_destination_prefix="x"/>', CALL, true],
    ['a prefix ends at a dot', '<allow send_destination_prefix="x.Y2"/>', CALL, false],
    ['a type', '<allow send_type="signal"/>', CALL, false],
    ['a path', '<allow send_path="/a"/>', CALL, true],
    ['another path', '<allow send_path="/b"/>', CALL, false],
    ['broadcasts only: a call', '<allow send_broadcast="true"/>', CALL, false],
    ['broadcasts only: a broadcast', '<allow send_broadcast="true"/>', SIGNAL, true],
    ['no broadcasts', '<allow send_broadcast="false"/>', SIGNAL, false],
    ['descriptors', '<allow send_destination="*"/><deny send_path="/a" min_fds="4"/>', { ...CALL, unixFds: 4 }, false],
    ['fewer descriptors', '<allow send_destination="*"/><deny send_path="/a" min_fds="4"/>', { ...CALL, unixFds: 3 }, true],
    ['a reply that was not asked for', '<allow send_type="method_return"/>', RETURN, false],
    ['any reply', '<allow send_type="method_return" send_requested_reply="false"/>', RETURN, true],
  ])('%s', (_, rules, message, allowed) => {
    expect(policyOf(rules).maySend(message, passage())).toBe(allowed);
  });

  test('a reply that was asked for passes a rule that denies replies, unless that says otherwise', () => {
    const asked = passage({ isRequestedReply: true });
    const allow = '<allow send_destination="*"/>';
    expect(policyOf(allow).maySend(RETURN, asked)).toBe(true);
    expect(policyOf(`${allow}<deny send_type="method_return"/>`).maySend(RETURN, asked)).toBe(true);
    expect(policyOf(`${allow}<deny send_type="method_return" send_requested_reply="true"/>`).maySend(RETURN, asked)).toBe(false);
  });
});

describe('receiving', () => {
  test.each<[string, string, boolean, boolean]>([
    ['a rule without eavesdrop does not admit copies', '<allow receive_sender="*"/>', true, false],
    ['a rule with eavesdrop does', '<allow eavesdrop="true"/>', true, true],
    ['and admits what is addressed to the client', '<allow eavesdrop="true"/>', false, true],
    ['denying copies leaves the rest', '<allow eavesdrop="true"/><deny eavesdrop="true"/>', false, true],
    ['and takes the copies', '<allow eavesdrop="true"/><deny eavesdrop="true"/>', true, false],
    ['a sender is each of its names', '<allow receive_sender="x.Y"/>', false, true],
    ['an interface and a member', '<allow receive_sender="*"/><deny receive_interface="a.B" receive_member="C"/>', false, false],
  ])('%s', (_, rules, isEavesdropped, allowed) => {
    expect(policyOf(rules).mayReceive(CALL, passage({ isEavesdropped }))).toBe(allowed);
  });
});

describe('owning', () => {
  test.each([
    ['', 'a.B', false],
    ['<allow own="*"/>', 'a.B', true],
    ['<allow own="a.B"/>', 'a.B', true],
    ['<allow own="a.B"/>', 'a.B.C', false],
    ['<allow own_prefix="a.B"/>', 'a.B', true],
    ['<allow own_prefix="a.B"/>', 'a.B.C', true],
    ['<allow own_prefix="a.B"/>', 'a.BC', false],
    ['<allow own="*"/><deny own="a.B"/>', 'a.B', false],
  ])('with %s, owning %s: %s', (rules, name, allowed) => {
    expect(policyOf(rules).mayOwn(name)).toBe(allowed);
  });
});

describe('contexts', () => {
  test('are read in the order default, group, user, console, mandatory', () => {
    const allow = '<allow own="*"/>';
    const deny = '<deny own="*"/>';
    const of = (...groups: [string, string][]) =>
      policyOfFile(groups.map(([context, rule]) => `<policy ${context}>${rule}</policy>`).join('')).mayOwn('a.B');
    expect(of(['context="mandatory"', deny], ['context="default"', allow])).toBe(false);
    expect(of(['user="1000"', allow], ['group="audio"', deny])).toBe(true);
    expect(of(['group="audio"', allow], ['context="default"', deny])).toBe(true);
    expect(of(['user="root"', allow])).toBe(false);
    expect(of(['at_console="false"', allow])).toBe(true);
    expect(of(['at_console="true"', allow])).toBe(false);
  });

  test('connecting is for the user of the bus, unless a rule says otherwise', () => {
    expect(policyOf('').mayConnect(true)).toBe(true);
    expect(policyOf('').mayConnect(false)).toBe(false);
    expect(policyOf('<allow user="*"/>').mayConnect(false)).toBe(true);
    expect(policyOf('<deny user="1000"/>').mayConnect(true)).toBe(false);
    expect(policyOf('<allow group="audio"/>').mayConnect(false)).toBe(true);
    expect(policyOf('<allow user="root"/>').mayConnect(false)).toBe(false);
  });
});

describe('a policy allows everything', () => {
  const ALL = '<allow send_destination="*"/><allow receive_sender="*" eavesdrop="true"/><allow own="*"/>';
  test.each<[string, string, boolean]>([
    ['as test harnesses write it', '<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>', true],
    ['after rules that deny', `<deny own="a.B"/><deny send_interface="a.B"/>${ALL}<allow user="*"/>`, true],
    ['but one name', `${ALL}<deny own="a.B"/>`, false],
    ['but one interface', `${ALL}<deny receive_interface="a.B"/>`, false],
    ['but copies for others', '<allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/>', false],
    ['but signals', '<allow send_type="method_call"/><allow eavesdrop="true"/><allow own="*"/>', false],
    ['but it says nothing of names', '<allow send_destination="*"/><allow eavesdrop="true"/>', false],
    ['but it has no rules', '', false],
  ])('%s', (_, rules, expected) => {
    expect(policyOf(rules).allowsEverything).toBe(expected);
  });
});
