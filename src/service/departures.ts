// Which connections leave a bus: one match rule for all of them, added when it is needed first.
// It knows no calls. Tested in export-object.test.ts. Specification: org.freedesktop.DBus.NameOwnerChanged.
import type { Bus } from '../connection/bus.js';
import type { MessageLink } from '../connection/link.js';
import { BUS_NAME, BUS_OBJECT } from '../protocol/bus.js';
import { hasMethods } from '../wire/arguments.js';
import type { WatchDepartures } from './callers.js';

/** A link that can say who owns a name. */
type NamedLink = MessageLink & Pick<Bus, 'getNameOwner'>;

/** Only a bus has names, and knows who leaves. */
function isNamed(link: MessageLink): link is NamedLink {
  return hasMethods(link, 'getNameOwner', 'subscribe');
}

/** Watches the departures from a bus; undefined for a link without a bus. */
export function departuresOf(link: MessageLink): WatchDepartures | undefined {
  if (!isNamed(link)) return undefined;
  return (onLeave, known) => {
    // An error is the end of the link, which ends everything, or a bus without room for the rule: then nobody leaves.
    watch(link, onLeave, known).catch(() => {});
  };
}

async function watch(
  link: NamedLink, onLeave: (name: string) => void, known: () => Iterable<string>,
): Promise<void> {
  const gone = link.subscribe({
    type: 'signal', sender: BUS_NAME, path: BUS_OBJECT.path, interface: BUS_OBJECT.interface,
    member: 'NameOwnerChanged', args: { 2: '' }, // names that lose their owner
  }, { signature: 'sss', queueLimit: Infinity }); // nobody but the bus fills the queue, and it is read at once
  const checked = gone.ready.then(async () => {
    // Of those who left before the bus had the rule, it says nothing.
    await Promise.all(Array.from(known(), async (name) => {
      if (await link.getNameOwner(name) === undefined) onLeave(name);
    }));
  });
  checked.catch(() => {}); // the loop gets the same error
  for await (const { body } of gone) onLeave(body[0] as string); // by its signature
}
