// Finds the replies of this side that come too late: the call arrived on an earlier connection of the link, or has
// already been answered. They must not be sent: on the next bus, the name of the caller can belong to another program,
// which can be waiting for a reply to the same serial. It knows no engine. For late replies of the other side, see
// pending-calls.ts. Tests: late-replies.test.ts.
// Specification: Message Format (REPLY_SERIAL).
import { type Message, wantsReply } from '../wire/messages/message.js';
import { OldestFirst } from '../wire/oldest-first.js';
import { CallRefusal, type CallRouter } from './call-router.js';

/** Above this many unanswered calls, the oldest can no longer be answered. */
const MAX_CALLS = 65_536;

/** The calls that have arrived on the present connection and can still be answered: other replies are late. */
export class LateReplies {
  readonly #keys = new Set<string>();
  readonly #oldest = new OldestFirst(this.#keys);

  /** A router that notes each call that another router accepts and whose caller expects a reply. */
  track(router: CallRouter): CallRouter {
    return {
      route: (header, length) => {
        const decision = router.route(header, length);
        if (!(decision instanceof CallRefusal) && wantsReply(header)) this.#add(keyOf(header.sender, header.serial));
        return decision;
      },
      handleBreak: (reason) => router.handleBreak?.(reason),
      beforeClose: () => router.beforeClose?.(),
    };
  }

  #add(key: string): void {
    this.#keys.add(key);
    if (this.#keys.size > MAX_CALLS) this.#keys.delete(this.#oldest.take()!); // there is one
  }

  /** Whether a message is a reply to a call that can no longer be answered. */
  isLate(message: Message): boolean {
    return isReply(message) && !this.#keys.has(keyOf(message.destination, message.replySerial));
  }

  /** Must be called with each message that was sent. */
  noteSent(message: Message): void {
    if (isReply(message)) this.#keys.delete(keyOf(message.destination, message.replySerial));
  }

  /** The connection has ended. */
  clear(): void {
    this.#keys.clear();
  }
}

function isReply(message: Message): boolean {
  return typeof message === 'object' && message !== null &&
    (message.type === 'method_return' || message.type === 'error');
}

function keyOf(name: string | undefined, serial: number | undefined): string {
  return `${serial} ${name}`;
}
