// The policy of a bus: the last rule that matches decides. The expectations follow dbus-daemon(1).
import { describe, expect, test } from 'vitest';
import { type PolicyMessage, RulePolicy } from '../../../src/message-bus/configuration/policy-rules.js';
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
    ['an earlier rule does not decide', '<deny send_destination="*"/><allow send_destination="*"/>', CALL, true],
    ['a rule about another interface does not match', '<allow send_destination="*"/><deny send_interface="a.Z"/>', CALL, true],
    ['a rule that denies an interface denies a call without one', '<allow send_destination="*"/><deny send_interface="a.Z"/>', { ...CALL, interface: undefined }, false],
    ['a rule that allows an interface does not allow a call without one', '<allow send_interface="a.B"/>', { ...CALL, interface: undefined }, false],
    ['a rule for a destination matches each name of the receiver', '<allow send_destination="x.Y"/>', { ...CALL, destination: ':1.2' }, true],
    ['a rule for another destination does not match', '<allow send_destination="x.Z"/>', CALL, false],
    ['a prefix matches the name itself', '<allow send_destination_prefix="x.Y"/>', CALL, true],
    ['a prefix matches names below', '<allow send_destination_prefix="x"/>', CALL, true],
    ['a prefix ends at a dot', '<allow send_destination_prefix="x.Y2"/>', CALL, false],
    ['a rule for another type does not match', '<allow send_type="signal"/>', CALL, false],
    ['a rule for the path matches', '<allow send_path="/a"/>', CALL, true],
    ['a rule for another path does not match', '<allow send_path="/b"/>', CALL, false],
    ['a rule for broadcasts does not match a call', '<allow send_broadcast="true"/>', CALL, false],
    ['a rule for broadcasts matches a broadcast', '<allow send_broadcast="true"/>', SIGNAL, true],
    ['a rule for all but broadcasts does not match a broadcast', '<allow send_broadcast="false"/>', SIGNAL, false],
    ['a rule for at least 4 descriptors matches 4', '<allow send_destination="*"/><deny send_path="/a" min_fds="4"/>', { ...CALL, unixFds: 4 }, false],
    ['a rule for at least 4 descriptors does not match 3', '<allow send_destination="*"/><deny send_path="/a" min_fds="4"/>', { ...CALL, unixFds: 3 }, true],
    ['a rule for replies does not match an unrequested reply', '<allow send_type="method_return"/>', RETURN, false],
    ['a rule for unrequested replies matches one', '<allow send_type="method_return" send_requested_reply="false"/>', RETURN, true],
  ])('%s', (_, rules, message, allowed) => {
    expect(policyOf(rules).maySend(message, passage())).toBe(allowed);
  });

  test('a requested reply passes a rule that denies replies, unless the rule says otherwise', () => {
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
    ['a rule with eavesdrop admits copies', '<allow eavesdrop="true"/>', true, true],
    ['a rule with eavesdrop admits messages to the client', '<allow eavesdrop="true"/>', false, true],
    ['a rule that denies copies does not deny messages to the client', '<allow eavesdrop="true"/><deny eavesdrop="true"/>', false, true],
    ['a rule that denies copies denies them', '<allow eavesdrop="true"/><deny eavesdrop="true"/>', true, false],
    ['a rule for a sender matches each of its names', '<allow receive_sender="x.Y"/>', false, true],
    ['a rule for an interface and a member matches', '<allow receive_sender="*"/><deny receive_interface="a.B" receive_member="C"/>', false, false],
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
  ])('with %s, a client may own %s: %s', (rules, name, allowed) => {
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

  test('let only the user of the bus connect, unless a rule says otherwise', () => {
    expect(policyOf('').mayConnect(true)).toBe(true);
    expect(policyOf('').mayConnect(false)).toBe(false);
    expect(policyOf('<allow user="*"/>').mayConnect(false)).toBe(true);
    expect(policyOf('<deny user="1000"/>').mayConnect(true)).toBe(false);
    expect(policyOf('<allow group="audio"/>').mayConnect(false)).toBe(true);
    expect(policyOf('<allow user="root"/>').mayConnect(false)).toBe(false);
  });
});

describe('whether a policy allows everything', () => {
  const ALL = '<allow send_destination="*"/><allow receive_sender="*" eavesdrop="true"/><allow own="*"/>';
  test.each<[string, string, boolean]>([
    ['yes, as test harnesses write it', '<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>', true],
    ['yes, after rules that deny', `<deny own="a.B"/><deny send_interface="a.B"/>${ALL}<allow user="*"/>`, true],
    ['no, if one name is denied', `${ALL}<deny own="a.B"/>`, false],
    ['no, if one interface is denied', `${ALL}<deny receive_interface="a.B"/>`, false],
    ['no, if copies are not allowed', '<allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/>', false],
    ['no, if only calls are allowed', '<allow send_type="method_call"/><allow eavesdrop="true"/><allow own="*"/>', false],
    ['no, if no rule allows names', '<allow send_destination="*"/><allow eavesdrop="true"/>', false],
    ['no, if there are no rules', '', false],
  ])('%s', (_, rules, expected) => {
    expect(policyOf(rules).allowsEverything).toBe(expected);
  });
});
