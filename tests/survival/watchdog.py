# SPDX-License-Identifier: MIT
"""The watchdog: signs of life while there is life, and none when a worker hangs.

A ping says that every worker still turns its loop. One that waits for a log that takes nothing
is healthy, for longer than the interval; one that hangs on a message is not. The manager
ends such a process by SIGABRT, the next one takes over, and if it hangs on the same
connection again, that one is closed.
"""

import os
import signal
import time

from survival import (PATIENCE, SANITIZED, Service, build_program, connect, is_reset, main,
                      name_of, new_sink)

# A slow machine has more time, or who is only slow would seem to hang.
INTERVAL_S = max(1.0, PATIENCE / 60) * (4 if SANITIZED else 2)


def watched(scratch, sink, hangs):
    for i in range(hangs):
        with open(os.path.join(scratch, f"token-{i}"), "w", encoding="ascii"):
            pass
    return Service(scratch, sink, program=build_program("survival/fragile_peerlogd"),
                   environment={"PEERLOG_FRAGILE": scratch,
                                "WATCHDOG_USEC": str(int(INTERVAL_S * 1e6))})


def wait_ping(service, since):
    return service.manager.wait_said("WATCHDOG=1", lambda f: f.get("WATCHDOG") == "1", since)


def ping_time(service, number):
    """When the manager heard it."""
    return service.manager.said[number][0]


def watch(service, seconds=PATIENCE):
    """What systemd does: wait until no ping comes for a whole interval, and abort it."""
    end = time.monotonic() + seconds
    mark = service.manager.mark()
    while True:
        assert time.monotonic() < end, "it pings on and on"
        try:
            mark = 1 + service.manager.wait_said(
                "WATCHDOG=1", lambda f: f.get("WATCHDOG") == "1", mark, INTERVAL_S)
        except AssertionError:
            return service.manager.kill(signal.SIGABRT)


def it_pings_while_the_log_is_stalled(scratch):
    with new_sink("syslog", scratch) as sink, watched(scratch, sink, 0) as service:
        service.allow("has taken nothing for a while", "is back after")
        mark = wait_ping(service, service.since)
        sink.stall()
        sock = connect(service.port)
        sock.sendall(b"message\n" * 10000)
        service.manager.wait_said(
            "messages that wait", lambda f: ", 0 waiting" not in f.get("STATUS", ", 0 waiting"),
            mark)
        pings = [wait_ping(service, service.manager.mark())]
        while ping_time(service, pings[-1]) - ping_time(service, pings[0]) < 2 * INTERVAL_S:
            pings.append(wait_ping(service, pings[-1] + 1))
            silence = ping_time(service, pings[-1]) - ping_time(service, pings[-2])
            assert silence < INTERVAL_S, f"no ping for {silence} s, more than an interval"
        sink.resume()
        sink.wait_count(10000)


def a_worker_that_hangs_is_noticed(scratch):
    with new_sink("syslog", scratch) as sink, watched(scratch, sink, 2) as service:
        wait_ping(service, service.since)
        victim, other = connect(service.port), connect(service.port)
        victim.sendall(b"please hang\n")
        assert watch(service) == -signal.SIGABRT
        other.sendall(b"meanwhile\n")
        service.begin()
        service.expect("took over [12] connections, .* after SIGABRT")
        assert watch(service) == -signal.SIGABRT
        service.begin()
        service.expect(rf"{name_of(victim)}: connection closed, because peerlogd crashed on it")
        assert is_reset(victim)
        other.sendall(b"after\n")
        sink.wait(lambda r: r and r[-1].text == b"after", "the other connection")
        assert [r.text.removeprefix(b"[repeat?] ") for r in sink.records()] == [
            b"meanwhile", b"after"]
        mark = service.manager.mark()
        for _ in range(4):
            mark = 1 + wait_ping(service, mark)


main(it_pings_while_the_log_is_stalled, a_worker_that_hangs_is_noticed)
