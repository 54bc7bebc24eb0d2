# SPDX-License-Identifier: MIT
"""The clocks jump.

The wall clock goes wrong by years, forwards and back, while the daemon runs: the times of the
records follow it, and nothing else does. Idle connections, rates, a log that is away and
reports go by the monotonic clock, which here goes faster than time, so that what is due in a
minute or an hour is seen at once.
"""

import contextlib
import itertools
import re
import signal
import socket
import time

from injecting import (PATIENT, Authority, UnluckyService, connect, cpu_seconds, finish, main,
                       new_sink, numbered, refused, say, until)

DAY = 86400
YEAR = 365 * DAY + DAY // 4
JUMPS = (10 * YEAR, -25 * YEAR, 3600, 80 * YEAR, -3600, -70 * YEAR, 0)
LOOKS = itertools.count(1)
STAMP = re.compile(rb"<\d+>(.{15}) ")


def stamps_about(moment):
    """How syslog writes the times around this one."""
    return {time.strftime("%b %e %H:%M:%S", time.localtime(moment + i)).encode()
            for i in (-1, 0, 1, 2)}


def the_wall_clock_jumps_by_years(scratch):
    limits = {"idle_timeout": 600, "messages_per_second": 1000}
    with new_sink("syslog", scratch) as sink, \
            UnluckyService(scratch, sink, [], limits=limits, workers=1) as service:
        idle, speaker = connect(service.port), connect(service.port)
        idle.sendall(b"half a ")
        count = 0
        spent = cpu_seconds(service.manager.pid)
        for turn, jump in enumerate(JUMPS, 1):
            service.clocks.set(wall=jump)
            before = time.monotonic()
            for text in numbered(0, 50):  # well within its rate
                speaker.sendall(text + b"\n")
            count += 50
            sink.wait_count(count)
            assert time.monotonic() - before < 10, "messages wait for a clock"
            stamp = STAMP.match(sink.raw[-1]).group(1)
            assert stamp in stamps_about(time.time() + jump), f"{jump} s: {stamp}"
            # The log goes away and comes back, and the wall clock jumps while it is away.
            service.clocks.set(wall=-jump)
            sink.unlink()
            sink.close()
            speaker.sendall(b"while it was away\n")
            service.expect("is not there", turn)
            service.clocks.set(wall=jump)
            sink.bind()
            count += 1
            sink.wait_count(count)
            service.expect(r"is back after \d\d?\.\d\d\d s", turn)
            service.reload()
        assert cpu_seconds(service.manager.pid) - spent < 5, "it spins"
        idle.sendall(b"line\n")
        assert sink.wait_count(count + 1)[-1].text == b"half a line", "the idle one still lives"
        service.allow(": reloaded ")
        finish(idle)
        finish(speaker)
        service.stop()
        assert service.words.wait(r"slowed down (\d+)")[-1].group(1) == "0"


def time_passes(service, sink, seconds):
    """The monotonic clock goes on, and the listener and a worker look at it."""
    service.clocks.set(monotonic=seconds)
    text = b"so late is it: %d, look %d" % (seconds, next(LOOKS))
    say(service.port, text + b"\n")
    sink.wait(lambda records: any(r.text == text for r in records), "a message")


def idle_connections_go_by_the_monotonic_clock(scratch):
    with new_sink("syslog", scratch) as sink, UnluckyService(
            scratch, sink, [], listeners=[PATIENT], limits={"idle_timeout": 3600},
            workers=1) as service:
        service.allow("on which nothing came for limits.idle_timeout")
        idle = connect(service.port)
        idle.sendall(b"hello\nhalf")
        sink.wait_count(1)
        time_passes(service, sink, 3500)
        idle.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            assert idle.recv(1) is None, "closed too early"
        idle.setblocking(True)
        until(lambda: time_passes(service, sink, 3700) or has_ended(idle), "the goodbye")
        idle.sendall(b" a line\n")  # closed in good order: our half is still open
        sink.wait(lambda records: any(r.text == b"half a line" for r in records), "the last line")
        idle.close()
        service.stop()
        assert service.words.wait(r"idle (\d+)")[-1].group(1) == "1"


def has_ended(sock):
    try:
        return sock.recv(1, socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False


def refusals_are_reported_once_an_interval(scratch):
    listener = {"address": "127.0.0.1", "port": 0, "deny": ["127.0.7.0/24"]}
    with new_sink("syslog", scratch) as sink, \
            UnluckyService(scratch, sink, [], listeners=[listener]) as service:
        for _ in range(5):
            assert refused(service.port, "127.0.7.7")
        service.expect("refusing 127.0.7.7: denied$")
        assert service.said("refusing") == 1, "more than the beginning was said"
        time_passes(service, sink, 59)
        assert service.said("refusing") == 1, "said before the interval was over"
        time_passes(service, sink, 61)
        service.expect(r"refusing 127.0.7.7: denied \(4 connections in the last minute\)$")
        for _ in range(12):
            assert refused(service.port, "127.0.7.7")
        time_passes(service, sink, 119)
        assert service.said("refusing") == 2
        time_passes(service, sink, 121)
        service.expect(r"refusing 127.0.7.7: denied \(12 connections in the last minute\)$")
        time_passes(service, sink, 182)
        service.expect(r"no longer refusing 127.0.7.7 \(17 connections were refused\)$")
        assert refused(service.port, "127.0.7.7")
        service.expect("refusing 127.0.7.7: denied$", 2)
        service.stop()
        assert service.said("refusing") == 5
        assert service.words.wait(r"refused (\d+)")[-1].group(1) == "18"


def more_refused_peers_than_are_named(scratch):
    """A flood from many addresses is a line for some of them, and one for the others."""
    listener = {"address": "127.0.0.1", "port": 0, "deny": ["127.0.7.0/24"]}
    with new_sink("syslog", scratch) as sink, \
            UnluckyService(scratch, sink, [], listeners=[listener]) as service:
        service.allow(r"refusing 127\.0\.7\.\d+: denied$")
        for i in range(1, 251):
            assert refused(service.port, f"127.0.7.{i}")
        time_passes(service, sink, 59)
        said = service.said("refusing")
        assert said <= 65, f"{said} lines for 250 connections"
        service.expect("refusing more peers than are named here")
        time_passes(service, sink, 61)
        service.expect("refusing more peers than are named here", 2)
        service.allow(r"no longer refusing 127\.0\.7\.\d+ \(1 connections were refused\)")


def ask(port, **where):
    """Ask for a page; the daemon has refused, and closed, when it returns."""
    with connect(port, **where) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            while sock.recv(4096):
                pass


def other_protocols_are_named_once_an_hour(scratch):
    with new_sink("syslog", scratch) as sink, UnluckyService(scratch, sink, []) as service:
        for hours, times in ((0, 1), (0.99, 1), (1.01, 2), (1.99, 2), (2.02, 3)):
            service.clocks.set(monotonic=int(3600 * hours))
            for _ in range(3):
                ask(service.port)
            service.expect("127.0.0.1:\\d+ sent an HTTP request", times)
            assert service.said("sent an HTTP request") == times, f"after {hours} hours"
        ask(service.port, source="127.0.0.9")
        service.expect("127.0.0.9:\\d+ sent an HTTP request")


def certificates_are_looked_at_once_a_day(scratch):
    authority = Authority(scratch)
    own = authority.issue("localhost", ends=32 * DAY)
    soon = r"warning: .*localhost\.crt expires on \S+, in (\d+) days"
    with new_sink("syslog", scratch) as sink, \
            UnluckyService(scratch, sink, [], listeners=[own.settings()]) as service:
        service.allow("since the start", soon)
        for days, wanted in ((0.9, []), (1.1, []), (2.2, ["29"]), (2.9, ["29"]),
                             (3.3, ["29", "28"]), (33, ["29", "28"])):
            service.clocks.set(wall=int(days * DAY), monotonic=int(days * DAY))
            told = service.said("since the start")
            service.manager.send_signal(signal.SIGUSR1)  # wakes the one that looks
            service.expect("since the start", told + 1)
            if len(wanted) > service.said(soon):
                service.expect(soon, len(wanted))
            assert [m.group(1) for m in service.words.matching(soon)] == wanted, days
        service.expect(r"localhost\.crt has expired on ")


main(the_wall_clock_jumps_by_years, idle_connections_go_by_the_monotonic_clock,
     refusals_are_reported_once_an_interval, more_refused_peers_than_are_named,
     other_protocols_are_named_once_an_hour, certificates_are_looked_at_once_a_day)
