# SPDX-License-Identifier: MIT
"""200,000 numbered messages into the real journal by each output, counted by journalctl.

What a log daemon says that it took and what it then stores are two things, and a sink in its
place cannot tell them apart. So nothing stands in its place here: the service is restarted
20 times and killed 20 times while it delivers, and then the journal is read.
"""

import time

from harness import daemon
from harness.failure import expect
from harness.traffic import Streams, Verdict, count_journal, count_log, most_repeats

LIMIT_S = 240
CONNECTIONS = 16
MESSAGES = 200000
# Slower than journald, so that what is sent is soon delivered, and the deaths fall in between.
RATE = 12000
ROUNDS = 20
SYSLOG = "journalctl -q --no-pager -o short -t peerlogd _TRANSPORT=syslog"
# journald must not make room by forgetting, however full the disk is that lies below.
ROOM = "[Journal]\nStorage=persistent\nSystemMaxUse=4G\nSystemKeepFree=1M\n"


def give_room(machine):
    """Let the journal keep all."""
    machine.write("/etc/systemd/journald.conf.d/room.conf", ROOM)
    machine.run("systemctl", "restart", "systemd-journald.service")


def restart(machine):
    """As an administrator does it."""
    machine.run("systemctl", "restart", daemon.SERVICE)


def disturb(machine, kit, streams, rounds):
    """So many restarts and as many kills, spread over the time in which the streams send."""
    share = MESSAGES // (2 * rounds + 1)
    for action in [restart, daemon.kill_and_wait] * rounds:
        streams.wait_until_sent(min(streams.sent() + share, MESSAGES))
        time.sleep(kit.random.uniform(0, 0.1))
        action(machine)
        daemon.wait_active(machine)


def send(machine, kit, form, first, rounds):
    """All of them by one output. Returns: the verdict."""
    daemon.configure(machine, output=form)
    streams = Streams(
        machine, CONNECTIONS, "--first", str(first), "--padding", "60",
        "--rate", str(RATE), "--count", str(MESSAGES // CONNECTIONS),
    )
    disturb(machine, kit, streams, rounds)
    streams.wait_until_sent(MESSAGES, 60)
    sent = streams.finish()
    machine.run("journalctl", "--sync")
    if form == "syslog":
        return Verdict([sent], count_log(machine, "syslog", SYSLOG))
    return Verdict([sent], count_journal(machine, "PEER_ADDRESS=127.0.0.1"))


def run(machine, kit):
    """See above."""
    give_room(machine)
    rounds = kit.share_of(ROUNDS)
    lines = []
    for form, first in [("syslog", 0), ("journal", CONNECTIONS)]:
        verdict = send(machine, kit, form, first, rounds)
        lines.append(f"{form}: {verdict}")
        try:
            verdict.expect_perfect(repeats=most_repeats(rounds))
        except Exception as fault:
            raise type(fault)(f"{form}: {fault}") from fault
        expect(verdict.messages == MESSAGES, f"only {verdict.messages} were sent")
    return f"{rounds} restarts and {rounds} kills each; " + "; ".join(lines)
