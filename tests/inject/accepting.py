# SPDX-License-Identifier: MIT
"""accept4(2) and recv(2) fail.

Out of descriptors or memory: the daemon waits and tries again, says so once, and says when it is
over; it does not turn in circles, and who is connected already is served as before. Errors
that concern one connection alone are nothing to speak of, unless nothing else comes. Nobody
who connected is lost.
"""

import errno
import os
import time

from injecting import (PATIENCE, Unread, UnluckyService, check_streams, connect, cpu_seconds,
                       finish, folder, main, new_sink, numbered, rule, until)

MOST_CPU = 0.05  # of one CPU, while it cannot accept
# So many times it tries in vain, every 100 ms: time to look at it meanwhile.
FAILURES = max(20, int(PATIENCE / 3))


def ten_wait(service, sink, words):
    """Nobody is let in for a while; who is in is served, and who waits comes in afterwards."""
    first = connect(service.port)
    first.sendall(b"the first\n")
    sink.wait_count(1)
    others = [connect(service.port) for _ in range(10)]
    for i, sock in enumerate(others):
        sock.sendall(b"number %d\n" % i)
    service.expect(f"cannot accept connections: {words}; trying again every 100 ms")
    spent, begun = cpu_seconds(service.manager.pid), time.monotonic()
    for i in range(10):
        first.sendall(b"the first again\n")
        sink.wait_count(2 + i)
    assert sink.count() == 11, "somebody else was let in"
    assert service.said("accepting connections again") == 0, "it was over too soon to see much"
    service.expect("accepting connections again")
    spent, took = cpu_seconds(service.manager.pid) - spent, time.monotonic() - begun
    assert spent < MOST_CPU * took, f"{spent:.3f} s of CPU in {took:.3f} s: it turned in circles"
    assert {r.text for r in sink.wait_count(21)[11:]} == {b"number %d" % i for i in range(10)}
    assert service.said("cannot accept") == service.said("accepting connections again") == 1


def out_of_resources(scratch):
    for error in ("EMFILE", "ENFILE", "ENOMEM", "ENOBUFS"):
        # Call 1 brings the first connection, call 2 finds no more.
        rules = [rule("accept4", error, f"3x{FAILURES}")]
        with new_sink("syslog", folder(scratch, error)) as sink, \
                UnluckyService(os.path.join(scratch, error), sink, rules) as service:
            ten_wait(service, sink, os.strerror(getattr(errno, error)))
            assert service.luck.struck("accept4") == FAILURES


def out_of_resources_and_never_alone(scratch):
    """Who is asked all the time whether it lives still remembers that it wanted to try again."""
    with new_sink("syslog", scratch) as sink:
        service = UnluckyService(scratch, sink, [rule("accept4", "EMFILE", "1")])
        service.manager.environment["WATCHDOG_USEC"] = "60000"  # a question each 20 ms
        with service:
            connect(service.port).sendall(b"let in\n")
            service.expect("cannot accept connections: Too many open files")
            service.expect("accepting connections again")
            sink.wait_count(1)


def one_at_a_time(scratch):
    """There is a descriptor for one connection, then for one more: that is not over yet."""
    with new_sink("syslog", scratch) as sink, UnluckyService(
            scratch, sink, [rule("accept4", "EMFILE", "1+2x8")]) as service:
        socks = [connect(service.port) for _ in range(10)]
        for i, sock in enumerate(socks):
            sock.sendall(b"number %d\n" % i)
        service.expect("cannot accept connections: Too many open files")
        sink.wait_count(10)
        service.expect("accepting connections again")
        assert service.luck.struck("accept4") == 8
        assert service.said("cannot accept") == service.said("accepting connections again") == 1


def nothing_but_errors(scratch):
    """Errors of single connections, and no end of them: then something else is the matter."""
    for error in ("ECONNABORTED", "EPROTO", "EPERM", "EINTR"):
        # 64 that are borne, and those that are waited for.
        rules = [rule("accept4", error, f"3x{64 + FAILURES}")]
        with new_sink("syslog", folder(scratch, error)) as sink, \
                UnluckyService(os.path.join(scratch, error), sink, rules) as service:
            ten_wait(service, sink, os.strerror(getattr(errno, error)))
            assert service.luck.struck("accept4") == 64 + FAILURES


def errors_of_one_connection(scratch):
    for error in ("ECONNABORTED", "EPROTO", "EPERM", "EINTR"):
        rules = [rule("accept4", error, "1+3")]
        with new_sink("syslog", folder(scratch, error)) as sink, \
                UnluckyService(os.path.join(scratch, error), sink, rules) as service:
            socks = [connect(service.port) for _ in range(20)]
            for i, sock in enumerate(socks):
                sock.sendall(b"number %d\n" % i)
            sink.wait_count(20)
            assert service.luck.struck("accept4") >= 3


def short_reads(scratch):
    for limit in (1, 3, 100):
        rules = [rule("recv", f"limit{limit}", "1+1")]
        with new_sink("syslog", folder(scratch, str(limit))) as sink, \
                UnluckyService(os.path.join(scratch, str(limit)), sink, rules) as service:
            messages = numbered(1, 100)
            sock = connect(service.port)
            sock.sendall(b"".join(m + b"\n" for m in messages))
            Unread([sock]).wait()
            check_streams(sink.wait_count(100), {finish(sock): messages})


def interrupted_reads(scratch):
    for error in ("EINTR", "EAGAIN"):
        rules = [rule("recv", error, "1+2")]
        with new_sink("syslog", folder(scratch, error)) as sink, \
                UnluckyService(os.path.join(scratch, error), sink, rules) as service:
            messages = numbered(1, 100)
            sock = connect(service.port)
            for m in messages:
                sock.sendall(m + b"\n")
            check_streams(sink.wait_count(100), {finish(sock): messages})
            until(lambda: service.luck.struck("recv") > 1, "a strike")


main(out_of_resources, out_of_resources_and_never_alone, one_at_a_time, nothing_but_errors,
     errors_of_one_connection, short_reads, interrupted_reads)
