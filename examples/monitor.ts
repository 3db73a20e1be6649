// Prints every message on the session bus as a line of JSON, or those of one sender: `monitor.ts com.example.Player`.
import { becomeMonitor, toJson } from 'dbus-wire';
import './one-sentence.mjs';

const sender = process.argv[2];
await using monitor = await becomeMonitor(sender === undefined ? [] : [{ sender }]);
for await (const { type, sender, destination, interface: name, member, body } of monitor) {
  console.log(JSON.stringify({ type, sender, destination, interface: name, member, body: toJson(body) }));
}
