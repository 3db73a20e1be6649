// Writes a TypeScript module with the interfaces of a live object to standard output:
//   types.ts org.freedesktop.Notifications /org/freedesktop/Notifications > notifications.ts
import { formatDefinitions, introspect, sessionBus } from 'dbus-wire';
import './one-sentence.mjs';

await using bus = await sessionBus();
const [destination = 'org.freedesktop.DBus', path = '/org/freedesktop/DBus'] = process.argv.slice(2);
process.stdout.write(formatDefinitions(await introspect(bus, { destination, path })));
