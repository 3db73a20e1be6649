# A service on GLib with an ObjectManager, whose objects standard input commands. (GDBusObjectManagerServer itself takes
# skeletons, which PyGObject cannot make.)
# Usage: glib_objects.py NAME [COUNT]; it begins with COUNT devices, and prints "ready" when it owns the name.
# Commands, one a line: add PATH NAME, rename PATH NAME, remove PATH, quit. Each is answered with "done".

import sys

from gi.repository import Gio, GLib

ROOT = '/com/example'
INTERFACE = 'com.example.Device1'
MANAGER = 'org.freedesktop.DBus.ObjectManager'
XML = f'''<node>
  <interface name="{INTERFACE}">
    <method name="Connect"/>
    <property name="Name" type="s" access="read"/>
  </interface>
  <interface name="{MANAGER}">
    <method name="GetManagedObjects"><arg type="a{{oa{{sa{{sv}}}}}}" direction="out"/></method>
    <signal name="InterfacesAdded"><arg type="o"/><arg type="a{{sa{{sv}}}}"/></signal>
    <signal name="InterfacesRemoved"><arg type="o"/><arg type="as"/></signal>
  </interface>
</node>'''
INFORMATION = Gio.DBusNodeInfo.new_for_xml(XML)

names = {}
registrations = {}


def interfaces_of(path):
    return {INTERFACE: {'Name': GLib.Variant('s', names[path])}}


def on_call(connection, sender, path, interface, member, arguments, invocation):
    if member == 'GetManagedObjects':
        objects = {each: interfaces_of(each) for each in names}
        invocation.return_value(GLib.Variant('(a{oa{sa{sv}}})', (objects,)))
    else:
        invocation.return_value(None)


def on_get(connection, sender, path, interface, name):
    return GLib.Variant('s', names[path])


def main():
    name, count = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0
    loop = GLib.MainLoop()
    connection = Gio.bus_get_sync(Gio.BusType.SESSION, None)
    connection.register_object(ROOT, INFORMATION.lookup_interface(MANAGER), on_call, None, None)

    def add(path, label):
        names[path] = label
        device = INFORMATION.lookup_interface(INTERFACE)
        registrations[path] = connection.register_object(path, device, on_call, on_get, None)

    def run(command, path='', label=''):
        path = f'{ROOT}/{path}'
        if command == 'add':
            add(path, label)
            body = GLib.Variant('(oa{sa{sv}})', (path, interfaces_of(path)))
            connection.emit_signal(None, ROOT, MANAGER, 'InterfacesAdded', body)
        elif command == 'rename':
            names[path] = label
            body = GLib.Variant('(sa{sv}as)', (INTERFACE, {'Name': GLib.Variant('s', label)}, []))
            connection.emit_signal(None, path, 'org.freedesktop.DBus.Properties', 'PropertiesChanged', body)
        elif command == 'remove':
            del names[path]
            connection.unregister_object(registrations.pop(path))
            body = GLib.Variant('(oas)', (path, [INTERFACE]))
            connection.emit_signal(None, ROOT, MANAGER, 'InterfacesRemoved', body)

    buffered = [b'']

    def on_input(source, condition):
        *lines, buffered[0] = (buffered[0] + sys.stdin.buffer.raw.read(65_536)).split(b'\n')
        for line in lines:
            words = line.decode().split()
            if words == ['quit']:
                loop.quit()
                return False
            run(*words)
            print('done', flush=True)
        return True

    for index in range(count):
        add(f'{ROOT}/device{index}', f'name{index}')
    Gio.bus_own_name_on_connection(
        connection, name, Gio.BusNameOwnerFlags.NONE, lambda *_: print('ready ', flush=True), None)
    GLib.io_add_watch(0, GLib.IO_IN, on_input)
    loop.run()
    connection.flush_sync(None)


main()
