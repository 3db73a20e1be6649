// Exports an object manager: it lists the objects below a path, and announces those that are added and removed. It does
// not know the rules of dispatch. Specification: org.freedesktop.DBus.ObjectManager.
import type { MessageLink } from '../connection/link.js';
import { ObjectManager } from '../interface/standard.js';
import { assertObjectPath } from '../wire/names.js';
import { type ExportedObject, exportObject } from './export-object.js';
import { checkLink, exportsOf } from './link-exports.js';
import { answered, tryReturn } from './replies.js';

/**
 * Exports org.freedesktop.DBus.ObjectManager at a path. It answers GetManagedObjects with all objects below the path,
 * including those of subtrees, and sends InterfacesAdded and InterfacesRemoved itself whenever one is exported or
 * removed. Managers can be nested: each lists and announces everything below it. If the `get` of a property answers
 * later, its value follows InterfacesAdded as a PropertiesChanged. If `emitsChanged` is not `'true'`, no value would
 * follow, so InterfacesAdded waits for the value, at most ten seconds, and the other signals of the object wait for
 * InterfacesAdded. ‹org.freedesktop.DBus.ObjectManager›
 * @throws {InvalidNameError} if `path` is not an object path
 * @throws {ExportError} if the object has an object manager already
 * @throws {ConnectionClosedError} if the link is closed
 * @throws {HandlerInUseError} if the application handles the method calls of the link itself
 * @throws {ArgumentError} if `link` is of the wrong kind
 */
export function exportObjectManager<Typed extends boolean = false>(
  link: MessageLink<Typed>, path: string,
): ExportedObject {
  checkLink('exportObjectManager', link);
  assertObjectPath(path);
  link.closedSignal.throwIfAborted();
  const { managers } = exportsOf(link);
  const { out: signature } = ObjectManager.methods.GetManagedObjects;
  const implementation = ObjectManager.implement({
    methods: {
      GetManagedObjects: (context) => answered(managers.getManagedObjects(path, context, (objects) => (
        tryReturn(link, context.message, { signature, body: [objects] })
      ))),
    },
  });
  const exported = exportObject<boolean>(link, path, implementation);
  const forget = managers.manage(path);
  const unexport = (): void => {
    forget();
    exported.unexport();
  };
  return { path, unexport, [Symbol.dispose]: unexport };
}
