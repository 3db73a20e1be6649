# A tray on dbus-python: it shows the items that register, with their menus, as lines of text.
# Usage: tray.py; prints "ready", then what each item shows. It reads the properties of an item and its menu, clicks the
# item, prints its new title, and clicks the entry of the menu that standard input names.

import sys

import dbus
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

WATCHER = 'org.kde.StatusNotifierWatcher'
ITEM = 'org.kde.StatusNotifierItem'
MENU = 'com.canonical.dbusmenu'


class Watcher(dbus.service.Object):
    @dbus.service.method(WATCHER, in_signature='s', sender_keyword='sender')
    def RegisterStatusNotifierItem(self, service, sender=None):
        # libappindicator registers a path, KDE a bus name.
        name, path = (sender, service) if service.startswith('/') else (service, '/StatusNotifierItem')
        GLib.idle_add(show, name, path)


def show(name, path):
    item = bus.get_object(name, path)
    properties = dbus.Interface(item, dbus.PROPERTIES_IFACE)
    values = properties.GetAll(ITEM)
    print('item', values['Id'], values['IconName'], values['Title'], flush=True)

    def on_title():
        print('title', properties.Get(ITEM, 'Title'), flush=True)

    item.connect_to_signal('NewTitle', on_title, dbus_interface=ITEM)
    menu = dbus.Interface(bus.get_object(name, values['Menu']), MENU)
    revision, (root, root_values, entries) = menu.GetLayout(0, -1, dbus.Array([], 's'))
    labels = {str(entry[1]['label']): entry[0] for entry in entries}
    print('menu', ', '.join(labels), flush=True)
    dbus.Interface(item, ITEM).Activate(0, 0)

    def on_line(source, condition):
        label = sys.stdin.readline().strip()
        if label != '':
            menu.Event(labels[label], 'clicked', dbus.String('', variant_level=1), dbus.UInt32(0))
        return label != ''

    GLib.io_add_watch(0, GLib.IO_IN, on_line)


dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
bus = dbus.SessionBus()
watcher = Watcher(bus, '/StatusNotifierWatcher')
owned = dbus.service.BusName(WATCHER, bus)
print('ready', WATCHER, flush=True)
GLib.MainLoop().run()
