# SPDX-License-Identifier: MIT
"""A daemon that dies after each start: systemd goes on, clients wait, the journal is not flooded.

For ten seconds every process is killed as soon as it is ready. The service must be
running again afterwards, and no message may be lost. From systemd 254 on
the restarts are paced, and so are the lines that each costs; an administrator
who has seen to it lets the count of deaths begin anew.
"""

import re
import time

from harness import daemon
from harness.failure import expect
from harness.traffic import Sink, Streams, most_repeats, stop_load

LOOP_S = 10
CONNECTIONS = 16
PACE = 20000
# Pauses of 0.1, 0.27 and 0.74 s, and two seconds from then on: six or seven deaths with eight lines
# each, five of which are systemd's. With the default output ours are four instead of three.
LINES = range(24, 62)
# A slow machine has so few lines anyway, but this is the pause that it has come to.
LONGEST_PAUSE_S = 2
# A container without the controller "pids" lets systemd 262 say this twice at each death.
OF_THE_CONTAINER = "Failed to read pids.max"


def paced(machine):
    """Whether this systemd knows RestartSteps=, and the unit sets it."""
    said = machine.property(daemon.SERVICE, "RestartSteps")
    return re.fullmatch("[1-9][0-9]*", said) is not None


def count_lines(machine):
    """What the journal has of the service, by itself and by systemd."""
    lines = machine.journal("-u", "peerlogd").splitlines()
    return sum(OF_THE_CONTAINER not in line for line in lines)


def loop(machine):
    """Let each process die as soon as it is ready.

    Not by `systemctl kill`, which systemd notes in two lines more.
    """
    end = time.monotonic() + LOOP_S
    while time.monotonic() < end:
        if machine.property(daemon.SERVICE, "ActiveState") == "active":
            pid = daemon.main_pid(machine)
            if pid != 0:
                machine.sh(f"kill -KILL {pid}", check=False)
        time.sleep(0.05)


def count_anew(machine):
    """The process that runs does not notice, and the next death is the first one."""
    pid = daemon.main_pid(machine)
    machine.run("systemctl", "reset-failed", daemon.SERVICE)
    expect(daemon.restarts(machine) == 0, "reset-failed does not reset the count of restarts")
    expect(daemon.main_pid(machine) == pid, "reset-failed has ended the process")
    daemon.kill_and_wait(machine)
    expect(daemon.restarts(machine) == 1, "a death after reset-failed is not the first")


def run(machine, _):
    """See above."""
    sink = Sink(machine, "syslog", "--pace", str(PACE))
    daemon.configure_for_sink(machine, "syslog")
    streams = Streams(machine, CONNECTIONS)
    streams.wait_until_sent(1000)
    before = count_lines(machine)
    loop(machine)
    lines = count_lines(machine) - before
    deaths = daemon.restarts(machine)
    pause = machine.property(daemon.SERVICE, "RestartUSecNext")
    daemon.wait_active(machine, limit_s=LONGEST_PAUSE_S + 5)
    daemon.expect_said(machine, "times in a row soon after its start")
    count_anew(machine)
    daemon.wait_active(machine)
    verdict = stop_load([streams], sink)
    verdict.expect_perfect(repeats=most_repeats(deaths + 2))
    found = f"{deaths} restarts and {lines} lines in {LOOP_S} s"
    if paced(machine):
        expect(lines in LINES and pause == f"{LONGEST_PAUSE_S}s", f"{found}, then after {pause}")
    else:
        expect(deaths >= LOOP_S, found)
    return f"{found}; {verdict}"
