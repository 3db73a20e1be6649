// Introspection data as it is formatted: the exact text, that of GDBus for the same interfaces, and parsed back.

import { describe, expect, test } from 'vitest';
import { defineInterface } from '../../src/interface/define.js';
import { formatIntrospection } from '../../src/interface/format-introspection.js';
import { parseIntrospection } from '../../src/interface/parse-introspection.js';
import { Introspectable, Peer, Properties } from '../../src/interface/standard.js';
import { RandomData } from '../../src/random-data.js';
import { capturedXml } from './support.js';

const DOCTYPE = `<!DOCTYPE node PUBLIC "-//freedesktop//DTD D-BUS Object Introspection 1.0//EN"
                      "http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd">
`;

const Lamp = defineInterface({
  name: 'com.example.Lamp1',
  methods: {
    Dim: { in: 'da{sv}', out: 'bs', inNames: ['level', 'options'], outNames: ['done', ''] },
    Old: { deprecated: true },
    Forget: { in: 's', noReply: true },
  },
  properties: {
    Level: { type: 'd', access: 'read' },
    Name: { type: 's', access: 'readwrite', emitsChanged: 'invalidates' },
    Key: { type: 'ay', access: 'write', emitsChanged: 'false', deprecated: true },
    Model: { type: 's', access: 'read', emitsChanged: 'const' },
  },
  signals: {
    Dim: { args: 'ds', argNames: ['', 'who'] },
    Off: { deprecated: true },
  },
  deprecated: true,
});

describe('introspection data', () => {
  test('contains everything in a definition', () => {
    expect(formatIntrospection({ interfaces: [Lamp], children: ['b', 'a'] })).toBe(`${DOCTYPE}<node>
  <interface name="com.example.Lamp1">
    <method name="Dim">
      <arg type="d" name="level" direction="in"/>
      <arg type="a{sv}" name="options" direction="in"/>
      <arg type="b" name="done" direction="out"/>
      <arg type="s" direction="out"/>
    </method>
    <method name="Old">
      <annotation name="org.freedesktop.DBus.Deprecated" value="true"/>
    </method>
    <method name="Forget">
      <arg type="s" direction="in"/>
      <annotation name="org.freedesktop.DBus.Method.NoReply" value="true"/>
    </method>
    <signal name="Dim">
      <arg type="d"/>
      <arg type="s" name="who"/>
    </signal>
    <signal name="Off">
      <annotation name="org.freedesktop.DBus.Deprecated" value="true"/>
    </signal>
    <property type="d" name="Level" access="read"/>
    <property type="s" name="Name" access="readwrite">
      <annotation name="org.freedesktop.DBus.Property.EmitsChangedSignal" value="invalidates"/>
    </property>
    <property type="ay" name="Key" access="write">
      <annotation name="org.freedesktop.DBus.Deprecated" value="true"/>
      <annotation name="org.freedesktop.DBus.Property.EmitsChangedSignal" value="false"/>
    </property>
    <property type="s" name="Model" access="read">
      <annotation name="org.freedesktop.DBus.Property.EmitsChangedSignal" value="const"/>
    </property>
    <annotation name="org.freedesktop.DBus.Deprecated" value="true"/>
  </interface>
  <node name="a"/>
  <node name="b"/>
</node>
`);
  });

  test('of an object without interfaces and children is an empty node', () => {
    expect(formatIntrospection({ interfaces: [], children: [] })).toBe(`${DOCTYPE}<node/>\n`);
  });

  test('of the standard interfaces is the text that GDBus writes', () => {
    const captured = capturedXml('glib');
    const ours = formatIntrospection({ interfaces: [Properties, Introspectable, Peer], children: [] });
    expect(captured).toContain(DOCTYPE);
    expect(captured).toContain(ours.slice(ours.indexOf('  <interface'), ours.indexOf('</node>')));
  });

  test('escapes the characters that have a meaning in XML', () => {
    const Odd = defineInterface({
      name: 'com.example.Odd1',
      methods: { Do: { in: 's', inNames: [`a<b>&"c"'d'`] } },
      properties: { '<&>"\'é☂😀]]>': { type: 's', access: 'read' } },
    });
    const xml = formatIntrospection({ interfaces: [Odd], children: ['<&"'] });
    expect(xml).toContain(`name="a&lt;b&gt;&amp;&quot;c&quot;'d'"`);
    const { interfaces: [odd], children: [child] } = parseIntrospection(xml);
    expect(odd?.methods['Do']?.inNames).toEqual([`a<b>&"c"'d'`]);
    expect(Object.keys(odd?.properties ?? {})).toEqual(['<&>"\'é☂😀]]>']);
    expect(child?.name).toBe('<&"');
  });

  test('contains the annotations of interfaces, members and arguments, and they are parsed back', () => {
    const Noted = defineInterface({
      name: 'com.example.Noted1',
      methods: {
        Do: {
          in: 'su', out: 's', noReply: false, deprecated: true, annotations: { 'com.example.Doc': 'Does <it>.\n\tTwice\r' },
          inAnnotations: [{}, { 'com.example.Unit': 's' }], outAnnotations: [{ 'com.example.Doc': '"' }],
        },
      },
      properties: { P: { type: 's', access: 'read', annotations: { 'com.example.Since': '1' } } },
      signals: { S: { args: 's', argAnnotations: [{ a: 'b' }], annotations: { c: '' } } },
      annotations: { 'com.example.Doc': 'all' },
    });
    const xml = formatIntrospection({ interfaces: [Noted], children: [] });
    expect(xml).toContain(`    <method name="Do">
      <arg type="s" direction="in"/>
      <arg type="u" direction="in">
        <annotation name="com.example.Unit" value="s"/>
      </arg>
      <arg type="s" direction="out">
        <annotation name="com.example.Doc" value="&quot;"/>
      </arg>
      <annotation name="org.freedesktop.DBus.Deprecated" value="true"/>
      <annotation name="com.example.Doc" value="Does &lt;it&gt;.&#10;&#9;Twice&#13;"/>
    </method>`);
    const { interfaces: [parsed], problems } = parseIntrospection(xml);
    expect(problems).toEqual([]);
    const again = defineInterface(parsed!);
    for (const kind of ['properties', 'annotations'] as const) expect(again[kind]).toEqual(Noted[kind]);
    expect(again.methods['Do']).toEqual({ ...Noted.methods.Do, inNames: ['', ''], outNames: [''] });
    expect(again.signals['S']).toEqual({ ...Noted.signals.S, argNames: [''] });
  });

  test.each([Lamp, RandomData, Properties, Peer])('can be parsed back to the definition: $name', (definition) => {
    const { interfaces } = parseIntrospection(formatIntrospection({ interfaces: [definition], children: [] }));
    expect(interfaces).toHaveLength(1);
    const [parsed] = interfaces;
    // Missing names of arguments become empty names, and the XML does not say which arguments are optional.
    const again = defineInterface(parsed!);
    const asWritten = (text: typeof again): string => formatIntrospection({ interfaces: [text], children: [] });
    expect(asWritten(again)).toBe(formatIntrospection({ interfaces: [definition], children: [] }));
    expect({ ...again.properties }).toEqual({ ...definition.properties });
    expect(again.deprecated).toBe(definition.deprecated);
  });

  test('is formatted without changing the list of children', () => {
    const children = Object.freeze(['b', 'a', 'B']);
    expect(formatIntrospection({ interfaces: [], children })).toMatch(/"B".*"a".*"b"/s);
  });
});
