// Passes received method calls from a link to another layer of this library: first the header, by which that layer
// accepts or refuses the call, then the whole call. The body of a refused call is never decoded. Programs register a
// handler of whole calls instead (link.ts). It knows no objects. Tests: call-router.test.ts.
// Specification: Message Types (METHOD_CALL, ERROR).
import { errorReply, type MethodCall, wantsReply } from '../wire/messages/message.js';
import type { ConnectionClosedError } from './errors.js';
import type { MessageLink } from './link.js';
import { type PartReader, SharedParts } from './link-parts.js';

/** A METHOD_CALL without its body. */
export type MethodCallHeader = Omit<MethodCall, 'body'>;

/** Runs calls whose headers were accepted. One runner can serve any number of calls. */
export interface CallRunner {
  /**
   * Runs a call, with the body in it, in the turn in which its header was accepted. A promise means that it is answered
   * later: `close()` of the link waits for it. Must not throw: an exception, or a rejection, becomes an uncaught
   * exception of the process.
   */
  run(call: MethodCall): void | Promise<void>;
}

/** Why a call is not run: the name and the text of the ERROR that the link sends, if the caller wants a reply. */
export class CallRefusal {
  readonly errorName: string;
  readonly message: string;

  constructor(errorName: string, message: string) {
    this.errorName = errorName;
    this.message = message;
  }
}

/** Decides about method calls by their headers. */
export interface CallRouter {
  /**
   * Returns the runner of a call, or a refusal. It is called for each call, in order of arrival. It must not throw.
   * `length` is the length of the whole message in bytes; 0 if the link does not know it.
   */
  route(header: MethodCallHeader, length: number): CallRunner | CallRefusal;
  /**
   * The connection of all calls so far has ended, and another connection follows. Replies to these calls are dropped.
   */
  handleBreak?(reason: ConnectionClosedError): void;
  /** The link is about to close, and all handlers have answered: sends the messages that would be sent later. */
  beforeClose?(): void;
}

/** The part of a link that accepts a router. */
export interface RoutedLink {
  /** Sets the router and returns the function that removes it; throws HandlerInUseError if there is one. */
  routeCalls(router: CallRouter): () => void;
}

/** The routing of the links of this library: for other layers, not for users. */
const routedLinks = new SharedParts<RoutedLink>();

/** Lets other layers route the calls of the links of a class. */
export function shareRouting(reader: PartReader<RoutedLink>): void {
  routedLinks.share(reader);
}

/**
 * Routes the method calls of a link; returns the function that ends this. A link that this library did not make decodes
 * each call before `router` sees its header.
 * @throws {HandlerInUseError} if the link has a handler or a router already
 */
export function routeCalls(link: MessageLink<boolean>, router: CallRouter): () => void {
  const routed = routedLinks.of(link);
  if (routed !== undefined) return routed.routeCalls(router);
  return link.handleMethodCalls((call) => {
    const decision = router.route(call, 0);
    if (!(decision instanceof CallRefusal)) return decision.run(call);
    const { errorName, message } = decision;
    if (wantsReply(call)) link.send(errorReply(call, { errorName, message }));
  });
}
