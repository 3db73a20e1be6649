// The types that TypeScript infers from an interface definition, for services and for clients, beside the behavior at
// run time. `npm test` compiles this file: a `@ts-expect-error` without an error is an error.

import { describe, expect, test } from 'vitest';
import type { ProxyMethods } from '../../src/client/proxy.js';
import type { DeclaredError } from '../../src/interface/declared-errors.js';
import { defineInterface } from '../../src/interface/define.js';
import type { CallContext, Implementation, InterfaceDefinition } from '../../src/interface/definition.js';
import { DefinitionError } from '../../src/interface/errors.js';
import type {
  CallArguments, CallResult, MethodArguments, MethodName, MethodResult, PropertyInput, PropertyName, PropertyValue,
  PropertyValues, ReadableProperty, SignalArguments, SignalBody, SignaledProperty, SignalName,
  WritableProperty,
} from '../../src/interface/infer.js';
import type { InterfaceSpec } from '../../src/interface/spec.js';
import { DBusDaemon, Introspectable, ObjectManager, Peer, Properties } from '../../src/interface/standard.js';
import type { DBusError } from '../../src/protocol/errors.js';
import { ArgumentError, MarshalError } from '../../src/wire/errors.js';
import type { Variant } from '../../src/wire/variant.js';
import { RandomData } from '../../src/random-data.js';
import { same, type Same } from './support.js';

const Mixer = defineInterface({
  name: 'com.example.Mixer1',
  methods: {
    Add: { in: 'u', out: 'u', inNames: ['step'] },
    Describe: { in: 'sa{sv}', out: 'su', inNames: ['what', 'options'], outNames: ['text', 'level'], optional: 1 },
    Reset: {},
    Far: { in: 'x', out: 'x', optional: 1 },
    toString: { out: 's' },
    Forget: { in: 's', noReply: true },
  },
  properties: {
    Level: { type: 'u', access: 'read' },
    Names: { type: 'as', access: 'write', emitsChanged: 'false' },
    Total: { type: 'x', access: 'readwrite', emitsChanged: 'invalidates' },
    Version: { type: 's', access: 'read', emitsChanged: 'const' },
  },
  signals: {
    Add: { args: 'su', argNames: ['who', 'level'] },
    Emptied: {},
  },
});

type SpecOf<Definition> = Definition extends InterfaceDefinition<infer Spec> ? Spec : never;
type MixerSpec = SpecOf<typeof Mixer>;

/** Correct handlers of the mixer. Each test changes one of them. */
const good = {
  methods: {
    Add: (step: number) => step + 1,
    Describe: (): readonly [string, number] => ['text', 1],
    Reset: () => {},
    Far: (distance: bigint | undefined) => distance ?? 0,
    toString: () => 'mixer',
    Forget: () => {},
  },
  properties: {
    Level: { get: () => 1 },
    Names: { set: () => {} },
    Total: { get: () => 1n, set: () => {} },
    Version: { get: () => '1' },
  },
};

describe('a definition', () => {
  test('has the names of its members in its type', () => {
    same<Same<MethodName<MixerSpec>, 'Add' | 'Describe' | 'Reset' | 'Far' | 'toString' | 'Forget'>>();
    same<Same<PropertyName<MixerSpec>, 'Level' | 'Names' | 'Total' | 'Version'>>();
    same<Same<SignalName<MixerSpec>, 'Add' | 'Emptied'>>();
    same<Same<ReadableProperty<MixerSpec>, 'Level' | 'Total' | 'Version'>>();
    same<Same<WritableProperty<MixerSpec>, 'Names' | 'Total'>>();
    same<Same<SignaledProperty<MixerSpec>, 'Level' | 'Total'>>();
    same<Same<PropertyName<SpecOf<typeof Peer>>, never>>();
  });

  test('has the types of its members in its type', () => {
    same<Same<MethodArguments<MixerSpec, 'Add'>, [number]>>();
    same<Same<MethodArguments<MixerSpec, 'Reset'>, []>>();
    same<Same<MethodArguments<MixerSpec, 'Describe'>, [string, Map<string, Variant> | undefined]>>();
    same<Same<MethodResult<MixerSpec, 'Add'>, number>>();
    same<Same<MethodResult<MixerSpec, 'Far'>, bigint | number>>();
    same<Same<MethodResult<MixerSpec, 'Describe'>, readonly [string, number]>>();
    same<Same<MethodResult<MixerSpec, 'Reset'>, void>>();
    same<Same<CallArguments<MixerSpec, 'Add'>, [number]>>();
    same<Same<CallArguments<MixerSpec, 'Far'>, [(bigint | number | undefined)?]>>();
    same<Same<CallResult<MixerSpec, 'Far'>, bigint>>();
    same<Same<CallResult<MixerSpec, 'Describe'>, [string, number]>>();
    same<Same<CallResult<MixerSpec, 'Reset'>, void>>();
    same<Same<PropertyValue<MixerSpec, 'Total'>, bigint>>();
    same<Same<PropertyInput<MixerSpec, 'Total'>, bigint | number>>();
    same<Same<PropertyInput<MixerSpec, 'Names'>, readonly string[]>>();
    same<Same<PropertyValues<MixerSpec>, {
      readonly Level: number; readonly Total: bigint; readonly Version: string;
    }>>();
    same<Same<SignalArguments<MixerSpec, 'Add'>, readonly [string, number]>>();
    same<Same<SignalBody<MixerSpec, 'Add'>, [string, number]>>();
    same<Same<SignalBody<MixerSpec, 'Emptied'>, []>>();
  });

  test('keeps its literals, for calls without a proxy', () => {
    same<Same<typeof Mixer.name, 'com.example.Mixer1'>>();
    same<Same<typeof DBusDaemon.methods.RequestName.in, 'su'>>();
    same<Same<typeof DBusDaemon.methods.Hello.in, ''>>();
    same<Same<typeof ObjectManager.signals.InterfacesRemoved.args, 'oas'>>();
    same<Same<typeof Mixer.properties.Total.type, 'x'>>();
    expect(DBusDaemon.methods.RequestName.in).toBe('su');
    expect(DBusDaemon.methods.Hello.in).toBe('');
  });

  test('is assignable to InterfaceDefinition, and its implementation to Implementation', () => {
    const definitions: readonly InterfaceDefinition[] = [
      Mixer, Peer, Introspectable, Properties, DBusDaemon, RandomData,
    ];
    const implementations: readonly Implementation[] = [
      Mixer.implement(good),
      Peer.implement({ methods: { Ping: () => {}, GetMachineId: () => '' } }),
    ];
    expect(definitions.map(({ name }) => name)).toContain('com.example.Mixer1');
    expect(implementations.map(({ definition }) => definition.name)).toContain('org.freedesktop.DBus.Peer');
  });

  test('can have undefined for everything that can be omitted', () => {
    const Undefined = defineInterface({
      name: 'com.example.Undefined1',
      methods: {
        Do: {
          in: undefined, out: undefined, inNames: undefined, outNames: undefined, optional: undefined,
          noReply: undefined, deprecated: undefined,
        },
        Late: { in: 'u', out: 's' as string | undefined },
      },
      properties: { P: { type: 's', access: 'read', emitsChanged: undefined, deprecated: undefined } },
      signals: { S: { args: undefined, argNames: undefined, deprecated: undefined } },
      deprecated: undefined,
    });
    same<Same<MethodArguments<SpecOf<typeof Undefined>, 'Do'>, []>>();
    same<Same<MethodResult<SpecOf<typeof Undefined>, 'Do'>, void>>();
    same<Same<MethodResult<SpecOf<typeof Undefined>, 'Late'>, unknown>>();
    same<Same<SignalArguments<SpecOf<typeof Undefined>, 'S'>, readonly []>>();
    const implementation = Undefined.implement({
      methods: { Do: () => {}, Late: (count) => String(count) },
      properties: { P: { get: () => '', set: undefined } },
    });
    implementation.emit('S');
    const Empty = defineInterface({
      name: 'com.example.Empty1', methods: undefined, properties: undefined, signals: undefined,
    });
    same<Same<MethodName<SpecOf<typeof Empty>>, never>>();
    Empty.implement({ methods: undefined, properties: undefined });
    expect(Undefined.methods.Do).toEqual(defineInterface({ name: 'a.B', methods: { Do: {} } }).methods.Do);
  });

  test('can be made of a specification that is known only at run time', () => {
    const spec: InterfaceSpec = { name: 'com.example.Late1', methods: { Do: { in: 'u', out: 's' } } };
    const Late = defineInterface(spec);
    same<Same<typeof Late, InterfaceDefinition>>();
    const late = Late.implement({ methods: { Do: (count) => String(count) } });
    expect(late.methods['Do']?.(1)).toBe('1');
  });

  test('with a mistake is a compile error at the literal, and an error at run time', () => {
    expect(() => defineInterface({
      name: 'com.example.Wrong1',
      // @ts-expect-error no such type
      methods: { M: { in: 'ak' } },
    })).toThrow(DefinitionError);
    expect(() => defineInterface({
      name: 'com.example.Wrong1',
      // @ts-expect-error a struct that is not closed
      methods: { M: { out: '(s' } },
    })).toThrow(DefinitionError);
    expect(() => defineInterface({
      name: 'com.example.Wrong1',
      // @ts-expect-error two types
      properties: { P: { type: 'ss', access: 'read' } },
    })).toThrow(DefinitionError);
    expect(() => defineInterface({
      name: 'com.example.Wrong1',
      // @ts-expect-error no element type
      signals: { S: { args: 'a' } },
    })).toThrow(DefinitionError);
    expect(() => defineInterface({
      name: 'com.example.Wrong1',
      // @ts-expect-error three names for two arguments
      methods: { M: { in: 'us', inNames: ['a', 'b', 'c'] } },
    })).toThrow(DefinitionError);
    expect(() => defineInterface({
      name: 'com.example.Wrong1',
      // @ts-expect-error one name for two arguments
      methods: { M: { in: 'us', inNames: ['a'] } },
    })).toThrow(DefinitionError);
    expect(() => defineInterface({
      name: 'com.example.Wrong1',
      // @ts-expect-error a boolean instead of a string
      properties: { P: { type: 's', access: 'read', emitsChanged: true } },
    })).toThrow(DefinitionError);
    expect(() => defineInterface({
      name: 'com.example.Wrong1',
      // @ts-expect-error more optional arguments than arguments
      methods: { M: { in: 'us', optional: 3 } },
    })).toThrow(DefinitionError);
    expect(() => defineInterface({
      name: 'com.example.Wrong1',
      // @ts-expect-error a result without a reply
      methods: { M: { out: 's', noReply: true } },
    })).toThrow(DefinitionError);
    expect(() => defineInterface({
      name: 'com.example.Wrong1',
      // @ts-expect-error a misspelled key
      methods: { M: { in: 'u', output: 's' } },
    })).toThrow(DefinitionError);
    expect(() => defineInterface({
      name: 'com.example.Wrong1',
      // @ts-expect-error a misspelled group
      metods: { M: { in: 'u' } },
    })).toThrow(DefinitionError);
    expect(() => defineInterface({
      name: 'com.example.Wrong1',
      // @ts-expect-error no such access
      properties: { P: { type: 's', access: 'readonly' } },
    })).toThrow(DefinitionError);
  });
});

describe('the errors of an interface', () => {
  const Player = defineInterface({
    name: 'com.example.Player1',
    errors: { NoTrack: 'com.example.Error.NoTrack', Busy: 'com.example.Error.Busy' },
  });

  test('are classes with the literal name, and extend DBusError', () => {
    const error = new Player.errors.NoTrack('no track');
    same<Same<typeof Player.errors.NoTrack.errorName, 'com.example.Error.NoTrack'>>();
    same<Same<typeof error, DeclaredError<'com.example.Error.NoTrack'>>>();
    const plain: DBusError = error;
    const caught: unknown = plain;
    if (!(caught instanceof Player.errors.NoTrack)) throw caught;
    same<Same<typeof caught.errorName, 'com.example.Error.NoTrack'>>();
    expect(caught.errorName).toBe('com.example.Error.NoTrack');
    // @ts-expect-error no such error
    expect(Player.errors.NoTrak).toBeUndefined();
    // @ts-expect-error an interface without errors
    expect(Peer.errors.NoTrack).toBeUndefined();
  });

  test('with a mistake are a compile error at the literal, and an error at run time', () => {
    expect(() => defineInterface({
      name: 'com.example.Wrong1',
      // @ts-expect-error a name of one element
      errors: { NoTrack: 'NoTrack' },
    })).toThrow(DefinitionError);
  });
});

describe('an implementation', () => {
  test('can have plain values and accessors for properties, with types', () => {
    let total = 1n;
    const mixer = Mixer.implement({
      methods: good.methods,
      properties: {
        Level: 1,
        Names: ['a'],
        get Total() { return total; },
        set Total(value) { total = value; },
        Version: { get: (context) => (same<Same<typeof context, CallContext>>(), '1') },
      },
    });
    mixer.values.Level = 2;
    mixer.values.Total = 3n;
    expect([mixer.values.Level, mixer.values.Total, total]).toEqual([2, 3n, 3n]);
    mixer.emit('Add', 'a', 1, { destination: ':1.5', path: '/a' });
    mixer.emit('Emptied', { path: '/a' });
    mixer.emitPropertiesChanged('Level', 'Total', { path: '/a' });
    expect(() => {
      // @ts-expect-error the property is a number
      mixer.values.Level = 'x';
    }).toThrow(MarshalError);
    // @ts-expect-error a text for a number
    expect(() => Mixer.implement({ methods: good.methods, properties: { ...good.properties, Level: 'x' } }))
      .toThrow(DefinitionError);
    // @ts-expect-error no such option
    expect(() => mixer.emit('Emptied', { to: ':1.5' })).toThrow(ArgumentError);
  });

  test('has handlers whose types are inferred', async () => {
    const mixer = Mixer.implement({
      methods: {
        Add: (step, context) => {
          same<Same<typeof step, number>>();
          same<Same<typeof context, CallContext>>();
          same<Same<typeof context.signal, AbortSignal>>();
          return step + 1;
        },
        Describe: async (what, options) => {
          same<Same<typeof what, string>>();
          same<Same<typeof options, Map<string, Variant> | undefined>>();
          return [what, options?.size ?? 0];
        },
        Reset: async () => {},
        Far: (distance) => Number(distance ?? 0n),
        toString: () => 'mixer',
        Forget: (who, { sender }) => {
          same<Same<typeof who, string>>();
          same<Same<typeof sender, string | undefined>>();
        },
      },
      properties: {
        Level: { get: ({ message }) => message.serial },
        Names: {
          set: (names) => {
            same<Same<typeof names, string[]>>();
          },
        },
        Total: {
          get: async () => 5,
          set: async (total) => {
            same<Same<typeof total, bigint>>();
          },
        },
        Version: { get: () => '1' },
      },
    });
    expect(mixer.methods['Add']?.(1)).toBe(2);
    expect(await mixer.methods['Describe']?.('x')).toEqual(['x', 0]);
    expect(mixer.methods['toString']?.()).toBe('mixer');
  });

  test('has handlers that return the types of the signatures', () => {
    // @ts-expect-error text for a number
    Mixer.implement({ ...good, methods: { ...good.methods, Add: () => 'one' } });
    // @ts-expect-error one value for two
    Mixer.implement({ ...good, methods: { ...good.methods, Describe: () => ['text'] } });
    // @ts-expect-error a value for none
    Mixer.implement({ ...good, methods: { ...good.methods, Reset: () => 1 } });
    // @ts-expect-error a promise of the wrong value
    Mixer.implement({ ...good, methods: { ...good.methods, Add: async () => 'one' } });
    // @ts-expect-error a parameter of the wrong type
    Mixer.implement({ ...good, methods: { ...good.methods, Add: (step: string) => step.length } });
    // @ts-expect-error an optional argument can be undefined
    Mixer.implement({ ...good, methods: { ...good.methods, Far: (distance: bigint) => distance } });
    // @ts-expect-error a property of another type
    const wrong = Mixer.implement({ ...good, properties: { ...good.properties, Level: { get: () => 'one' } } });
    expect(wrong.definition).toBe(Mixer); // the results of handlers are checked when they return
  });

  test('has exactly one handler for each member, at compile time and at run time', () => {
    const { Add: _, ...fewer } = good.methods;
    // @ts-expect-error no handler for Add
    expect(() => Mixer.implement({ ...good, methods: fewer })).toThrow(DefinitionError);
    // @ts-expect-error no handlers at all
    expect(() => Mixer.implement({})).toThrow(DefinitionError);
    // @ts-expect-error a handler without a method
    expect(() => Mixer.implement({ ...good, methods: { ...good.methods, Ad: () => 1 } })).toThrow(DefinitionError);
    expect(() => Mixer.implement({
      ...good,
      // @ts-expect-error a readable property without get
      properties: { ...good.properties, Level: {} },
    })).toThrow(DefinitionError);
    expect(() => Mixer.implement({
      ...good,
      // @ts-expect-error a writable property without set
      properties: { ...good.properties, Total: { get: () => 1n } },
    })).toThrow(DefinitionError);
    expect(() => Mixer.implement({
      ...good,
      // @ts-expect-error a read-only property with set
      properties: { ...good.properties, Level: { get: () => 1, set: () => {} } },
    })).toThrow(DefinitionError);
    expect(() => Peer.implement({
      methods: { Ping: () => {}, GetMachineId: () => '' },
      // @ts-expect-error there are no properties
      properties: { Level: { get: () => 1 } },
    })).toThrow(DefinitionError);
  });

  test('emits signals with the arguments of their signatures', () => {
    const mixer = Mixer.implement(good);
    mixer.emit('Add', 'who', 1);
    mixer.emit('Emptied');
    mixer.emitPropertiesChanged('Level', 'Total');
    // @ts-expect-error an argument is missing
    expect(() => mixer.emit('Add', 'who')).toThrow(MarshalError);
    // @ts-expect-error an argument of the wrong type
    expect(() => mixer.emit('Add', 1, 1)).toThrow(MarshalError);
    // @ts-expect-error an argument too many
    expect(() => mixer.emit('Emptied', 1)).toThrow(MarshalError);
    // @ts-expect-error no such signal
    expect(() => mixer.emit('Reset')).toThrow(DefinitionError);
    // @ts-expect-error no such property
    expect(() => mixer.emitPropertiesChanged('Add')).toThrow(DefinitionError);
    // @ts-expect-error changes that are not announced
    expect(() => mixer.emitPropertiesChanged('Names')).toThrow(DefinitionError);
    // @ts-expect-error a property that never changes
    expect(() => mixer.emitPropertiesChanged('Version')).toThrow(DefinitionError);
    // @ts-expect-error no property
    expect(() => mixer.emitPropertiesChanged()).toThrow(ArgumentError);
    // @ts-expect-error an array of properties
    expect(() => mixer.emitPropertiesChanged(['Level'])).toThrow(ArgumentError);
  });
});

describe('a proxy', () => {
  /** A proxy whose methods resolve with their arguments. */
  function recorder<Spec extends InterfaceSpec>(definition: InterfaceDefinition<Spec>): ProxyMethods<Spec> {
    const methods = Object.keys(definition.methods).map((name) => [name, async (...args: unknown[]) => args] as const);
    return Object.fromEntries(methods) as unknown as ProxyMethods<Spec>; // except the results
  }

  test('has the methods of the interface, which accept options after all arguments', async () => {
    const mixer = recorder(Mixer);
    const random = recorder(RandomData);
    const added = mixer.Add(1, { timeout: 5 });
    same<Same<typeof added, Promise<number>>>();
    same<Same<ReturnType<typeof mixer.Describe>, Promise<[string, number]>>>();
    same<Same<ReturnType<typeof mixer.Reset>, Promise<void>>>();
    same<Same<ReturnType<typeof random.quick>, Promise<string>>>();
    expect(await added).toEqual([1, { timeout: 5 }]);
    expect(await random.quick()).toEqual([]);
    expect(await random.quick(8)).toEqual([8]);
    expect(await random.quick(undefined, { timeout: 5 })).toEqual([undefined, { timeout: 5 }]);
    expect(await mixer.Describe('x', { a: { signature: 's', value: 'b' } })).toHaveLength(2);
    expect(await mixer.Reset({ timeout: 5 })).toEqual([{ timeout: 5 }]);
    // @ts-expect-error an argument is missing
    expect(await mixer.Add()).toEqual([]);
    // @ts-expect-error an argument of the wrong type
    expect(await mixer.Add('1')).toEqual(['1']);
    // @ts-expect-error an unknown option
    expect(await mixer.Add(1, { timeot: 5 })).toHaveLength(2);
    // @ts-expect-error options in place of an argument
    expect(await random.quick({ timeout: 5 })).toHaveLength(1);
    expect(mixer).not.toHaveProperty('Substract');
    // @ts-expect-error no such method
    expect(mixer.Substract).toBeUndefined();
  });

  test('of an interface that is known only at run time accepts any arguments', async () => {
    const late = recorder(defineInterface({ name: 'com.example.Late1', methods: { Do: {} } } as InterfaceSpec));
    const answer: unknown = await late['Do']?.(1, 'x');
    expect(answer).toEqual([1, 'x']);
  });
});
