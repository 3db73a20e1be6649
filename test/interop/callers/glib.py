# Calls the mirror service with GLib, whose D-Bus implementation is its own, and which can write big-endian.
# Usage: glib.py echoes little|big, or cached NAME PATH INTERFACE (of any object), or errors|handles|objects|proxy|xml;
# prints what it got as GVariant text or JSON.

import json
import os
import sys

from gi.repository import Gio, GLib

NAME = 'com.example.Mirror1'
PATH = '/com/example/Mirror'
INTERFACE = 'com.example.Mirror1'
PROPERTIES = 'org.freedesktop.DBus.Properties'


def echoes(connection, order):
    """Rows of GVariant texts on stdin, written in one byte order; what comes back, with the order it came in."""
    byte_order = {'little': Gio.DBusMessageByteOrder.LITTLE_ENDIAN, 'big': Gio.DBusMessageByteOrder.BIG_ENDIAN}[order]
    for row in json.load(sys.stdin):
        message = Gio.DBusMessage.new_method_call(NAME, PATH, INTERFACE, row['member'])
        message.set_byte_order(byte_order)
        value = GLib.Variant.parse(GLib.VariantType.new(row['signature']), row['gvariant'], None, None)
        message.set_body(GLib.Variant.new_tuple(value))
        reply, _ = connection.send_message_with_reply_sync(message, Gio.DBusSendMessageFlags.NONE, 10_000, None)
        body = reply.get_body()
        is_whole = body is not None and reply.get_signature() == body.get_type_string()[1:-1]
        print(json.dumps({
            'type': reply.get_message_type().value_nick,
            'signature': reply.get_signature() if is_whole else f'{reply.get_signature()} for {body}',
            'value': body.get_child_value(0).print_(True) if is_whole else None,
        }))


def errors(connection, *_):
    for member, body in [('Fail', '("grüße 😀",)'), ('FailInDetail', None), ('Crash', None), ('Missing', None),
                         ('EchoByte', '("text",)'), ('Sleep', '(uint32 60000,)')]:
        value = None if body is None else GLib.Variant.parse(None, body, None, None)
        try:
            timeout = 100 if member == 'Sleep' else 10_000
            connection.call_sync(NAME, PATH, INTERFACE, member, value, None, Gio.DBusCallFlags.NONE, timeout, None)
            print('no error')
        except GLib.Error as error:
            name = Gio.DBusError.get_remote_error(error)
            print(error.message if name is None else json.dumps([name, error.message]))


def proxy(connection, *_):
    """A proxy as applications have it: properties are read once, and kept up to date by signals."""
    loop = GLib.MainLoop()
    flags = Gio.DBusProxyFlags.GET_INVALIDATED_PROPERTIES
    mirror = Gio.DBusProxy.new_sync(connection, flags, None, NAME, PATH, INTERFACE, None)
    for name in sorted(mirror.get_cached_property_names()):
        print(name, mirror.get_cached_property(name).print_(True))
    print('owner', mirror.get_name_owner() == connection.call_sync(
        'org.freedesktop.DBus', '/', 'org.freedesktop.DBus', 'GetNameOwner', GLib.Variant('(s)', (NAME,)), None,
        Gio.DBusCallFlags.NONE, -1, None).unpack()[0])
    print(mirror.call_sync('Divide', GLib.Variant('(ii)', (-7, 2)), 0, -1, None).print_(True))

    def changed(_, values, invalidated):
        print('changed', values.print_(True), list(invalidated))

    def signaled(_, sender, name, body):
        print('signal', sender == mirror.get_name_owner(), name, body.print_(True))
        if name == 'Emptied':
            loop.quit()

    mirror.connect('g-properties-changed', changed)
    mirror.connect('g-signal', signaled)

    def write(name, value):
        body = GLib.Variant('(ssv)', (INTERFACE, name, value))
        connection.call_sync(NAME, PATH, PROPERTIES, 'Set', body, None, Gio.DBusCallFlags.NONE, -1, None)

    write('Title', GLib.Variant('s', 'grüße'))
    write('Tags', GLib.Variant('as', []))
    write('Level', GLib.Variant('d', 2.0))
    # The proxy answers the invalidation by a Get of its own; only then does it tell the last change.
    while mirror.get_cached_property('Level').unpack() != 2.0:
        GLib.MainContext.default().iteration(True)
    mirror.call_sync('Emit', GLib.Variant('(u)', (1,)), 0, -1, None)
    loop.run()
    for name in ('Title', 'Tags', 'Level'):
        print(name, mirror.get_cached_property(name).print_(True))


def cached(connection, name, path, interface):
    """What a proxy of any object has in its cache, and what it hears when the method Change is called."""
    loop = GLib.MainLoop()
    proxy = Gio.DBusProxy.new_sync(connection, Gio.DBusProxyFlags.NONE, None, name, path, interface, None)
    for property in sorted(proxy.get_cached_property_names() or []):
        print(property, proxy.get_cached_property(property).print_(True))

    def changed(_, values, invalidated):
        print('changed', values.print_(True), list(invalidated))
        loop.quit()

    proxy.connect('g-properties-changed', changed)
    proxy.call_sync('Change', None, 0, -1, None)
    loop.run()


def xml(connection, *_):
    """What GLib makes of our introspection data, written by GLib."""
    body = connection.call_sync(
        NAME, PATH, 'org.freedesktop.DBus.Introspectable', 'Introspect', None, None, Gio.DBusCallFlags.NONE, -1, None)
    text = GLib.String()
    Gio.DBusNodeInfo.new_for_xml(body.unpack()[0]).generate_xml(0, text)
    print(text.str)


def handles(connection, *_):
    """An index with no file descriptor behind it, and one with."""
    for descriptors in (None, Gio.UnixFDList.new_from_array([os.open('/dev/null', os.O_RDONLY)])):
        try:
            reply, _ = connection.call_with_unix_fd_list_sync(
                NAME, PATH, INTERFACE, 'EchoHandle', GLib.Variant('(h)', (0,)), None, Gio.DBusCallFlags.NONE, 10_000,
                descriptors, None)
            print(reply.print_(True))
        except GLib.Error as error:
            print(Gio.DBusError.get_remote_error(error))


def objects(connection, *_):
    """The objects below a path, as the client of an object manager keeps them."""
    loop = GLib.MainLoop()
    manager = Gio.DBusObjectManagerClient.new_sync(
        connection, Gio.DBusObjectManagerClientFlags.NONE, NAME, '/com/example/items', None, None, None)

    def tell(what, item):
        interfaces = {interface.get_interface_name(): interface for interface in item.get_interfaces()}
        index = interfaces['com.example.Item1'].get_cached_property('Index')
        print(what, item.get_object_path(), sorted(interfaces), index.print_(True))

    def call(member):
        connection.call_sync(NAME, '/com/example/items', 'com.example.Items1', member, None, None,
                             Gio.DBusCallFlags.NONE, -1, None)

    def added(_, item):
        tell('added', item)
        call('Shrink')

    def removed(_, item):
        tell('removed', item)
        loop.quit()

    for item in sorted(manager.get_objects(), key=lambda item: item.get_object_path()):
        tell('has', item)
    manager.connect('object-added', added)
    manager.connect('object-removed', removed)
    call('Grow')
    loop.run()


def main():
    connection = Gio.bus_get_sync(Gio.BusType.SESSION, None)
    connection.set_exit_on_close(False)
    modes = {
        'cached': cached, 'echoes': echoes, 'errors': errors, 'handles': handles, 'objects': objects, 'proxy': proxy,
        'xml': xml,
    }
    modes[sys.argv[1]](connection, *sys.argv[2:])


if __name__ == '__main__':
    main()
