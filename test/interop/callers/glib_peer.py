# A client without a bus on GLib: exports an object, calls the server, and lets the server call back.
# Usage: glib_peer.py ADDRESS TEXT; prints the signal and the reply that it gets.

import sys

from gi.repository import Gio, GLib

XML = '''<node><interface name="com.example.Back1">
  <method name="Twice"><arg type="s" direction="in"/><arg type="s" direction="out"/></method>
</interface></node>'''


def on_call(connection, sender, path, interface, member, arguments, invocation):
    text = arguments.unpack()[0]
    invocation.return_value(GLib.Variant('(s)', (text + text,)))


def main():
    address, text = sys.argv[1:]
    flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT
    connection = Gio.DBusConnection.new_for_address_sync(address, flags, None, None)
    information = Gio.DBusNodeInfo.new_for_xml(XML).lookup_interface('com.example.Back1')
    connection.register_object('/back', information, on_call, None, None)
    connection.signal_subscribe(
        None, 'com.example.Echo1', 'Said', '/echo', None, Gio.DBusSignalFlags.NONE,
        lambda *arguments: print('signal', arguments[5].unpack()[0], flush=True))
    loop = GLib.MainLoop()

    def answered(_, result):
        print('reply', connection.call_finish(result).unpack()[0], flush=True)
        GLib.idle_add(loop.quit)

    connection.call(
        None, '/echo', 'com.example.Echo1', 'SayBack', GLib.Variant('(s)', (text,)), None, Gio.DBusCallFlags.NONE,
        10_000, None, answered)
    loop.run()
    connection.close_sync(None)


if __name__ == '__main__':
    main()
