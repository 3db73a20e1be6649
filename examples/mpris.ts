// Prints the media players of the session as they come and go, with the title that each plays. With the name of one
// (`mpris.ts vlc`) it pauses that player, or lets it go on.
import { createProxy, defineInterface, type PropertyWatch, sessionBus, take } from 'dbus-wire';
import './one-sentence.mjs';

const Player = defineInterface({
  name: 'org.mpris.MediaPlayer2.Player',
  methods: { PlayPause: {} },
  properties: { Metadata: { type: 'a{sv}', access: 'read' } },
});

const bus = await sessionBus();
const player = (destination: string) => createProxy(bus, Player, { destination, path: '/org/mpris/MediaPlayer2' });
const watches = new Map<string, PropertyWatch>();

if (process.argv[2] !== undefined) {
  await player(`org.mpris.MediaPlayer2.${process.argv[2]}`).PlayPause();
  await bus.close();
} else {
  bus.watchOwner('org.mpris.MediaPlayer2.*', (owner, _previous, name) => {
    void watches.get(name)?.close();
    if (owner === undefined) return console.log(name, 'has gone');
    watches.set(name, player(name).$watch('Metadata', (metadata) => {
      console.log(name, take(metadata, 'xesam:title', 's'));
    }));
  });
}
