// Shows a notification with a button, and prints which button the user presses, until the notification is closed.
import { createProxy, defineInterface, sessionBus } from 'dbus-wire';
import './one-sentence.mjs';

const Notifier = defineInterface({
  name: 'org.freedesktop.Notifications', methods: { Notify: { in: 'susssasa{sv}i', out: 'u' } },
  signals: { ActionInvoked: { args: 'us' }, NotificationClosed: { args: 'uu' } },
});

await using bus = await sessionBus();
const notifier = createProxy(bus, Notifier, { destination: Notifier.name, path: '/org/freedesktop/Notifications' });
const signals = notifier.$signals(); // before the call, so that no signal is missed
const id = await notifier.Notify('example', 0, '', 'Tea', 'It is ready.', ['drink', 'Drink it'], {}, -1);
for await (const { name, args: [shown, detail] } of signals) {
  if (shown === id) console.log(name, detail);
  if (shown === id && name === 'NotificationClosed') break;
}
