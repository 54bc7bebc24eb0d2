# SPDX-License-Identifier: MIT
"""100 times `systemctl restart` under full load from 64 connections, and nobody notices.

The streams send as fast as they are taken. Half of the restarts happen with records going
out as syslog datagrams, half in the journal's form, where PEER_SEQUENCE must go on
without a gap. Nothing may be lost, repeated or out of order; no connection may close.
"""

import time

from harness import daemon
from harness.failure import expect
from harness.traffic import Sink, Streams, stop_load

LIMIT_S = 240
CONNECTIONS = 64
ROUNDS = {"syslog": 50, "journal": 50}
# Enough to be busy all the time, without an hour of counting.
PACE = 100000


def restart_under_load(machine, kit, form, rounds):
    """So many restarts with one output. Returns: the verdict."""
    sink = Sink(machine, form, "--pace", str(PACE))
    daemon.configure_for_sink(machine, form)
    streams = Streams(machine, CONNECTIONS)
    streams.wait_until_sent(10000)
    for _ in range(rounds):
        before = sink.records()
        machine.run("systemctl", "restart", daemon.SERVICE)
        machine.wait("records after a restart", lambda last=before: sink.records() > last)
        time.sleep(kit.random.uniform(0, 0.2))
    return stop_load([streams], sink)


def run(machine, kit):
    """See above."""
    verdicts = []
    restarts = 0
    for form, rounds in ROUNDS.items():
        rounds = kit.share_of(rounds)
        restarts += rounds
        verdict = restart_under_load(machine, kit, form, rounds)
        verdict.expect_perfect()
        verdicts.append(verdict)
    expect(daemon.restarts(machine) == 0, "the daemon has also died by itself")
    takeovers = [n for n, _ in daemon.taken_over(machine) if n == CONNECTIONS]
    expect(
        len(takeovers) >= restarts,
        f"{len(takeovers)} takeovers of {CONNECTIONS} connections were announced",
    )
    return f"{restarts} restarts; " + "; ".join(str(v) for v in verdicts)
