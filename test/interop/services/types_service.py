# The service that tests call our client against: every type there and back, and every way a service can answer.
# It runs on dbus-python, that is on libdbus, so what it sends and accepts is the reference implementation's opinion.
# Usage: types_service.py [--name WELL.KNOWN.NAME]; prints "ready NAME UNIQUE_NAME" when it owns the name.

import argparse
import os
import sys

import dbus
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

NAME = 'com.example.Types1'
PATH = '/com/example/Types1'
INTERFACE = 'com.example.Types1'
ERROR = INTERFACE + '.Error.'
PROPERTIES = dbus.PROPERTIES_IFACE
OBJECT_MANAGER = 'org.freedesktop.DBus.ObjectManager'

# Method name to the signature that goes in and comes back unchanged.
ECHOES = {
    'EchoByte': 'y',
    'EchoBoolean': 'b',
    'EchoInt16': 'n',
    'EchoUInt16': 'q',
    'EchoInt32': 'i',
    'EchoUInt32': 'u',
    'EchoInt64': 'x',
    'EchoUInt64': 't',
    'EchoDouble': 'd',
    'EchoString': 's',
    'EchoObjectPath': 'o',
    'EchoSignature': 'g',
    'EchoVariant': 'v',
    'EchoVariants': 'av',
    'EchoBytes': 'ay',
    'EchoBooleans': 'ab',
    'EchoInt16s': 'an',
    'EchoInt32s': 'ai',
    'EchoUInt64s': 'at',
    'EchoDoubles': 'ad',
    'EchoStrings': 'as',
    'EchoObjectPaths': 'ao',
    'EchoArrays': 'aas',
    'EchoByteArrays': 'aay',
    'EchoStruct': '(sib)',
    'EchoNestedStruct': '(y(x(sv))as)',
    'EchoStructs': 'a(ius)',
    'EchoDictionary': 'a{sv}',
    'EchoStringDictionary': 'a{ss}',
    'EchoByteDictionary': 'a{ys}',
    'EchoInt64Dictionary': 'a{xd}',
    'EchoPathDictionary': 'a{oa{sa{sv}}}',
    'EchoDictionaries': 'aa{sv}',
}


def echo(name, signature):
    def method(self, value):
        return value

    method.__name__ = name
    return dbus.service.method(INTERFACE, in_signature=signature, out_signature=signature)(method)


class Types(dbus.service.Object):
    def __init__(self, bus_name, loop):
        super().__init__(bus_name, PATH)
        self.loop = loop
        self.pings = 0
        # name: [access, value]
        self.properties = {
            'Version': ['read', dbus.UInt32(1)],
            'Title': ['readwrite', dbus.String('untitled')],
            'Level': ['readwrite', dbus.Double(0.5)],
            'Tags': ['readwrite', dbus.Array(['a', 'b'], signature='s')],
            'Details': ['read', dbus.Dictionary({'size': dbus.Int64(-1)}, signature='sv')],
            'Secret': ['write', dbus.String('')],
        }

    # --- several values, none, and values no caller sends ---

    @dbus.service.method(INTERFACE, in_signature='ii', out_signature='ii')
    def Divide(self, dividend, divisor):
        if divisor == 0:
            raise dbus.DBusException('division by zero', name=ERROR + 'DivisionByZero')
        quotient = abs(dividend) // abs(divisor) * (1 if (dividend < 0) == (divisor < 0) else -1)
        return quotient, dividend - quotient * divisor

    @dbus.service.method(INTERFACE, in_signature='', out_signature='ybnqiuxtdsogv')
    def Extremes(self):
        return (255, True, -2**15, 2**16 - 1, -2**31, 2**32 - 1, -2**63, 2**64 - 1, 5e-324,
                '\u00e9\u4e2d\U0001f600', dbus.ObjectPath('/'), dbus.Signature(''),
                dbus.Struct((dbus.Byte(1), dbus.Int64(2)), signature='yx', variant_level=1))

    @dbus.service.method(INTERFACE, in_signature='ybnqiuxtdsog', out_signature='s')
    def Describe(self, y, b, n, q, i, u, x, t, d, s, o, g):
        """What this side understood, as text: the check that does not rely on a way back."""
        values = (y, b, n, q, i, u, x, t, d, s, o, g)
        return '|'.join(str(int(value)) if isinstance(value, int) else str(value) for value in values)

    @dbus.service.method(INTERFACE, in_signature='v', out_signature='s')
    def DescribeVariant(self, value):
        return f'{type(value).__name__} level {value.variant_level}: {value!r}'

    @dbus.service.method(INTERFACE, in_signature='', out_signature='')
    def Nothing(self):
        pass

    @dbus.service.method(INTERFACE, in_signature='', out_signature='asa{sv}a(ix)ay')
    def EmptyContainers(self):
        return [], {}, [], b''

    @dbus.service.method(INTERFACE, in_signature='u', out_signature='ay')
    def Bytes(self, count):
        return dbus.ByteArray((bytes(range(256)) * (count // 256 + 1))[:count])

    @dbus.service.method(INTERFACE, in_signature='u', out_signature='as')
    def Strings(self, count):
        return [f'string {index}' for index in range(count)]

    @dbus.service.method(INTERFACE, in_signature='', out_signature='s', sender_keyword='sender')
    def WhoAmI(self, sender=None):
        return sender

    # --- calls that want no reply can be counted ---

    @dbus.service.method(INTERFACE, in_signature='', out_signature='')
    def Ping(self):
        self.pings += 1

    @dbus.service.method(INTERFACE, in_signature='', out_signature='u')
    def Pings(self):
        return self.pings

    # --- errors ---

    @dbus.service.method(INTERFACE, in_signature='s', out_signature='')
    def Fail(self, message):
        raise dbus.DBusException(message, name=ERROR + 'Custom')

    @dbus.service.method(INTERFACE, in_signature='', out_signature='')
    def Crash(self):
        raise ValueError('not a D-Bus error')

    # --- time and death ---

    @dbus.service.method(INTERFACE, in_signature='u', out_signature='u', async_callbacks=('reply', 'error'))
    def Sleep(self, milliseconds, reply, error):
        GLib.timeout_add(milliseconds, lambda: reply(milliseconds) or False)

    @dbus.service.method(INTERFACE, in_signature='', out_signature='', async_callbacks=('reply', 'error'))
    def Never(self, reply, error):
        pass

    @dbus.service.method(INTERFACE, in_signature='', out_signature='')
    def Die(self):
        os._exit(7)

    @dbus.service.method(INTERFACE, in_signature='', out_signature='')
    def Quit(self):
        GLib.idle_add(self.loop.quit)

    # --- signals ---

    @dbus.service.signal(INTERFACE, signature='us')
    def Ticked(self, index, text):
        pass

    @dbus.service.signal(INTERFACE, signature='')
    def Emptied(self):
        pass

    @dbus.service.signal(INTERFACE, signature='a{sv}(xd)')
    def Described(self, details, pair):
        pass

    @dbus.service.method(INTERFACE, in_signature='u', out_signature='')
    def Emit(self, count):
        for index in range(count):
            self.Ticked(index, f'tick {index}')

    @dbus.service.method(INTERFACE, in_signature='', out_signature='')
    def EmitOthers(self):
        self.Emptied()
        self.Described({'name': 'x', 'size': dbus.UInt64(2**63)}, (dbus.Int64(-1), 0.25))

    # --- properties ---

    def property(self, interface, name, wanted):
        if interface not in ('', INTERFACE):
            raise dbus.DBusException(f'no interface {interface}', name='org.freedesktop.DBus.Error.UnknownInterface')
        if name not in self.properties:
            raise dbus.DBusException(f'no property {name}', name='org.freedesktop.DBus.Error.UnknownProperty')
        entry = self.properties[name]
        if wanted == 'write' and entry[0] == 'read':
            raise dbus.DBusException(f'{name} is read-only', name='org.freedesktop.DBus.Error.PropertyReadOnly')
        if wanted == 'read' and entry[0] == 'write':
            raise dbus.DBusException(f'{name} is write-only', name='org.freedesktop.DBus.Error.AccessDenied')
        return entry

    @dbus.service.method(PROPERTIES, in_signature='ss', out_signature='v')
    def Get(self, interface, name):
        return self.property(interface, name, 'read')[1]

    @dbus.service.method(PROPERTIES, in_signature='ssv', out_signature='')
    def Set(self, interface, name, value):
        entry = self.property(interface, name, 'write')
        if type(value) is not type(entry[1]):
            raise dbus.DBusException(f'wrong type for {name}', name='org.freedesktop.DBus.Error.InvalidArgs')
        entry[1] = value
        if name == 'Secret':
            return
        if name == 'Level':  # the one that is told without its value
            self.PropertiesChanged(INTERFACE, {}, [name])
        else:
            self.PropertiesChanged(INTERFACE, {name: value}, [])

    @dbus.service.method(PROPERTIES, in_signature='s', out_signature='a{sv}')
    def GetAll(self, interface):
        return {name: value for name, (access, value) in self.properties.items() if access != 'write'}

    @dbus.service.signal(PROPERTIES, signature='sa{sv}as')
    def PropertiesChanged(self, interface, changed, invalidated):
        pass

    @dbus.service.method(OBJECT_MANAGER, in_signature='', out_signature='a{oa{sa{sv}}}')
    def GetManagedObjects(self):
        nothing = dbus.Dictionary({}, signature='sv')
        return {
            dbus.ObjectPath(f'{PATH}/item/{index}'): {
                'com.example.Item1': {'Index': dbus.Int32(index), 'Label': f'item {index}'},
                'com.example.Empty1': nothing,
            }
            for index in range(3)
        }


# dbus-python collects methods when a class is made, so the echoes go into one made here.
Service = type('Service', (Types,), {name: echo(name, signature) for name, signature in ECHOES.items()})


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--name', default=NAME)
    name = parser.parse_args().name
    dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
    bus = dbus.SessionBus()
    loop = GLib.MainLoop()
    bus_name = dbus.service.BusName(name, bus, do_not_queue=True)
    service = Service(bus_name, loop)
    print(f'ready {name} {bus.get_unique_name()}', flush=True)
    loop.run()
    del service


if __name__ == '__main__':
    sys.exit(main())
