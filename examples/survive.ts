// A client that outlives the bus and the service that it listens to: it prints the volume of a player, and each change.
import { createProxy, defineInterface, sessionBus } from 'dbus-wire';
import './one-sentence.mjs';

const Player = defineInterface({
  name: 'org.mpris.MediaPlayer2.Player', properties: { Volume: { type: 'd', access: 'readwrite' } },
});

await using bus = await sessionBus({ reconnect: { maxDelay: 5_000 } });
bus.watchConnection(({ state }) => console.log(state));
const target = { destination: 'org.mpris.MediaPlayer2.vlc', path: '/org/mpris/MediaPlayer2', noAutoStart: true };
for await (const volume of createProxy(bus, Player, target).$watch('Volume')) console.log('volume', volume);
