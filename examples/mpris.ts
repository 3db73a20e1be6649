// Prints the media players of the session when they appear and disappear, and the titles that they play. With a name
// (`mpris.ts vlc`) it pauses or resumes that player.
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
    if (owner === undefined) return console.log(name, 'is gone');
    watches.set(name, player(name).$watch('Metadata', (metadata) => {
      console.log(name, take(metadata, 'xesam:title', 's'));
    }));
  });
}
