#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# A log daemon forwards all it gets to a port of ours, so that our own work comes back. Whoever
# does that is named and read slowly; nothing is dropped, others are served as ever, and the end
# is told.

from support import *


def ours(daemon, text, tag=b"peerlogd"):
    """What the daemon has logged, as rsyslog forwards it."""
    return b"<30>Nov 29 10:00:00 gw %s[%d]: 127.0.0.1:5555 %s\n" % (tag, daemon.pid, text)


def what_comes_back(scratch):
    with serving("syslog", scratch, workers=1) as (daemon, sink):
        loop, other = connect(daemon.port), connect(daemon.port)
        loop.sendall(ours(daemon, b"once"))
        sink.wait_count(1)
        begin, = daemon.expect(r"127.0.0.1:\d+: a loop: .*programname == 'peerlogd' then stop")
        loop.sendall(b"".join(ours(daemon, b"again %d" % i) for i in range(400)))
        for i in range(200):
            other.sendall(b"other %d\n" % i)
            sink.wait(lambda r: r[-1].text == b"other %d" % i or any(
                x.text == b"other %d" % i for x in r[-100:]), "the others")
        assert sum(b"again" in r.text for r in sink.records()) < 100
        other.sendall(ours(daemon, b"another", tag=b"else"))
        finish(other)
        assert daemon.said("a loop:") == 1
        daemon.allow("the loop has ended")


def its_end(scratch):
    with serving("syslog", scratch, workers=1) as (daemon, sink):
        loop = connect(daemon.port)
        for count in range(3):
            loop.sendall(ours(daemon, b"once"))
            sink.wait_count(count + 1)
        finish(loop)
        daemon.expect(r"127.0.0.1:\d+: a loop: ")
        daemon.expect(r"127.0.0.1:\d+: the loop has ended, after 3 messages")


if __name__ == "__main__":
    main(what_comes_back, its_end)
