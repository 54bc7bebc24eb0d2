# SPDX-License-Identifier: MIT
"""A service manager in miniature: notification socket, descriptor store, hand-over.

It does for one service what systemd does: listens to what the daemon says, keeps the
descriptors that it stores, and hands them to the next process by LISTEN_FDS. With it a
restart or a kill can be tried a hundred times in seconds, and without being root.
"""

import array
import fcntl
import os
import resource
import select
import signal
import socket
import threading
import time

from support import PATIENCE, end_with_test

FIRST_FD = 3  # SD_LISTEN_FDS_START
MAX_RIGHTS = 253  # descriptors in one message (SCM_MAX_FD)


class Dead(Exception):
    """The daemon ended where it should live."""


class ServiceManager:
    """Runs one service. `start`, `kill` and `wait` are what systemctl would do."""

    def __init__(self, directory, command, stderr, environment=None, store_max=512):
        self.command = command
        self.stderr = stderr
        self.environment = dict(environment or {})
        self.store_max = store_max  # FileDescriptorStoreMax
        self.files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]  # LimitNOFILE
        self.pid = None
        self.starts = 0
        self.changed = threading.Condition()
        self.store = {}  # name: list of descriptors
        self.refused = 0  # beyond store_max
        self.most = 0  # that the store ever held
        self.said = []  # (monotonic time, {field: value}) of every message
        self.broken = None
        self.path = os.path.join(directory, "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.socket.bind(self.path)
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()

    # --- what the daemon says ---

    def _listen(self):
        try:
            while self._hear():
                pass
        except Exception as error:  # told to whoever waits
            with self.changed:
                self.broken = repr(error)
                self.changed.notify_all()

    def _hear(self):
        """Take one message. Returns: is there another one?"""
        data, control, flags, _ = self.socket.recvmsg(65536, socket.CMSG_SPACE(4 * MAX_RIGHTS))
        fds = array.array("i")
        for level, kind, payload in control:
            assert (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS)
            fds.frombytes(payload[:len(payload) // 4 * 4])
        assert not flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC), "a message was cut"
        fields = dict(line.split("=", 1) for line in data.decode().split("\n") if line)
        with self.changed:
            self._heed(fields, list(fds))
            self.said.append((time.monotonic(), fields))
            self.changed.notify_all()
        return "X_END" not in fields

    def _heed(self, fields, fds):
        name = fields.get("FDNAME", "stored")
        if fields.get("FDSTORE") == "1":
            assert fields.get("FDPOLL") == "0", f"{name} would be dropped when a peer hangs up"
            while fds and self._count() < self.store_max:
                self.store.setdefault(name, []).append(fds.pop(0))
            self.refused += len(fds)
            self.most = max(self.most, self._count())
        elif fields.get("FDSTOREREMOVE") == "1":
            fds += self.store.pop(name, [])
        for fd in fds:
            os.close(fd)

    def _count(self):
        return sum(len(fds) for fds in self.store.values())

    def _flush(self):
        """Wait until everything that was said so far is heeded."""
        mark = f"{time.monotonic_ns()}"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.sendto(f"X_FLUSH={mark}".encode(), self.path)
        self.wait_said("the end of its messages", lambda f: f.get("X_FLUSH") == mark, dead=True)

    def wait_said(self, what, wanted, since=0, seconds=PATIENCE, dead=False):
        """Wait until a message, of those from number SINCE on, is WANTED. Returns: its number.

        Unless DEAD is fine, the end of the daemon ends the wait too.
        """
        end = time.monotonic() + seconds
        while True:
            died = not dead and self._has_died()
            if died:
                self._flush()  # what it said at its end counts
            with self.changed:
                for i in range(since, len(self.said)):
                    if wanted(self.said[i][1]):
                        return i
                since = max(since, len(self.said))
                assert self.broken is None, f"the manager: {self.broken}"
                if died:
                    raise Dead(f"it died while {what} was waited for")
                left = end - time.monotonic()
                assert left > 0, f"waited too long for {what}"
                self.changed.wait(min(left, 0.05))

    def status(self):
        """The latest STATUS line."""
        with self.changed:
            texts = [f["STATUS"] for _, f in self.said if "STATUS" in f]
        return texts[-1] if texts else ""

    def count_said(self, field, since=0):
        with self.changed:
            return sum(field in fields for _, fields in self.said[since:])

    def mark(self):
        """The number of the next message, for wait_said()."""
        with self.changed:
            return len(self.said)

    # --- what is kept ---

    def stored(self):
        """How many descriptors are kept."""
        self._flush()
        with self.changed:
            return self._count()

    def names(self):
        with self.changed:
            return {name: len(fds) for name, fds in self.store.items()}

    def descriptors(self, prefix):
        """Descriptors kept under names that begin so; they stay the manager's."""
        self._flush()
        with self.changed:
            return [fd for name, fds in self.store.items() if name.startswith(prefix)
                    for fd in fds]

    def keep(self, name, fd):
        """Put a descriptor into the store; it becomes the manager's."""
        with self.changed:
            self.store.setdefault(name, []).append(fd)

    def forget(self, prefix):
        """Empty the store of names that begin so, as `systemctl stop` does with all."""
        self._flush()
        with self.changed:
            for name in [n for n in self.store if n.startswith(prefix)]:
                for fd in self.store.pop(name):
                    os.close(fd)

    # --- processes ---

    def start(self, extra=(), preload=None):
        """Start a process with all that is stored; EXTRA: (name, descriptor) of a socket unit."""
        assert self.pid is None, "it runs already"
        if self.starts:
            self._flush()
        environment = self._environment(preload)
        with self.changed:
            passed = list(extra) + [(n, fd) for n, fds in self.store.items() for fd in fds]
        pid = os.fork()
        if pid == 0:
            self._become(passed, environment)
        self.pid = pid
        self.starts += 1

    def _environment(self, preload):
        left_out = ("JOURNAL_STREAM", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PID")
        environment = {k: v for k, v in os.environ.items() if k not in left_out}
        environment.update(self.environment, NOTIFY_SOCKET=self.path, FDSTORE="4096")
        if preload:
            environment["LD_PRELOAD"] = preload
            environment["ASAN_OPTIONS"] = "verify_asan_link_order=0:" + os.environ.get(
                "ASAN_OPTIONS", "")
        return environment

    def _become(self, passed, environment):
        """The child: descriptors to 3, 4, ..., like systemd, and nothing else open."""
        try:
            end_with_test()
            behind = FIRST_FD + len(passed)
            # Out of the way first: a stored descriptor may have any number.
            high = [fcntl.fcntl(fd, fcntl.F_DUPFD, behind) for _, fd in passed]
            os.dup2(self.stderr, 2)
            null = os.open("/dev/null", os.O_RDWR)
            os.dup2(null, 0)
            os.dup2(null, 1)
            for i, fd in enumerate(high):
                os.dup2(fd, FIRST_FD + i, inheritable=True)
            os.closerange(behind, max(high, default=behind) + 1 + 4096)
            if passed:
                environment["LISTEN_PID"] = str(os.getpid())
                environment["LISTEN_FDS"] = str(len(passed))
                environment["LISTEN_FDNAMES"] = ":".join(name for name, _ in passed)
            if "WATCHDOG_USEC" in environment:
                environment["WATCHDOG_PID"] = str(os.getpid())
            for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, [])
            resource.setrlimit(resource.RLIMIT_NOFILE, (self.files, self.files))
            os.execve(self.command[0], self.command, environment)
        except BaseException as error:
            os.write(2, f"service manager: {error!r}\n".encode())
        finally:
            os._exit(127)

    def _has_died(self):
        return self.pid is None or os.waitid(
            os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def alive(self):
        return not self._has_died()

    def wait_ready(self, since=0, seconds=PATIENCE):
        """Wait for READY=1 in the messages from number SINCE on."""
        return self.wait_said("READY=1", lambda f: f.get("READY") == "1", since, seconds)

    def send_signal(self, number):
        os.kill(self.pid, number)

    def kill(self, number=signal.SIGKILL, seconds=PATIENCE):
        """Send a signal and wait for the end. Returns: as wait()."""
        self.send_signal(number)
        return self.wait(seconds)

    def wait(self, seconds=PATIENCE):
        """Wait for the process to end. Returns: exit status, or the signal as a negative number."""
        end = time.monotonic() + seconds
        pidfd = os.pidfd_open(self.pid)
        try:
            poll = select.poll()
            poll.register(pidfd, select.POLLIN)
            if not poll.poll(max(0, end - time.monotonic()) * 1000):
                os.kill(self.pid, signal.SIGABRT)
                raise AssertionError(f"it did not end within {seconds} s")
            _, status = os.waitpid(self.pid, 0)
        finally:
            os.close(pidfd)
        self.pid = None
        return os.waitstatus_to_exitcode(status)

    def close(self):
        if self.pid is not None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = None
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"X_END=1", self.path)
        self.thread.join()
        for fds in self.store.values():
            for fd in fds:
                os.close(fd)
        self.store.clear()
        self.socket.close()
        os.unlink(self.path)
