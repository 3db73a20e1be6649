// An interface definition joined with the handlers that run it: nothing missing, nothing left over.
// It runs no handler; it hands signals to the sinks that are attached.
import { encodeMessage } from '../wire/messages/encode.js';
import { errorAt } from '../wire/error-place.js';
import { signal } from '../wire/messages/message.js';
import { checkOptions, type OptionRule } from '../wire/options.js';
import type {
  Implementation, InterfaceDefinition, Members, MethodHandler, PropertyDefinition, PropertyHandlers, SignalSink,
} from './definition.js';
import { DefinitionError } from './errors.js';
import type { InterfaceSpec } from './spec.js';

const RECORD: OptionRule = {
  must: 'an object of handlers',
  accepts: (value) => typeof value === 'object' && value !== null,
};
const MEMBERS_RULES = { methods: RECORD, properties: RECORD };

type Functions = Readonly<Record<string, unknown>>;

/** The entries of `handlers` for the names of `definitions`, checked to be the same names. */
function matchHandlers<Definition, Matched>(
  definitions: Readonly<Record<string, Definition>>,
  handlers: Functions | undefined,
  { interfaceName, match }: {
    readonly interfaceName: string;
    readonly match: (definition: Definition, handler: unknown, name: string) => Matched;
  },
): Readonly<Record<string, Matched>> {
  const left = new Set(Object.keys(handlers ?? {}));
  const matched = Object.create(null) as Record<string, Matched>; // Object.create has no type for "nothing inherited"
  for (const [name, definition] of Object.entries(definitions)) {
    // Only what the handlers have themselves: `toString` of an ordinary object handles no method of that name.
    matched[name] = match(definition, left.delete(name) ? handlers?.[name] : undefined, name);
  }
  const [extra] = left;
  if (extra !== undefined) {
    const at = { interface: interfaceName, member: extra };
    throw new DefinitionError('HANDLER_UNKNOWN', 'a handler for no member', at);
  }
  return Object.freeze(matched);
}

/**
 * What {@link InterfaceDefinition.implement} does.
 * @throws {DefinitionError} if a handler is missing, is not a function, or belongs to no member
 */
export function implement(definition: InterfaceDefinition, members: Members<InterfaceSpec>): Implementation {
  checkOptions(`${definition.name}.implement`, members, MEMBERS_RULES);
  const at = (member: string): { interface: string; member: string } => ({ interface: definition.name, member });

  const requireFunction = (handler: unknown, member: string, role: string): MethodHandler => {
    if (typeof handler === 'function') return handler as MethodHandler; // the definition has checked its parameters
    throw new DefinitionError('HANDLER_MISSING', `${role} is not a function`, at(member));
  };

  const methods = matchHandlers(definition.methods, members.methods, {
    interfaceName: definition.name,
    match: (_, handler, name) => requireFunction(handler, name, 'the handler'),
  });

  const matchProperty = ({ access }: PropertyDefinition, handlers: unknown, name: string): PropertyHandlers => {
    if (typeof handlers !== 'object' || handlers === null) {
      throw new DefinitionError('HANDLER_MISSING', 'the property has no handlers', at(name));
    }
    const { get, set, ...others } = handlers as Functions;
    const [extra] = [
      ...Object.keys(others),
      ...(access === 'write' && get !== undefined ? ['get'] : []),
      ...(access === 'read' && set !== undefined ? ['set'] : []),
    ];
    if (extra !== undefined) {
      throw new DefinitionError('HANDLER_UNKNOWN', `a property with access "${access}" has no ${extra}`, at(name));
    }
    return Object.freeze({
      get: access === 'write' ? undefined : requireFunction(get, name, 'get'),
      set: access === 'read' ? undefined : requireFunction(set, name, 'set'),
    });
  };

  const sinks = new Set<{ readonly sink: SignalSink }>();

  /** Tells every sink, also those after one that throws; what the first throws goes to the caller. */
  const tell = (deliver: (sink: SignalSink) => void): void => {
    const failures: unknown[] = [];
    for (const { sink } of [...sinks]) {
      try {
        deliver(sink);
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  };

  /**
   * Emits a signal. A single sink refuses a wrong argument before anything leaves. Without a sink nobody looks at it,
   * and with several it might leave through the first: then the signal is checked before.
   */
  const emit = (name: string, ...body: readonly unknown[]): void => {
    const spec = definition.signals[name];
    if (spec === undefined) throw new DefinitionError('SIGNAL_UNKNOWN', 'there is no such signal', at(name));
    try {
      if (sinks.size !== 1) {
        const parts = { path: '/', interface: definition.name, member: name, signature: spec.args, body };
        encodeMessage(signal<string>(parts), { serial: 1, allowUnixFds: false }); // as a connection does
      }
      tell((sink) => sink.signal(name, spec.args, body));
    } catch (error) {
      throw errorAt(error, { interface: definition.name, member: name, argumentNames: spec.argNames }, emit);
    }
  };

  return Object.freeze({
    definition,
    methods,
    properties: matchHandlers(definition.properties, members.properties, {
      interfaceName: definition.name,
      match: matchProperty,
    }),
    emit,
    emitPropertiesChanged: (...names: readonly string[]) => {
      for (const name of names) {
        const property = definition.properties[name];
        if (property === undefined) {
          throw new DefinitionError('PROPERTY_UNKNOWN', 'there is no such property', at(name));
        }
        if (property.emitsChanged === 'const' || property.emitsChanged === 'false') {
          const problem = `changes of a property with emitsChanged "${property.emitsChanged}" are not signalled`;
          throw new DefinitionError('PROPERTY_DOES_NOT_SIGNAL', problem, at(name));
        }
      }
      if (names.length > 0) tell((sink) => sink.propertiesChanged(names));
    },
    attach: (sink: SignalSink) => {
      const attached = { sink }; // one object may attach the same sink twice, and detach it twice
      sinks.add(attached);
      return () => void sinks.delete(attached);
    },
  });
}
