# SPDX-License-Identifier: MIT
"""A real journald: the machine's own, or one that is started for the benchmark alone.

A private one needs the runner's own mount namespace: /run/systemd and /run/log are
covered there, so neither its files nor its sockets meet those of the machine.
"""

import os
import shutil
import subprocess
import time

from . import process, space
from .tools import Failure

PROGRAMS = ("/usr/lib/systemd/systemd-journald", "/lib/systemd/systemd-journald")
SOCKET = "/run/systemd/journal/socket"
LOG_SOCKET = "/run/systemd/journal/dev-log"  # what /dev/log leads to
SETTINGS = """[Journal]
Storage=volatile
RateLimitIntervalSec=0
RateLimitBurst=0
RuntimeMaxUse=256M
ForwardToSyslog=no
ForwardToKMsg=no
ForwardToConsole=no
ForwardToWall=no
ReadKMsg=no
Audit=no
"""


def program():
    for path in PROGRAMS:
        if os.access(path, os.X_OK):
            return path
    return None


def available(bench):
    """Can a real journald be had?"""
    if bench.options.journald != "private":
        return os.path.exists(bench.options.journald)
    return space.INSIDE in os.environ and program() is not None


class Journald:
    """As a context: a journald that runs; PATH is its native socket."""

    def __init__(self, bench):
        self.bench = bench
        self.path = SOCKET if bench.options.journald == "private" else bench.options.journald
        self.process = None

    def __enter__(self):
        if self.bench.options.journald == "private":
            self._cover()
            self.process = process.start([program()], self.bench.scratch("journald.err"),
                                         stdin=subprocess.DEVNULL)
            if not process.wait_until(lambda: os.path.exists(SOCKET), 10):
                process.stop(self.process)
                raise Failure("journald did not start")
        return self

    @staticmethod
    def _cover():
        for path in ("/run/systemd", "/run/log"):
            os.makedirs(path, exist_ok=True)
            if not os.path.ismount(path):
                subprocess.run(["mount", "-t", "tmpfs", "tmpfs", path], check=True)
        shutil.rmtree("/run/log/journal", ignore_errors=True)
        for path in ("/run/systemd/journal", "/run/systemd/journald.conf.d", "/run/log/journal"):
            os.makedirs(path, exist_ok=True)
        if os.path.exists(SOCKET):
            os.unlink(SOCKET)
        with open("/run/systemd/journald.conf.d/bench.conf", "w", encoding="ascii") as file:
            file.write(SETTINGS)

    def cpu_ns(self):
        """Its own, where it is ours. Once it has nothing to do: what it has not read is to come."""
        if not self.process:
            return 0
        spent, since = -1, time.monotonic()
        while time.monotonic() - since < 0.3:
            now = process.cpu_ns(self.process.pid)
            if now - spent > 100000:  # it wakes now and then
                spent, since = now, time.monotonic()
            time.sleep(0.02)
        return now

    def __exit__(self, *_):
        if self.process:
            process.stop(self.process)
