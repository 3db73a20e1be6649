// Reports connections that leave a bus: with one match rule for all of them, which is added when it is first needed.
// It knows no calls. Tests: test/service/export-object.test.ts. Specification: org.freedesktop.DBus.NameOwnerChanged.
import { BUS_NAME, BUS_OBJECT } from '../protocol/bus.js';
import { hasMethods } from '../wire/arguments.js';
import type { MessageLink } from './link.js';

/** Calls `onLeave` with the unique name of each connection that leaves the bus. Called once, when first needed. */
export type WatchDepartures = (onLeave: (name: string) => void, known: () => Iterable<string>) => void;

/** A link that can say who owns a name. */
type NamedLink = MessageLink<boolean> & { getNameOwner(name: string): Promise<string | undefined> };

/** Only a bus has names, and reports departures. */
function isNamed(link: MessageLink<boolean>): link is NamedLink {
  return hasMethods(link, 'getNameOwner', 'subscribe');
}

/** Watches the departures from a bus; undefined for a link without a bus. */
export function departuresOf(link: MessageLink<boolean>): WatchDepartures | undefined {
  if (!isNamed(link)) return undefined;
  return (onLeave, known) => {
    // The link has ended, or the bus has no room for the rule. Then no departures are reported.
    watch(link, onLeave, known).catch(() => {});
  };
}

async function watch(
  link: NamedLink, onLeave: (name: string) => void, known: () => Iterable<string>,
): Promise<void> {
  const gone = link.subscribe({
    type: 'signal', sender: BUS_NAME, path: BUS_OBJECT.path, interface: BUS_OBJECT.interface,
    member: 'NameOwnerChanged', args: { 2: '' }, // names that lose their owner
  }, { signature: 'sss', queueLimit: Infinity }); // only the bus fills the queue, and it is read at once
  const checked = gone.ready.then(async () => {
    // The bus does not report connections that left before it had the rule, so it is asked about each.
    await Promise.all(Array.from(known(), async (name) => {
      if (await link.getNameOwner(name) === undefined) onLeave(name);
    }));
  });
  checked.catch(() => {}); // the loop gets the same error
  for await (const { body } of gone) onLeave(body[0] as string); // by its signature
}
