# SPDX-License-Identifier: MIT
"""A process under the service manager in miniature of the integration tests.

It answers to the calls of subprocess.Popen that the runner uses.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from . import process

_TESTS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Kept:
    def __init__(self, bench, command):
        sys.path.append(os.path.join(_TESTS, "integration"))
        from service_manager import ServiceManager  # that room's, not ours
        sys.path.pop()
        self._log = open(bench.scratch("kept.err"), "ab")
        self._directory = tempfile.mkdtemp(dir=bench.directory)
        self._manager = ServiceManager(self._directory, command, self._log.fileno())
        self.pid = None
        process.watch(self)
        self.start()

    def start(self):
        """Start it, with everything that is stored for it."""
        self.returncode = None
        self._manager.start()
        self.pid = self._manager.pid

    def wait_ready(self, seconds):
        return self._manager.ready.wait(seconds)

    def stored(self):
        """How many descriptors were stored so far."""
        return self._manager.stored

    def restart(self, number=signal.SIGTERM):
        """End it, start it again. Returns: seconds without a process, and until it was ready."""
        began = time.monotonic()
        self.send_signal(number)
        self.wait(30)
        ended = time.monotonic()
        self.start()
        if not self.wait_ready(30):
            return None
        return {"stop_seconds": ended - began, "restart_seconds": time.monotonic() - began}

    def poll(self):
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout):
        limit = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() >= limit:
                raise subprocess.TimeoutExpired("peerlogd", timeout)
            time.sleep(0.001)
        return self.returncode

    def released(self):
        """It has ended for good: let go of all that was stored."""
        self._manager.pid = None
        self._manager.close()
        self._log.close()
        shutil.rmtree(self._directory, ignore_errors=True)
