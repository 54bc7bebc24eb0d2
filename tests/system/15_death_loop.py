# SPDX-License-Identifier: MIT
"""A daemon that dies after each start: systemd goes on, clients wait, the journal is not flooded.

For ten seconds every process is killed as soon as it is ready. The service must be
running again afterwards, and no message may be lost. From systemd 254 on
the restarts are paced, and so are the lines that each costs.
"""

import re
import time

from harness import daemon
from harness.failure import expect
from harness.traffic import Sink, Streams, most_repeats, stop_load

LOOP_S = 10
CONNECTIONS = 16
PACE = 20000
# Ten of them in growing pauses of three and a half seconds together, then one a second.
MOST_RESTARTS = 18
MOST_DELAY_S = 1


def paced(machine):
    """Whether this systemd knows RestartSteps=, and the unit sets it."""
    said = machine.property(daemon.SERVICE, "RestartSteps")
    return re.fullmatch("[1-9][0-9]*", said) is not None


def run(machine, _):
    """See above."""
    sink = Sink(machine, "syslog", "--pace", str(PACE))
    daemon.configure_for_sink(machine, "syslog")
    streams = Streams(machine, CONNECTIONS)
    streams.wait_until_sent(1000)
    before = len(machine.journal("-u", "peerlogd").splitlines())
    end = time.monotonic() + LOOP_S
    while time.monotonic() < end:
        daemon.wait_active(machine)
        daemon.kill(machine)
    lines = len(machine.journal("-u", "peerlogd").splitlines()) - before
    deaths = daemon.restarts(machine)
    daemon.wait_active(machine, limit_s=MOST_DELAY_S + 5)
    verdict = stop_load([streams], sink)
    verdict.expect_perfect(repeats=most_repeats(deaths + 1))
    expect(deaths >= LOOP_S, f"only {deaths} restarts")
    daemon.expect_said(machine, "times in a row soon after its start")
    if paced(machine):
        expect(deaths <= MOST_RESTARTS, f"{deaths} restarts and {lines} lines in {LOOP_S} s")
    return f"{deaths} restarts and {lines} lines in {LOOP_S} s; {verdict}"
