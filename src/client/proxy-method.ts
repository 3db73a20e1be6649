// One method of a proxy: a function that calls the method of the remote object. It leaves out optional arguments that
// are undefined, and rejects a wrong number of arguments. It runs for every call.
// Tests: proxy.test.ts, error-stacks.test.ts.
import { flagsOf, mergeDefaults } from '../connection/call-options.js';
import { attachDescriptors, type DescriptorListener, handingDescriptors } from '../connection/descriptors.js';
import { invokerOf } from '../connection/invoker.js';
import type { MessageLink } from '../connection/link.js';
import type { ResultOf } from '../connection/pending-call.js';
import { asDeclaredError } from '../interface/declared-errors.js';
import type { InterfaceDefinition } from '../interface/definition.js';
import { counted } from '../wire/counted.js';
import { stackOfCaller } from '../wire/error-place.js';
import { ArgumentError, type ErrorPlace, MarshalError } from '../wire/errors.js';
import { methodCall, wantsReply } from '../wire/messages/message.js';
import { checkOptions } from '../wire/options.js';
import { splitSignature } from '../wire/signature.js';
import { CALL_RULES, NO_OPTIONS, type ProxyCallOptions, type ProxyTarget } from './proxy-options.js';

/** The result of a method with one out-argument. */
function onlyElement(body: readonly unknown[]): unknown {
  return body[0];
}

/** The result of a method without out-arguments, and of a call without a reply. */
function nothing(): undefined {}

/** The result of a method with several out-arguments. */
function wholeBody(body: readonly unknown[]): unknown {
  return body;
}

type ProxyMethod = (...args: unknown[]) => Promise<unknown>;

/** Makes the function of one method. */
export function proxyMethod(
  link: MessageLink<boolean>,
  { definition, member, target }: {
    readonly definition: InterfaceDefinition;
    readonly member: string;
    readonly target: ProxyTarget;
  },
): ProxyMethod {
  const { destination, path } = target;
  const { in: signature, out, optional, inNames, noReply: hasNoReply } = definition.methods[member]!; // it is a key
  const types = splitSignature(signature);
  const outCount = splitSignature(out).length;
  const least = types.length - optional;
  // The signature of a call by its number of optional arguments.
  const signatures = Array.from({ length: optional + 1 }, (_, count) => types.slice(0, least + count).join(''));
  const place: ErrorPlace = { interface: definition.name, member, argumentNames: inNames };
  const label = `${definition.name}.${member}`;

  const resultOf = outCount === 1 ? onlyElement : outCount === 0 ? nothing : undefined;
  const invoker = invokerOf(link);
  const defaults = mergeDefaults(target, invoker.callDefaults);
  const defaultFlags = flagsOf(NO_OPTIONS, hasNoReply, defaults);
  const declaresErrors = Object.keys(definition.errors).length > 0;

  const method: ProxyMethod = (...args) => {
    try {
      let options = NO_OPTIONS;
      if (args.length > types.length) {
        if (args.length > types.length + 1) throw stackOfCaller(tooManyArguments(args.length), method);
        const last = args.pop();
        if (last !== undefined) {
          checkOptions(label, last, CALL_RULES);
          options = last as ProxyCallOptions; // checked in the line above
        }
      }
      while (args.length > least && args[args.length - 1] === undefined) args.pop();
      if (args.length < least) throw stackOfCaller(missingArgument(args.length), method);
      if (args.length > least && isMisplaced(args[args.length - 1], types[args.length - 1]!)) {
        throw stackOfCaller(misplacedOptions(args.length - 1), method);
      }
      return send(args, options);
    } catch (error) {
      return Promise.reject(error as Error);
    }
  };

  const send = (args: readonly unknown[], options: ProxyCallOptions): Promise<unknown> => {
    const flags = options === NO_OPTIONS ? defaultFlags : flagsOf(options, hasNoReply, defaults);
    const { descriptors, onDescriptors } = options;
    const call = methodCall<string>({
      destination, path, interface: definition.name, member,
      signature: signatures[args.length - least]!, // one for each number of optional arguments
      body: args, flags,
    });
    const message = descriptors === undefined ? call : attachDescriptors(call, descriptors);
    const result = invoker.invoke({
      message, timeout: options.timeout ?? defaults.timeout, signal: options.signal, replySignature: out, place,
      resultOf: !wantsReply(call) ? nothing : onDescriptors === undefined ? resultOf : resultWith(onDescriptors),
    }, method);
    return declaresErrors ? result.catch(throwDeclared) : result;
  };

  const resultWith = (listener: DescriptorListener): ResultOf => handingDescriptors(resultOf ?? wholeBody, listener);

  const throwDeclared = (error: unknown): never => {
    throw asDeclaredError(definition, error);
  };

  const tooManyArguments = (count: number): ArgumentError => {
    const problem = `got ${counted(count, 'argument')}: there must be at most ${types.length}, and then options`;
    return new ArgumentError('ARGUMENT_INVALID', problem, { owner: label });
  };

  const missingArgument = (index: number): MarshalError => {
    const count = `${optional > 0 ? 'at least ' : ''}${least}`;
    const problem = `missing, got ${counted(index, 'argument')}: there must be ${count}`;
    return new MarshalError('VALUE_COUNT_MISMATCH', problem, { signature, path: `body[${index}]` }, { place });
  };

  const misplacedOptions = (index: number): MarshalError => {
    const problem = `got options instead of an argument of type "${types[index]}": options must follow all `
      + 'arguments, with undefined for each optional argument that is omitted';
    return new MarshalError('VALUE_TYPE_MISMATCH', problem, { signature, path: `body[${index}]` }, { place });
  };

  return method;
}

/** Whether the value of an optional argument looks like options, which cannot be a value of its type. */
function isMisplaced(value: unknown, type: string): boolean {
  if (typeof value !== 'object' || value === null || type.startsWith('a{')) return false;
  const keys = Object.keys(value);
  return keys.length > 0 && keys.every((key) => Object.hasOwn(CALL_RULES, key));
}
