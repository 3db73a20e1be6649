// From a METHOD_CALL to its reply: finds the method, checks the arguments, runs the handler, replies. Handlers start in
// the order in which calls arrive; those that answer later run concurrently. Every call ends in a reply, never in an
// exception. The header alone decides whether a call is refused. It knows no connection, only a sink for messages.
// Specification: Message Types; Error names.
import { ErrorName } from '../protocol/error-names.js';
import { DBusError } from '../protocol/errors.js';
import { argumentMemory } from '../connection/call-limits.js';
import { CallRefusal, type CallRouter, type CallRunner, type MethodCallHeader } from '../connection/call-router.js';
import type { Callers, RunningCall } from '../connection/callers.js';
import { Peer, Properties } from '../interface/standard.js';
import { isArray } from '../wire/arguments.js';
import { describe } from '../wire/describe.js';
import { MarshalError } from '../wire/errors.js';
import type { MethodCall } from '../wire/messages/message.js';
import { type ContextSource, hasGivenUp, HandlerContext } from './call-context.js';
import { type ExportedInterface, type ExportedMethod, isPromiseLike } from './exported-interface.js';
import { type FailedMember, isA, reportHandlerError, SUBTREE_HANDLERS } from './failure-reports.js';
import type { ObjectNode } from './object-node.js';
import type { ObjectTree } from './object-tree.js';
import {
  ANSWERED, AnsweredSoon, type MessageSink, sendError, sendReturn, shortened, thrownRefusal, unknownInterface,
  unknownObject,
} from './replies.js';
import type { TurnEnd } from './turn-end.js';

/** The interfaces that the library answers itself, at a node; undefined means a path without a node. */
export type StandardInterfaces = (node: ObjectNode | undefined) => ReadonlyMap<string, ExportedInterface>;

/** The objects, interfaces and connection that a dispatcher works with. */
export interface DispatcherOptions extends ContextSource {
  readonly tree: ObjectTree;
  readonly standard: StandardInterfaces;
  readonly sink: MessageSink;
  readonly turnEnd: TurnEnd;
  /** Sends the signals that wait for others; called before the link closes. */
  readonly sendHeld?: (() => void) | undefined;
}

/** A call that is being answered. */
interface Answer {
  /** Undefined while handlers of a subtree look for it. */
  method: ExportedMethod | undefined;
  readonly context: HandlerContext;
}

function runMethod(method: ExportedMethod, context: HandlerContext): unknown {
  const { body } = context.message;
  if (body.length === method.inCount) return method.handler(...body, context);
  const args = [...body];
  args.length = method.inCount; // an optional argument that the caller left out is undefined
  return method.handler(...args, context);
}

/** The signature that a call of a method must have, in words. */
function expectedSignature({ in: signature, accepts }: ExportedMethod): string {
  const optional = accepts.size - 1;
  if (optional === 0) return `signature "${signature}"`;
  return `signature "${signature}" (the last ${optional === 1 ? '' : `${optional} `}may be left out)`;
}

/** The member that failed; if none was found, the one that the caller asked for. */
function failedMember({ method, context: { message } }: Answer): FailedMember {
  return method?.place ?? { interface: shortened(message.interface ?? ''), member: message.member };
}

/** The group of its failures; see reportHandlerError(). */
function groupOf({ method }: Answer): string | undefined {
  return method === undefined ? SUBTREE_HANDLERS : undefined;
}

/** Runs one call of a method. */
class MethodRunner implements CallRunner {
  readonly #dispatcher: Dispatcher;
  /** Undefined if handlers of a subtree have to find it. */
  readonly #method: ExportedMethod | undefined;
  readonly #memory: number;

  constructor(dispatcher: Dispatcher, method: ExportedMethod | undefined, memory: number) {
    this.#dispatcher = dispatcher;
    this.#method = method;
    this.#memory = memory;
  }

  run(call: MethodCall): void | Promise<void> {
    return this.#dispatcher.run(this.#method, call, this.#memory);
  }
}

/** Runs the calls of one connection. */
export class Dispatcher implements CallRouter {
  readonly #tree: ObjectTree;
  readonly #standard: StandardInterfaces;
  readonly #sink: MessageSink;
  readonly #callers: Callers;
  readonly #turnEnd: TurnEnd;
  readonly #contexts: ContextSource;
  readonly #sendHeld: (() => void) | undefined;

  constructor(options: DispatcherOptions) {
    const { tree, standard, sink, callers, turnEnd } = options;
    this.#tree = tree;
    this.#standard = standard;
    this.#sink = sink;
    this.#callers = callers;
    this.#turnEnd = turnEnd;
    this.#contexts = options;
    this.#sendHeld = options.sendHeld;
  }

  beforeClose(): void {
    this.#turnEnd.run();
    this.#sendHeld?.();
  }

  /** Finds the method that a call must run, or the reason why there is none. Never throws. */
  route(header: MethodCallHeader, length: number): CallRunner | CallRefusal {
    // Refusals are returned, not thrown: the stack of an error costs more than the rest of a call.
    const node = this.#tree.get(header.path);
    const isDynamic = (node === undefined || node.interfaces.size === 0) && header.interface !== Peer.name
      && this.#tree.subtreeOf(header.path) !== undefined;
    const method = isDynamic ? undefined : this.#find(node, header);
    if (method instanceof CallRefusal) return method;
    const memory = argumentMemory(header.signature, length);
    return this.#callers.refusal(header.sender, memory) ?? new MethodRunner(this, method, memory);
  }

  handleBreak(reason: unknown): void {
    this.#callers.abandonAll(reason);
  }

  /**
   * Runs a call that was accepted in the same turn, and replies. Never throws. If the handler answers later, the
   * promise resolves after the reply is sent. The arguments take `memory` bytes, which count until then. Without a
   * method, the handlers of a subtree find it.
   */
  run(method: ExportedMethod | undefined, call: MethodCall, memory: number): void | Promise<void> {
    const context = new HandlerContext(call, this.#contexts);
    const answer: Answer = { method, context };
    try {
      const result = method === undefined ? this.#runDynamic(answer) : runMethod(method, context);
      if (isPromiseLike(result)) return this.#replyLater(answer, { promise: result, memory });
      if (isA(result, AnsweredSoon)) {
        // Such a call does not count as in progress: it ends with this turn.
        const { ready } = result;
        context.end();
        return ready.then(() => this.#reply(answer, undefined));
      }
      this.#reply(answer, result);
    } catch (error) {
      if (!hasGivenUp(context, error)) this.#sendError(answer, error);
    }
    context.end();
  }

  /** Finds the object of a path in a subtree, and runs the method there. Throws a refusal as a DBusError. */
  #runDynamic(answer: Answer): unknown {
    const { context } = answer;
    const { path } = context.message;
    const known = this.#tree.get(path);
    const found = this.#tree.subtreeOf(path);
    const run = (node: ObjectNode | undefined): unknown => {
      const method = this.#find(node, context.message);
      if (method instanceof CallRefusal) throw thrownRefusal(method);
      context.setNode(node);
      answer.method = method;
      return runMethod(method, context);
    };
    const node = found === undefined ? known : found.subtree.find(path, {
      elements: path.slice(found.below).split('/'), known, context,
    });
    return isPromiseLike(node) ? node.then(run) : run(node);
  }

  /** The method for a call; without an interface, the first that has the member, in the order of export. */
  #find(node: ObjectNode | undefined, header: MethodCallHeader): ExportedMethod | CallRefusal {
    const method = this.#lookUp(node, header);
    if (method instanceof CallRefusal || method.accepts.has(header.signature)) return method;
    const problem = `${method.label} must have arguments of ${expectedSignature(method)}, got "${header.signature}"`;
    return new CallRefusal(ErrorName.INVALID_ARGS, problem);
  }

  #lookUp(
    node: ObjectNode | undefined, { path, interface: interfaceName, member }: MethodCallHeader,
  ): ExportedMethod | CallRefusal {
    const standard = this.#standard(node);
    if (interfaceName === undefined) {
      const interfaces = [...(node?.interfaces.values() ?? []), ...standard.values()];
      const method = interfaces.find(({ methods }) => methods.has(member))?.methods.get(member);
      if (method !== undefined) return method;
      if (node === undefined) return unknownObject(path);
      const problem = `no interface of the object ${shortened(path)} has a method ${member}`;
      return new CallRefusal(ErrorName.UNKNOWN_METHOD, problem);
    }
    const exported = node?.interfaces.get(interfaceName) ?? standard.get(interfaceName);
    if (exported === undefined) {
      return node === undefined ? unknownObject(path) : unknownInterface(path, interfaceName);
    }
    const method = exported.methods.get(member);
    if (method !== undefined) return method;
    return new CallRefusal(ErrorName.UNKNOWN_METHOD, `the interface ${interfaceName} has no method ${member}`);
  }

  /** Resolves after the reply is sent, or when the caller leaves. */
  #replyLater(
    answer: Answer, { promise, memory }: { readonly promise: PromiseLike<unknown>; readonly memory: number },
  ): Promise<void> {
    return new Promise((resolve) => {
      const abandon = (): void => {
        answer.context.abandon();
        resolve();
      };
      void this.#answer(answer, { promise, running: { memory, abandon } }).then(resolve);
    });
  }

  async #answer(
    answer: Answer,
    { promise, running }: { readonly promise: PromiseLike<unknown>; readonly running: RunningCall },
  ): Promise<void> {
    const { context } = answer;
    const call = context.message;
    const caller = this.#callers.begin(call.sender, running);
    try {
      let result = await promise;
      if (isA(result, AnsweredSoon)) result = await result.ready;
      if (!caller.isGone) this.#reply(answer, result);
    } catch (error) {
      if (hasGivenUp(context, error)) return;
      if (!caller.isGone) this.#sendError(answer, error);
      else if (answer.method !== undefined || !isA(error, DBusError)) {
        const { interface: interfaceName, member } = failedMember(answer);
        reportHandlerError({ error, interface: interfaceName, member, call }, groupOf(answer));
      }
    } finally {
      this.#callers.end(caller, running);
      context.end();
    }
  }

  #sendError(answer: Answer, error: unknown): void {
    const { message } = answer.context;
    sendError(this.#sink, message, { failed: failedMember(answer), group: groupOf(answer), error });
  }

  #reply({ method, context }: Answer, result: unknown): void {
    if (result === ANSWERED || method === undefined) return; // without a method there is no result
    const { out, outCount, place } = method;
    const call = context.message;
    const body = outCount === 1 ? [result] : outCount === 0 ? [] : result;
    if (!isArray(body)) {
      const problem = `expected an array of ${outCount} out-arguments, got ${describe(result)}`;
      throw new MarshalError('VALUE_TYPE_MISMATCH', problem, { signature: out, path: 'body' }, { place });
    }
    // A caller that has the reply of a method has seen what the method has changed. The replies to Set wait themselves.
    if (place.interface !== Properties.name) this.#turnEnd.run();
    sendReturn(this.#sink, call, { place, signature: out, body });
  }
}
