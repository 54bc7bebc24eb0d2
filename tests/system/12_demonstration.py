# SPDX-License-Identifier: MIT
"""The three commands of the README, typed as they stand there.

A visitor sends two hundred thousand lines, restarts and kills the service under them, and
counts what came. A promise that is printed on the first page must hold on every machine.
"""

import re
from pathlib import Path

from harness.failure import expect

LIMIT_S = 300
COMMANDS_LIMIT_S = 240  # they end when the log has it all, however slow this machine is
README = Path(__file__).resolve().parents[2] / "README.md"
HEADING = "## See that nothing is lost\n"


def commands():
    """The indented lines below the heading, and the number that the text promises."""
    section = README.read_text(encoding="utf-8").split(HEADING)[1].split("\n## ")[0]
    lines = [line.strip() for line in section.splitlines() if line.startswith("    ")]
    promised = int(re.search(r"It says (\d+)", section).group(1))
    return lines, promised


def run(machine, _):
    """See above."""
    lines, promised = commands()
    expect(len(lines) == 3, f"the README has {len(lines)} commands instead of three")
    script = "\n".join(lines).replace("sudo ", "")
    # The journal is written behind; a person would look again.
    before_count, count = script.rsplit("\n", 1)
    script = f"{before_count}\njournalctl --sync\n{count}"
    counted = machine.sh(script, limit_s=COMMANDS_LIMIT_S).strip()
    expect(counted == str(promised), f"it says {counted}")  # and peerlog nothing
    return f"{promised:,} lines through a restart and a kill, all of them there"
