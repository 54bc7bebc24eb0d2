# SPDX-License-Identifier: MIT
"""The watchdog: it bites a daemon that hangs, and spares one that waits for the log.

A stopped daemon (SIGSTOP) is killed by systemd and its connections are taken over. A log
that does not take anything for a minute is no reason to bite: the workers wait, and the
clients with them.
"""

import time

from harness import daemon
from harness.failure import expect
from harness.traffic import Sink, Streams, most_repeats, stop_load

CONNECTIONS = 16
WATCHDOG_S = 8
STALL_S = 60
PACE = 20000


def stop_daemon(machine, sink):
    """A daemon that hangs: systemd must notice, kill it, and start another."""
    pid = daemon.main_pid(machine)
    machine.run("systemctl", "kill", "--signal=STOP", "--kill-whom=main", daemon.SERVICE)
    machine.wait(
        "the watchdog", lambda: daemon.main_pid(machine) not in (0, pid), 2 * WATCHDOG_S + 5
    )
    daemon.wait_active(machine)
    words = machine.journal("UNIT=peerlogd.service")
    expect("Watchdog timeout" in words, f"it did not die of the watchdog: {words[-500:]}")
    before = sink.records()
    machine.wait("records after it", lambda: sink.records() > before)


def stall_log(machine, sink, streams):
    """A log that hangs: nothing may happen, for a minute."""
    pid = daemon.main_pid(machine)
    sink.stall()
    time.sleep(STALL_S)
    expect(daemon.main_pid(machine) == pid, "the watchdog bit a daemon that only waited")
    waiting = streams.sent()
    sink.resume()
    streams.wait_until_sent(waiting + 10000)


def run(machine, _):
    """See above."""
    daemon.add_drop_in(machine, "watchdog", ["[Service]", f"WatchdogSec={WATCHDOG_S}s"])
    sink = Sink(machine, "syslog", "--pace", str(PACE))
    daemon.configure_for_sink(machine, "syslog")
    streams = Streams(machine, CONNECTIONS)
    streams.wait_until_sent(10000)
    stop_daemon(machine, sink)
    stall_log(machine, sink, streams)
    verdict = stop_load([streams], sink)
    verdict.expect_perfect(repeats=most_repeats(deaths=1))
    expect(daemon.restarts(machine) == 1, "it died more than once")
    return f"killed when stopped, spared through {STALL_S} s of a stalled log; {verdict}"
