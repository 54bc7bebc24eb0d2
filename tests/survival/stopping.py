# SPDX-License-Identifier: MIT
"""SIGTERM: what is in the sockets when it comes is delivered.

Nobody tells the daemon whether it is stopped or restarted. So it reads what had come, delivers
it as far as the log takes it, leaves the rest in the ledger, says STOPPING=1, and ends soon:
also with a log that takes nothing, when everything waits for the next process. Unless
SIGPWR came before: then no process follows, and what has no end is delivered without.
"""

import contextlib
import signal
import time

from survival import Unread, check_streams, connect, main, name_of, numbered, surviving


def what_has_come_is_delivered(scratch):
    with surviving(scratch) as (service, sink):
        socks = [connect(service.port) for _ in range(20)]
        for sock in socks:
            sock.sendall(b"hello\n")
        sink.wait_count(len(socks))
        # Stopped in its tracks, so that all of it is in the sockets when the signal comes.
        service.manager.send_signal(signal.SIGSTOP)
        spoken = {}
        for i, sock in enumerate(socks):
            messages = numbered(i, 300)
            sock.sendall(b"".join(m + b"\n" for m in messages))
            spoken[name_of(sock)] = [b"hello"] + messages
        service.manager.send_signal(signal.SIGTERM)
        service.manager.send_signal(signal.SIGCONT)
        assert service.manager.wait() == 0
        assert service.manager.count_said("STOPPING") == 1
        # Delivered means: the datagrams are in the socket of the log.
        check_streams(sink.wait_count(len(socks) * 301), spoken)


def a_log_that_takes_nothing_does_not_hold_it_up(scratch):
    with surviving(scratch) as (service, sink):
        service.allow("has taken nothing for a while", "is back after")
        sink.stall()
        sock = connect(service.port)
        messages = numbered(1, 500)
        sock.sendall(b"".join(m + b"\n" for m in messages))
        Unread([sock]).wait()
        for _ in range(3):
            begun = time.monotonic()
            service.stop()
            took = time.monotonic() - begun
            assert took < 10, f"{took:.1f} s to stop"
            service.begin()
        sink.resume()
        check_streams(sink.wait_count(500), {name_of(sock): messages})


def begin_messages(service, sink):
    """Clients in the middle of a message. Returns: their sockets."""
    socks = [connect(service.port) for _ in range(3)]
    for sock in socks:
        sock.sendall(b"whole\nbegun")
    sink.wait_count(len(socks))
    Unread(socks).wait()
    return socks


def beginnings_are_left_to_the_next(scratch):
    with surviving(scratch) as (service, sink):
        socks = begin_messages(service, sink)
        service.stop()
        service.expect("leaving 3 connections, 0 messages in hand, .*; 3 more wait there for")
        service.begin()
        for sock in socks:
            sock.sendall(b" and ended\n")
        check_streams(sink.wait_count(6), {name_of(s): [b"whole", b"begun and ended"]
                                           for s in socks})


def beginnings_are_delivered_when_none_follows(scratch):
    with surviving(scratch) as (service, sink):
        socks = begin_messages(service, sink)
        names = [name_of(sock) for sock in socks]
        service.manager.send_signal(signal.SIGPWR)
        service.stop()
        check_streams(sink.wait_count(6), {name: [b"whole", b"[cut] begun"] for name in names})
        service.expect("delivered 3 messages as far as they had come")
        for sock in socks:
            assert sock.recv(1) == b"", "closed in good order, although there are copies"
        with contextlib.suppress(ConnectionRefusedError):
            connect(service.port)
            raise AssertionError("the port is open, by the manager's copy")
        assert service.said("to the next process") == 0
        service.manager.forget("")


main(beginnings_are_left_to_the_next, beginnings_are_delivered_when_none_follows,
     what_has_come_is_delivered, a_log_that_takes_nothing_does_not_hold_it_up)
