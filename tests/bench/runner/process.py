# SPDX-License-Identifier: MIT
"""Processes: starting, measuring and ending them.

Everything that the benchmark starts is started here and known here, so that
nothing is left behind, whichever way the runner ends.
"""

import ctypes
import os
import re
import signal
import subprocess
import time

STOP_SECONDS = 5.0

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)
_living = []


def _die_with_parent():
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def start(command, log, **popen_args):
    """Start a command; its words on stderr go to the file named LOG."""
    with open(log, "ab") as stderr:
        process = subprocess.Popen(command, stderr=stderr, preexec_fn=_die_with_parent,
                                   **popen_args)
    _living.append(process)
    return process


def stop(process):
    """End a process: ask first, then insist."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_SECONDS)
    if process in _living:
        _living.remove(process)
        getattr(process, "released", lambda: None)()


def watch(process):
    """Somebody else started this one; it is ended with the others."""
    _living.append(process)


def stop_all():
    """End whatever still lives."""
    for process in list(_living):
        process.kill()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        _living.remove(process)


def cpu_ns(pid):
    """CPU time of all threads of a process so far, from its CPU clock."""
    return time.clock_gettime_ns((~pid << 3) | 2)


def context_switches(pid):
    """How often the threads of a process were scheduled."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/status", encoding="ascii") as status:
            for line in status:
                if "ctxt_switches" in line:
                    total += int(line.split()[1])
    return total


def _memory_files(pid):
    """Bytes of the memory files that a process holds open."""
    sizes = {}
    for fd in os.listdir(f"/proc/{pid}/fd"):
        path = f"/proc/{pid}/fd/{fd}"
        try:
            if os.readlink(path).startswith("/memfd:"):
                status = os.stat(path)
                sizes[status.st_ino] = status.st_blocks * 512
        except FileNotFoundError:
            pass
    return sum(sizes.values())


def memory(pid):
    """Bytes of memory that a process occupies.

    Resident pages, with its memory files counted by the pages they really have,
    mapped or not.
    """
    fields = {}
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as rollup:
        for line in rollup:
            match = re.match(r"(\w+):\s+(\d+) kB", line)
            if match:
                fields[match[1]] = int(match[2]) * 1024
    return fields["Rss"] - fields.get("Pss_Shmem", 0) + _memory_files(pid)


def _has_socket(port, states):
    """Is there a TCP socket with this local port in one of these states (hexadecimal)?"""
    wanted = f":{port:04X}"
    with open("/proc/net/tcp", encoding="ascii") as table:
        next(table)
        for line in table:
            fields = line.split()
            if fields[3] in states and fields[1].endswith(wanted):
                return True
    return False


def listens(port):
    """Does anybody listen on this port?"""
    return _has_socket(port, ("0A",))


def connected(port):
    """Is a connection to this port open, or half open?"""
    return _has_socket(port, ("01", "08"))


def wait_until(condition, seconds, step=0.005):
    """Wait until CONDITION() is true; answers whether it became so in time."""
    limit = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= limit:
            return False
        time.sleep(step)
    return True
