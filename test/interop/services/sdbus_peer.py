# A D-Bus server without a bus on sd-bus, by its C interface. Each client can call org.freedesktop.DBus.Peer, which
# sd-bus implements itself. Usage: sdbus_peer.py PATH [anonymous]; prints "ready GUID" when it listens.

import ctypes
import socket
import sys
import threading

sd = ctypes.CDLL('libsystemd.so.0')


class Id128(ctypes.Structure):
    _fields_ = [('bytes', ctypes.c_uint8 * 16)]


sd.sd_bus_set_server.argtypes = [ctypes.c_void_p, ctypes.c_int, Id128]
sd.sd_bus_wait.argtypes = [ctypes.c_void_p, ctypes.c_uint64]
FOREVER = 2**64 - 1


def checked(result):
    if result < 0:
        raise OSError(-result, 'sd-bus')
    return result


def serve(fd, guid, is_anonymous):
    bus = ctypes.c_void_p()
    checked(sd.sd_bus_new(ctypes.byref(bus)))
    checked(sd.sd_bus_set_fd(bus, fd, fd))
    checked(sd.sd_bus_set_server(bus, 1, guid))
    checked(sd.sd_bus_set_anonymous(bus, is_anonymous))
    try:
        checked(sd.sd_bus_start(bus))
        while True:
            if checked(sd.sd_bus_process(bus, None)) == 0:
                checked(sd.sd_bus_wait(bus, FOREVER))
    except OSError:
        pass  # the client has gone
    sd.sd_bus_close(bus)
    sd.sd_bus_unref(bus)


def main():
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(sys.argv[1])
    listener.listen()
    guid = Id128((ctypes.c_uint8 * 16)(*range(16)))
    print('ready', bytes(guid.bytes).hex(), flush=True)
    while True:
        client, _ = listener.accept()
        threading.Thread(target=serve, args=(client.detach(), guid, len(sys.argv) > 2), daemon=True).start()


if __name__ == '__main__':
    main()
