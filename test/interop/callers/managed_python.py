"""Follows the objects of a service with dbus-python: GetManagedObjects, then the signals until one object is removed."""

import sys

import dbus
import dbus.mainloop.glib
from gi.repository import GLib

name, path, root, interface, last = sys.argv[1:6]
dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
bus = dbus.SessionBus()
loop = GLib.MainLoop()
MANAGER = 'org.freedesktop.DBus.ObjectManager'


def show(what, place, interfaces):
    for each in sorted(interfaces):
        values = ' '.join(f'{key}={interfaces[each][key]}' for key in sorted(interfaces[each]))
        print(what, place, each, values, flush=True)


def removed(place, interfaces):
    print('removed', place, *sorted(interfaces), flush=True)
    if place == last:
        loop.quit()


def changed(interface, values, invalidated, sender_path):
    shown = ' '.join(f'{key}={values[key]}' for key in sorted(values))
    print('changed', sender_path, shown, *sorted(invalidated), flush=True)


manager = dbus.Interface(bus.get_object(name, path), MANAGER)
manager.connect_to_signal('InterfacesAdded', lambda place, interfaces: show('added', place, interfaces))
manager.connect_to_signal('InterfacesRemoved', removed)
bus.add_signal_receiver(changed, 'PropertiesChanged', bus_name=name, path_keyword='sender_path')
objects = manager.GetManagedObjects()
for place in sorted(objects):
    show('present', place, objects[place])
bus.get_object(name, root).Mutate(dbus_interface=interface, reply_handler=lambda: None, error_handler=print)
GLib.timeout_add_seconds(10, loop.quit)
loop.run()
