# A service that a bus starts: it owns the name that is its argument, says which environment it has, and ends itself.
# Usage: started.py WELL.KNOWN.NAME

import os
import sys

import dbus
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

INTERFACE = 'com.example.Started1'


class Started(dbus.service.Object):
    @dbus.service.method(INTERFACE, in_signature='s', out_signature='s')
    def Variable(self, name):
        return os.environ.get(name, '')

    @dbus.service.method(INTERFACE, in_signature='', out_signature='u')
    def Pid(self):
        return os.getpid()

    @dbus.service.method(INTERFACE, in_signature='', out_signature='')
    def Quit(self):
        GLib.idle_add(loop.quit)


dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
bus = dbus.bus.BusConnection(os.environ['DBUS_STARTER_ADDRESS'])
Started(bus, '/')
name = dbus.service.BusName(sys.argv[1], bus, do_not_queue=True)
loop = GLib.MainLoop()
loop.run()
