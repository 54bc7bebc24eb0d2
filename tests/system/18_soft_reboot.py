# SPDX-License-Identifier: MIT
"""`systemctl soft-reboot` with the drop-in keep-connections.conf: the clients notice nothing.

All processes end but the first, the services are started anew, and the kernel goes on. On
systemd 262 the descriptor store is kept over that: sixteen clients on another machine, as far as
this one can tell, stay connected, and all they write comes into the journal.
"""

import json
import re
import time

from harness import daemon
from harness.failure import Failed, Skipped, expect
from harness.machine import Child
from harness.traffic import Streams, Verdict, count_journal

EXAMPLE = "/usr/share/doc/peerlog/examples/keep-connections.conf"
# 257 breaks every connection; what lies between was not tried.
OLDEST = 262
CONNECTIONS = 16
RATE = 2000
ROUNDS = 3
# journald must not make room by forgetting, and is killed in the middle of it all.
ROOM = "[Journal]\nStorage=persistent\nSystemMaxUse=4G\nSystemKeepFree=1M\n"


class Outside(Streams):
    """Streams that see the machine's network, and none of its processes: they outlive them."""

    def __init__(self, machine, kit, *options):
        self.machine = machine
        self.file = f"{kit.folder}/outside.json"
        self.child = Child(["nsenter", "-t", str(machine.leader), "-n", f"{kit.programs}/stream",
                            "--report", self.file, "--connections", str(CONNECTIONS), *options])
        machine.children.append(self.child.process)
        machine.wait("connections", self.report, 20)

    def report(self):
        try:
            with open(self.file, encoding="ascii") as report:
                return json.load(report)
        except FileNotFoundError:
            return None

    def finish(self, limit_s=90):
        self.child.process.terminate()
        return self.machine.wait("the streams' end", self.finished, limit_s)


def main_pid(machine):
    """Of the daemon; empty while nobody answers: what asks may be killed, or hang, meanwhile."""
    try:
        done = machine.run("systemctl", "show", "-P", "MainPID", daemon.SERVICE, check=False,
                           limit_s=4)
    except Failed:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def soft_reboot(machine):
    """And wait for the next daemon."""
    before = main_pid(machine)
    machine.run("systemctl", "soft-reboot", check=False)
    machine.wait("another daemon", lambda: main_pid(machine) not in ("", "0", before), 60)
    daemon.wait_active(machine)


def run(machine, kit):
    """See above."""
    version = int(re.match(r"systemd (\d+)", machine.out("systemctl", "--version")).group(1))
    if version < OLDEST:
        raise Skipped(f"systemd {version} ends what it keeps at a soft-reboot")
    machine.write("/etc/systemd/journald.conf.d/room.conf", ROOM)
    machine.run("systemctl", "restart", "systemd-journald.service")
    daemon.configure(machine, output="journal")
    machine.run("mkdir", "-p", f"/etc/systemd/system/{daemon.SERVICE}.d")
    machine.run("cp", EXAMPLE, f"/etc/systemd/system/{daemon.SERVICE}.d/")
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "enable", "--now", daemon.SERVICE)
    streams = Outside(machine, kit, "--rate", str(RATE))
    for _ in range(ROUNDS):
        streams.wait_until_sent(streams.sent() + 2000)
        time.sleep(kit.random.uniform(0, 0.2))
        soft_reboot(machine)
    streams.wait_until_sent(streams.sent() + 2000)
    sent = streams.finish()
    verdict = Verdict([sent], count_journal(machine, "PEER_ADDRESS=127.0.0.1"))
    verdict.expect_perfect()
    expect(verdict.messages >= 2000 * ROUNDS, f"only {verdict.messages} were sent")
    return f"{ROUNDS} soft-reboots; {verdict}"
