# SPDX-License-Identifier: MIT
"""What people really send with, over TLS, while the service is restarted and killed.

rsyslog by GnuTLS and by OpenSSL, syslog-ng, HAProxy's ring, stunnel, socat, ncat, node, Python,
Java, s_client and gnutls-cli, as far as this host has them, run in the machine's network, and each
says a numbered stream to one service. In the machine's journal stands all of it, in order, and of
each under one peer: its connection has not noticed.
"""

import contextlib
import ctypes
import json
import os
import sys

from harness import daemon
from harness.failure import Failed, Skipped
from harness.traffic import most_repeats

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(HERE, "..", "survival"))

from senders import SENDERS, check, paced  # noqa: E402
from survival import Authority, Skip, folder, until  # noqa: E402
from records import parse_line  # noqa: E402

LIMIT_S = 240
DEATHS = 30
NUMBERS_A_DEATH = 100
CLONE_NEWNET = 0x40000000


@contextlib.contextmanager
def network_of(machine):
    """What this thread starts is in the machine's network, and in nothing else of it."""
    def enter(place):
        if ctypes.CDLL(None, use_errno=True).setns(place.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")

    with open("/proc/self/ns/net", "rb") as own, \
            open(f"/proc/{machine.leader}/ns/net", "rb") as other:
        enter(other)
        try:
            yield
        finally:
            enter(own)


class Journal:
    """The machine's journal, as the senders' tests see a log."""

    def __init__(self, machine):
        self.machine = machine

    def records(self):
        """What peers have said so far."""
        self.machine.run("journalctl", "--sync")
        text = self.machine.out("journalctl", "-q", "--no-pager", "-o", "json",
                                "--output-fields=MESSAGE", "PEER_ADDRESS=127.0.0.1")
        return [parse_line(json.loads(line)["MESSAGE"].encode()) for line in text.splitlines()]

    def wait(self, condition, what):
        """Until what has been said is as it should be."""
        until(lambda: condition(self.records()), what)


def set_up(machine, place):
    """A service that shows a certificate. Returns: who has signed it."""
    authority = Authority(place)
    daemon.use_tls(machine, authority.issue("localhost"), output='output = { type = "auto"; };')
    return authority


def restart(machine):
    """As an administrator does."""
    machine.run("systemctl", "restart", daemon.SERVICE)
    daemon.wait_active(machine)


def start_senders(stack, place, authority):
    """Returns: what makes each of them say a number; and the names of those that are not here."""
    sends, missing = {}, []
    for name, sender in SENDERS.items():
        try:
            sends[name] = stack.enter_context(
                sender(folder(place, name), daemon.TLS_PORT, authority.file))
        except Skip:
            missing.append(name)
    if not sends:
        raise Skipped("none of the senders is installed on this host")
    return sends, missing


def run(machine, kit):
    """See above."""
    journal = Journal(machine)
    place = folder(kit.folder, "senders")
    authority = set_up(machine, place)
    deaths = kit.share_of(DEATHS)
    count = deaths * NUMBERS_A_DEATH
    plan = [lambda kind=(restart if i % 3 == 0 else daemon.kill_and_wait): kind(machine)
            for i in range(deaths)]
    try:
        with network_of(machine), contextlib.ExitStack() as stack:
            sends, missing = start_senders(stack, place, authority)
            paced(list(sends.values()), journal, count, plan, kit.random)
            check(journal, count, len(sends))
    except AssertionError as fault:
        raise Failed(str(fault)) from fault
    records = journal.records()
    repeats = sum(record.text.startswith(b"[repeat?] ") for record in records)
    if repeats > most_repeats(deaths):
        raise Failed(f"{repeats} repeats after {deaths} deaths")
    without = f"; not here: {', '.join(missing)}" if missing else ""
    return (f"{len(sends)} senders, {deaths} deaths and restarts, {len(records):,} messages, "
            f"{repeats} repeated, all marked, no connection broken{without}")
