#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# Peers that mean no good, or do not know better: they hang up or reset at every byte of a
# frame, half-close by the thousand and stay, never read, or talk without a pause. Whoever
# else is connected must not notice: what was sent before the end is logged, those
# who trickle are served beside the one who floods, and the daemon goes on.

from support import *

CLOSE_WAIT = 8
FRAMES = b"<13>one\0" b"9 <13>count\0<11>tra\nce\0"
RECORDS = [b"one", b"count", b"tra\\nce"]


def records_of_prefix(data):
    """What a beginning of FRAMES makes, worked out by hand from the manual."""
    at_one = len(b"<13>one\0")
    at_count = at_one + len(b"9 <13>count")
    n = len(data)
    if n <= at_one:
        text = data.rstrip(b"\0")
        return [text[4:] if n > 4 else text] if n > 0 and text != b"<13>" else (
            [b""] if text == b"<13>" else [])
    done = [b"one"]
    if n <= at_count:
        rest = data[at_one:]
        if n == at_count:
            return done + [b"count"]
        if b">" in rest:
            return done + [b"[incomplete, %d of 9 bytes] " % (len(rest) - 2) + rest[6:]]
        return done + [rest]
    done.append(b"count")
    rest = data[at_count + 1:]
    text = rest.rstrip(b"\0")
    if not text:
        return done
    body = text[4:] if b">" in text else text
    body = body[:-1] if not rest.endswith(b"\0") and body.endswith(b"\n") else body
    return done + [body.replace(b"\n", b"\\n")]


def as_cut(data, records):
    """What they are when a reset came behind DATA."""
    if not records or data.endswith(b"\0") or data == FRAMES[:8 + 11]:
        return records
    return records[:-1] + [b"[cut] " + records[-1]]


def end_at_every_byte(scratch):
    """The end comes right behind the byte, and long after it was read."""
    assert records_of_prefix(FRAMES) == RECORDS
    with serving("syslog", scratch) as (daemon, sink):
        streams, ends = {}, []
        for end in (finish, reset):
            for at in range(len(FRAMES) + 1):
                for is_read in (False, True):
                    sock = connect(daemon.port)
                    name = name_of(sock)
                    sock.sendall(FRAMES[:at])
                    wanted = records_of_prefix(FRAMES[:at])
                    if end is reset:
                        wanted = as_cut(FRAMES[:at], wanted)
                    if wanted:
                        streams[name] = wanted
                    if is_read:
                        ends.append((end, sock))
                    else:
                        end(sock)
        Unread([sock for _, sock in ends]).wait()
        for end, sock in ends:
            end(sock)
        check_streams(sink.wait_count(sum(map(len, streams.values()))), streams)
        daemon.wait_closed()


@contextlib.contextmanager
def serving_the_half_closed(scratch):
    """A daemon for as many as can be. Yields it, its log and how many; then all are gone again."""
    count = min(10000, more_descriptors() - 200)
    with serving("syslog", scratch, limits=dict(connections=20000)) as (daemon, sink):
        daemon.allow("limits.connections = 20000 needs more descriptors")
        daemon.allow(r"limits.connections \(\d+\) is reached|below limits.connections again")
        daemon.wait_workers()
        before = daemon.descriptors()
        yield daemon, sink, count
        until(lambda: daemon.descriptors() == before, "the descriptors of the start")
        daemon.wait_closed()


def half_close_many(daemon, count):
    """So many connections that send a message each, and half-close."""
    socks = []
    for i in range(count):
        sock = connect(daemon.port, source="127.0.3.%d" % (i % 250 + 1))
        sock.sendall(b"h%d\n" % i)
        sock.shutdown(socket.SHUT_WR)
        socks.append(sock)
    return socks


def check_half_closed(sink, count):
    sink.wait(lambda _: sink.count() >= count, "every message")
    texts = [r.text for r in sink.records()]
    assert len(texts) == count and set(texts) == {b"h%d" % i for i in range(count)}


def half_closed_by_the_thousand(scratch):
    """They send, half-close and never close: we do, at once, and keep nothing."""
    with serving_the_half_closed(scratch) as (daemon, sink, count):
        socks = half_close_many(daemon, count)
        check_half_closed(sink, count)
        for sock in socks:
            assert sock.recv(1) == b""
    for sock in socks:
        sock.close()


def half_closed_while_the_log_stalls(scratch):
    """They have said all, half-closed, and have to wait: all of them stay, none is in the way."""
    with serving_the_half_closed(scratch) as (daemon, sink, count):
        daemon.allow("has taken nothing for a while|is back after")
        sink.stall()
        before = daemon.descriptors()
        socks = half_close_many(daemon, count)
        until(lambda: daemon.descriptors() >= before + count - 100, "all to be accepted")
        states = daemon.sockets()
        assert states.count(CLOSE_WAIT) >= count - 100, f"{states.count(CLOSE_WAIT)} half-closed"
        sink.resume()
        for sock in socks:
            assert sock.recv(1) == b""
            sock.close()
        check_half_closed(sink, count)


def many_idle_ones(scratch):
    """Idle connections by the thousand, and a message is as welcome as ever."""
    count = min(5000, more_descriptors() - 200)
    with serving("syslog", scratch, limits=dict(connections=count + 100)) as (daemon, sink):
        daemon.allow("needs more descriptors|is reached|below limits.connections")
        idle = [connect(daemon.port) for _ in range(count)]
        until(lambda: daemon.descriptors() >= count, "all to be accepted")
        ticks = cpu_ticks(daemon.pid)
        for i in range(100):
            say(daemon.port, b"a\n")
            sink.wait_count(i + 1)
        assert cpu_ticks(daemon.pid) - ticks < 100
        for sock in idle:
            sock.close()
        daemon.wait_closed()


def never_reads(scratch):
    """A peer that floods and never reads, nor closes: there is nothing for it to read."""
    with serving("stdout", scratch) as (daemon, sink):
        sock = connect(daemon.port)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        texts = numbered(0, 20000)
        sock.sendall(b"\n".join(texts) + b"\n")
        check_streams(sink.wait_count(20000), {name_of(sock): texts})
        sock.close()


def one_floods_others_trickle(scratch):
    """Fairness in numbers: twenty say a line, byte by byte, whenever all the last are logged.

    However fast the flood is, the lines must not wait for more of it than a few rounds' worth.
    """
    with serving("syslog", scratch, workers=1) as (daemon, sink):
        stop = threading.Event()
        line = b"f" * 1000 + b"\n"

        def flood():
            with contextlib.suppress(OSError):
                sock = connect(daemon.port)
                while not stop.is_set():
                    sock.sendall(line * 100)

        flooder = threading.Thread(target=flood, daemon=True)
        flooder.start()
        sink.wait(lambda _: sink.count() > 1000, "the flood")
        tricklers = [connect(daemon.port) for _ in range(20)]
        names = {name_of(sock) for sock in tricklers}
        gaps = []
        for turn in range(10):
            before = sink.count()
            for sock in tricklers:
                for byte in (b"t", b"%d" % turn, b"\n"):
                    sock.sendall(byte)
            sink.wait(lambda r, n=20 * (turn + 1): sum(x.peer in names for x in r) >= n,
                      "the tricklers' lines")
            gaps.append(sink.count() - before)
        stop.set()
        flooder.join()
        by = by_peer(sink.records())
        for name in names:
            assert [r.text for r in by[name]] == [b"t%d" % turn for turn in range(10)]
        # What the flood got through meanwhile, in records of 1,000 bytes.
        assert min(gaps) < 20000, gaps
        daemon.end()


def same_thing_again(scratch):
    """Names, formats and escape sequences in every field of a message change nothing."""
    with serving("syslog", scratch) as (daemon, sink):
        formats = b"%s%n%x%99999999d%*.*s{}{0}$(x)`y`" * 50
        evil = [formats, b"<13>" * 100, b"[" * 500, b"\x1b]0;owned\x07", b"-" * 8192,
                b"9" * 10 + b" " + b"<" * 100, b"<0>" + b"A" * 100, b"' OR 1=1; --",
                b"5 " * 1000, b"\xff" * 8192, b"\0" * 100 + b"x"]
        for data in evil:
            say(daemon.port, data + b"\n<13>good\n")
        good = sink.wait(lambda r: sum(x.text == b"good" for x in r) == len(evil), "all")
        assert all(r.severity >= CRIT for r in good)
        assert good[0].text == formats


if __name__ == "__main__":
    main(end_at_every_byte, half_closed_by_the_thousand, half_closed_while_the_log_stalls,
         many_idle_ones, never_reads, one_floods_others_trickle, same_thing_again)
