// Checks the handlers of an interface: each member must have one, and each handler must have a member. It calls no
// handler. Tests: implement.test.ts.
import { isRecord } from '../wire/arguments.js';
import { describe, quote } from '../wire/describe.js';
import { nearestOf } from '../wire/options.js';
import type {
  Implementation, InterfaceDefinition, MethodHandler, PropertyDefinition, PropertyHandlers,
} from './definition.js';
import { DefinitionError, type DefinitionErrorCode, mustBeOneOf } from './errors.js';
import { handlersOfStored, misfit, storedProperty, type StoredProperty } from './stored-values.js';

type Handlers = Readonly<Record<string, unknown>>;

/** Makes an error about a member of one interface. */
type ErrorOf = (code: DefinitionErrorCode, problem: string, member?: string) => DefinitionError;

const GROUPS: readonly string[] = ['methods', 'properties'];

/** The handlers of one kind of members. */
function handlersOf(members: unknown, group: 'methods' | 'properties', errorOf: ErrorOf): Handlers {
  if (!isRecord(members)) {
    throw errorOf('HANDLER_INVALID', `implement() must get an object of handlers, got ${describe(members)}`);
  }
  const unknown = Object.keys(members).find((key) => !GROUPS.includes(key));
  if (unknown !== undefined) {
    throw errorOf('HANDLER_INVALID', `unknown key ${quote(unknown, 40)}: it must be one of ${GROUPS.join(', ')}`);
  }
  const handlers = members[group];
  if (handlers === undefined) return {};
  if (!isRecord(handlers)) {
    throw errorOf('HANDLER_INVALID', `"${group}" must be an object of handlers, got ${describe(handlers)}`);
  }
  return handlers;
}

/** Pairs each definition with the handler of the same name. */
function pair<Definition, Paired>(
  definitions: Readonly<Record<string, Definition>>,
  handlers: Handlers,
  { kind, errorOf, pairOne }: {
    readonly kind: 'method' | 'property';
    readonly errorOf: ErrorOf;
    readonly pairOne: (definition: Definition, handler: unknown, name: string) => Paired;
  },
): Readonly<Record<string, Paired>> {
  const left = new Set(Object.keys(handlers));
  const paired = Object.create(null) as Record<string, Paired>; // Object.create has no type for "nothing inherited"
  for (const [name, definition] of Object.entries(definitions)) {
    // Only own keys count: the `toString` that every object inherits is not a handler.
    const handler = left.delete(name) ? valueOf(handlers, name) : undefined;
    const similar = handler === undefined ? similarTo(name, definitions, left) : undefined;
    if (similar !== undefined) {
      const problem = `no handler: the ${kind} must have one; did you mean it by the key ${quote(similar, 40)}?`;
      throw errorOf('HANDLER_MISSING', problem, name);
    }
    paired[name] = pairOne(definition, handler, name);
  }
  for (const name of left) {
    if (valueOf(handlers, name) === undefined) continue;
    throw errorOf('HANDLER_UNKNOWN', `no such ${kind}: ${mustBeOneOf(Object.keys(definitions))}`, name);
  }
  return Object.freeze(paired);
}

/** The value at a key; for an accessor its descriptor, so that no getter runs. */
function valueOf(handlers: Handlers, name: string): unknown {
  const key = Object.getOwnPropertyDescriptor(handlers, name);
  return key?.get === undefined && key?.set === undefined ? key?.value : key;
}

/** A key that names no member, and is similar to the name of one that has no handler. */
function similarTo(name: string, definitions: object, keys: ReadonlySet<string>): string | undefined {
  return nearestOf(name, [...keys].filter((key) => !Object.hasOwn(definitions, key)));
}

function checkMethod(handler: unknown, name: string, errorOf: ErrorOf): MethodHandler {
  if (typeof handler === 'function') return handler as MethodHandler; // the compiler checked its parameters
  if (handler === undefined) throw errorOf('HANDLER_MISSING', 'no handler: the method must have one', name);
  throw errorOf('HANDLER_INVALID', `the handler must be a function, got ${describe(handler)}`, name);
}

/** Checks a plain value, or an accessor. */
function checkStored(
  stored: StoredProperty, definition: PropertyDefinition,
  { handlers, name, errorOf }: { handlers: Handlers; name: string; errorOf: ErrorOf },
): void {
  const { access, type } = definition;
  const { get, set, value } = Object.getOwnPropertyDescriptor(handlers, name) ?? {};
  if (get === undefined && set === undefined) {
    const error = misfit(definition, value);
    if (error === undefined) return;
    throw errorOf('HANDLER_INVALID', `the value does not fit type "${type}": ${error.problem}`, name);
  }
  const rule = `a property with access "${access}" must have one`;
  if (get === undefined && access !== 'write') throw errorOf('HANDLER_MISSING', `no getter: ${rule}`, name);
  if (stored.write === undefined && access !== 'read') throw errorOf('HANDLER_MISSING', `no setter: ${rule}`, name);
}

function checkProperty(
  { access }: PropertyDefinition, handlers: unknown, { name, errorOf }: { name: string; errorOf: ErrorOf },
): PropertyHandlers {
  if (!isRecord(handlers)) {
    throw errorOf('HANDLER_INVALID', `the handlers must be an object with get or set, got ${describe(handlers)}`, name);
  }
  const roles = access === 'readwrite' ? ['get', 'set'] : access === 'read' ? ['get'] : ['set'];
  const rule = `a property with access "${access}" must have ${roles.join(' and ')}`;
  const extra = Object.keys(handlers).find((key) => !roles.includes(key) && handlers[key] !== undefined);
  if (extra !== undefined) {
    throw errorOf('HANDLER_UNKNOWN', `unexpected key ${quote(extra, 40)}: ${rule} only`, name);
  }
  for (const role of roles) {
    const handler = handlers[role];
    if (typeof handler === 'function') continue;
    if (handler === undefined) throw errorOf('HANDLER_MISSING', `no ${role}: ${rule}`, name);
    throw errorOf('HANDLER_INVALID', `"${role}" must be a function, got ${describe(handler)}`, name);
  }
  const { get, set } = handlers as unknown as PropertyHandlers; // each is a function, or undefined
  return Object.freeze({ get, set });
}

/** The handlers of all members of an interface, and the properties that the implementation keeps itself. */
export interface CheckedHandlers extends Pick<Implementation, 'methods' | 'properties'> {
  readonly stored: ReadonlyMap<string, StoredProperty>;
}

/**
 * The handlers of all members of an interface.
 * @throws {DefinitionError} if a handler is missing, is not a function, or has no member, or a value does not fit
 */
export function checkHandlers(definition: InterfaceDefinition, members: unknown): CheckedHandlers {
  const errorOf: ErrorOf = (code, problem, member) => (
    new DefinitionError(code, problem, { interface: definition.name, member })
  );
  const stored = new Map<string, StoredProperty>();
  const properties = handlersOf(members, 'properties', errorOf);
  const pairProperty = (each: PropertyDefinition, handlers: unknown, name: string): PropertyHandlers => {
    if (handlers === undefined) {
      throw errorOf('HANDLER_MISSING', 'no value and no handlers: the property must have one of both', name);
    }
    const kept = storedProperty(properties, name, each);
    if (kept === undefined) return checkProperty(each, handlers, { name, errorOf });
    checkStored(kept, each, { handlers: properties, name, errorOf });
    stored.set(name, kept);
    return handlersOfStored(kept, each);
  };
  return {
    methods: pair(definition.methods, handlersOf(members, 'methods', errorOf), {
      kind: 'method', errorOf, pairOne: (_, handler, name) => checkMethod(handler, name, errorOf),
    }),
    properties: pair(definition.properties, properties, { kind: 'property', errorOf, pairOne: pairProperty }),
    stored,
  };
}
