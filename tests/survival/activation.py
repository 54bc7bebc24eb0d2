# SPDX-License-Identifier: MIT
"""The socket-activated form.

A socket unit has bound the address and passes the listening socket at every start; what the
file names is not bound then. Who connected before the first start is served by it, nobody
notices a restart or a kill, and the passed socket is never the daemon's to keep.
"""

import select
import socket

from survival import Unread, connect, folder, main, name_of, refused, surviving

STRANGER = r"a socket unit passed \S+, which is no listener of the configuration"


def the_socket_of_the_unit_is_used(scratch):
    with socket.create_server(("127.0.0.1", 0), backlog=100) as unit, \
            socket.create_server(("127.0.0.1", 0)) as taken:
        port = unit.getsockname()[1]
        early = connect(port)
        early.sendall(b"before the first start\n")
        # The file's own address is taken by somebody else: binding it would fail.
        listener = {"address": "127.0.0.1", "port": taken.getsockname()[1]}
        with surviving(scratch, listeners=[listener],
                       extra=[("peerlogd.socket", unit.fileno())]) as (service, sink):
            service.allow(STRANGER)
            assert service.port == port
            socks = [early] + [connect(port) for _ in range(10)]
            for sock in socks[1:]:
                sock.sendall(b"before the first death\n")
            sink.wait_count(11)
            for how in ("kill", "stop", "kill", "kill"):
                Unread(socks).wait()  # accepted, all: a death amid accept() takes that one along
                getattr(service, how)()
                socks.append(connect(port))  # while no process lives
                for i, sock in enumerate(socks):
                    sock.sendall(b"message of %d\n" % i)
                service.begin()
            records = sink.wait_count(11 + 12 + 13 + 14 + 15)
            said = {name_of(s): b"message of %d" % i for i, s in enumerate(socks)}
            assert not select.select(socks, [], [], 0)[0], "somebody was told goodbye"
            for record in records[11:]:  # a kill may repeat the first ones, too
                text = record.text.removeprefix(b"[repeat?] ")
                assert text == said[record.peer] or text.startswith(b"before the first "), record
            assert not [n for n in service.manager.names() if n.startswith("listener[")]


def elsewhere(tag, port=9):
    """A listener of the file whose address is not that of any socket here."""
    return {"address": "192.0.2.1", "port": port, "tag": tag}


def treated_as(scratch, listeners, passed, tag):
    """With LISTENERS in the file, a message through socket 0 of PASSED is logged as TAG's."""
    with surviving(scratch, listeners=listeners, output={"tag": "nobody"},
                   extra=[(name, sock.fileno()) for name, sock in passed]) as (service, sink):
        service.allow(STRANGER, ": reloaded ")
        port = passed[0][1].getsockname()[1]
        connect(port).sendall(b"hello\n")
        assert sink.wait_count(1)[0].tag == tag
        # A reload keeps names, and so does a restart.
        service.reload()
        connect(port).sendall(b"after a reload\n")
        service.restart()
        connect(port).sendall(b"after a restart\n")
        assert [r.tag for r in sink.wait_count(3)] == [tag] * 3
        return service.said(STRANGER)


def by_its_name(scratch):
    with socket.create_server(("127.0.0.1", 0)) as unit, \
            socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        passed = [("switches", unit), ("printers", other)]
        # Even where its port is that of another listener.
        assert treated_as(scratch, [elsewhere("switches"), elsewhere("printers", port)],
                          passed, "switches") == 0


def by_a_name_like_our_own(scratch):
    for name in ("listener-1", "lot-1", "ledger-1-1"):
        with socket.create_server(("127.0.0.1", 0)) as unit:
            assert treated_as(folder(scratch, name), [elsewhere("other"), elsewhere(name, 10)],
                              [(name, unit)], name) == 0


def by_its_address(scratch):
    with socket.create_server(("127.0.0.1", 0)) as unit:
        port = unit.getsockname()[1]
        here = {"address": "127.0.0.1", "port": port, "tag": "here"}
        assert treated_as(scratch, [elsewhere("there", port), here],
                          [("peerlogd.socket", unit)], "here") == 0


def by_its_port(scratch):
    """The file says 192.0.2.1, the unit 127.0.0.1: which one is meant is clear."""
    with socket.create_server(("127.0.0.1", 0)) as unit:
        assert treated_as(scratch, [elsewhere("other"), elsewhere("this", unit.getsockname()[1])],
                          [("peerlogd.socket", unit)], "this") == 0


def by_nothing(scratch):
    """Two that would fit are as good as none: that is said, and the output's tag is used."""
    with socket.create_server(("127.0.0.1", 0)) as unit:
        port = unit.getsockname()[1]
        listeners = [dict(elsewhere("same"), port=port, address=f"192.0.2.{i}") for i in (1, 2)]
        assert treated_as(scratch, listeners, [("same", unit)], "nobody") == 3


def access_lists_hold_for_it(scratch):
    with socket.create_server(("127.0.0.1", 0)) as unit:
        port = unit.getsockname()[1]
        with surviving(scratch, listeners=[dict(elsewhere("x", port), deny=["127.0.0.0/8"])],
                       extra=[("peerlogd.socket", unit.fileno())]) as (service, _):
            assert refused(port)
            service.expect("refusing 127.0.0.1: denied")


main(the_socket_of_the_unit_is_used, by_its_name, by_a_name_like_our_own, by_its_address,
     by_its_port, by_nothing, access_lists_hold_for_it)
