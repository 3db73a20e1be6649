# Calls the mirror service with dbus-python, that is with libdbus, the way an application would.
# Usage: dbus_python.py echoes|errors|properties|signals|bytes. Prints what it got, as Python writes it, line by line.

import json
import math  # for the expressions of the rows
import struct
import sys

import dbus
import dbus.lowlevel
import dbus.mainloop.glib
from gi.repository import GLib

NAME = 'com.example.Mirror1'
PATH = '/com/example/Mirror'
INTERFACE = 'com.example.Mirror1'


def is_same(sent, got):
    """Equality that tells -0.0 from 0.0 and takes NaN for itself."""
    if isinstance(sent, float) or isinstance(got, float):
        return struct.pack('d', sent) == struct.pack('d', got)
    if isinstance(sent, dict):
        return list(sent) == list(got) and all(is_same(sent[key], got[key]) for key in sent)
    if isinstance(sent, (list, tuple, bytes)):
        return len(sent) == len(got) and all(map(is_same, sent, got))
    return sent == got


def attempt(call, *args, **keywords):
    try:
        return repr(call(*args, **keywords))
    except dbus.DBusException as error:
        return f'{error.get_dbus_name()}: {error.args!r}'


def echoes(bus):
    """Rows of expressions on stdin; the proxy finds the types in the introspection data."""
    mirror = dbus.Interface(bus.get_object(NAME, PATH), INTERFACE)
    for row in json.load(sys.stdin):
        sent = eval(row['python'])  # an expression of the tests' own table
        try:
            got = getattr(mirror, row['member'])(sent)
            print('same' if is_same(sent, got) else f'{sent!r} came back as {got!r}')
        except Exception as error:
            print(f'{type(error).__name__}: {error}')


def errors(bus):
    mirror = dbus.Interface(bus.get_object(NAME, PATH), INTERFACE)
    print(attempt(mirror.Fail, 'grüße 😀'))
    print(attempt(mirror.FailInDetail))
    print(attempt(mirror.Crash))
    print(attempt(mirror.Missing))
    print(attempt(mirror.Nothing, dbus_interface='com.example.Missing1'))
    print(attempt(bus.get_object(NAME, '/missing', introspect=False).Nothing, dbus_interface=INTERFACE))
    blind = bus.get_object(NAME, PATH, introspect=False)
    print(attempt(blind.EchoInt64, dbus.Int32(5), dbus_interface=INTERFACE))
    print(attempt(blind.EchoInt64, dbus.Int64(5), dbus_interface=INTERFACE))
    print(attempt(blind.Greet, 'you', dbus_interface=INTERFACE))
    print(attempt(blind.Greet, 'you', 'bye', dbus_interface=INTERFACE))
    print(attempt(blind.EchoString, 'no interface'))
    print(attempt(mirror.WhoAmI) == repr(dbus.String(bus.get_unique_name())))
    print(attempt(mirror.Divide, -7, 2))
    print(attempt(mirror.Nothing))


def properties(bus):
    mirror = bus.get_object(NAME, PATH)
    access = dbus.Interface(mirror, dbus.PROPERTIES_IFACE)
    for name in ('Version', 'Title', 'Level', 'Quiet', 'Tags', 'Details', 'Pair', 'Secret', 'Missing'):
        print(name, attempt(access.Get, INTERFACE, name))
    print(attempt(access.Get, '', 'Version'))
    print(attempt(access.Set, INTERFACE, 'Title', 'grüße'))
    print(attempt(access.Set, INTERFACE, 'Level', math.nan))
    print(attempt(access.Set, INTERFACE, 'Quiet', dbus.Int16(-32768)))
    print(attempt(access.Set, INTERFACE, 'Tags', dbus.Array([], signature='s')))
    print(attempt(access.Set, INTERFACE, 'Pair', dbus.Struct((dbus.Int64(1), 2.5))))
    print(attempt(access.Set, INTERFACE, 'Secret', 'hush'))
    print(attempt(access.Set, INTERFACE, 'Version', dbus.UInt32(2)))
    print(attempt(access.Set, INTERFACE, 'Title', dbus.UInt32(2)))
    print(attempt(access.Set, INTERFACE, 'Missing', 2))
    for name, value in sorted(access.GetAll(INTERFACE).items()):
        print('all', name, repr(value))
    print(attempt(access.GetAll, 'com.example.Missing1'))


def signals(bus):
    loop = GLib.MainLoop()
    mirror = bus.get_object(NAME, PATH)
    interface = dbus.Interface(mirror, INTERFACE)
    access = dbus.Interface(mirror, dbus.PROPERTIES_IFACE)

    def tell(*args, **keywords):
        print(repr(args), ' '.join(f'{key}={value}' for key, value in sorted(keywords.items())))

    bus.add_signal_receiver(
        tell, signal_name='Changed', dbus_interface=INTERFACE, bus_name=NAME, path=PATH,
        path_keyword='path', member_keyword='member', interface_keyword='interface', destination_keyword='destination')
    bus.add_signal_receiver(tell, signal_name='Changed', arg1='change 1', member_keyword='only')
    interface.connect_to_signal('Emptied', lambda: tell('emptied'))
    bus.add_signal_receiver(
        lambda *args: tell(*args), signal_name='PropertiesChanged', dbus_interface=dbus.PROPERTIES_IFACE,
        arg0=INTERFACE)
    bus.add_signal_receiver(
        lambda *args: tell('wrong', *args), signal_name='PropertiesChanged', arg0='com.example.Other1')

    def fail(error):
        print(error)
        loop.quit()

    steps = [
        (interface.Emit, dbus.UInt32(2)),
        (access.Set, INTERFACE, 'Title', 'told'),
        (access.Set, INTERFACE, 'Level', 2.0),
        (access.Set, INTERFACE, 'Quiet', dbus.Int16(1)),
        (access.Set, INTERFACE, 'Tags', ['x']),
    ]

    def proceed(*_):
        if not steps:
            loop.quit()
            return
        method, *args = steps.pop(0)
        method(*args, reply_handler=proceed, error_handler=fail)

    GLib.idle_add(proceed)
    loop.run()


def bytes_(bus):
    mirror = bus.get_object(NAME, PATH)
    mebibyte = bytes(range(256)) * 4096
    got = mirror.EchoBytes(dbus.ByteArray(mebibyte), dbus_interface=INTERFACE, byte_arrays=True)
    print(type(got).__name__, got == mebibyte)
    got = mirror.Bytes(dbus.UInt32(4 * 2**20 + 1), dbus_interface=INTERFACE, byte_arrays=True)
    print(len(got), got == (bytes(range(256)) * (4 * 4096 + 1))[:len(got)])


def main():
    dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
    modes = {'echoes': echoes, 'errors': errors, 'properties': properties, 'signals': signals, 'bytes': bytes_}
    modes[sys.argv[1]](dbus.SessionBus())


if __name__ == '__main__':
    main()
