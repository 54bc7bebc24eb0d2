#!/bin/bash
# SPDX-License-Identifier: MIT
#
# One would expect: a non-blocking send() takes about what the send buffer has free, SO_SNDBUF
# minus the queued bytes that SIOCOUTQ tells; or half of that, since the kernel has doubled
# SO_SNDBUF for its own use. But each write that goes out at once has a buffer of its own until it
# is acknowledged, and all of that counts: writes of 20 bytes fill a buffer of 200,000 with less
# than 6,000 of them, and send() takes nothing more. The memory that is used, which decides,
# is told by SO_MEMINFO. So Linux 6.18, with no package needed.
#
# It matters to a server that writes short answers to a far client, and asks for room before it
# does what is to be answered: the answer for which there seemed to be room does not go out, or
# in part.
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"

get() {
    echo "Linux $(uname -r)"
}

# Write so many bytes at a time until send() takes no more. Nothing is acknowledged meanwhile: the
# peer's filter, which drops all packets, stands in for a long way.
fill() { # BYTES
    python3 - "$1" <<'END'
import ctypes, fcntl, socket, struct, sys, termios

SO_ATTACH_FILTER, SO_MEMINFO = 26, 55
SNDBUF, WMEM_QUEUED = 3, 5

server = socket.create_server(("127.0.0.1", 5140))
near = socket.create_connection(("127.0.0.1", 5140))
far, _ = server.accept()
near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 100000)
near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
near.setblocking(False)
drop_all = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0))
far.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER,
               struct.pack("HP", 1, ctypes.addressof(drop_all)))
try:
    while True:
        near.send(bytes(int(sys.argv[1])))
except BlockingIOError:
    pass
size = near.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
queued, = struct.unpack("i", fcntl.ioctl(near, termios.TIOCOUTQ, bytes(4)))
memory = struct.unpack("9I", near.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, 36))
print(f"{100 * (size - queued) // size} % of {size} free,",
      "memory full" if memory[WMEM_QUEUED] >= memory[SNDBUF] else "memory free")
END
}

look() {
    # The congestion window of a connection of some age, instead of the first ten packets.
    ip route replace local 127.0.0.1 dev lo table local initcwnd 5000
    expect "when send() takes no more of 20 bytes" "97 % of 200000 free, memory full" "$(fill 20)"
    expect "of 200" "80 % of 200000 free, memory full" "$(fill 200)"
}

finding
