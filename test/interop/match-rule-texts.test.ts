// The texts of match rules on a real dbus-daemon: it accepts and refuses the same texts as parseMatchRule, and reads
// them in the same way, as its list of all rules shows. Which messages match is in match-rules.test.ts.
// Specification: Match Rules.

import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  type Bus, connectToBus, createProxy, DBusDaemon, DBusError, defineInterface, ErrorName, MatchRuleError, parseMatchRule,
} from '../../src/index.js';
import { RULES_AND_TEXTS } from '../protocol/match-rule-texts.js';
import { type PrivateBus, startPrivateBus } from '../support/private-bus.js';
import { describeWith } from '../support/programs.js';

const driver = { destination: 'org.freedesktop.DBus', path: '/org/freedesktop/DBus' } as const;
const Stats = defineInterface({
  name: 'org.freedesktop.DBus.Debug.Stats',
  methods: { GetAllMatchRules: { out: 'a{sas}' } },
});

/** Texts that both read in the same way, or that both refuse. */
const TEXTS: readonly string[] = [
  ...RULES_AND_TEXTS.map(([, text]) => text),
  // Spaces and commas.
  ' ', ',', "type='signal',", "type='signal',,", "type='signal', ", ",type='signal'", " \ttype \r\n='signal',\n member='M'",
  "type= 'signal'", "type='signal' ,member='M'", "arg0='x' , arg1='y'", 'arg0=x ,arg1=y z', 'member', 'arg0', "a b='x'",
  "arg0 path='/'", "type\u00a0='signal'",
  // Quotes and backslashes.
  'member=M', "member='M'N", "member='M'N''O", 'member=\\M', 'arg0=a\\,b', "arg0=a\\'b", "arg0='a\\'", 'arg0=\\', 'arg0=\\\\',
  'arg0=', 'arg0==x', "arg0='a'b'c'", "type='signal", "'type'='signal'", "arg0=\\''x'\\'", "arg0='a'\\'',arg1='b'", 'arg0=é',
  // Keys.
  "TYPE='signal'", "foo='x'", "arg='x'", "argx='x'", "arg0foo='x'", "arg1namespace='a'", "ARG0='x'", "arg64='x'", "arg-1='x'",
  "arg4294967296='x'", 'type==signal',
  // Keys that are there twice, or exclude each other.
  ...["type='signal'", "sender='a.b'", "destination='a.b'", "interface='a.b'", "member='M'", "path='/a'", "path_namespace='/a'",
    "arg0='a'", "arg0path='/a'", "arg0namespace='a'", "arg63=''"].map((pair) => `${pair},${pair}`),
  "path='/a',path_namespace='/a'", "path_namespace='/',path='/a'", "arg5='a',arg5path='a'", "arg0path='a',arg0namespace='a'",
  // Values.
  "type=''", "type='Signal'", "type='invalid'", "eavesdrop='yes'", "eavesdrop='True'", "eavesdrop=''", "sender='a'", "sender=''",
  "interface=''", "member=''", "path=''", "path='a'", "path='/a/'", "path_namespace='/a/'", "arg0namespace=''",
  "arg0namespace='a.'", "arg0namespace=':1.5'", "arg3path=''", `arg0='${'x'.repeat(1017)}'`, `arg0='${'x'.repeat(1018)}'`,
  `arg0='${'é'.repeat(508)}'`, `arg0='${'é'.repeat(509)}'`,
];

/** Texts that dbus-daemon takes, and reads as the rule beside them; parseMatchRule refuses them. */
const STRICTER: readonly (readonly [text: string, read: string])[] = [
  ['=x', ''],
  ["=x,type='signal'", ''],
  ["arg01='x'", "arg1='x'"],
  ["arg010='x'", "arg8='x'"],
  ["arg0x10='x'", "arg16='x'"],
  ["arg+1='x'", "arg1='x'"],
  ["eavesdrop='true',eavesdrop='false'", ''],
  ["sender=':1'", "sender=':1'"],
];

describeWith('dbus-daemon')('the text of a match rule on dbus-daemon', () => {
  let daemon: PrivateBus;
  let bus: Bus;
  beforeAll(async () => {
    daemon = await startPrivateBus();
    bus = await connectToBus(daemon.address);
  });
  afterAll(async () => {
    await bus?.close();
    await daemon?.stop();
  });

  /** The rule as the bus writes it again, or the name of its error. */
  async function readByBus(text: string): Promise<string> {
    try {
      await createProxy(bus, DBusDaemon, driver).AddMatch(text);
    } catch (error) {
      if (error instanceof DBusError) return error.errorName;
      throw error;
    }
    const rules = await createProxy(bus, Stats, driver).GetAllMatchRules();
    await createProxy(bus, DBusDaemon, driver).RemoveMatch(text);
    return rules.get(bus.uniqueName)?.join() ?? 'no rule';
  }

  /** The name of the error with which a bus should refuse a text, if parseMatchRule refuses it. */
  function refusalOf(text: string): string | undefined {
    try {
      parseMatchRule(text);
      return undefined;
    } catch (error) {
      if (!(error instanceof MatchRuleError)) throw error;
      return error.code === 'MATCH_RULE_TOO_LONG' ? ErrorName.LIMITS_EXCEEDED : ErrorName.MATCH_RULE_INVALID;
    }
  }

  test.each(TEXTS.map((text) => [text]))('is read in the same way by the bus and by us: %j', async (text) => {
    const byBus = await readByBus(text);
    const refusal = refusalOf(text);
    if (refusal !== undefined) expect(byBus).toBe(refusal);
    else expect(withoutDefaults(parseMatchRule(byBus))).toStrictEqual(withoutDefaults(parseMatchRule(text)));
  });

  test.each(STRICTER)('is accepted by the bus and refused by us: %j', async (text, read) => {
    expect(await readByBus(text)).toBe(read);
    expect(() => parseMatchRule(text)).toThrow(MatchRuleError);
  });

  test('is read by the bus up to its sixteenth pair, and by us to its end', async () => {
    const pairs = Array.from({ length: 17 }, (_, index) => `arg${index}='x'`);
    expect(await readByBus(pairs.join())).toBe(pairs.slice(0, 16).join());
    expect(Object.keys(parseMatchRule(pairs.join()).args ?? {})).toHaveLength(17);
  });

  test.each(RULES_AND_TEXTS.map(([, text]) => [text]))('removes the rule that it added: %s', async (text) => {
    const proxy = createProxy(bus, DBusDaemon, driver);
    await proxy.AddMatch(text);
    await proxy.RemoveMatch(text);
    await expect(proxy.RemoveMatch(text)).rejects.toMatchObject({ errorName: ErrorName.MATCH_RULE_NOT_FOUND });
  });
});

/** The bus does not write defaults. */
function withoutDefaults({ eavesdrop, ...rule }: ReturnType<typeof parseMatchRule>): object {
  return eavesdrop === true ? { ...rule, eavesdrop } : rule;
}
