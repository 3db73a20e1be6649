// The objects of one link: their tree, the router of its method calls, and the functions that remove them when the link
// ends. The first use registers the handler of the link's method calls. Tests: export-object.test.ts. Specification:
// Object Paths.
import { Bus } from '../connection/bus.js';
import { routeCalls } from '../connection/call-router.js';
import { callersOf } from '../connection/callers.js';
import type { MessageLink } from '../connection/link.js';
import { argumentError, hasMethods } from '../wire/arguments.js';
import type { AskCredentials } from './call-context.js';
import { Dispatcher } from './dispatch.js';
import { ObjectManagers } from './object-managers.js';
import { heldSignalsOf } from './outgoing-signals.js';
import { ObjectTree } from './object-tree.js';
import { standardInterfaces } from './standard-interfaces.js';
import { TurnEnd } from './turn-end.js';

/** The objects of one link. */
export interface Exports {
  readonly tree: ObjectTree;
  readonly turnEnd: TurnEnd;
  readonly managers: ObjectManagers;
  /** The functions that remove what is exported. */
  readonly unexports: Set<() => void>;
}

const exportsByLink = new WeakMap<MessageLink<boolean>, Exports>();

/** The objects of a link. @throws {HandlerInUseError} if the application handles the method calls of the link itself */
export function exportsOf(link: MessageLink<boolean>): Exports {
  const known = exportsByLink.get(link);
  if (known !== undefined) return known;
  const tree = new ObjectTree();
  const standard = standardInterfaces(tree, link);
  const { closedSignal } = link;
  const turnEnd = new TurnEnd();
  const dispatcher = new Dispatcher({
    tree, standard, sink: link, closedSignal, callers: callersOf(link), askCredentials: credentialsFrom(link), turnEnd,
    sendHeld: () => heldSignalsOf(link).releaseAll(),
  });
  routeCalls(link, dispatcher);
  const exports: Exports = { tree, turnEnd, managers: new ObjectManagers(link, tree), unexports: new Set() };
  // An implementation may outlive the link and must not keep it in memory. There is one listener for all objects,
  // because Node searches the whole list of listeners whenever one is added or removed.
  link.closedSignal.addEventListener('abort', () => {
    for (const unexport of [...exports.unexports]) unexport();
  });
  exportsByLink.set(link, exports);
  return exports;
}

/** The function by which handlers ask for the identity of a caller; undefined on a link without a bus. */
function credentialsFrom(link: MessageLink<boolean>): AskCredentials | undefined {
  return link instanceof Bus ? (name) => link.getConnectionCredentials(name) : undefined;
}

/** Checks the first argument of a function that exports. */
export function checkLink(owner: string, link: MessageLink<boolean>): void {
  if (!hasMethods(link, 'handleMethodCalls', 'send')) {
    throw argumentError(owner, 'the link must be a bus or a connection', link);
  }
}
