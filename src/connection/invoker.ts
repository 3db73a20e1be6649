// Lets other layers of this library make calls on a link with one promise for each call: the result is made when the
// reply arrives. Programs use MessageLink.call(). It knows no engines. Tests: test/client/proxy.test.ts. Specification:
// Message Types (METHOD_CALL).
import { MessageFlag } from '../wire/constants.js';
import { type Caller, errorAt } from '../wire/error-place.js';
import { wantsReply } from '../wire/messages/message.js';
import { type CallDefaults, NO_DEFAULTS } from './call-options.js';
import { attachedDescriptors } from './descriptors.js';
import type { Invocation } from './invocation.js';
import type { MessageLink } from './link.js';
import { type PartReader, SharedParts } from './link-parts.js';

/** Makes calls. */
export interface Invoker {
  /** What calls do unless their own options say otherwise; the caller of `invoke` has to follow it. */
  readonly callDefaults: CallDefaults;
  /** Makes a call. The stack of an error of the message begins at the caller of the function `above`. */
  invoke(invocation: Invocation, above: Caller): Promise<unknown>;
}

/** The invokers of the links of this library: for other layers, not for users. */
const invokers = new SharedParts<Invoker>();

/** Lets other layers make calls on the links of a class. */
export function shareCalls(reader: PartReader<Invoker>): void {
  invokers.share(reader);
}

/** The invoker of a link. For a link that this library did not make, the invoker uses its call(). */
export function invokerOf(link: MessageLink<boolean>): Invoker {
  return invokers.of(link) ?? { callDefaults: NO_DEFAULTS, invoke: (invocation) => callLink(link, invocation) };
}

async function callLink(link: MessageLink<boolean>, invocation: Invocation): Promise<unknown> {
  const { message, timeout, signal, replySignature, place, resultOf } = invocation;
  const { path, interface: interfaceName, member, destination, signature, body, flags } = message;
  let reply: unknown[];
  try {
    reply = await link.call<string, string, boolean>({
      path, interface: interfaceName, member, destination, signature, body, timeout, signal, replySignature,
      descriptors: attachedDescriptors(message),
      noReply: !wantsReply(message),
      noAutoStart: (flags & MessageFlag.NO_AUTO_START) !== 0,
      allowInteractiveAuthorization: (flags & MessageFlag.ALLOW_INTERACTIVE_AUTHORIZATION) !== 0,
    });
  } catch (error) {
    throw errorAt(error, place ?? message, callLink);
  }
  return resultOf === undefined ? reply : resultOf(reply);
}
