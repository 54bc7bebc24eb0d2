# SPDX-License-Identifier: MIT
"""A control group for each container, so that those of parallel runs do not share one.

Told to keep its unit, systemd-nspawn stays in the control group it was started in and makes
those of its container within. A second container there would have the same ones: each PID 1
would count, move and kill the processes of the other.
"""

import os
import re
import time

# Of the hierarchies, those in which systemd itself keeps its groups.
SYSTEMD_OWNS = ("", "name=systemd")
REMOVE_LIMIT_S = 10


def mount_points():
    """Where control groups are mounted: by "" the unified hierarchy, by their names others."""
    points = {}
    with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
        for line in mounts:
            before, after = line.split(" - ", 1)
            kind, _, options = after.split()[:3]
            if kind == "cgroup2":
                points[""] = before.split()[4]
            elif kind == "cgroup":
                named = re.search(r"\bname=[^,]+", options)
                if named:
                    points[named.group()] = before.split()[4]
    return points


def make(name):
    """Make groups with this NAME within those of this very process. Returns: their folders."""
    points = mount_points()
    folders = []
    with open("/proc/self/cgroup", encoding="utf-8") as own:
        for line in own:
            _, hierarchy, path = line.rstrip("\n").split(":", 2)
            if hierarchy in SYSTEMD_OWNS and hierarchy in points:
                folders.append(os.path.join(points[hierarchy], path.lstrip("/"), name))
                os.mkdir(folders[-1])
    return folders


def enter(folders):
    """Between fork and exec: let the process and its children be in these groups."""
    for folder in folders:
        with open(f"{folder}/cgroup.procs", "w", encoding="ascii") as processes:
            processes.write("0")


def remove_one(folder):
    """From the leaves up. Returns: whether it is gone; it stays as long as a process ends."""
    for path, _, _ in os.walk(folder, topdown=False):
        try:
            os.rmdir(path)
        except OSError:
            return False
    return True


def remove(folders):
    """Remove the groups once their processes have ended."""
    deadline = time.monotonic() + REMOVE_LIMIT_S
    while not all([remove_one(folder) for folder in folders]):
        if time.monotonic() > deadline:
            return
        time.sleep(0.05)
