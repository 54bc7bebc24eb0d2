# SPDX-License-Identifier: MIT
"""The socket-activated form.

A socket unit has bound the address and passes the listening socket at every start; what the
file names is not bound then. Who connected before the first start is served by it, nobody
notices a restart or a kill, and the passed socket is never the daemon's to keep.
"""

import os
import select
import socket

from survival import Service, SyslogSink, Unread, connect, main, name_of


def the_socket_of_the_unit_is_used(scratch):
    sink = SyslogSink(os.path.join(scratch, "log"))
    with socket.create_server(("127.0.0.1", 0), backlog=100) as unit, \
            socket.create_server(("127.0.0.1", 0)) as taken:
        port = unit.getsockname()[1]
        early = connect(port)
        early.sendall(b"before the first start\n")
        # The file's own address is taken by somebody else: binding it would fail.
        listener = {"address": "127.0.0.1", "port": taken.getsockname()[1]}
        with Service(scratch, sink, listeners=[listener],
                     extra=[("peerlogd.socket", unit.fileno())]) as service:
            assert service.port == port
            sink.wait_count(1)
            socks = [early] + [connect(port) for _ in range(10)]
            for how in ("kill", "stop", "kill", "kill"):
                Unread(socks).wait()  # accepted, all: a death amid accept() takes that one along
                getattr(service, how)()
                socks.append(connect(port))  # while no process lives
                for i, sock in enumerate(socks):
                    sock.sendall(b"message of %d\n" % i)
                service.begin()
            records = sink.wait_count(1 + 12 + 13 + 14 + 15)
            said = {name_of(s): b"message of %d" % i for i, s in enumerate(socks)}
            assert not select.select(socks, [], [], 0)[0], "somebody was told goodbye"
            assert all(said[r.peer] == r.text.removeprefix(b"[repeat?] ") for r in records[1:])
            assert not [n for n in service.manager.names() if n.startswith("listener-")]


main(the_socket_of_the_unit_is_used)
