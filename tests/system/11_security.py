# SPDX-License-Identifier: MIT
"""The scores of `systemd-analyze security` for both forms, with the service running.

At most 1.0 for the unit that binds its own ports, and 0.3 for the one that sees no network.
"""

import re

from harness.failure import expect

LIMITS = {"peerlogd.service": 1.0, "peerlogd-activated.service": 0.3}


def run(machine, _):
    """See above."""
    scores = []
    for unit, limit in LIMITS.items():
        text = machine.out("systemd-analyze", "security", "--no-pager", unit)
        found = re.search(r"Overall exposure level for \S+: ([\d.]+)", text)
        expect(found, f"no score for {unit}: {text[-300:]}")
        expect(float(found.group(1)) <= limit, f"{unit}: {found.group(1)} is more than {limit}")
        scores.append(f"{unit} {found.group(1)}")
    return ", ".join(scores)
