# SPDX-License-Identifier: MIT
"""60,000 messages within two seconds all reach the journal, in both forms.

journald's default would keep 10,000 of them, or a few times that where much of the disk is
free, and drop the rest without telling the sender; the unit's own limits must be in force.
"""

import time

from harness import daemon
from harness.failure import expect
from harness.traffic import Streams, Verdict, count_journal, count_log

CONNECTIONS = 16
MESSAGES = 60000
SECONDS = 2
SYSLOG = "journalctl -q --no-pager -o short -t peerlogd _TRANSPORT=syslog"


def send_all(machine, first):
    """Returns: the streams' report and the seconds it took to hand all over."""
    started = time.monotonic()
    streams = Streams(
        machine, CONNECTIONS, "--first", str(first), "--padding", "60",
        "--count", str(MESSAGES // CONNECTIONS),
    )
    streams.wait_until_sent(MESSAGES)
    took = time.monotonic() - started
    return streams.finish(), took


def run(machine, _):
    """See above."""
    lines = []
    for form, first in [("syslog", 0), ("journal", CONNECTIONS)]:
        daemon.configure(machine, output=form)
        sent, took = send_all(machine, first)
        machine.run("journalctl", "--sync")
        if form == "syslog":
            arrived = count_log(machine, "syslog", SYSLOG)
        else:
            arrived = count_journal(machine, "PEER_ADDRESS=127.0.0.1")
        verdict = Verdict([sent], arrived)
        verdict.expect_perfect()
        expect(verdict.messages == MESSAGES, f"only {verdict.messages} were sent")
        lines.append(f"{form} in {took:.1f} s: {verdict}")
        expect(took <= SECONDS, f"too slow to prove anything: {lines[-1]}")
    return "; ".join(lines)
