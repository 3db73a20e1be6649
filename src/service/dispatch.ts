// From a METHOD_CALL to its reply: finds the method, checks the arguments, runs the handler, replies. Handlers start in
// the order in which calls arrive; those that answer later run concurrently. Every call ends in a reply, never in an
// exception. The header alone decides whether a call is refused. It knows no connection, only a sink for messages.
// Specification: Message Types; Error names.
import { ErrorName } from '../protocol/error-names.js';
import { CallRefusal, type CallRouter, type CallRunner, type MethodCallHeader } from '../connection/call-router.js';
import { argumentMemory, type Callers, type RunningCall } from '../connection/callers.js';
import { describe } from '../wire/describe.js';
import type { MethodCall } from '../wire/messages/message.js';
import { type ContextSource, hasGivenUp, HandlerContext } from './call-context.js';
import { type ExportedInterface, type ExportedMethod, isPromiseLike } from './exported-interface.js';
import { reportHandlerError } from './handler-errors.js';
import type { ObjectNode, ObjectTree } from './object-tree.js';
import {
  ANSWERED, AnsweredSoon, type MessageSink, sendError, sendReturn, shortened, unknownInterface, unknownObject,
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
}

/** Runs one call of a method. */
class MethodRunner implements CallRunner {
  readonly #dispatcher: Dispatcher;
  readonly #method: ExportedMethod;
  readonly #memory: number;

  constructor(dispatcher: Dispatcher, method: ExportedMethod, memory: number) {
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

  constructor(options: DispatcherOptions) {
    const { tree, standard, sink, callers, turnEnd } = options;
    this.#tree = tree;
    this.#standard = standard;
    this.#sink = sink;
    this.#callers = callers;
    this.#turnEnd = turnEnd;
    this.#contexts = options;
  }

  beforeClose(): void {
    this.#turnEnd.run();
  }

  /** Finds the method that a call must run, or the reason why there is none. Never throws. */
  route(header: MethodCallHeader, length: number): CallRunner | CallRefusal {
    // Refusals are returned, not thrown: the stack of an error costs more than the rest of a call.
    const method = this.#find(header);
    if (method instanceof CallRefusal) return method;
    if (!method.accepts.has(header.signature)) {
      const problem = `${method.label} takes arguments of signature "${method.in}", got "${header.signature}"`;
      return new CallRefusal(ErrorName.INVALID_ARGS, problem);
    }
    const memory = argumentMemory(header.signature, length);
    return this.#callers.refusal(header.sender, memory) ?? new MethodRunner(this, method, memory);
  }

  handleBreak(reason: unknown): void {
    this.#callers.abandonAll(reason);
  }

  /**
   * Runs a call that was accepted in the same turn, and replies. Never throws. If the handler answers later, the
   * promise resolves after the reply is sent. The arguments take `memory` bytes, which count until then.
   */
  run(method: ExportedMethod, call: MethodCall, memory: number): void | Promise<void> {
    const context = new HandlerContext(call, this.#contexts);
    try {
      const args = [...call.body];
      args.length = method.inCount; // an optional argument that the caller left out is undefined
      const result = method.handler(...args, context);
      if (isPromiseLike(result)) return this.#replyLater(method, context, { promise: result, memory });
      if (result instanceof AnsweredSoon) {
        // Such a call does not count as in progress: it ends with this turn.
        const { ready } = result;
        context.end();
        return ready.then(() => this.#reply(method, call, undefined));
      }
      this.#reply(method, call, result);
    } catch (error) {
      if (!hasGivenUp(context, error)) sendError(this.#sink, call, { failed: method.place, error });
    }
    context.end();
  }

  /** The method for a call; without an interface, the first that has the member, in the order of export. */
  #find({ path, interface: interfaceName, member }: MethodCallHeader): ExportedMethod | CallRefusal {
    const node = this.#tree.get(path);
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
    method: ExportedMethod, context: HandlerContext,
    { promise, memory }: { readonly promise: PromiseLike<unknown>; readonly memory: number },
  ): Promise<void> {
    return new Promise((resolve) => {
      void this.#answer(method, context, { promise, running: { memory, abandon: resolve } }).then(resolve);
    });
  }

  async #answer(
    method: ExportedMethod, context: HandlerContext,
    { promise, running }: { readonly promise: PromiseLike<unknown>; readonly running: RunningCall },
  ): Promise<void> {
    const call = context.message;
    const caller = this.#callers.begin(call.sender, running);
    try {
      const result = await promise;
      if (!caller.isGone) this.#reply(method, call, result);
    } catch (error) {
      if (hasGivenUp(context, error)) return;
      if (!caller.isGone) sendError(this.#sink, call, { failed: method.place, error });
      else {
        const { interface: interfaceName, member } = method.place;
        reportHandlerError({ error, interface: interfaceName, member, call });
      }
    } finally {
      this.#callers.end(caller, running);
      context.end();
    }
  }

  #reply({ label, out, outCount, place }: ExportedMethod, call: MethodCall, result: unknown): void {
    if (result === ANSWERED) return;
    const body = outCount === 1 ? [result] : outCount === 0 ? [] : result;
    if (!Array.isArray(body)) {
      const problem = `expected an array of ${outCount} out-arguments, got ${describe(result)}`;
      throw new TypeError(`${label}: ${problem}`);
    }
    sendReturn(this.#sink, call, { place, signature: out, body });
  }
}
