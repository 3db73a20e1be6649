// Annotations of interfaces, members and arguments: texts by name, which introspection data carry. It knows the
// annotations that a specification of an interface writes as keys. It does not know that a property without
// EmitsChangedSignal has that of its interface: parse-introspection.ts does. Specification: Introspection Data Format.
// Tests: define.test.ts, format-introspection.test.ts, parse-introspection.test.ts.

/** The annotations of an interface, a member or an argument: a text for each name. It has no prototype. */
export type Annotations = Readonly<Record<string, string>>;

/** The annotations that the specification defines. ‹Introspection Data Format› */
export const Annotation = {
  DEPRECATED: 'org.freedesktop.DBus.Deprecated',
  NO_REPLY: 'org.freedesktop.DBus.Method.NoReply',
  EMITS_CHANGED_SIGNAL: 'org.freedesktop.DBus.Property.EmitsChangedSignal',
} as const;

/** What can have annotations. */
export type AnnotatedKind = 'interface' | 'method' | 'property' | 'signal' | 'arg';

/** The annotations that a specification writes as a key, for each kind that has this key: they have no other place. */
const KEYS: Readonly<Record<AnnotatedKind, Readonly<Record<string, string>>>> = {
  interface: { [Annotation.DEPRECATED]: 'deprecated', [Annotation.EMITS_CHANGED_SIGNAL]: 'emitsChanged' },
  method: { [Annotation.DEPRECATED]: 'deprecated', [Annotation.NO_REPLY]: 'noReply' },
  property: { [Annotation.DEPRECATED]: 'deprecated', [Annotation.EMITS_CHANGED_SIGNAL]: 'emitsChanged' },
  signal: { [Annotation.DEPRECATED]: 'deprecated' },
  arg: {},
};

/** The key of a specification with the same meaning as the annotation; undefined if there is none. */
export function keyOfAnnotation(kind: AnnotatedKind, name: string): string | undefined {
  return Object.hasOwn(KEYS[kind], name) ? KEYS[kind][name] : undefined;
}

/** The characters of XML 1.0, without controls. Names of properties and arguments have no other rule. */
const PLAIN_TEXT = /^[^\u0000-\u001f\u007f\ufffe\uffff]*$/;

/** Whether a value is text that can be a name in XML. */
export function isPlainText(value: unknown): value is string {
  return typeof value === 'string' && PLAIN_TEXT.test(value) && value.isWellFormed();
}

/** The characters of XML 1.0: line ends and tabs too, as documentation in annotations has them. */
const XML_TEXT = /^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]*$/;

/** Whether a value is text that can be the value of an annotation. */
export function isXmlText(value: unknown): value is string {
  return typeof value === 'string' && XML_TEXT.test(value) && value.isWellFormed();
}
