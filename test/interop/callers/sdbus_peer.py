# Calls com.example.Echo1.Say of a server without a bus with sd-bus, by its C interface, which says no Hello then.
# Usage: sdbus_peer.py ADDRESS TEXT; prints the text of the reply.

import ctypes
import sys

sd = ctypes.CDLL('libsystemd.so.0')


def checked(result):
    if result < 0:
        raise OSError(-result, 'sd-bus')
    return result


def main():
    address, text = (word.encode() for word in sys.argv[1:])
    bus, reply, answer = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_char_p()
    checked(sd.sd_bus_new(ctypes.byref(bus)))
    checked(sd.sd_bus_set_address(bus, address))
    checked(sd.sd_bus_start(bus))
    checked(sd.sd_bus_call_method(
        bus, None, b'/echo', b'com.example.Echo1', b'Say', None, ctypes.byref(reply), b's', ctypes.c_char_p(text)))
    checked(sd.sd_bus_message_read(reply, b's', ctypes.byref(answer)))
    print(answer.value.decode())


if __name__ == '__main__':
    main()
