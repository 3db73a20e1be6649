# dbus-broker without systemd: this script plays its controller. It opens the socket, hands it to the broker with a
# policy that allows everything, and prints "ready GUID" once the broker listens. It ends with the broker, and the
# broker with it. Services are not activated.
# Usage: broker.py SOCKET_PATH [dbus-broker options]
import array
import os
import socket
import subprocess
import sys

from gi.repository import Gio, GLib

BATCH = 'bta(btbs)a(btssssuutt)a(btssssuutt)'  # connect; own; send; receive
POLICY = f'(a(u({BATCH}))a(buu({BATCH}))a(ss)bs)'
EVERYTHING = (True, 1, '', '', '', '', 0, 0, 0, 2**64 - 1)  # allow, priority, four names, type, flags, fd limits
ANY_USER = 2**32 - 1


def policy():
    batch = (True, 1, [(True, 1, True, '')], [EVERYTHING], [EVERYTHING])
    return GLib.Variant(POLICY, ([(ANY_USER, batch)], [], [], False, 'session'))


def authenticate(connection):
    """The handshake; returns the GUID of the server."""
    connection.sendall(b'\0AUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n')
    received = b''
    while received.count(b'\r\n') < 3:  # DATA, OK, AGREE_UNIX_FD
        received += connection.recv(1)
    return received.split(b'OK ')[1].split()[0].decode()


def main():
    path, *options = sys.argv[1:]
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(128)
    listener.setblocking(False)
    ours, theirs = socket.socketpair()
    os.set_inheritable(theirs.fileno(), True)
    broker = subprocess.Popen(
        ['dbus-broker', '--controller', str(theirs.fileno()), '--machine-id', '0123456789abcdef' * 2, *options],
        pass_fds=[theirs.fileno()], stdout=subprocess.DEVNULL)
    theirs.close()
    authenticate(ours)

    message = Gio.DBusMessage.new_method_call(None, '/org/bus1/DBus/Broker', 'org.bus1.DBus.Broker', 'AddListener')
    message.set_body(GLib.Variant('(ohv)', ('/org/bus1/DBus/Listener/0', 0, policy())))
    message.set_serial(1)
    message.set_unix_fd_list(Gio.UnixFDList.new_from_array([os.dup(listener.fileno())]))
    blob = message.to_blob(Gio.DBusCapabilityFlags.UNIX_FD_PASSING)
    ours.sendmsg([blob], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [listener.fileno()]))])
    header = b''
    while len(header) < 2:
        header += ours.recv(4096)
    if header[1] != 2:  # METHOD_RETURN
        sys.exit(f'dbus-broker refused the listener: {header!r}')
    with socket.socket(socket.AF_UNIX) as client:  # only clients get the GUID of the bus
        client.connect(path)
        print('ready', authenticate(client), flush=True)
    while ours.recv(65_536):  # activation and the like: nothing here asks for it
        pass
    sys.exit(broker.wait())


if __name__ == '__main__':
    main()
