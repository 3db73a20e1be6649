# A media player as MPRIS describes it, on dbus-python, whose title and volume standard input commands.
# Usage: mpris_player.py NAME; prints "ready" when it owns org.mpris.MediaPlayer2.NAME, and each change of its status.
# Commands, one a line: title TEXT, volume NUMBER, quit.

import sys

import dbus
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

PLAYER = 'org.mpris.MediaPlayer2.Player'


class Player(dbus.service.Object):
    def __init__(self, bus):
        super().__init__(bus, '/org/mpris/MediaPlayer2')
        self.values = {'PlaybackStatus': 'Playing', 'Volume': 0.5}
        self.title('Silence')

    def title(self, text):
        track = dbus.ObjectPath('/com/example/Track/1')
        self.change('Metadata', dbus.Dictionary({'mpris:trackid': track, 'xesam:title': text}, signature='sv'))

    def change(self, name, value):
        self.values[name] = value
        self.PropertiesChanged(PLAYER, {name: value}, [])

    @dbus.service.method(PLAYER)
    def PlayPause(self):
        self.change('PlaybackStatus', 'Paused' if self.values['PlaybackStatus'] == 'Playing' else 'Playing')
        print('status', self.values['PlaybackStatus'], flush=True)

    @dbus.service.method(dbus.PROPERTIES_IFACE, in_signature='ss', out_signature='v')
    def Get(self, interface, name):
        return self.values[name]

    @dbus.service.method(dbus.PROPERTIES_IFACE, in_signature='s', out_signature='a{sv}')
    def GetAll(self, interface):
        return self.values

    @dbus.service.signal(dbus.PROPERTIES_IFACE, signature='sa{sv}as')
    def PropertiesChanged(self, interface, changed, invalidated):
        pass


def main():
    dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
    loop = GLib.MainLoop()
    bus = dbus.SessionBus()
    player = Player(bus)
    name = dbus.service.BusName(f'org.mpris.MediaPlayer2.{sys.argv[1]}', bus)
    print('ready', name.get_name(), flush=True)

    def on_line(source, condition):
        command, _, rest = sys.stdin.readline().rstrip('\n').partition(' ')
        if command == 'title':
            player.title(rest)
        elif command == 'volume':
            player.change('Volume', float(rest))
        else:
            loop.quit()
        return True

    GLib.io_add_watch(0, GLib.IO_IN | GLib.IO_HUP, on_line)
    loop.run()


main()
