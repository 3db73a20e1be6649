// From a METHOD_CALL to its reply: finds the method, checks the arguments, runs the handler, replies. Handlers start in
// the order in which calls arrive; those that answer later run concurrently. Every call ends in a reply, never in an
// exception. It knows no connection, only somewhere to send to. Specification: Message Types; Error names.
import { DBusError } from '../protocol/errors.js';
import { ErrorName } from '../protocol/error-names.js';
import { describe } from '../wire/describe.js';
import type { MethodCall } from '../wire/messages/message.js';
import { type ExportedInterface, type ExportedMethod, isPromiseLike } from './exported-interface.js';
import type { ObjectNode, ObjectTree } from './object-tree.js';
import {
  ANSWERED, type MessageSink, sendError, sendReturn, shortened, unknownInterface, unknownObject,
} from './replies.js';

/** Most calls of one connection whose handlers have not answered yet; further calls are refused. */
const MAX_CALLS_IN_PROGRESS = 32_768;

/** The interfaces that the library answers itself, for a node, or for undefined at a path without a node. */
export type StandardInterfaces = (node: ObjectNode | undefined) => ReadonlyMap<string, ExportedInterface>;

/** The objects, interfaces and connection that a dispatcher works with. */
export interface DispatcherOptions {
  readonly tree: ObjectTree;
  readonly standard: StandardInterfaces;
  readonly sink: MessageSink;
  /** Aborts when replies can no longer be delivered. */
  readonly closedSignal: AbortSignal;
}

/** Runs the calls of one connection. */
export class Dispatcher {
  readonly #tree: ObjectTree;
  readonly #standard: StandardInterfaces;
  readonly #sink: MessageSink;
  readonly #closedSignal: AbortSignal;
  #inProgress = 0;

  constructor({ tree, standard, sink, closedSignal }: DispatcherOptions) {
    this.#tree = tree;
    this.#standard = standard;
    this.#sink = sink;
    this.#closedSignal = closedSignal;
  }

  /** Runs a call. Never throws. If the handler answers later, the promise resolves after the reply is sent. */
  dispatch(call: MethodCall): void | Promise<void> {
    let failed = { interface: call.interface ?? '?', member: call.member };
    try {
      const method = this.#find(call);
      failed = method.place;
      const result = this.#run(method, call);
      if (isPromiseLike(result)) return this.#replyLater(method, call, result);
      this.#reply(method, call, result);
    } catch (error) {
      sendError(this.#sink, call, { failed, error });
    }
  }

  /** The method for a call; without an interface, the first that has the member, in the order of export. */
  #find(call: MethodCall): ExportedMethod {
    const { path, interface: interfaceName, member } = call;
    const node = this.#tree.get(path);
    const standard = this.#standard(node);
    if (interfaceName === undefined) {
      const interfaces = [...(node?.interfaces.values() ?? []), ...standard.values()];
      const method = interfaces.find(({ methods }) => methods.has(member))?.methods.get(member);
      if (method !== undefined) return method;
      if (node === undefined) throw unknownObject(path);
      const problem = `no interface of the object ${shortened(path)} has a method ${member}`;
      throw new DBusError(ErrorName.UNKNOWN_METHOD, problem);
    }
    const exported = node?.interfaces.get(interfaceName) ?? standard.get(interfaceName);
    if (exported === undefined) {
      throw node === undefined ? unknownObject(path) : unknownInterface(path, interfaceName);
    }
    const method = exported.methods.get(member);
    if (method !== undefined) return method;
    throw new DBusError(ErrorName.UNKNOWN_METHOD, `the interface ${interfaceName} has no method ${member}`);
  }

  #run(method: ExportedMethod, call: MethodCall): unknown {
    const { signature, body, sender } = call;
    if (!method.accepts.has(signature)) {
      const problem = `${method.label} takes arguments of signature "${method.in}", got "${signature}"`;
      throw new DBusError(ErrorName.INVALID_ARGS, problem);
    }
    if (this.#inProgress >= MAX_CALLS_IN_PROGRESS) {
      const problem = `${MAX_CALLS_IN_PROGRESS} calls are in progress; there must not be more`;
      throw new DBusError(ErrorName.LIMITS_EXCEEDED, problem);
    }
    const args = [...body];
    args.length = method.inCount; // an optional argument that the caller left out is undefined
    const { handler } = method;
    return handler(...args, { sender, message: call, signal: this.#closedSignal });
  }

  async #replyLater(method: ExportedMethod, call: MethodCall, promise: PromiseLike<unknown>): Promise<void> {
    this.#inProgress++;
    try {
      const result = await promise;
      this.#reply(method, call, result);
    } catch (error) {
      sendError(this.#sink, call, { failed: method.place, error });
    } finally {
      this.#inProgress--;
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
