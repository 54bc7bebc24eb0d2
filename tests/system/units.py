#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What can be said of the units and the message catalog without booting anything.

systemd itself reads the units as they were built, finds no fault, and scores them; and the
identifiers in the catalog are those in the daemon's header, no more and no fewer.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

from harness.daemon import MOST_EXPOSURE

SKIP = 77
SOURCE = os.environ["PEERLOG_SOURCE"]
DAEMON = os.environ["PEERLOGD"]
FAULTS = []


def read(path):
    """The text of a file."""
    with open(path, encoding="utf-8") as content:
        return content.read()


def compare_identifiers():
    """The header against the catalog."""
    header = re.findall(
        r'^#define MESSAGE_ID_\w+ "([0-9a-f]{32})"$',
        read(f"{SOURCE}/src/daemon/message_ids.h"),
        re.M,
    )
    catalog = re.findall(r"^-- ([0-9a-f]{32})$", read(f"{SOURCE}/systemd/peerlogd.catalog"), re.M)
    if not header or sorted(header) != sorted(catalog):
        FAULTS.append(f"header and catalog differ: {set(header) ^ set(catalog)}")
    if len(set(header)) != len(header):
        FAULTS.append("an identifier stands for two messages")


def collect_units(folder):
    """Copies of the units that name the daemon as it was built, not as it will be installed."""
    built = f"{os.path.dirname(DAEMON)}/systemd"
    units = [f"{built}/{name}" for name in MOST_EXPOSURE]
    for path in units + [f"{SOURCE}/systemd/peerlogd.socket"]:
        text = re.sub(r"^(Exec\w+=)\S*/peerlogd\b", rf"\g<1>{DAEMON}", read(path), flags=re.M)
        if "@" in re.sub(r"SystemCallFilter=.*", "", text):
            FAULTS.append(f"{path}: something was not replaced")
        with open(f"{folder}/{os.path.basename(path)}", "w", encoding="utf-8") as copy:
            copy.write(text)


def analyze(folder, *arguments):
    """Ask systemd-analyze. Returns: its exit status and what it said."""
    done = subprocess.run(
        ["systemd-analyze", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout


def check_units(folder):
    """No fault of the units themselves; what is missing on this machine does not count."""
    units = [f"{folder}/{name}" for name in os.listdir(folder)]
    _, said = analyze(folder, "verify", "--man=no", "--recursive-errors=no", *units)
    for line in said.splitlines():
        if "peerlogd" in line:
            FAULTS.append(f"systemd-analyze verify: {line}")


def check_scores(folder):
    """The exposure of each form."""
    for name, limit in MOST_EXPOSURE.items():
        _, said = analyze(folder, "security", "--offline=true", "--no-pager", f"{folder}/{name}")
        found = re.search(r"Overall exposure level for \S+: ([\d.]+)", said)
        if found is None:
            FAULTS.append(f"systemd-analyze security says nothing of {name}: {said[-200:]}")
        elif float(found.group(1)) > limit:
            FAULTS.append(f"the exposure of {name} is {found.group(1)}, more than {limit}")
        else:
            print(f"{name}: {found.group(1)}")


def main():
    """Returns: the exit status."""
    compare_identifiers()
    can_analyze = shutil.which("systemd-analyze") is not None
    if can_analyze:
        with tempfile.TemporaryDirectory() as folder:
            collect_units(folder)
            check_units(folder)
            check_scores(folder)
    for fault in FAULTS:
        print(fault)
    if not FAULTS and not can_analyze:
        print("only the identifiers were compared: systemd-analyze is missing")
        return SKIP
    return 1 if FAULTS else 0


if __name__ == "__main__":
    sys.exit(main())
