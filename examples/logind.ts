// Prints the logged-in users, then each session that begins or ends, and when the machine goes to sleep and wakes up.
import { createProxy, defineInterface, systemBus } from 'dbus-wire';
import './one-sentence.mjs';

const Manager = defineInterface({
  name: 'org.freedesktop.login1.Manager',
  methods: { ListSessions: { out: 'a(susso)' } },
  signals: { SessionNew: { args: 'so' }, SessionRemoved: { args: 'so' }, PrepareForSleep: { args: 'b' } },
});

await using bus = await systemBus();
const login = createProxy(bus, Manager, { destination: 'org.freedesktop.login1', path: '/org/freedesktop/login1' });
const signals = login.$signals(); // before the list is requested, so that no session is missed
for (const [id, uid, user] of await login.ListSessions()) console.log(`session ${id}: ${user} (${uid})`);
for await (const { name, args } of signals) {
  if (name === 'PrepareForSleep') console.log(args[0] ? 'going to sleep' : 'awake again');
  else console.log(name, args[0]);
}
