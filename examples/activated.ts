// A service that the bus starts when it is called, and that ends after a second without calls. Its service file:
//   [D-BUS Service]
//   Name=com.example.Clock
//   Exec=/usr/bin/node /path/to/activated.js
import { defineInterface, exportObject, starterBus } from 'dbus-wire';
import './one-sentence.mjs';

const Clock = defineInterface({ name: 'com.example.Clock1', methods: { Now: { out: 's' } } });

const bus = await starterBus();
const idle = setTimeout(async () => {
  await bus.releaseName('com.example.Clock'); // the next call starts the service again,
  await bus.close(); // and calls that have arrived still get their replies
}, 1_000);
void bus.closed.then(() => clearTimeout(idle)); // if the bus ends first
const clock = Clock.implement({
  methods: {
    Now: () => {
      idle.refresh();
      return new Date().toISOString();
    },
  },
});
exportObject(bus, '/com/example/Clock', clock);
await bus.requestName('com.example.Clock');
