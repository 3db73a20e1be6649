// Introspection data of other programs, and texts that are not introspection data, malformed and hostile ones. The
// captured replies are in fixtures/messages.

import { describe, expect, test } from 'vitest';
import { defineInterface } from '../../src/interface/define.js';
import { IntrospectionError } from '../../src/interface/errors.js';
import {
  MAX_INTROSPECTION_DEPTH, MAX_INTROSPECTION_LENGTH, parseIntrospection,
} from '../../src/interface/parse-introspection.js';
import { SignatureError } from '../../src/wire/errors.js';
import { extent, heavyTest } from '../support/extent.js';
import { capturedXml, refusalOf } from './support.js';

const NO_ANNOTATIONS = { annotations: {}, inAnnotations: [], outAnnotations: [] };

describe('introspection data is parsed', () => {
  test('as GDBus writes it', () => {
    const { name, interfaces, children } = parseIntrospection(capturedXml('glib'));
    expect(name).toBeUndefined();
    expect(children).toEqual([]);
    expect(interfaces.map((each) => each.name)).toEqual([
      'org.freedesktop.DBus.Properties', 'org.freedesktop.DBus.Introspectable', 'org.freedesktop.DBus.Peer',
      'com.example.Clock1',
    ]);
    const clock = interfaces.at(-1);
    expect(clock?.deprecated).toBe(false);
    expect(Object.keys(clock?.methods ?? {})).toEqual(['SetAlarm', 'FailWithQuark', 'FailWithName', 'Tick']);
    expect(clock?.methods['SetAlarm']).toEqual({
      in: 'ta(bs)', out: 'u', inNames: ['when', 'notes'], outNames: ['id'],
      optional: 0, noReply: false, deprecated: false, ...NO_ANNOTATIONS,
    });
    expect(clock?.signals['Rang']).toEqual({ args: 'tv', argNames: ['when', 'what'], deprecated: false, annotations: {}, argAnnotations: [] });
    expect(clock?.properties['Zone']).toEqual({
      type: 's', access: 'readwrite', emitsChanged: 'true', deprecated: false, annotations: {},
    });
    expect(clock?.properties['Alarms']?.type).toBe('a{u(ts)}');
  });

  test('as the bus writes it', () => {
    const { interfaces } = parseIntrospection(capturedXml('bus'));
    expect(interfaces).toHaveLength(6);
    expect(Object.keys(interfaces[0]?.methods ?? {})).toHaveLength(19);
    expect(interfaces[0]?.methods['RequestName']).toMatchObject({ in: 'su', out: 'u', inNames: ['', ''] });
    expect(interfaces[0]?.properties['Features']?.emitsChanged).toBe('const');
  });

  test('as dbus-python writes it', () => {
    const { name, interfaces } = parseIntrospection(capturedXml('libdbus'));
    expect(name).toBe('/com/example/Rooms');
    expect(interfaces.find((each) => each.name === 'com.example.Lamp1')?.methods['Unlock']).toMatchObject({
      in: 'ay', out: 's', inNames: ['key'], outNames: [''],
    });
  });

  test('as systemd writes it', () => {
    const { interfaces: [units], children } = parseIntrospection(`<!DOCTYPE node PUBLIC
"-//freedesktop//DTD D-BUS Object Introspection 1.0//EN"
"https://www.freedesktop.org/standards/dbus/1.0/introspect.dtd">
<node>
 <interface name="com.example.Units1">
  <property name="Version" type="s" access="read">
   <annotation name="org.freedesktop.DBus.Property.EmitsChangedSignal" value="const"/>
   <annotation name="com.example.Privileged" value="true"/>
  </property>
  <property name="LogLevel" type="s" access="readwrite">
   <annotation name="org.freedesktop.DBus.Property.EmitsChangedSignal" value="false"/>
  </property>
  <method name="Stop">
   <arg type="s" name="name" direction="in"/>
   <arg type="o" name="job" direction="out"/>
   <arg type="s" name="mode" direction="in"/>
   <annotation name="org.freedesktop.DBus.Deprecated" value="true"/>
  </method>
  <method name="Exit">
   <annotation name="org.freedesktop.DBus.Method.NoReply" value="true"/>
  </method>
  <signal name="JobRemoved">
   <arg type="u" name="id"/>
   <arg type="o" name="job"/>
  </signal>
 </interface>
 <node name="unit"/>
 <node name="job"/>
</node>
`);
    expect(units?.properties['Version']?.emitsChanged).toBe('const');
    expect(units?.properties['LogLevel']?.emitsChanged).toBe('false');
    expect(units?.methods['Stop']).toMatchObject({ in: 'ss', out: 'o', inNames: ['name', 'mode'], deprecated: true });
    expect(units?.methods['Exit']).toMatchObject({ in: '', out: '', noReply: true });
    expect(units?.signals['JobRemoved']).toMatchObject({ args: 'uo', argNames: ['id', 'job'] });
    expect(children).toEqual([
      { name: 'unit', interfaces: [], children: [] },
      { name: 'job', interfaces: [], children: [] },
    ]);
  });

  test('with documentation, other namespaces and unknown elements', () => {
    const { interfaces, children } = parseIntrospection(`\ufeff<?xml version='1.0' encoding="UTF-8" ?>
<?xml-stylesheet href="a>b"?>
<!-- <node> is -- not > here -->
<node xmlns:tp='http://example.com/doc' name = '/a' >
  <tp:docstring>Some &lt;text&gt; &undeclared; <b>with</b> <node name="no"/> marks ]]&gt;</tp:docstring>
  <![CDATA[ <interface name="no.such.Interface1"/> & ]]>
  <interface name='com.example.A1' tp:since="0.1">
    <!-- <method name="No"/> -->
    <method name='M' tp:name-for-bindings='m'>
      <arg name="a&amp;b" type='&#97;&#x73;'><tp:docstring/></arg>
      <method name="NotHere"/>
      <arg type="u" direction="out"/>
      text
    </method >
    <tp:struct name="S"><method name="No"/><tp:member type="i"/></tp:struct>
    <annotation name="com.example.Other" value="&quot;"/>
  </interface>
  <node name="b"><interface name="com.example.B1"/><node name="c"/></node>
</node><!-- the end -->
<?done?>
`);
    expect(interfaces.map(({ name }) => name)).toEqual(['com.example.A1']);
    expect({ ...interfaces[0]?.methods }).toEqual({
      M: { in: 'as', out: 'u', inNames: ['a&b'], outNames: [''], optional: 0, noReply: false, deprecated: false, ...NO_ANNOTATIONS },
    });
    expect(children).toMatchObject([
      { name: 'b', interfaces: [{ name: 'com.example.B1' }], children: [{ name: 'c', children: [] }] },
    ]);
  });

  test('with an annotation of the interface that applies to all of its properties', () => {
    const { interfaces: [parsed] } = parseIntrospection(`<node><interface name="com.example.A1">
      <property name="One" type="s" access="read"/>
      <property name="Two" type="s" access="read">
        <annotation name="org.freedesktop.DBus.Property.EmitsChangedSignal" value="true"/>
      </property>
      <annotation name="org.freedesktop.DBus.Property.EmitsChangedSignal" value="false"/>
    </interface></node>`);
    expect(parsed?.properties).toMatchObject({ One: { emitsChanged: 'false' }, Two: { emitsChanged: 'true' } });
  });

  test('with one method several times, as some bindings write methods with default arguments', () => {
    const { interfaces: [parsed] } = parseIntrospection(`<node><interface name="com.example.A1">
      <method name="Open"><arg type="s"/><arg type="b"/></method>
      <method name="Open"><arg type="s"/></method>
    </interface></node>`);
    expect(parsed?.methods['Open']?.in).toBe('sb');
  });

  test('with members and elements named like keys that every object inherits', () => {
    const { interfaces: [parsed] } = parseIntrospection(`<node><interface name="com.example.A1">
      <method name="__proto__"><arg type="s"/></method><method name="constructor"/><signal name="toString"/>
      <constructor name="x"/><__proto__ name="y"/><toString/>
    </interface></node>`);
    expect(Object.keys(parsed?.methods ?? {})).toEqual(['__proto__', 'constructor']);
    expect(parsed?.methods['__proto__']?.in).toBe('s');
    expect(Object.keys(parsed?.signals ?? {})).toEqual(['toString']);
    expect(parsed?.methods['valueOf']).toBeUndefined();
  });

  test('with the direction "in" for the arguments of signals', () => {
    const { interfaces: [parsed] } = parseIntrospection(
      '<node><interface name="a.b"><signal name="S"><arg type="s" direction="in"/></signal></interface></node>',
    );
    expect(parsed?.signals['S']?.args).toBe('s');
  });

  test('with line ends in attributes, which become spaces', () => {
    const { children } = parseIntrospection('<node><node\r\n\tname="a\r\nb\tc\nd&#10;e"/></node>');
    expect(children[0]?.name).toBe('a b c d\ne');
  });
});

describe('a text that is not introspection data', () => {
  const member = (xml: string): string => `<node>\n<interface name="com.example.A1">\n${xml}</interface></node>`;

  test.each<readonly [xml: string, code: string, line: number]>([
    // documents
    ['', 'ROOT_INVALID', 1],
    [' \n\t\n ', 'ROOT_INVALID', 3],
    ['<!-- nothing -->', 'ROOT_INVALID', 1],
    ['<nodes/>', 'ROOT_INVALID', 1],
    ['\n<interface name="a.b"/>', 'ROOT_INVALID', 2],
    ['<node/>\n<node/>', 'ROOT_INVALID', 2],
    ['text', 'TEXT_OUTSIDE', 1],
    ['{"node": {}}', 'TEXT_OUTSIDE', 1],
    ['<node/>\n text', 'TEXT_OUTSIDE', 2],
    ['<![CDATA[ ]]><node/>', 'TEXT_OUTSIDE', 1],
    ['<node/><!DOCTYPE node>', 'MARKUP_INVALID', 1],
    // missing ends
    ['<', 'XML_NAME_INVALID', 1],
    ['<node', 'NOT_TERMINATED', 1],
    ['<node ', 'NOT_TERMINATED', 1],
    ['<node>', 'NOT_TERMINATED', 1],
    ['<node>\n<node name="a"/>\n', 'NOT_TERMINATED', 3],
    ['<node/', 'MARKUP_INVALID', 1],
    ['<node></node', 'NOT_TERMINATED', 1],
    ['<node name', 'ATTRIBUTE_INVALID', 1],
    ['<node name=', 'ATTRIBUTE_INVALID', 1],
    ['<node name="', 'NOT_TERMINATED', 1],
    ['<node name="a>\n</node>', 'NOT_TERMINATED', 1],
    ['<!--', 'NOT_TERMINATED', 1],
    ['<!-->', 'NOT_TERMINATED', 1],
    ['<node>\n<!-- a -- >\n</node>', 'NOT_TERMINATED', 2],
    ['<?xml ', 'NOT_TERMINATED', 1],
    ['<node><![CDATA[ ]] ></node>', 'NOT_TERMINATED', 1],
    ['<!DOCTYPE node', 'NOT_TERMINATED', 1],
    ['<!DOCTYPE node SYSTEM "a>', 'NOT_TERMINATED', 1],
    ['<!DOCTYPE node [ <!ENTITY a "b"> <node/>', 'NOT_TERMINATED', 1],
    ['<!DOCTYPE node [ <!-- ] > ]><node/>', 'NOT_TERMINATED', 1],
    // tags
    ['< node/>', 'XML_NAME_INVALID', 1],
    ['<1node/>', 'XML_NAME_INVALID', 1],
    ['<node><></node>', 'XML_NAME_INVALID', 1],
    ['<node><!ELEMENT a></node>', 'XML_NAME_INVALID', 1],
    ['<node></nodes>', 'TAG_MISMATCH', 1],
    ['<node><a><b></a></b></node>', 'TAG_MISMATCH', 1],
    ['</node>', 'TAG_MISMATCH', 1],
    ['<node/></node>', 'TAG_MISMATCH', 1],
    ['<node></node a="b">', 'MARKUP_INVALID', 1],
    ['<node/ >', 'MARKUP_INVALID', 1],
    // attributes
    ['<node name="a"x="b"/>', 'MARKUP_INVALID', 1],
    ['<node name=a/>', 'ATTRIBUTE_INVALID', 1],
    ['<node name/>', 'ATTRIBUTE_INVALID', 1],
    ['<node "a"/>', 'XML_NAME_INVALID', 1],
    ['<node name="<"/>', 'ATTRIBUTE_INVALID', 1],
    ['<node a="1"\n b="2"\n a="3"/>', 'ATTRIBUTE_DUPLICATE', 3],
    // references and characters
    ['<node name="&"/>', 'ENTITY_INVALID', 1],
    ['<node name="&amp"/>', 'ENTITY_INVALID', 1],
    ['<node name="&amp &lt;"/>', 'ENTITY_INVALID', 1],
    ['<node name="&;"/>', 'ENTITY_INVALID', 1],
    ['<node name="&nbsp;"/>', 'ENTITY_INVALID', 1],
    ['<node name="&__proto__;"/>', 'ENTITY_INVALID', 1],
    ['<node name="&#;"/>', 'ENTITY_INVALID', 1],
    ['<node name="&#x;"/>', 'ENTITY_INVALID', 1],
    ['<node name="&#xg;"/>', 'ENTITY_INVALID', 1],
    ['<node name="&#0;"/>', 'ENTITY_INVALID', 1],
    ['<node name="&#8;"/>', 'ENTITY_INVALID', 1],
    ['<node name="&#xd800;"/>', 'ENTITY_INVALID', 1],
    ['<node name="&#xffff;"/>', 'ENTITY_INVALID', 1],
    ['<node name="&#x110000;"/>', 'ENTITY_INVALID', 1],
    [`<node name="&#${'9'.repeat(400)};"/>`, 'ENTITY_INVALID', 1],
    ['<node>\n\0</node>', 'CHARACTER_INVALID', 2],
    ['<node name="\u001b"/>', 'CHARACTER_INVALID', 1],
    // the format
    ['<node>\n<node/></node>', 'ATTRIBUTE_MISSING', 2],
    ['<node>\n<interface/></node>', 'ATTRIBUTE_MISSING', 2],
    [member('<method/>'), 'ATTRIBUTE_MISSING', 3],
    [member('<signal/>'), 'ATTRIBUTE_MISSING', 3],
    [member('<property type="s" access="read"/>'), 'ATTRIBUTE_MISSING', 3],
    [member('<property name="P" access="read"/>'), 'ATTRIBUTE_MISSING', 3],
    [member('<property name="P" type="s"/>'), 'ATTRIBUTE_MISSING', 3],
    [member('<property name="P" type="s" access="none"/>'), 'VALUE_INVALID', 3],
    [member('<property name="P" type="" access="read"/>'), 'TYPE_INVALID', 3],
    [member('<property name="P" type="ss" access="read"/>'), 'TYPE_INVALID', 3],
    [member('<method name="M">\n<arg/></method>'), 'ATTRIBUTE_MISSING', 4],
    [member('<method name="M">\n<arg type="("/></method>'), 'TYPE_INVALID', 4],
    [member('<method name="M">\n<arg type="s" direction="inout"/></method>'), 'VALUE_INVALID', 4],
    [member('<signal name="S">\n<arg type="s" direction=""/></signal>'), 'VALUE_INVALID', 4],
    [member('<annotation value="true"/>'), 'ATTRIBUTE_MISSING', 3],
    [member('<annotation name="org.freedesktop.DBus.Deprecated"/>'), 'ATTRIBUTE_MISSING', 3],
    [member('<annotation name="org.freedesktop.DBus.Deprecated" value="yes"/>'), 'VALUE_INVALID', 3],
  ])('is rejected: %j: %s in line %i', (xml, code, line) => {
    const refusal = refusalOf(xml);
    expect([refusal.code, refusal.line]).toEqual([code, line]);
    expect(refusal.message).toContain(`line ${line}`);
    expect(refusal.offset).toBeLessThanOrEqual(xml.length);
    expect(xml.slice(0, refusal.offset).split('\n')).toHaveLength(line);
  });

  test('is rejected with the offset of the mistake', () => {
    const xml = '<node>\r\n <node name="a\r\nb &what; c"/></node>';
    expect(refusalOf(xml).offset).toBe(xml.indexOf('&what'));
    expect(refusalOf('<node><a x="1" x="2"/></node>').offset).toBe('<node><a x="1" '.length);
  });

  test('is rejected with the error of a signature as the cause', () => {
    const refusal = refusalOf(member('<property name="P" type="ak" access="read"/>'));
    expect(refusal.cause).toBeInstanceOf(SignatureError);
    expect(refusal).toMatchObject({ fault: 'peer', code: 'TYPE_INVALID' });
    expect(refusal.message).toBe('type "ak" in <property>: it must be one single complete type (line 3, offset 41)');
  });
});

describe('a part that cannot be read does not affect the others:', () => {
  const inInterface = (xml: string): string =>
    `<node><interface name="com.example.A1"><method name="Before"/>\n${xml}\n<method name="After"/></interface></node>`;

  test.each<readonly [what: string, xml: string, code: string, path: string[], skipped: boolean]>([
    ['a method without a name', '<method/>', 'ATTRIBUTE_MISSING', [], true],
    ['a method with an odd name', '<method name="a-b"/>', 'NAME_INVALID', ['a-b'], true],
    ['a method with an empty name', '<method name=""/>', 'NAME_INVALID', [''], true],
    ['a second method of one name', '<method name="M"/><method name="M"/>', 'NAME_DUPLICATE', ['M'], true],
    ['a method with an argument without a type', '<method name="M"><arg name="a"/></method>', 'ATTRIBUTE_MISSING', ['M', 'a'], true],
    ['a method with a type that is none', '<method name="M"><arg type="k"/></method>', 'TYPE_INVALID', ['M', ''], true],
    ['a method with two types in one', '<method name="M"><arg type="ss"/></method>', 'TYPE_INVALID', ['M', ''], true],
    ['a method with an odd direction', '<method name="M"><arg type="s" direction="io"/></method>', 'VALUE_INVALID', ['M', ''], true],
    ['a method with too many types', `<method name="M">${'<arg type="s"/>'.repeat(256)}</method>`, 'TYPE_INVALID', ['M', ''], true],
    ['a method with two arguments of one name', '<method name="M"><arg type="s" name="a"/><arg type="s" name="a"/></method>', 'NAME_DUPLICATE', ['M', 'a'], false],
    ['an argument with a line end in its name', '<method name="M"><arg type="s" name="a&#10;"/></method>', 'NAME_INVALID', ['M', 'a\n'], false],
    ['a method without a reply that has a result', '<method name="M"><arg type="s" direction="out"/><annotation name="org.freedesktop.DBus.Method.NoReply" value="true"/></method>', 'NO_REPLY_WITH_RESULT', ['M'], false],
    ['a signal without a name', '<signal/>', 'ATTRIBUTE_MISSING', [], true],
    ['a second signal of one name', '<signal name="S"/><signal name="S"/>', 'NAME_DUPLICATE', ['S'], true],
    ['a signal with a type that is none', '<signal name="S"><arg type="("/></signal>', 'TYPE_INVALID', ['S', ''], true],
    ['a property without a type', '<property name="P" access="read"/>', 'ATTRIBUTE_MISSING', ['P'], true],
    ['a property with a type that is none', '<property name="P" type="a{vs}" access="read"/>', 'TYPE_INVALID', ['P'], true],
    ['a property without access', '<property name="P" type="s"/>', 'ATTRIBUTE_MISSING', ['P'], false],
    ['a property with odd access', '<property name="P" type="s" access="RW"/>', 'VALUE_INVALID', ['P'], false],
    ['a second property of one name', '<property name="P" type="s" access="read"/><property name="P" type="u" access="read"/>', 'NAME_DUPLICATE', ['P'], true],
    ['a property with an empty name', '<property name="" type="s" access="read"/>', 'NAME_INVALID', [''], true],
    ['an element in a place that cannot contain it', '<arg type="s"/>', 'ELEMENT_MISPLACED', [], true],
    ['an object inside of a method', '<method name="M"><node name="a"/></method>', 'ELEMENT_MISPLACED', ['M'], true],
    ['an annotation without a name', '<annotation value="x"/>', 'ATTRIBUTE_MISSING', [], true],
    ['an annotation without a value', '<annotation name="x"/>', 'ATTRIBUTE_MISSING', [], true],
    ['an annotation with an odd value', '<annotation name="org.freedesktop.DBus.Deprecated" value="yes"/>', 'VALUE_INVALID', [], true],
    ['a second annotation of one name', '<annotation name="x" value="1"/><annotation name="x" value="2"/>', 'NAME_DUPLICATE', [], true],
    ['an annotation with an empty name', '<annotation name="" value="1"/>', 'NAME_INVALID', [], true],
    ['an attribute that appears twice', '<method name="M" name="N"/>', 'ATTRIBUTE_DUPLICATE', [], false],
    ['an unknown reference in a value', '<annotation name="x" value="&nbsp;"/>', 'ENTITY_INVALID', [], false],
    ['a < in a value', '<annotation name="x" value="a<b"/>', 'ATTRIBUTE_INVALID', [], false],
  ])('%s', (_, xml, code, path, skipped) => {
    const text = inInterface(xml);
    const { interfaces: [parsed], problems, problemCount } = parseIntrospection(text);
    expect(Object.keys(parsed?.methods ?? {})).toEqual(expect.arrayContaining(['Before', 'After']));
    expect(problems).toMatchObject([{ code, skipped, line: 2, path: ['com.example.A1', ...path] }]);
    expect(problemCount).toBe(1);
    expect(text.slice(problems[0]?.offset)).toMatch(/^(<|name="N"|&nbsp;|value="a<b")/);
    expect(defineInterface(parsed!).name).toBe('com.example.A1');
  });

  test('the first of two members counts, and an unknown value of an attribute permits all that it may mean', () => {
    const { interfaces: [parsed] } = parseIntrospection(inInterface(`
      <property name="P" type="s" access="read"/><property name="P" type="u" access="write"/>
      <property name="Odd" type="s" access="RW"/><property name="None" type="s"/>
      <method name="M"><arg type="s" name="a"/><arg type="u" name="a"/></method>`));
    expect(parsed?.properties['P']).toMatchObject({ type: 's', access: 'read' });
    expect(parsed?.properties['Odd']?.access).toBe('readwrite');
    expect(parsed?.properties['None']?.access).toBe('readwrite');
    expect(parsed?.methods['M']).toMatchObject({ in: 'su', inNames: ['a', ''] });
  });

  test('interfaces without a valid name are skipped, and a second one of the same name is kept', () => {
    const { interfaces, problems } = parseIntrospection(`<node>
      <interface><method name="M"/></interface>
      <interface name="odd"><method name="M"><arg/></method></interface>
      <interface name="com.example.A1"><method name="M"/></interface>
      <interface name="com.example.A1"><method name="N"/></interface>
    </node>`);
    expect(interfaces.map(({ name, methods }) => [name, ...Object.keys(methods)])).toEqual([
      ['com.example.A1', 'M'], ['com.example.A1', 'N'],
    ]);
    expect(problems.map(({ code, path, line, skipped }) => [code, path, line, skipped])).toEqual([
      ['ATTRIBUTE_MISSING', [], 2, true],
      ['NAME_INVALID', ['odd'], 3, true],
      ['ATTRIBUTE_MISSING', ['odd', 'M', ''], 3, true],
      ['NAME_DUPLICATE', ['com.example.A1'], 5, false],
    ]);
  });

  test('an object without a name is kept, and the problems of objects have their names', () => {
    const { children, problems } = parseIntrospection(`<node name="/com"><node><node name="deep">
      <interface name="com.example.A1"><signal/></interface></node></node><node name="b"/></node>`);
    expect(children.map(({ name }) => name)).toEqual([undefined, 'b']);
    expect(problems.map(({ code, path }) => [code, path])).toEqual([
      ['ATTRIBUTE_MISSING', []], ['ATTRIBUTE_MISSING', ['', 'deep', 'com.example.A1']],
    ]);
  });

  test('text around the root element, a second root element and control characters are skipped', () => {
    const { children, problems } = parseIntrospection('\nodd <node>\u0001\n<node name="a"/></node> <node/> more');
    expect(children.map(({ name }) => name)).toEqual(['a']);
    expect(problems.map(({ code, line }) => [code, line])).toEqual([
      ['TEXT_OUTSIDE', 2], ['CHARACTER_INVALID', 2], ['ROOT_INVALID', 3],
    ]);
  });

  test('at most 1,000 problems are kept, and all are counted', () => {
    const { problems, problemCount } = parseIntrospection(`<node>${'\n<interface/>'.repeat(1_500)}</node>`);
    expect(problems).toHaveLength(1_000);
    expect(problems.at(-1)?.line).toBe(1_001);
    expect(problemCount).toBe(1_500);
  });

  test('a text that is not well-formed, or has another root element, is still rejected', () => {
    for (const xml of ['', 'text', '<node>', '<node></nodes>', '<node name=a/>', '<interface name="a.b"/>', '<node><!--']) {
      expect(refusalOf(xml, false)).toBeInstanceOf(IntrospectionError);
    }
    expect(() => parseIntrospection('<node/>', { strickt: true } as never)).toThrow(/unknown option "strickt"/);
  });
});

test('all annotations of interfaces, members and arguments are kept', () => {
  const note = (name: string, value = 'x'): string => `<annotation name="com.example.${name}" value="${value}"/>`;
  const { interfaces: [parsed], problems } = parseIntrospection(`<node><interface name="com.example.A1">${note('I')}
    <method name="M"><arg type="s">${note('A')}${note('B', '&lt;b&gt;&#10;')}</arg><arg type="u"/>
      <arg type="s" direction="out"><annotation name="org.freedesktop.DBus.Deprecated" value="true"/></arg>
      ${note('M')}<annotation name="org.freedesktop.DBus.Deprecated" value="true"/>
    </method>
    <signal name="S">${note('S')}<arg type="s">${note('A')}</arg>
      <annotation name="org.freedesktop.DBus.Method.NoReply" value="odd"/></signal>
    <property name="P" type="s" access="read">${note('P')}</property>
  </interface></node>`);
  expect(problems).toEqual([]);
  expect(parsed?.annotations).toEqual({ 'com.example.I': 'x' });
  expect(parsed?.methods['M']).toMatchObject({
    deprecated: true,
    annotations: { 'com.example.M': 'x' },
    inAnnotations: [{ 'com.example.A': 'x', 'com.example.B': '<b>\n' }, {}],
    outAnnotations: [{ 'org.freedesktop.DBus.Deprecated': 'true' }],
  });
  expect(parsed?.signals['S']).toMatchObject({
    annotations: { 'com.example.S': 'x', 'org.freedesktop.DBus.Method.NoReply': 'odd' },
    argAnnotations: [{ 'com.example.A': 'x' }],
  });
  expect(parsed?.properties['P']?.annotations).toEqual({ 'com.example.P': 'x' });
  expect(defineInterface(parsed!).methods['M']).toEqual(parsed?.methods['M']);
});

describe('hostile data', () => {
  test('never has its entities expanded', () => {
    const levels = Array.from({ length: 30 }, (_, i) => `<!ENTITY l${i + 1} "${`&l${i};`.repeat(10)}">`);
    const doctype = `<!DOCTYPE node [<!ENTITY l0 "lol"> ${levels.join('\n')} ]>`;
    for (const strict of [true, false]) {
      const parsed = parseIntrospection(`${doctype}<node>&l30;<node name="a"/>&l30;</node>`, { strict });
      expect(parsed.children).toEqual([{ name: 'a', interfaces: [], children: [] }]);
      expect(parsed.problems).toEqual([]);
    }
    const kept = parseIntrospection(`${doctype}<node name="&l30;"/>`);
    expect(kept.name).toBe('&l30;');
    expect(kept.problems).toMatchObject([{ code: 'ENTITY_INVALID', skipped: false }]);
    expect(refusalOf(`${doctype}<node name="&l1;"/>`).code).toBe('ENTITY_INVALID');
    expect(refusalOf(`<!DOCTYPE node [<!ENTITY f SYSTEM "file:///etc/passwd">]><node name="&f;"/>`).code)
      .toBe('ENTITY_INVALID');
  });

  test('never has a reference expanded twice', () => {
    expect(parseIntrospection('<node name="&amp;lt;&#38;amp;"/>').name).toBe('&lt;&amp;');
  });

  heavyTest('can be nested as deep as the limit, but not deeper', () => {
    const nested = (depth: number, tag: string): string => (
      `<node>${`<${tag} name="a">`.repeat(depth - 1)}${`</${tag}>`.repeat(depth - 1)}</node>`
    );
    for (const tag of ['node', 'unknown']) {
      parseIntrospection(nested(MAX_INTROSPECTION_DEPTH, tag));
      expect(refusalOf(nested(MAX_INTROSPECTION_DEPTH + 1, tag)).code).toBe('TOO_DEEP');
      expect(refusalOf(nested(100_000, tag)).code).toBe('TOO_DEEP');
    }
    expect(refusalOf(`<node>${'<a>'.repeat(1_000_000)}`).code).toBe('TOO_DEEP');
    // Otherwise what is too deep is skipped, and elements that nobody reads may be nested in any depth.
    const { children, problems } = parseIntrospection(nested(100_000, 'node'));
    expect(JSON.stringify(children).match(/"name":"a"/g)).toHaveLength(MAX_INTROSPECTION_DEPTH - 1);
    expect(problems).toMatchObject([{ code: 'TOO_DEEP', skipped: true }]);
    expect(problems[0]?.path).toHaveLength(MAX_INTROSPECTION_DEPTH - 1);
    expect(parseIntrospection(nested(100_000, 'unknown')).problems).toEqual([]);
    expect(refusalOf(`<node>${'<a>'.repeat(1_000_000)}`, false).code).toBe('NOT_TERMINATED');
  });

  test('can be as long as the limit, but not longer', () => {
    const padded = (length: number): string => `<node>${' '.repeat(length - '<node></node>'.length)}</node>`;
    expect(parseIntrospection(padded(MAX_INTROSPECTION_LENGTH)).children).toEqual([]);
    expect(refusalOf(padded(MAX_INTROSPECTION_LENGTH + 1)).code).toBe('TOO_LONG');
  });

  test('can have an attribute of a megabyte', () => {
    const name = 'x'.repeat(2 ** 20);
    expect(parseIntrospection(`<node name="${name}"/>`).name).toBe(name);
    expect(parseIntrospection(`<node name="${'&amp;'.repeat(2 ** 18)}"/>`).name).toBe('&'.repeat(2 ** 18));
  });

  const many = extent(2 ** 13, 2 ** 20);
  const inInterface = (xml: string): string => `<node><interface name="a.b">${xml}</interface></node>`;
  test.each<readonly [construct: string, xml: string]>([
    ['elements', `<node>${'<node name="a"/>'.repeat(many / 4)}</node>`],
    ['methods of one name', inInterface('<method name="M"/>'.repeat(many / 8))],
    ['arguments without a type', inInterface(`<method name="M">${'\n<arg/>'.repeat(many / 4)}</method>`)],
    ['texts before the root', `${'\nx<!---->'.repeat(many / 4)}<node/>`],
    ['attributes of one name', `<node ${'a="" '.repeat(many / 4)}/>`],
    ['unknown elements inside one another', `<node>${'<a>'.repeat(many)}${'</a>'.repeat(many)}</node>`],
    ['arguments', inInterface(`<method name="M">${'<arg type="a{sv}"/>'.repeat(many / 8)}</method>`)],
    ['attributes', `<node ${Array.from({ length: many / 8 }, (_, i) => `a${i}=""`).join(' ')}/>`],
    ['comments', `${'<!---->'.repeat(many)}<node/>`],
    ['comments that do not end', '<!--'.repeat(many)],
    ['comments that do not end in a document type', `<!DOCTYPE node [${'<!--'.repeat(many)}`],
    ['quotes in a document type', `<!DOCTYPE node ${`"'"`.repeat(many)}><node/>`],
    ['document types', `${'<!DOCTYPE a>'.repeat(many / 4)}<node/>`],
    ['opening brackets', '<'.repeat(many)],
    ['ampersands', `<node name="${'&'.repeat(many)}"/>`],
    ['references without an end', `<node name="${'&amp'.repeat(many)}"/>`],
    ['digits of a reference', `<node name="&#${'0'.repeat(many)}65;"/>`],
    ['spaces', `<node${' '.repeat(many)}a="b"${' '.repeat(many)}`],
    ['spaces before nothing', `<node a${' '.repeat(many)}`],
    ['characters of a name', `<node><${'a'.repeat(many)}/></node>`],
    ['brackets in text', `<node>${']]>'.repeat(many)}</node>`],
    ['empty CDATA sections', `<node>${'<![CDATA[]]>'.repeat(many / 2)}</node>`],
    ['lines before a mistake', `<node>${'\n'.repeat(many)}`],
  ])('is read or rejected in time proportional to its length: many %s', (_, xml) => {
    // Time that grows with the square of a large length takes minutes, and the time limit of the test ends it.
    for (const strict of [true, false]) {
      try {
        expect(parseIntrospection(xml, { strict }).problems.length).toBeLessThanOrEqual(1_000);
      } catch (error) {
        expect(error).toBeInstanceOf(IntrospectionError);
      }
    }
  }, 60_000);

  test('is rejected only with an IntrospectionError, whatever is changed in it', () => {
    let state = 20_261;
    const below = (limit: number): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((state / 2 ** 32) * limit);
    };
    const pieces = [
      '<', '>', '/', '"', "'", '&', ';', '=', ' ', '<!--', '-->', '<![CDATA[', ']]>', '<!DOCTYPE', '[', ']', '<?', '?>',
      '</node>', '<node>', '<node name="a"/>', '&amp;', '&#0;', '\0', '\ud800', 'a', '\n', '',
    ];
    const sources = (['bus', 'glib', 'libdbus'] as const).map(capturedXml);
    const codes = new Set<string>();
    for (let round = 0; round < extent(150, 3_000); round++) {
      let xml = sources[round % sources.length] ?? '';
      for (let change = 0; change <= below(3); change++) {
        const at = below(xml.length);
        xml = xml.slice(0, at) + (pieces[below(pieces.length)] ?? '') + xml.slice(at + below(4));
      }
      try {
        const { problems } = parseIntrospection(xml);
        for (const { code } of problems) codes.add(code);
        parseIntrospection(xml, { strict: true });
        codes.add('accepted');
      } catch (error) {
        if (!(error instanceof IntrospectionError)) throw new Error(`round ${round}: ${xml}`, { cause: error });
        codes.add(error.code);
      }
    }
    expect(codes).toContain('accepted');
    expect(codes.size).toBeGreaterThan(10);
  });
});
