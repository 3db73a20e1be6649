// Calls any method and prints its results as JSON. The types of the arguments come from introspection data; arguments
// that are not strings are written as JSON, a variant as {"signature": "u", "value": 1}.
//   send.ts org.freedesktop.DBus / org.freedesktop.DBus.NameHasOwner org.freedesktop.Notifications
import { introspect, sessionBus, toJson } from 'dbus-wire';
import { splitSignature } from 'dbus-wire/wire';
import './one-sentence.mjs';

const [destination = '', path = '', method = '', ...texts] = process.argv.slice(2);
const [, name = '', member = ''] = /^(.+)\.(\w+)$/.exec(method) ?? [];
if (member === '') throw new Error('usage: send.ts SERVICE PATH INTERFACE.METHOD [ARGUMENT]…');
await using bus = await sessionBus();
const { definitions } = await introspect(bus, { destination, path });
const signature = definitions[name]?.methods[member]?.in;
if (signature === undefined) throw new Error(`${destination} has no method ${method} at ${path}`);
const types = splitSignature(signature);
const body = texts.map((text, n) => (/^[sog]$/.test(types[n] ?? '') ? text : JSON.parse(text)));
console.log(JSON.stringify(toJson(await bus.call({ destination, path, interface: name, member, signature, body }))));
