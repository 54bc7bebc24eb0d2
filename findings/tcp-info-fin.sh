#!/bin/bash
# SPDX-License-Identifier: MIT
#
# One would expect: TCP_INFO's tcpi_bytes_received counts the bytes that came, and
# tcpi_bytes_acked those that were sent and acknowledged. They count sequence numbers: the
# side that has connected starts with 1 acknowledged byte for its SYN (the side that has accepted
# with 0), and a FIN adds 1 to received at one side and to acked at the other. So Linux 6.18,
# with no package needed; "bytes received" of a connection is 1,001 when 1,000 came and it ended.
#
# It matters to whoever computes with them, as in "received minus what still lies in the socket
# is what was read": it is off by one from the end of the stream on, and the state, not the
# number, tells whether it is.
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"

get() {
    echo "Linux $(uname -r)"
}

# Bytes acknowledged and bytes received of both sides, at three moments.
look() {
    python3 - >seen <<'END'
import fcntl, socket, struct, termios, time

def info(wire):
    data = wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 232)
    return f"acked {int.from_bytes(data[120:128], 'little')} " \
           f"received {int.from_bytes(data[128:136], 'little')}"

def settle(wire, wanted):
    end = time.monotonic() + 10
    while wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] != wanted:
        assert time.monotonic() < end
        time.sleep(0.01)

def lying(wire):
    return struct.unpack("i", fcntl.ioctl(wire, termios.FIONREAD, bytes(4)))[0]

FIN_WAIT2, CLOSE_WAIT = 5, 8
server = socket.create_server(("127.0.0.1", 5140))
near = socket.create_connection(("127.0.0.1", 5140))
far, _ = server.accept()
print(info(near), "|", info(far))
near.sendall(bytes(1000))
while lying(far) < 1000:
    time.sleep(0.01)
far.sendall(bytes(500))
near.recv(500, socket.MSG_WAITALL)
while not info(far).startswith("acked 500"):
    time.sleep(0.01)
print(info(near), "|", info(far))
near.shutdown(socket.SHUT_WR)
settle(far, CLOSE_WAIT)
settle(near, FIN_WAIT2)
print(info(near), "|", info(far))
print(lying(far))
END
    { read -r fresh; read -r sent; read -r ended; read -r lying; } <seen
    echo "the side that connected | the side that accepted"
    expect "connected" "acked 1 received 0 | acked 0 received 0" "$fresh"
    expect "1,000 bytes there, 500 back" "acked 1001 received 500 | acked 500 received 1000" "$sent"
    expect "and a FIN" "acked 1002 received 500 | acked 500 received 1001" "$ended"
    expect "bytes that can be read then" 1000 "$lying"
}

finding
