# SPDX-License-Identifier: MIT
"""Clients that come and go while no process lives: the kept sockets listen for it.

The service is killed and stays dead for two seconds. In that time 400 clients connect, send
and close, or send and reset. Every line must arrive, from clients that are long gone.
"""

from harness import daemon
from harness.failure import expect
from harness.traffic import Sink, Streams, Verdict

DEAD_S = 2
CLIENTS = 200
LINES = 40


def visit_the_dead(machine, ending, first):
    """Clients that finish while the service is dead. Returns: their report."""
    daemon.wait_active(machine)
    expect(daemon.kill(machine), "there was nothing to kill")
    streams = Streams(
        machine, CLIENTS, "--first", str(first), "--count", str(LINES), "--end", ending
    )
    report = machine.wait("the clients' end", streams.finished, 10)
    expect(daemon.main_pid(machine) == 0, "the service was back before the clients had gone")
    daemon.wait_active(machine)
    return report


def run(machine, _):
    """See above."""
    daemon.add_drop_in(machine, "dead", ["[Service]", f"RestartSec={DEAD_S}s"])
    sink = Sink(machine, "syslog")
    daemon.configure_for_sink(machine, "syslog")
    sent, messages = [], 0
    for first, ending in ((0, "close"), (CLIENTS, "reset")):
        sent.append(visit_the_dead(machine, ending, first))
        messages += sent[-1]["messages"]
        # Before the next kill: one in the middle of accepting may take a connection along.
        machine.wait("all lines", lambda n=messages: sink.records() >= n, 20)
    verdict = Verdict(sent, sink.finish())
    verdict.expect_perfect()
    return f"{2 * CLIENTS} clients of a dead service, half of them reset; {verdict}"
