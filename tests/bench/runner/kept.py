# SPDX-License-Identifier: MIT
"""A process under the service manager in miniature of the survival tests.

It answers to the calls of subprocess.Popen that the runner uses.
"""

import importlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from . import process
from .tools import Failure

STORE_MAX = 4096
READY_SECONDS = 30

_TESTS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_ROOM = os.path.join(_TESTS, "survival")
_SUPPORT = os.path.join(_TESTS, "integration")


def available():
    """Is the service manager where we expect it?"""
    return os.path.exists(os.path.join(_ROOM, "service_manager.py"))


def _room():
    """The module of that room."""
    sys.path += [_ROOM, _SUPPORT]
    try:
        return importlib.import_module("service_manager")
    finally:
        del sys.path[-2:]


class Kept:
    def __init__(self, bench, command):
        self._module = _room()
        self._log = open(bench.scratch("kept.err"), "ab")
        self._directory = tempfile.mkdtemp(dir=bench.directory)
        self._manager = self._module.ServiceManager(self._directory, command, self._log.fileno(),
                                                    store_max=STORE_MAX)
        self.returncode = None
        process.watch(self)
        self.start()

    @property
    def pid(self):
        return self._manager.pid

    def start(self):
        """Start it with everything that is stored for it, and wait until it is ready."""
        since = self._manager.mark()
        try:
            self._manager.start()
            self._manager.wait_ready(since, READY_SECONDS)
        except (AssertionError, self._module.Dead) as error:
            raise Failure(f"peerlogd, kept: {error}") from error

    def restart(self):
        """End it, start it again. Returns: seconds until it had ended, and was ready again."""
        began = time.monotonic()
        self._manager.kill(signal.SIGTERM, READY_SECONDS)
        ended = time.monotonic()
        self.start()
        return {"stop_seconds": ended - began, "restart_seconds": time.monotonic() - began}

    def poll(self):
        if self.returncode is None and not self._manager.alive():
            self.returncode = self._manager.wait()
        return self.returncode

    def send_signal(self, number):
        self._manager.send_signal(number)

    def kill(self):
        if self.poll() is None:
            self._manager.send_signal(signal.SIGKILL)

    def wait(self, timeout):
        """As subprocess.Popen has it."""
        if not process.wait_until(lambda: self.poll() is not None, timeout, 0.002):
            raise subprocess.TimeoutExpired("peerlogd", timeout)
        return self.returncode

    def released(self):
        """It has ended for good: let go of all that was stored."""
        self._manager.close()
        self._log.close()
        shutil.rmtree(self._directory, ignore_errors=True)
