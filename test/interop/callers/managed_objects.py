"""Follows the objects of a service with GDBusObjectManagerClient, and its properties with the cache of GDBusProxy."""

import sys

from gi.repository import Gio, GLib

name, path, root, interface, last = sys.argv[1:6]
bus = Gio.bus_get_sync(Gio.BusType.SESSION)
loop = GLib.MainLoop()
NONE = Gio.DBusObjectManagerClientFlags.NONE
manager = Gio.DBusObjectManagerClient.new_sync(bus, NONE, name, path, None, None, None)


def cached(proxy):
    names = sorted(proxy.get_cached_property_names() or [])
    return ' '.join(f'{each}={proxy.get_cached_property(each).print_(False)}' for each in names)


def show(what, found):
    for proxy in sorted(found.get_interfaces(), key=lambda proxy: proxy.get_interface_name()):
        print(what, found.get_object_path(), proxy.get_interface_name(), cached(proxy), flush=True)


def removed(_, found):
    print('removed', found.get_object_path(), flush=True)
    if found.get_object_path() == last:
        loop.quit()


def changed(_, found, proxy, values, invalidated):
    print('changed', found.get_object_path(), cached(proxy), flush=True)


for each in sorted(manager.get_objects(), key=lambda found: found.get_object_path()):
    show('present', each)
manager.connect('object-added', lambda _, found: show('added', found))
manager.connect('object-removed', removed)
manager.connect('interface-proxy-properties-changed', changed)
bus.call(name, root, interface, 'Mutate', None, None, Gio.DBusCallFlags.NONE, -1, None, None)
GLib.timeout_add_seconds(10, loop.quit)
loop.run()
