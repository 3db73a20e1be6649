// Types of the parts of a definition, for functions that work with one interface: its specification, handlers, signals
// and properties. It contains only types. Tests: test/types/definition-types.test.ts.
import type { Implementation, InterfaceDefinition, Members } from './definition.js';
import type {
  CallArguments, CallResult, MethodName, PropertyName, PropertyValue, SignalBody, SignalName, TypedHandlers,
} from './infer.js';
import type { InterfaceSpec } from './spec.js';

/** The specification of a definition: `SpecOf<typeof Player>`, for types such as `SignalBody<Spec, 'Started'>`. */
export type SpecOf<Definition> =
  Definition extends InterfaceDefinition<infer Spec extends InterfaceSpec> ? Spec : never;

/**
 * The handlers of a definition, as `implement` gets them: `const handlers: HandlersOf<typeof Player> = { … }`. `Typed`
 * is true for those of `implementTyped`.
 */
export type HandlersOf<Definition, Typed extends boolean = false> = Members<SpecOf<Definition>, Typed>;

/** The result of `implement` of a definition. */
export type ImplementationOf<Definition> =
  Definition extends InterfaceDefinition<infer Spec> ? Implementation<Spec, TypedHandlers<Spec, false>> : never;

/** The arguments and the result of each method of a definition, as a caller has them. */
export type MethodsOf<Definition, Typed extends boolean = false> = {
  readonly [M in MethodName<SpecOf<Definition>>]: (
    ...args: CallArguments<SpecOf<Definition>, M>
  ) => CallResult<SpecOf<Definition>, M, Typed>;
};

/** The arguments of each signal of a definition, as they are received: `SignalsOf<typeof Player>['Started']`. */
export type SignalsOf<Definition, Typed extends boolean = false> = {
  readonly [S in SignalName<SpecOf<Definition>>]: SignalBody<SpecOf<Definition>, S, Typed>;
};

/** The value of each property of a definition, as it is read: `PropertiesOf<typeof Player>['Volume']`. */
export type PropertiesOf<Definition, Typed extends boolean = false> = {
  readonly [P in PropertyName<SpecOf<Definition>>]: PropertyValue<SpecOf<Definition>, P, Typed>;
};
