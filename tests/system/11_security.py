# SPDX-License-Identifier: MIT
"""The scores of `systemd-analyze security` for both forms, with the service running.

At most 1.0 for the unit that binds its own ports, and 0.3 for the one that sees no network.
A port below 1024 is refused to the first, and granted with the drop-in file for it.
"""

import re

from harness import daemon
from harness.failure import expect

LOW_PORT = 514


def bind_low_port(machine):
    """Without the drop-in file and with it."""
    machine.write(daemon.CONFIGURATION, daemon.configuration("journal", port=LOW_PORT))
    machine.run("systemctl", "restart", daemon.SERVICE, check=False)
    daemon.expect_said(machine, "CAP_NET_BIND_SERVICE")
    example = machine.read("/usr/share/doc/peerlog/examples/low-ports.conf")
    daemon.add_drop_in(machine, "low-ports", example.splitlines())
    machine.run("systemctl", "restart", daemon.SERVICE)
    machine.run("peerlog", "-P", str(LOW_PORT), "by a low port")
    machine.wait("the message", lambda: machine.journal("PEER_ADDRESS=127.0.0.1"), 5)


def run(machine, _):
    """See above."""
    scores = []
    for unit, limit in daemon.MOST_EXPOSURE.items():
        text = machine.out("systemd-analyze", "security", "--no-pager", unit)
        found = re.search(r"Overall exposure level for \S+: ([\d.]+)", text)
        expect(found, f"no score for {unit}: {text[-300:]}")
        expect(float(found.group(1)) <= limit, f"{unit}: {found.group(1)} is more than {limit}")
        scores.append(f"{unit} {found.group(1)}")
    bind_low_port(machine)
    return ", ".join(scores) + f"; port {LOW_PORT} only with its drop-in"
