// Prints the services of one type in the local network when they appear and disappear: `avahi.ts _http._tcp`.
import { createProxy, defineInterface, systemBus } from 'dbus-wire';
import './one-sentence.mjs';

const Server = defineInterface({
  name: 'org.freedesktop.Avahi.Server',
  methods: {
    ServiceBrowserNew: { in: 'iissu', out: 'o' },
    ResolveService: { in: 'iisssiu', out: 'iissssisqaayu' },
  },
});
const Browser = defineInterface({
  name: 'org.freedesktop.Avahi.ServiceBrowser',
  signals: { ItemNew: { args: 'iisssu' }, ItemRemove: { args: 'iisssu' } },
});

await using bus = await systemBus();
const server = createProxy(bus, Server, { destination: 'org.freedesktop.Avahi', path: '/' });
const browser = createProxy(bus, Browser, { destination: 'org.freedesktop.Avahi', path: '/' });
const items = browser.$signals({ pathNamespace: '/' }); // before the browser exists, which sends them at once
await server.ServiceBrowserNew(-1, -1, process.argv[2] ?? '_http._tcp', 'local', 0);
for await (const { name, args: [card, protocol, service, type, domain] } of items) {
  if (name === 'ItemRemove') console.log(service, 'is gone');
  else {
    const [, , , , , host, , address, port] = await server.ResolveService(card, protocol, service, type, domain, -1, 0);
    console.log(service, 'at', host, address, port);
  }
}
