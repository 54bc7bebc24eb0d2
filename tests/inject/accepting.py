# SPDX-License-Identifier: MIT
"""accept4(2) and recv(2) fail.

Out of descriptors or memory: the daemon waits and tries again, says so once, and says when it is
over; it does not turn in circles, and who is connected already is served as before. Errors
that concern one connection alone are nothing to speak of. Nobody who connected is lost.
"""

import errno
import os

from injecting import (Unread, UnluckyService, check_streams, connect, finish, folder, log, main,
                       numbered, rule, until)


def cpu_ticks(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def out_of_resources(scratch):
    for error in ("EMFILE", "ENFILE", "ENOMEM", "ENOBUFS"):
        # Call 1 brings the first connection, call 2 finds no more.
        rules = [rule("accept4", error, "3x10")]
        with log(folder(scratch, error), "syslog") as sink, \
                UnluckyService(os.path.join(scratch, error), sink, rules) as service:
            first = connect(service.port)
            first.sendall(b"the first\n")
            sink.wait_count(1)
            ticks = cpu_ticks(service.manager.pid)
            others = [connect(service.port) for _ in range(10)]
            for i, sock in enumerate(others):
                sock.sendall(b"number %d\n" % i)
            service.expect(f"cannot accept connections: {os.strerror(getattr(errno, error))}")
            first.sendall(b"the first again\n")
            sink.wait(lambda r: r[-1].text == b"the first again", "the first again")
            sink.wait_count(12)
            service.expect("accepting connections again")
            assert cpu_ticks(service.manager.pid) - ticks < 20, "it turned in circles"
            assert service.luck.struck("accept4") == 10
            assert service.said("cannot accept") == 1


def errors_of_one_connection(scratch):
    for error in ("ECONNABORTED", "EPROTO", "EPERM", "EINTR"):
        rules = [rule("accept4", error, "1+3")]
        with log(folder(scratch, error), "syslog") as sink, \
                UnluckyService(os.path.join(scratch, error), sink, rules) as service:
            socks = [connect(service.port) for _ in range(20)]
            for i, sock in enumerate(socks):
                sock.sendall(b"number %d\n" % i)
            sink.wait_count(20)
            assert service.luck.struck("accept4") >= 3


def short_reads(scratch):
    for limit in (1, 3, 100):
        rules = [rule("recv", f"limit{limit}", "1+1")]
        with log(folder(scratch, str(limit)), "syslog") as sink, \
                UnluckyService(os.path.join(scratch, str(limit)), sink, rules) as service:
            messages = numbered(1, 100)
            sock = connect(service.port)
            sock.sendall(b"".join(m + b"\n" for m in messages))
            Unread([sock]).wait()
            check_streams(sink.wait_count(100), {finish(sock): messages})


def interrupted_reads(scratch):
    for error in ("EINTR", "EAGAIN"):
        rules = [rule("recv", error, "1+2")]
        with log(folder(scratch, error), "syslog") as sink, \
                UnluckyService(os.path.join(scratch, error), sink, rules) as service:
            messages = numbered(1, 100)
            sock = connect(service.port)
            for m in messages:
                sock.sendall(m + b"\n")
            check_streams(sink.wait_count(100), {finish(sock): messages})
            until(lambda: service.luck.struck("recv") > 1, "a strike")


main(out_of_resources, errors_of_one_connection, short_reads, interrupted_reads)
