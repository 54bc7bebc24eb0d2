#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# A peer may ask for any priority; the administrator decides what it gets. A leading PRI
# sets the severity, or the facility too, or nothing and stays in the text. Nobody
# out there writes to every terminal: what is more severe than highest_severity is
# lowered to it. Each listener may name its own facility, severity and tag.

from support import *


def priorities_of(scratch, data, **settings):
    with serving("syslog", scratch, **settings) as (daemon, sink):
        say(daemon.port, data)
        count = data.count(b"\n")
        return [(r.priority, r.text) for r in sink.wait_count(count)]


def severity_only(scratch):
    """The default: every PRI from 0 to 191 keeps its severity, crit at most."""
    data = b"".join(b"<%d>m%d\n" % (p, p) for p in range(192)) + b"none\n<192>x\n<007>y\n"
    got = priorities_of(scratch, data)
    for p in range(192):
        assert got[p] == (24 + max(p % 8, CRIT), b"m%d" % p), got[p]
    assert got[192:] == [(30, b"none"), (30, b"<192>x"), (31, b"y")]


def full(scratch):
    """The kernel's own facility is the listener's instead: only the kernel may say it."""
    data = b"".join(b"<%d>m%d\n" % (p, p) for p in range(192)) + b"none\n"
    got = priorities_of(scratch, data, priority="full", highest_severity="emerg")
    assert got == [(p if p >= 8 else 24 + p, b"m%d" % p) for p in range(192)] + [(30, b"none")]


def kern_where_it_is_allowed(scratch):
    """Of two listeners one allows it."""
    data = b"<6>kern\n<14>user\nnone\n"
    with serving("syslog", scratch, priority="full", listeners=[
            dict(LOOPBACK, facility="local0", allow_kern=True),
            dict(LOOPBACK, facility="local0")]) as (daemon, sink):
        peers = [say(port, data) for _, port in daemon.listeners]
        records = by_peer(sink.wait_count(6))
        for peer, kern in zip(peers, (0, 16)):
            got = [r.priority for r in records[peer]]
            assert got == [kern * 8 + 6, 14, 16 * 8 + 6], got


def ignored(scratch):
    data = b"<0>zero\n<13>a\n <13>b\nnone\n9 <13>hello"
    got = priorities_of(scratch, data + b"\n", priority="ignore")
    assert got == [(30, b"<0>zero"), (30, b"<13>a"), (30, b" <13>b"), (30, b"none"),
                   (30, b"<13>hello")], got


def highest_severity(scratch):
    data = b"".join(b"<%d>m\n" % (8 + s) for s in range(8))
    for highest in range(8):
        name = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")[highest]
        for mode in ("severity", "full"):
            got = priorities_of(scratch, data, priority=mode, highest_severity=name)
            base = 24 if mode == "severity" else 8
            assert got == [(base + max(s, highest), b"m") for s in range(8)], (name, mode, got)


def nobody_reaches_every_terminal(scratch):
    """Emergencies are shown to all who are logged in: none comes from a peer, in no disguise.

    Not in both modes, not in a count or a piece, not by a forged field or line.
    """
    asked = [b"<%d>" % p for p in range(0, 192, 8)] + [b"<00>", b"<000>", b"   <0>", b"<000><0>"]
    data = b"".join(pri + b"m\n" for pri in asked)
    data += b"".join(b"%d %sm\n" % (len(pri) + 1, pri) for pri in asked if pri[0] == ord("<"))
    data += b"<0>" + b"x" * 600 + b"\n<0>m\0"
    ended_by_nul = b"\0<0>m\nPRIORITY=0\n\nPRIORITY=0\nMESSAGE=m\0"
    ended_by_nul += b"<0>two\n<0>lines\0<0>unterminated"
    count = 2 * len(asked) - 1 + 3 + 1 + 4
    for kind in ("syslog", "journal", "stdout"):
        for mode in ("severity", "full"):
            with serving(kind, scratch, buffer_size=256, priority=mode) as (daemon, sink):
                say(daemon.port, data)
                say(daemon.port, ended_by_nul)
                daemon.expect("is split")
                records = sink.wait_count(count)
                assert len(records) == count, (len(records), records)
                if kind != "stdout":  # its lines have no priority, and begin with the peer
                    assert {r.severity for r in records} == {CRIT}, records


def nobody_does_by_default(scratch):
    """Nor is a listener's own severity let through that highest_severity forbids."""
    with serving("syslog", scratch, listeners=[dict(LOOPBACK, severity="emerg")]) as (daemon, sink):
        say(daemon.port, b"plain\n<30>info\n")
        assert [r.severity for r in sink.wait_count(2)] == [CRIT, 6]


def pieces_keep_the_priority(scratch):
    with serving("syslog", scratch, buffer_size=256) as (daemon, sink):
        say(daemon.port, b"<11>" + b"x" * 600 + b"\nplain\n<15>" + b"<8>" * 300 + b"\n")
        daemon.expect("is split")
        records = sink.wait_count(8)
        assert [r.priority for r in records] == [27] * 3 + [30] + [31] * 4, records


def output_sets_defaults(scratch):
    with serving("syslog", scratch, output=dict(facility="local3", severity="warning",
                                                tag="far-away")) as (daemon, sink):
        say(daemon.port, b"a\n<13>b\n")
        got = [(r.priority, r.tag) for r in sink.wait_count(2)]
        assert got == [(19 * 8 + 4, "far-away"), (19 * 8 + 5, "far-away")], got


def listeners_override(scratch):
    listeners = [
        dict(LOOPBACK),
        dict(LOOPBACK, facility="local0"),
        dict(LOOPBACK, severity="debug", tag="router"),
        dict(LOOPBACK, facility="auth", severity="err", tag="x" * 32, framing="lf"),
    ]
    wanted = [(14 * 8 + 5, "base"), (16 * 8 + 5, "base"), (14 * 8 + 7, "router"),
              (4 * 8 + 3, "x" * 32)]
    for kind in ("syslog", "journal"):
        with serving(kind, scratch, listeners=listeners,
                     output=dict(facility="console", severity="notice", tag="base")) as (
                         daemon, sink):
            peers = [say(port, b"plain\n<14>info\n") for _, port in daemon.listeners]
            records = by_peer(sink.wait_count(8))
            for peer, (priority, tag) in zip(peers, wanted):
                got = [(r.priority, r.tag) for r in records[peer]]
                assert got == [(priority, tag), (priority & ~7 | 6, tag)], got


if __name__ == "__main__":
    main(severity_only, full, kern_where_it_is_allowed, ignored, highest_severity,
         nobody_reaches_every_terminal, nobody_does_by_default,
         pieces_keep_the_priority, output_sets_defaults, listeners_override)
