# A service whose messages carry file descriptors, on GLib.
# Usage: descriptors.py; prints "ready UNIQUE_NAME" when it owns com.example.Descriptors.

import os

from gi.repository import Gio, GLib

NAME = 'com.example.Descriptors'
PATH = '/com/example/Descriptors'
INTERFACE = 'com.example.Descriptors1'
XML = f'''<node><interface name="{INTERFACE}">
  <method name="Open"><arg type="h" direction="out"/></method>
  <method name="OpenMany"><arg type="a{{sv}}" direction="out"/><arg type="ah" direction="out"/></method>
  <method name="Emit"><arg type="u" direction="in"/></method>
  <signal name="Opened"><arg type="h"/></signal>
</interface></node>'''


def descriptors(count):
    files = [os.open('/dev/null', os.O_RDONLY) for _ in range(count)]
    return Gio.UnixFDList.new_from_array(files)  # closes them


def emit(connection):
    message = Gio.DBusMessage.new_signal(PATH, INTERFACE, 'Opened')
    message.set_body(GLib.Variant('(h)', (0,)))
    message.set_unix_fd_list(descriptors(1))
    connection.send_message(message, Gio.DBusSendMessageFlags.NONE)


def on_call(connection, sender, path, interface, member, arguments, invocation):
    if member == 'Open':
        invocation.return_value_with_unix_fd_list(GLib.Variant('(h)', (0,)), descriptors(1))
    elif member == 'OpenMany':
        values = ({'lock': GLib.Variant('h', 2)}, [1, 0])
        invocation.return_value_with_unix_fd_list(GLib.Variant('(a{sv}ah)', values), descriptors(3))
    elif member == 'Emit':
        for _ in range(arguments.unpack()[0]):
            emit(connection)
        invocation.return_value(None)


def main():
    connection = Gio.bus_get_sync(Gio.BusType.SESSION, None)
    interface = Gio.DBusNodeInfo.new_for_xml(XML).lookup_interface(INTERFACE)
    connection.register_object(PATH, interface, on_call, None, None)
    connection.call_sync(
        'org.freedesktop.DBus', '/org/freedesktop/DBus', 'org.freedesktop.DBus', 'RequestName',
        GLib.Variant('(su)', (NAME, 4)), None, Gio.DBusCallFlags.NONE, -1, None)
    print('ready', connection.get_unique_name(), flush=True)
    GLib.MainLoop().run()


if __name__ == '__main__':
    main()
