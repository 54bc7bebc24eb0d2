#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# Messages whose end does not come, on connections that stay open. What a peer has said shows
# when it pauses, or when it has waited for flush_timeout; what follows goes on with it. Peers
# whose messages have no end, or a count that does not fit, are told once what helps. Nothing
# that has an end waits for anything.

import re

from support import *

UNTIL_THEN = 20  # seconds in which the daemon must have flushed: it does so within three


def listener(**settings):
    return [dict(LOOPBACK, flush_timeout=1, **settings)]


def texts(sink, count):
    return [record.text for record in sink.wait_count(count)]


def severities(sink):
    return [record.priority & 7 for record in sink.records()]


def a_line_that_is_not_whole(scratch):
    for kind in ("syslog", "journal"):
        with serving(kind, scratch, listeners=listener()) as (daemon, sink):
            sock = connect(daemon.port)
            sock.sendall(b"<14>whole\n<11>disk fail")
            records = sink.wait_count(2, UNTIL_THEN)
            sock.sendall(b"ure\n<11>again\n")
            records = sink.wait_count(4)
            if kind == "syslog":
                assert [r.text for r in records] == [
                    b"whole", b"[unfinished] disk fail", b"[continued] ure", b"again"]
            else:
                assert [r.text for r in records] == [b"whole", b"disk fail", b"ure", b"again"]
                assert "unfinished" in records[1].flags and "continued" in records[2].flags
            assert [r.priority & 7 for r in records] == [6, 3, 3, 3]
            finish(sock)


def messages_without_any_end(scratch):
    """Said once for a peer, on however many connections; another one is told, too."""
    with serving("syslog", scratch, listeners=listener()) as (daemon, sink):
        for i, source in enumerate(["127.0.0.1", "127.0.0.1", "127.0.0.2"]):
            sock = connect(daemon.port, source=source)
            sock.sendall(b"<11>disk failure")
            assert texts(sink, 3 * i + 1)[-1] == b"[unfinished] disk failure"
            sock.sendall(b"<13>Nov 22 10:00:00 gw a: one<14>Nov 22 10:00:00 gw a: two")
            assert texts(sink, 3 * i + 3)[-2:] == [
                b"Nov 22 10:00:00 gw a: one", b"[unfinished] Nov 22 10:00:00 gw a: two"]
            finish(sock)
        for source in ("127.0.0.1", "127.0.0.2"):
            said = daemon.expect(rf"{source}:\d+: its messages have no end.*\beol\b.*"
                                 r"newline.*endMsg.*newLine")
            assert len(said) == 1, said


def wakes(pid):
    """How often its workers have gone to sleep so far."""
    count = 0
    for task in os.scandir(f"/proc/{pid}/task"):
        with open(f"{task.path}/status", encoding="ascii") as file:
            text = file.read()
        if "worker" in text.splitlines()[0]:
            count += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", text, re.M)[1])
    return count


def never(scratch):
    with serving("syslog", scratch, listeners=[dict(LOOPBACK, flush_timeout=0)]) as (daemon, sink):
        patient, hasty = connect(daemon.port), connect(daemon.port)
        patient.sendall(b"<11>disk fail")
        pause = threading.Event()
        for i in range(4):
            hasty.sendall(b"tick\n")
            sink.wait_count(i + 1)
            pause.wait(1)
        patient.sendall(b"ure\n")
        assert texts(sink, 5)[-1] == b"disk failure"


def counts_that_do_not_fit(scratch):
    with serving("syslog", scratch) as (daemon, sink):
        for i in range(2):
            sock = connect(daemon.port)
            sock.sendall(b"10 <14>good 1" + b"8 <14>caf\xc3\xa9" + b"9 <11>right" * 198)
            found = texts(sink, 201 * (i + 1))[201 * i:]
            assert found[:3] == [b"good 1", b"[count too short] caf\\xc3",
                                 b"[count 1 too short] [continued] \\xa9"]
            assert found[3:] == [b"right"] * 198
        daemon.expect(r"the count before a message is 8, which is 1 too few")
        assert daemon.said("the count before") == 1


def joined_lines(scratch):
    data = b"<11>Oct 1 12:00:00 gw s: line 1\n  line 2\n\tline 3\n<14>next\nmore\n"
    head, more = b"Oct 1 12:00:00 gw s: line 1", b"\n  line 2\n\tline 3"
    for mode, wanted in (
            ("none", [head, b"  line 2", b"\tline 3", b"next", b"more"]),
            ("indented", [head + more, b"next", b"more"]),
            ("no-priority", [head + more, b"next\nmore"])):
        with serving("journal", scratch, listeners=listener(multiline=mode)) as (daemon, sink):
            sock = connect(daemon.port)
            sock.sendall(data)
            assert texts(sink, len(wanted)) == wanted
            finish(sock)


def another_rule_by_a_reload(scratch):
    with serving("journal", scratch, listeners=listener()) as (daemon, sink):
        sock = connect(daemon.port)
        sock.sendall(b"one\n  two\n")
        sink.wait_count(2)
        daemon.write_file(listeners=[dict(LOOPBACK, port=daemon.port, flush_timeout=1,
                                          multiline="indented")])
        daemon.signal(signal.SIGHUP)
        daemon.expect(r"^peerlogd: reloaded /")
        sock.sendall(b"three\n  four\n")
        assert texts(sink, 3)[-1] == b"three\n  four"


def an_idle_daemon_sleeps(scratch):
    """When nothing waits any more, no clock wakes the daemon."""
    with serving("syslog", scratch, listeners=listener()) as (daemon, sink):
        sock = connect(daemon.port)
        sock.sendall(b"<11>disk fail")
        sink.wait_count(1)
        daemon.expect("have no end")
        threading.Event().wait(2.5)  # it looks once more
        before = wakes(daemon.pid)
        threading.Event().wait(2.5)
        assert wakes(daemon.pid) == before


if __name__ == "__main__":
    main(a_line_that_is_not_whole, messages_without_any_end, never, counts_that_do_not_fit,
         joined_lines, another_rule_by_a_reload, an_idle_daemon_sleeps)
