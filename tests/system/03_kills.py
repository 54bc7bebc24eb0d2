# SPDX-License-Identifier: MIT
"""200 times SIGKILL at random instants under load from 64 connections.

Every process of the unit is killed, whatever it is doing: receiving, delivering, starting,
taking over. Nothing may be lost and no connection may close. What was being delivered may
come again, at most one batch for each worker, and each such record is marked.
"""

import time

from harness import daemon
from harness.traffic import Sink, Streams, most_repeats, stop_load

LIMIT_S = 300
CONNECTIONS = 64
ROUNDS = {"syslog": 100, "journal": 100}
PACE = 100000


def kill_under_load(machine, kit, form, rounds):
    """So many deaths with one output. Returns: the verdict."""
    sink = Sink(machine, form, "--pace", str(PACE))
    daemon.configure_for_sink(machine, form)
    streams = Streams(machine, CONNECTIONS)
    streams.wait_until_sent(10000)
    before = daemon.restarts(machine)
    while daemon.restarts(machine) - before < rounds:
        # Some die young, in the middle of a takeover.
        time.sleep(kit.random.choice([kit.random.uniform(0, 0.15), kit.random.uniform(0.1, 0.5)]))
        daemon.kill(machine)
    daemon.wait_active(machine)
    before = sink.records()
    machine.wait("records after the last death", lambda: sink.records() > before)
    return stop_load([streams], sink)


def run(machine, kit):
    """See above."""
    # Two hundred deaths in a row would be paced, where systemd can do that.
    daemon.add_drop_in(machine, "pace", ["[Service]", "RestartSteps=0"])
    verdicts = []
    deaths = 0
    for form, rounds in ROUNDS.items():
        rounds = kit.share_of(rounds)
        verdict = kill_under_load(machine, kit, form, rounds)
        deaths += rounds
        verdict.expect_perfect(repeats=most_repeats(rounds))
        verdicts.append(verdict)
    return f"{deaths} kills; " + "; ".join(str(v) for v in verdicts)
