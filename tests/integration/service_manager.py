# SPDX-License-Identifier: MIT
#
# A service manager in miniature: it listens on a notification socket, keeps the descriptors
# that a daemon stores, and hands them to the next process, as systemd does it. With it a
# restart or a kill can be tried a hundred times in seconds, and without being root.

import array
import os
import signal
import socket
import threading


class ServiceManager:
    """Runs one service; `start`, `kill` and `restart` are what systemctl would do."""

    def __init__(self, directory, command, stderr):
        self.command = command
        self.stderr = stderr
        self.store = {}  # name: list of descriptors
        self.status = ""
        self.stored = 0
        self.ready = threading.Event()
        self.reloading = threading.Event()
        self.pid = None
        self.path = os.path.join(directory, "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.socket.bind(self.path)
        self.lock = threading.Lock()
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()

    def _listen(self):
        size = socket.CMSG_SPACE(4 * 16)
        while True:
            try:
                data, control, _, _ = self.socket.recvmsg(65536, size)
            except OSError:
                return
            fds = []
            for level, kind, payload in control:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                    numbers = array.array("i")
                    numbers.frombytes(payload[: len(payload) // 4 * 4])
                    fds.extend(numbers)
            lines = data.decode().split("\n")
            fields = dict(line.split("=", 1) for line in lines if "=" in line)
            self._heed(fields, fds)

    def _heed(self, fields, fds):
        name = fields.get("FDNAME", "stored")
        with self.lock:
            if fields.get("FDSTORE") == "1":
                self.store.setdefault(name, []).extend(fds)
                self.stored += len(fds)
            if fields.get("FDSTOREREMOVE") == "1":
                for fd in self.store.pop(name, []):
                    os.close(fd)
        if "STATUS" in fields:
            self.status = fields["STATUS"]
        if fields.get("RELOADING") == "1":
            self.reloading.set()
        if fields.get("READY") == "1":
            self.ready.set()
        if "BARRIER" in fields:
            for fd in fds:
                os.close(fd)

    def start(self, extra=()):
        """Start a process with all that is stored; EXTRA are (name, descriptor) of a socket unit."""
        self.ready.clear()
        with self.lock:
            passed = list(extra) + [(n, fd) for n, fds in self.store.items() for fd in fds]
        pid = os.fork()
        if pid == 0:
            self._become(passed)
        self.pid = pid

    def _become(self, passed):
        try:
            high = [os.dup2(fd, 900 + i) for i, (_, fd) in enumerate(passed)]
            os.dup2(self.stderr, 2)
            for i, fd in enumerate(high):
                os.dup2(fd, 3 + i, inheritable=True)
            os.closerange(3 + len(high), 5000)
            environment = dict(os.environ, NOTIFY_SOCKET=self.path)
            if passed:
                environment["LISTEN_PID"] = str(os.getpid())
                environment["LISTEN_FDS"] = str(len(passed))
                environment["LISTEN_FDNAMES"] = ":".join(name for name, _ in passed)
            signal.pthread_sigmask(signal.SIG_SETMASK, [])
            os.execve(self.command[0], self.command, environment)
        finally:
            os._exit(127)

    def kill(self, number=signal.SIGKILL):
        """End the process by a signal and wait for it. Returns its wait status."""
        os.kill(self.pid, number)
        return self.wait()

    def wait(self):
        _, status = os.waitpid(self.pid, 0)
        self.pid = None
        return status

    def close(self):
        if self.pid is not None:
            self.kill()
        with self.lock:
            for fds in self.store.values():
                for fd in fds:
                    os.close(fd)
            self.store.clear()
        self.socket.close()
