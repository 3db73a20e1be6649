// Implements a definition: checks that each member has a handler, and each handler a member; joins it with the
// handlers, and emits its signals to the attached sinks. It calls no handler, and knows neither connections nor
// objects. Tests: implement.test.ts.
import { isRecord, withThis } from '../wire/arguments.js';
import { describe, quote } from '../wire/describe.js';
import { type Caller, errorAt, stackOfCaller } from '../wire/error-place.js';
import { ArgumentError } from '../wire/errors.js';
import { decodeMessage } from '../wire/messages/decode.js';
import { encodeMessage } from '../wire/messages/encode.js';
import { signal } from '../wire/messages/message.js';
import { assertObjectPath } from '../wire/names.js';
import { checkOptions, nearestOf, TEXT } from '../wire/options.js';
import { splitSignature } from '../wire/signature.js';
import type {
  EmitOptions, Implementation, InterfaceDefinition, Members, MethodHandler, PropertyDefinition, PropertyHandlers,
  SignalSink, SignalSource,
} from './definition.js';
import { keepEarlySignal, keepsEarlySignals } from './early-signals.js';
import { DefinitionError, type DefinitionErrorCode, mustBeOneOf, unknownMember } from './errors.js';
import type { InterfaceSpec } from './spec.js';
import { handlersOfStored, misfit, storedProperty, type StoredProperty, valuesOf } from './stored-values.js';

const SOURCE_RULES = { path: TEXT };
const EMIT_RULES = { path: TEXT, destination: TEXT };
const EVERYWHERE: EmitOptions = Object.freeze({});

/** A signal without its object. */
interface Emission {
  readonly member: string;
  readonly signature: string;
  readonly body: readonly unknown[];
  readonly options: EmitOptions;
}

/** Checks that a signal could be sent, as a connection does; returns the bytes of its message. */
function checkSignal(interfaceName: string, { member, signature, body, options }: Emission): Uint8Array {
  const { path = '/', destination } = options;
  const message = signal<string>({ path, interface: interfaceName, member, signature, body, destination });
  return encodeMessage(message, { serial: 1, allowUnixFds: false });
}

/** Splits the options of `emit` from the arguments before them: the signature says how many these are. */
function emission(interfaceName: string, member: string, args: readonly unknown[], signature: string): Emission {
  const last = args.at(-1);
  const count = args.length === 0 ? 0 : splitSignature(signature).length;
  if (args.length !== count + 1 || (last !== undefined && !isRecord(last))) {
    return { member, signature, body: args, options: EVERYWHERE };
  }
  if (last !== undefined) checkOptions(`${interfaceName}.emit`, last, EMIT_RULES);
  return { member, signature, body: args.slice(0, -1), options: last ?? EVERYWHERE };
}

/** The sinks of one implementation. */
class Sinks {
  readonly #attached = new Set<{ readonly sink: SignalSink }>();

  get size(): number {
    return this.#attached.size;
  }

  /** Attaches a sink. A sink that is attached twice gets each signal twice. */
  attach(sink: SignalSink): () => void {
    const attached = { sink }; // a separate key for each call, so that one sink can be attached and detached twice
    this.#attached.add(attached);
    return () => void this.#attached.delete(attached);
  }

  /** Calls `deliver` for every sink, even if it throws for one; then throws the first error. */
  forEach(deliver: (sink: SignalSink) => void): void {
    const failures: unknown[] = [];
    for (const { sink } of [...this.#attached]) {
      try {
        deliver(sink);
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}

/**
 * Implements a definition; see {@link InterfaceDefinition.implement}. `above` is the function that the user calls.
 * @throws {DefinitionError} if a handler is missing, is not a function, or has no member
 */
export function implement(
  definition: InterfaceDefinition, members: Members<InterfaceSpec>, above: Caller,
): Implementation<InterfaceSpec, boolean> {
  let handlers: CheckedHandlers;
  try {
    handlers = checkHandlers(definition, members);
  } catch (error) {
    throw error instanceof DefinitionError ? stackOfCaller(error, above) : error;
  }
  const { name: interfaceName, signals, properties } = definition;
  const sinks = new Sinks();

  const emit = (name: string, ...args: readonly unknown[]): void => {
    const spec = typeof name === 'string' ? signals[name] : undefined;
    if (spec === undefined) {
      throw unknownMember('signal', name, { definition, caller: `${interfaceName}.emit`, above: emit });
    }
    try {
      const sent = emission(interfaceName, name, args, spec.args);
      const { signature, body, options } = sent;
      // A sink rejects a wrong argument before it sends anything. If no sink sends it, nothing else checks them.
      if (sinks.size === 0 || options !== EVERYWHERE) {
        const bytes = checkSignal(interfaceName, sent);
        if (sinks.size === 0 && keepsEarlySignals()) {
          const copy = decodeMessage(bytes).body; // the caller may change the values
          keepEarlySignal(implementation, { member: name, signature, body: copy, options: { ...options } });
        }
      }
      sinks.forEach((sink) => sink.signal(name, signature, body, options));
    } catch (error) {
      throw errorAt(error, { interface: interfaceName, member: name, argumentNames: spec.argNames }, emit);
    }
  };

  const emitPropertiesChanged = (...args: readonly unknown[]): void => {
    const caller = `${interfaceName}.emitPropertiesChanged`;
    const last = args.at(-1);
    const source: SignalSource = isRecord(last) ? last : EVERYWHERE;
    // Each is checked below.
    const names = (source === last ? args.slice(0, -1) : args) as readonly string[];
    if (source === last) {
      try {
        checkOptions(caller, source, SOURCE_RULES);
        if (source.path !== undefined) assertObjectPath(source.path);
      } catch (error) {
        throw error instanceof Error ? stackOfCaller(error, emitPropertiesChanged) : error;
      }
    }
    if (names.length === 0) {
      const error = new ArgumentError('ARGUMENT_INVALID', 'no property names: there must be at least one', {
        owner: caller,
      });
      throw stackOfCaller(error, emitPropertiesChanged);
    }
    for (const name of names) {
      const property = typeof name === 'string' ? properties[name] : undefined;
      if (property === undefined) {
        throw unknownMember('property', name, { definition, caller, above: emitPropertiesChanged });
      }
      if (property.emitsChanged === 'const' || property.emitsChanged === 'false') {
        const problem = `changes are not announced with emitsChanged '${property.emitsChanged}': it must be 'true' or `
          + `'invalidates'`;
        const at = { interface: interfaceName, member: name };
        throw stackOfCaller(new DefinitionError('PROPERTY_DOES_NOT_SIGNAL', problem, at), emitPropertiesChanged);
      }
    }
    sinks.forEach((sink) => sink.propertiesChanged(names, source));
  };

  const announce = (name: string): void => {
    const { emitsChanged } = properties[name]!; // a key of it
    if (emitsChanged === 'const' || emitsChanged === 'false') return;
    sinks.forEach((sink) => sink.propertiesChanged([name], EVERYWHERE));
  };

  const implementation: Implementation<InterfaceSpec, boolean> = Object.freeze({
    definition,
    methods: handlers.methods,
    properties: handlers.properties,
    values: valuesOf(definition, handlers.stored, announce),
    emit,
    emitPropertiesChanged,
    attach: (sink: SignalSink) => sinks.attach(sink),
  });
  return implementation;
}

/* Handlers ------------------------------------------------------------------------------------------------------- */

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
      const problem = `no handler: the ${kind} must have one; did you misspell it as ${quote(similar, 40)}?`;
      throw errorOf('HANDLER_MISSING', problem, name);
    }
    if (isInherited(handlers, name)) {
      const problem = 'the handler is inherited, as from a class: it must be a key of the object itself';
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

/** Whether an object has a key from its class, and not one that every object inherits. */
function isInherited(handlers: Handlers, name: string): boolean {
  return !Object.hasOwn(handlers, name) && !Object.hasOwn(Object.prototype, name) && name in handlers;
}

/** A key that names no member, and is similar to the name of one that has no handler. */
function similarTo(name: string, definitions: object, keys: ReadonlySet<string>): string | undefined {
  return nearestOf(name, [...keys].filter((key) => !Object.hasOwn(definitions, key)));
}

function checkMethod(
  handler: unknown, { handlers, name, errorOf }: { handlers: Handlers; name: string; errorOf: ErrorOf },
): MethodHandler {
  // The compiler has checked its parameters.
  if (typeof handler === 'function') return withThis(handler as MethodHandler, handlers);
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
  return Object.freeze({ get: get && withThis(get, handlers), set: set && withThis(set, handlers) });
}

/** The handlers of all members of an interface, and the properties that the implementation keeps itself. */
interface CheckedHandlers extends Pick<Implementation, 'methods' | 'properties'> {
  readonly stored: ReadonlyMap<string, StoredProperty>;
}

/**
 * The handlers of all members of an interface.
 * @throws {DefinitionError} if a handler is missing, is not a function, or has no member, or a value does not fit
 */
function checkHandlers(definition: InterfaceDefinition, members: unknown): CheckedHandlers {
  const errorOf: ErrorOf = (code, problem, member) => (
    new DefinitionError(code, problem, { interface: definition.name, member })
  );
  const stored = new Map<string, StoredProperty>();
  const properties = handlersOf(members, 'properties', errorOf);
  const pairProperty = (each: PropertyDefinition, handlers: unknown, name: string): PropertyHandlers => {
    if (handlers === undefined) {
      throw errorOf('HANDLER_MISSING', 'no value and no handlers: the property must have one or the other', name);
    }
    const kept = storedProperty(properties, name, each);
    if (kept === undefined) return checkProperty(each, handlers, { name, errorOf });
    checkStored(kept, each, { handlers: properties, name, errorOf });
    stored.set(name, kept);
    return handlersOfStored(kept, each);
  };
  const methods = handlersOf(members, 'methods', errorOf);
  return {
    methods: pair(definition.methods, methods, {
      kind: 'method',
      errorOf,
      pairOne: (_, handler, name) => checkMethod(handler, { handlers: methods, name, errorOf }),
    }),
    properties: pair(definition.properties, properties, { kind: 'property', errorOf, pairOne: pairProperty }),
    stored,
  };
}
