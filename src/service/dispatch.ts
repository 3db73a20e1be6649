// From a METHOD_CALL to its reply: finds the method, checks the arguments, runs the handler, answers. Calls are begun
// in order of arrival; handlers that answer later run side by side. Whatever a caller sends ends in a reply, never in
// an exception. It knows no connection beyond a place to send to. Specification: Message Types; Error names.
import { DBusError } from '../protocol/errors.js';
import { ErrorName } from '../protocol/error-names.js';
import type { MethodCall } from '../wire/messages/message.js';
import { type ExportedInterface, type ExportedMethod, isPromiseLike } from './exported-interface.js';
import type { ObjectNode, ObjectTree } from './object-tree.js';
import { quoted, unknownInterface, unknownObject } from './refusals.js';
import { type MessageSink, sendError, sendReturn } from './replies.js';

/** Most calls of one connection whose handlers have not answered yet; what comes above it is refused. */
const MAX_CALLS_IN_PROGRESS = 32_768;

/** The interfaces that the library answers itself, for a node or, undefined, for a path where nothing is. */
export type StandardInterfaces = (node: ObjectNode | undefined) => ReadonlyMap<string, ExportedInterface>;

/** What a dispatcher works with. */
export interface DispatcherParts {
  readonly tree: ObjectTree;
  readonly standard: StandardInterfaces;
  readonly sink: MessageSink;
  /** Aborts when replies can no longer be delivered. */
  readonly signal: AbortSignal;
}

/** Runs the calls of one connection. */
export class Dispatcher {
  readonly #tree: ObjectTree;
  readonly #standard: StandardInterfaces;
  readonly #sink: MessageSink;
  readonly #signal: AbortSignal;
  #inProgress = 0;

  constructor({ tree, standard, sink, signal }: DispatcherParts) {
    this.#tree = tree;
    this.#standard = standard;
    this.#sink = sink;
    this.#signal = signal;
  }

  /** Runs a call. It throws nothing; a promise, where the handler answers later, resolves after the reply is sent. */
  dispatch(call: MethodCall): void | Promise<void> {
    let what = `${call.interface ?? '?'}.${call.member}`;
    try {
      const method = this.#find(call);
      what = method.label;
      const result = this.#run(method, call);
      if (isPromiseLike(result)) return this.#answerLater(method, call, result);
      this.#answer(method, call, result);
    } catch (error) {
      sendError(this.#sink, call, { what, error });
    }
  }

  /** The method that a call asks for; without an interface, the first that has the member, in the order of export. */
  #find(call: MethodCall): ExportedMethod {
    const { path, interface: interfaceName, member } = call;
    const node = this.#tree.get(path);
    const standard = this.#standard(node);
    if (interfaceName === undefined) {
      const interfaces = [...(node?.interfaces.values() ?? []), ...standard.values()];
      const method = interfaces.find(({ methods }) => methods.has(member))?.methods.get(member);
      if (method !== undefined) return method;
      if (node === undefined) throw unknownObject(path);
      const problem = `no interface of the object ${quoted(path)} has a method ${member}`;
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
      throw new DBusError(ErrorName.LIMITS_EXCEEDED, `${MAX_CALLS_IN_PROGRESS} calls are in progress already`);
    }
    const args = [...body];
    args.length = method.inCount; // a handler sees undefined for what the caller has left out
    const { handler } = method;
    return handler(...args, { sender, message: call, signal: this.#signal });
  }

  async #answerLater(method: ExportedMethod, call: MethodCall, promise: PromiseLike<unknown>): Promise<void> {
    this.#inProgress++;
    try {
      const result = await promise;
      this.#answer(method, call, result);
    } catch (error) {
      sendError(this.#sink, call, { what: method.label, error });
    } finally {
      this.#inProgress--;
    }
  }

  #answer({ label, out, outCount, place }: ExportedMethod, call: MethodCall, result: unknown): void {
    const body = outCount === 1 ? [result] : outCount === 0 ? [] : result;
    if (!Array.isArray(body)) {
      throw new TypeError(`${label} has ${outCount} out-arguments, but its handler gave no array of them`);
    }
    sendReturn(this.#sink, call, { what: label, place, signature: out, body });
  }
}
