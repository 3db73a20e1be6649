# A D-Bus server without a bus: the other end of a connection that has no names, on GLib's own implementation.
# Usage: glib_peer.py ADDRESS [anonymous]; prints "ready ADDRESS GUID" when it listens.

import sys

from gi.repository import Gio, GLib

PATH = '/com/example/Peer'
INTERFACE = 'com.example.Peer1'
XML = f'''<node><interface name="{INTERFACE}">
  <method name="Echo"><arg type="v" direction="in"/><arg type="v" direction="out"/></method>
  <method name="Fail"><arg type="s" direction="in"/></method>
  <method name="Ask"><arg type="s" direction="in"/><arg type="s" direction="out"/></method>
  <method name="Emit"><arg type="u" direction="in"/></method>
  <method name="Set"><arg type="s" direction="in"/></method>
  <method name="Title"><arg type="s" direction="out"/></method>
  <method name="Leave"/>
  <signal name="Ticked"><arg type="u"/></signal>
  <property name="Title" type="s" access="readwrite"/>
</interface></node>'''

title = 'untitled'


def on_call(connection, sender, path, interface, member, arguments, invocation):
    if member == 'Echo':
        invocation.return_value(arguments)
    elif member == 'Fail':
        invocation.return_dbus_error('com.example.Peer1.Error.Custom', arguments.unpack()[0])
    elif member == 'Ask':  # calls a method of the caller before it answers
        def answer(_, result):
            try:
                invocation.return_value(connection.call_finish(result))
            except GLib.Error as error:
                invocation.return_dbus_error('com.example.Peer1.Error.Asked', error.message)
        connection.call(
            None, '/com/example/Mirror', 'com.example.Mirror1', 'EchoString', arguments, None,
            Gio.DBusCallFlags.NONE, 5_000, None, answer)
    elif member == 'Emit':
        for index in range(arguments.unpack()[0]):
            connection.emit_signal(None, PATH, INTERFACE, 'Ticked', GLib.Variant('(u)', (index,)))
        invocation.return_value(None)
    elif member == 'Set':
        on_set(connection, sender, path, interface, 'Title', arguments.get_child_value(0))
        invocation.return_value(None)
    elif member == 'Title':
        invocation.return_value(GLib.Variant('(s)', (title,)))
    elif member == 'Leave':
        connection.close_sync(None)


def on_get(connection, sender, path, interface, name):
    return GLib.Variant('s', title)


def on_set(connection, sender, path, interface, name, value):
    global title
    title = value.unpack()
    return True


def main():
    address = sys.argv[1]
    guid = Gio.dbus_generate_guid()
    same_user = Gio.DBusServerFlags.AUTHENTICATION_REQUIRE_SAME_USER
    flags = Gio.DBusServerFlags.AUTHENTICATION_ALLOW_ANONYMOUS if 'anonymous' in sys.argv else same_user
    server = Gio.DBusServer.new_sync(address, flags, guid, None, None)
    information = Gio.DBusNodeInfo.new_for_xml(XML).lookup_interface(INTERFACE)
    connections = []  # kept, also when the other end is gone: our end of those stays open

    def on_connection(_, connection):
        connections.append(connection)
        connection.register_object(PATH, information, on_call, on_get, on_set)
        return True

    server.connect('new-connection', on_connection)
    server.start()
    print(f'ready {server.get_client_address()} {guid}', flush=True)
    GLib.MainLoop().run()


if __name__ == '__main__':
    main()
