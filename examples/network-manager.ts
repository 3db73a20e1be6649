// Prints network devices, and wireless networks with their strengths, when they are added, changed and removed.
import { defineInterface, manageObjects, systemBus } from 'dbus-wire';
import './one-sentence.mjs';

const Device = defineInterface({
  name: 'org.freedesktop.NetworkManager.Device',
  properties: { Interface: { type: 's', access: 'read' }, State: { type: 'u', access: 'read' } },
});
const AccessPoint = defineInterface({
  name: 'org.freedesktop.NetworkManager.AccessPoint',
  properties: { Ssid: { type: 'ay', access: 'read' }, Strength: { type: 'y', access: 'read' } },
});

await using bus = await systemBus();
const manager = { destination: 'org.freedesktop.NetworkManager', path: '/org/freedesktop' };
for await (const change of manageObjects(bus, manager, { device: Device, network: AccessPoint })) {
  if (change.kind === 'device') {
    const { Interface, State } = change.proxy.$properties;
    console.log(change.type, Interface, State === 100 ? 'is connected' : `is in state ${State}`);
  } else {
    const { Ssid, Strength } = change.proxy.$properties;
    console.log(change.type, new TextDecoder().decode(Ssid), `${Strength} %`);
  }
}
