// Introspection data out: what an object has, as XML for other programs and for people.
// It reads definitions only; which interfaces an object has, and which children, is the object tree's to say.
// Specification: Introspection Data Format.
import { splitSignature } from '../wire/signature.js';
import type { InterfaceDefinition, MethodDefinition, PropertyDefinition, SignalDefinition } from './definition.js';

/** What an object is introspected to have. */
export interface IntrospectedObject {
  /** In the order in which they are to be listed. */
  readonly interfaces: readonly InterfaceDefinition[];
  /** Last path elements of the objects directly below; they are listed in alphabetic order. */
  readonly children: readonly string[];
}

/** Names of the annotations that the specification gives a meaning. ‹Introspection Data Format› */
export const Annotation = {
  DEPRECATED: 'org.freedesktop.DBus.Deprecated',
  NO_REPLY: 'org.freedesktop.DBus.Method.NoReply',
  EMITS_CHANGED_SIGNAL: 'org.freedesktop.DBus.Property.EmitsChangedSignal',
} as const;

const DOCTYPE = `<!DOCTYPE node PUBLIC "-//freedesktop//DTD D-BUS Object Introspection 1.0//EN"
                      "http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd">`;

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

type Attributes = readonly (readonly [name: string, value: string])[];

/** One element on lines of its own; its content, if it has any, two spaces further in. */
function element(name: string, attributes: Attributes, content: readonly string[] = []): string {
  const values = attributes.map(([key, value]) => ` ${key}="${value.replace(/[&<>"]/g, (c) => ESCAPES[c] ?? c)}"`);
  const tag = `${name}${values.join('')}`;
  if (content.length === 0) return `<${tag}/>`;
  const lines = content.flatMap((child) => child.split('\n')).map((line) => `  ${line}`);
  return [`<${tag}>`, ...lines, `</${name}>`].join('\n');
}

function annotations(values: Readonly<Record<string, string | boolean>>): string[] {
  return Object.entries(values)
    .filter(([, value]) => value !== false)
    .map(([name, value]) => element('annotation', [['name', name], ['value', String(value)]]));
}

/** The `arg` elements of a signature; signals have none but out-arguments, so that these need not say so. */
function args(signature: string, names: readonly string[], direction?: 'in' | 'out'): string[] {
  return splitSignature(signature).map((type, index) => {
    const name = names[index] ?? '';
    return element('arg', [
      ['type', type],
      ...(name === '' ? [] : [['name', name] as const]),
      ...(direction === undefined ? [] : [['direction', direction] as const]),
    ]);
  });
}

function methodElement(name: string, method: MethodDefinition): string {
  return element('method', [['name', name]], [
    ...args(method.in, method.inNames, 'in'),
    ...args(method.out, method.outNames, 'out'),
    ...annotations({ [Annotation.DEPRECATED]: method.deprecated, [Annotation.NO_REPLY]: method.noReply }),
  ]);
}

function signalElement(name: string, signal: SignalDefinition): string {
  return element('signal', [['name', name]], [
    ...args(signal.args, signal.argNames),
    ...annotations({ [Annotation.DEPRECATED]: signal.deprecated }),
  ]);
}

function propertyElement(name: string, property: PropertyDefinition): string {
  return element('property', [['type', property.type], ['name', name], ['access', property.access]], annotations({
    [Annotation.DEPRECATED]: property.deprecated,
    // "true" is what a property without the annotation means.
    [Annotation.EMITS_CHANGED_SIGNAL]: property.emitsChanged === 'true' ? false : property.emitsChanged,
  }));
}

function interfaceElement(definition: InterfaceDefinition): string {
  return element('interface', [['name', definition.name]], [
    ...Object.entries(definition.methods).map(([name, method]) => methodElement(name, method)),
    ...Object.entries(definition.signals).map(([name, signal]) => signalElement(name, signal)),
    ...Object.entries(definition.properties).map(([name, property]) => propertyElement(name, property)),
    ...annotations({ [Annotation.DEPRECATED]: definition.deprecated }),
  ]);
}

/**
 * Introspection data of one object, as the Introspect method returns it: each interface with its members in the order
 * of its definition, then the objects below by name only. The same object always gives the same text.
 */
export function formatIntrospection({ interfaces, children }: IntrospectedObject): string {
  const node = element('node', [], [
    ...interfaces.map(interfaceElement),
    ...[...children].sort().map((name) => element('node', [['name', name]])),
  ]);
  return `${DOCTYPE}\n${node}\n`;
}
