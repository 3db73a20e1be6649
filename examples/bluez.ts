// Prints the devices that BlueZ knows when they are added, changed and removed.
import { defineInterface, manageObjects, systemBus } from 'dbus-wire';
import './one-sentence.mjs';

const Device = defineInterface({
  name: 'org.bluez.Device1',
  properties: { Alias: { type: 's', access: 'readwrite' }, Connected: { type: 'b', access: 'read' } },
});

await using bus = await systemBus();
for await (const { type, path, proxy } of manageObjects(bus, { destination: 'org.bluez', path: '/' }, { Device })) {
  console.log(type, path, proxy.$properties.Alias, proxy.$properties.Connected ? 'connected' : '');
}
