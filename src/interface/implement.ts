// Implements a definition: joins it with checked handlers, and emits its signals to the attached sinks. It calls no
// handler, and knows neither connections nor objects.
import { type Caller, errorAt, stackOfCaller } from '../wire/error-place.js';
import { ArgumentError } from '../wire/errors.js';
import { encodeMessage } from '../wire/messages/encode.js';
import { signal } from '../wire/messages/message.js';
import type { Implementation, InterfaceDefinition, Members, SignalSink } from './definition.js';
import { DefinitionError, unknownMember } from './errors.js';
import { checkHandlers } from './handlers.js';
import type { InterfaceSpec } from './spec.js';

/** Checks that a signal could be sent, as a connection does. */
function checkSignal(interfaceName: string, member: string, signature: string, body: readonly unknown[]): void {
  const message = signal<string>({ path: '/', interface: interfaceName, member, signature, body });
  encodeMessage(message, { serial: 1, allowUnixFds: false });
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
  let handlers: Pick<Implementation, 'methods' | 'properties'>;
  try {
    handlers = checkHandlers(definition, members);
  } catch (error) {
    throw error instanceof DefinitionError ? stackOfCaller(error, above) : error;
  }
  const { name: interfaceName, signals, properties } = definition;
  const sinks = new Sinks();

  const emit = (name: string, ...body: readonly unknown[]): void => {
    const spec = typeof name === 'string' ? signals[name] : undefined;
    if (spec === undefined) {
      throw unknownMember('signal', name, { definition, caller: `${interfaceName}.emit`, above: emit });
    }
    try {
      // A sink rejects a wrong argument before it sends anything. Without a sink nothing would check the arguments.
      if (sinks.size === 0) checkSignal(interfaceName, name, spec.args, body);
      sinks.forEach((sink) => sink.signal(name, spec.args, body));
    } catch (error) {
      throw errorAt(error, { interface: interfaceName, member: name, argumentNames: spec.argNames }, emit);
    }
  };

  const emitPropertiesChanged = (...names: readonly string[]): void => {
    const caller = `${interfaceName}.emitPropertiesChanged`;
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
    sinks.forEach((sink) => sink.propertiesChanged(names));
  };

  return Object.freeze({
    definition,
    methods: handlers.methods,
    properties: handlers.properties,
    emit,
    emitPropertiesChanged,
    attach: (sink: SignalSink) => sinks.attach(sink),
  });
}
