# SPDX-License-Identifier: MIT
"""10,000 idle connections through a restart and a SIGKILL, and what PID 1 pays for it.

Every connection says something before, between and after. PID 1 may spend 0.1 s of
processor time more on a restart than it does without a connection, and on 10,000 connections
that come and go what forty lots of them cost, but not what each by itself would.
"""

import resource
import time

from harness import daemon
from harness.failure import expect
from harness.traffic import Sink, Streams, stop_load

CONNECTIONS = 10000
SHORT_AT_ONCE = 1000
# Open ones may be three quarters of the limit, because of dead copies among those parked.
SPARE_DESCRIPTORS = 500
PID1_LIMIT_S = 0.1
# systemd 257 forks for each descriptor that it lets go: 2 ms and more where that is dear.
VISITS_LIMIT_S = 0.5
PROCESSES = f"/sys/fs/cgroup/system.slice/{daemon.SERVICE}/cgroup.procs"


def most_connections():
    """All that are wanted, unless this machine's hard limit of descriptors is too low."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return min(CONNECTIONS, (hard - SPARE_DESCRIPTORS) // 4 * 3)


def cost(machine, action):
    """Processor time of PID 1 for an action, with what it does just after.

    Whatever is waited for meanwhile is seen without asking PID 1: each `systemctl show` costs
    it 4 ms with systemd 252 and 6 ms with 257, so twenty a second that wait for a slow restart
    would soon be what is measured.
    """
    before = machine.cpu_seconds()
    action()
    time.sleep(0.5)
    return machine.cpu_seconds() - before


def processes(machine):
    """Those of the service, as its control group has them."""
    try:
        return set(machine.read(PROCESSES).split())
    except OSError:
        return set()


def restart(machine):
    """As an administrator does it."""
    machine.run("systemctl", "restart", daemon.SERVICE)


def die(machine):
    """SIGKILL, and systemd's own restart."""
    old = processes(machine)
    expect(old and daemon.kill(machine), "there was nothing to kill")
    machine.wait("another process", lambda: processes(machine) - old)
    # Joins the start that is under way, and ends with it.
    machine.run("systemctl", "start", daemon.SERVICE)


def come_and_go(machine):
    """10,000 short connections. Returns: their reports."""
    reports = []
    for first in range(CONNECTIONS, 2 * CONNECTIONS, SHORT_AT_ONCE):
        streams = Streams(
            machine, SHORT_AT_ONCE, "--first", str(first), "--count", "1", "--end", "close"
        )
        reports.append(machine.wait("short connections", streams.finished, 30))
    return reports


def run(machine, _):
    """See above."""
    many = most_connections()
    sink = Sink(machine, "journal")
    daemon.configure_for_sink(
        machine, "journal", f"limits = {{ connections = {many + 2 * SHORT_AT_ONCE}; }};\n"
    )
    idle = cost(machine, lambda: restart(machine)), cost(machine, lambda: die(machine))
    short = []
    visits = cost(machine, lambda: short.extend(come_and_go(machine)))
    machine.wait("short messages", lambda: sink.records() >= CONNECTIONS, 30)

    streams = Streams(machine, many, "--count", "1")
    expected = CONNECTIONS + many
    machine.wait("first messages", lambda: sink.records() >= expected, 30)
    full = []
    for action in [restart, die]:
        full.append(cost(machine, lambda: action(machine)))  # pylint: disable=cell-var-from-loop
        streams.more()
        expected += many
        machine.wait("messages after it", lambda: sink.records() >= expected, 30)
    verdict = stop_load([streams], sink)
    verdict.messages += sum(report["messages"] for report in short)
    verdict.expect_perfect(repeats=0)
    more = [full[0] - idle[0], full[1] - idle[1]]
    prices = (
        f"PID 1 pays {more[0]:.3f} s more for a restart, {more[1]:.3f} s more for a kill, "
        f"{visits:.3f} s for {CONNECTIONS:,} short connections"
    )
    expect(max(more) < PID1_LIMIT_S and visits < VISITS_LIMIT_S, prices)
    return f"{many:,} connections; {verdict}; {prices}"
