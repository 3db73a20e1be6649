// Writes introspection data: the interfaces and children of an object, as XML for other programs and for people. It
// reads definitions; the object tree knows the interfaces and children. Specification: Introspection Data Format.
import { argumentError, isArray, isRecord } from '../wire/arguments.js';
import { splitSignature } from '../wire/signature.js';
import { Annotation, type Annotations, isXmlText } from './annotations.js';
import type { InterfaceDefinition, MethodDefinition, PropertyDefinition, SignalDefinition } from './definition.js';
import { definitionOf } from './redefine.js';

/** An object to be described. */
export interface IntrospectedObject {
  /** The interfaces, in the order in which they are listed. */
  readonly interfaces: readonly InterfaceDefinition[];
  /** The last path elements of the objects directly below. They are listed in alphabetical order. */
  readonly children: readonly string[];
}

const DOCTYPE = `<!DOCTYPE node PUBLIC "-//freedesktop//DTD D-BUS Object Introspection 1.0//EN"
                      "http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd">`;

/** Line ends and tabs are written as references: a reader gets those that are not as spaces. */
const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', '\t': '&#9;', '\n': '&#10;', '\r': '&#13;',
};

type Attributes = readonly (readonly [name: string, value: string])[];

/** One element on its own lines; its content, if any, is indented by two spaces. */
function element(name: string, attributes: Attributes, content: readonly string[] = []): string {
  const escaped = (value: string): string => value.replace(/[&<>"\t\n\r]/g, (c) => ESCAPES[c] ?? c);
  const values = attributes.map(([key, value]) => ` ${key}="${escaped(value)}"`);
  const tag = `${name}${values.join('')}`;
  if (content.length === 0) return `<${tag}/>`;
  const lines = content.flatMap((child) => child.split('\n')).map((line) => `  ${line}`);
  return [`<${tag}>`, ...lines, `</${name}>`].join('\n');
}

/** The annotations that are keys of a definition, then its others. */
function annotations(keys: Readonly<Record<string, string | boolean>>, others: Annotations | undefined): string[] {
  return [...Object.entries(keys).filter(([, value]) => value !== false), ...Object.entries(others ?? {})]
    .map(([name, value]) => element('annotation', [['name', name], ['value', String(value)]]));
}

/** The `arg` elements of a signature. Those of a signal have no direction, because all of them are out-arguments. */
function args(
  signature: string,
  { names, annotated, direction }: {
    readonly names: readonly string[];
    readonly annotated: readonly Annotations[];
    readonly direction?: 'in' | 'out';
  },
): string[] {
  return splitSignature(signature).map((type, index) => {
    const name = names[index] ?? '';
    return element('arg', [
      ['type', type],
      ...(name === '' ? [] : [['name', name] as const]),
      ...(direction === undefined ? [] : [['direction', direction] as const]),
    ], annotations({}, annotated[index]));
  });
}

function methodElement(name: string, method: MethodDefinition): string {
  const keys = { [Annotation.DEPRECATED]: method.deprecated, [Annotation.NO_REPLY]: method.noReply };
  return element('method', [['name', name]], [
    ...args(method.in, { names: method.inNames, annotated: method.inAnnotations, direction: 'in' }),
    ...args(method.out, { names: method.outNames, annotated: method.outAnnotations, direction: 'out' }),
    ...annotations(keys, method.annotations),
  ]);
}

function signalElement(name: string, signal: SignalDefinition): string {
  return element('signal', [['name', name]], [
    ...args(signal.args, { names: signal.argNames, annotated: signal.argAnnotations }),
    ...annotations({ [Annotation.DEPRECATED]: signal.deprecated }, signal.annotations),
  ]);
}

function propertyElement(name: string, property: PropertyDefinition): string {
  const keys = {
    [Annotation.DEPRECATED]: property.deprecated,
    // A property without this annotation has the value "true".
    [Annotation.EMITS_CHANGED_SIGNAL]: property.emitsChanged === 'true' ? false : property.emitsChanged,
  };
  const attributes = [['type', property.type], ['name', name], ['access', property.access]] as const;
  return element('property', attributes, annotations(keys, property.annotations));
}

function interfaceElement(definition: InterfaceDefinition): string {
  return element('interface', [['name', definition.name]], [
    ...Object.entries(definition.methods).map(([name, method]) => methodElement(name, method)),
    ...Object.entries(definition.signals).map(([name, signal]) => signalElement(name, signal)),
    ...Object.entries(definition.properties).map(([name, property]) => propertyElement(name, property)),
    ...annotations({ [Annotation.DEPRECATED]: definition.deprecated }, definition.annotations),
  ]);
}

function checkObject(object: unknown): IntrospectedObject {
  const fail = (must: string, value: unknown): never => {
    throw argumentError('formatIntrospection', must, value);
  };
  if (!isRecord(object)) return fail('the object must have interfaces and children', object);
  const { interfaces, children } = object;
  if (!isArray(interfaces)) return fail('"interfaces" must be an array', interfaces);
  if (!isArray(children)) return fail('"children" must be an array', children);
  const odd = children.findIndex((name) => !isXmlText(name));
  if (odd >= 0) fail('the name of a child must be text that XML can contain', children[odd]);
  return { interfaces: Array.from(interfaces, definitionOf), children: children as readonly string[] }; // checked above
}

/**
 * Formats introspection data of one object, as the Introspect method returns it: each interface with its members in the
 * order of its definition, then the names of the objects below. The same object always gives the same text.
 * @throws {DefinitionError} if an interface is not valid; a result of `defineInterface` always is
 * @throws {ArgumentError} if `object` does not have arrays of interfaces and of names of children
 */
export function formatIntrospection(object: IntrospectedObject): string {
  const { interfaces, children } = checkObject(object);
  const node = element('node', [], [
    ...interfaces.map(interfaceElement),
    ...[...children].sort().map((name) => element('node', [['name', name]])),
  ]);
  return `${DOCTYPE}\n${node}\n`;
}
