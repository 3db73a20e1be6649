// Implements a definition: joins it with checked handlers, and emits its signals to the attached sinks. It calls no
// handler, and knows neither connections nor objects.
import { isRecord } from '../wire/arguments.js';
import { type Caller, errorAt, stackOfCaller } from '../wire/error-place.js';
import { ArgumentError } from '../wire/errors.js';
import { encodeMessage } from '../wire/messages/encode.js';
import { signal } from '../wire/messages/message.js';
import { assertObjectPath } from '../wire/names.js';
import { checkOptions, TEXT } from '../wire/options.js';
import { splitSignature } from '../wire/signature.js';
import type {
  EmitOptions, Implementation, InterfaceDefinition, Members, SignalSink, SignalSource,
} from './definition.js';
import { DefinitionError, unknownMember } from './errors.js';
import { type CheckedHandlers, checkHandlers } from './handlers.js';
import type { InterfaceSpec } from './spec.js';
import { valuesOf } from './stored-values.js';

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

/** Checks that a signal could be sent, as a connection does. */
function checkSignal(interfaceName: string, { member, signature, body, options }: Emission): void {
  const { path = '/', destination } = options;
  const message = signal<string>({ path, interface: interfaceName, member, signature, body, destination });
  encodeMessage(message, { serial: 1, allowUnixFds: false });
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
      if (sinks.size === 0 || options !== EVERYWHERE) checkSignal(interfaceName, sent);
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

  return Object.freeze({
    definition,
    methods: handlers.methods,
    properties: handlers.properties,
    values: valuesOf(definition, handlers.stored, announce),
    emit,
    emitPropertiesChanged,
    attach: (sink: SignalSink) => sinks.attach(sink),
  });
}
