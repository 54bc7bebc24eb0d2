# SPDX-License-Identifier: MIT
"""peerlogd, started with a configuration, strict about what it says and how it ends."""

import contextlib
import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

from clients import connect
from kernel import held_port, tcp_sockets
from sinks import DatagramSink, StdoutSink, new_sink
from waiting import PATIENCE, deadline, until

PEERLOGD = os.environ.get("PEERLOGD", "peerlogd")


def is_sanitized(program):
    with open(shutil.which(program) or os.devnull, "rb") as file:
        data = file.read()
    return b"__asan_init" in data or b"__tsan_init" in data


SANITIZED = is_sanitized(PEERLOGD)
LOOPBACK = {"address": "127.0.0.1", "port": 0}
PATIENT = dict(LOOPBACK, flush_timeout=0)  # half a message waits, however slow the machine is


def libconfig(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, dict):
        return "{ " + " ".join(f"{k} = {libconfig(v)};" for k, v in value.items()) + " }"
    if isinstance(value, (list, tuple)) and value and isinstance(value[0], dict):
        return "( " + ", ".join(libconfig(v) for v in value) + " )"
    if isinstance(value, (list, tuple)):
        return "[ " + ", ".join(libconfig(v) for v in value) + " ]"
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def settings_text(settings):
    return "".join(f"{name} = {libconfig(value)};\n" for name, value in settings.items())


class Words:
    """A program's own words, such as the daemon's standard error, line by line."""

    def __init__(self, stream):
        self.changed = threading.Condition()
        self.lines = []
        self.ended = False
        self.stream = stream
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        for line in self.stream:
            with self.changed:
                self.lines.append(line.decode("utf-8", "backslashreplace").rstrip("\n"))
                self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def matching(self, pattern):
        return [m for m in (re.search(pattern, line) for line in list(self.lines)) if m]

    def wait(self, pattern, count=1, seconds=None):
        end = deadline(seconds)
        with self.changed:
            while len(self.matching(pattern)) < count:
                left = end - time.monotonic()
                assert left > 0 and not self.ended, (
                    f"{count} x {pattern!r} was not said, but: " + "\n".join(self.lines))
                self.changed.wait(left)
        return self.matching(pattern)


class Configured:
    """A daemon with a file that can be written anew, and words that are all accounted for."""

    def __init__(self, file, settings):
        self.file = file
        self.settings = {"listeners": [LOOPBACK], **settings}
        self.words = None  # once it has said any
        self.expected = [r"^\w+: listening on \S+:\d+$", r"^\w+: since the start: ",
                         r"^\w+: delivered \d+ messages? as far as",
                         r"^\w+: the certificate of listener \S+ is good until \d{4}-\d\d-\d\d$"]

    def output_settings(self):
        """What the file says of the output."""
        raise NotImplementedError

    def write_file(self, text=None, **changes):
        """Write the configuration anew, with these changes; or this text."""
        self.settings.update(changes)
        if text is None:
            text = settings_text(dict(self.settings, output=self.output_settings()))
        with open(self.file, "w", encoding="utf-8") as file:
            file.write(text)

    def expect(self, pattern, count=1):
        """Wait until this was said so many times; it is no surprise at the end."""
        self.expected.append(pattern)
        return self.words.wait(pattern, count)

    def allow(self, *patterns):
        self.expected.extend(patterns)

    def said(self, pattern):
        return len(self.words.matching(pattern))

    def check_words(self):
        """It has said nothing that was not expected or allowed."""
        surprises = [line for line in self.words.lines
                     if not any(re.search(pattern, line) for pattern in self.expected)]
        assert not surprises, "the daemon also said:\n" + "\n".join(surprises[:20])


class Daemon(Configured):
    """peerlogd with a configuration; strict about what it says and how it ends."""

    def __init__(self, scratch, sink=None, before=None, stdout=None, **settings):
        super().__init__(os.path.join(scratch, f"peerlogd-{id(self):x}.conf"), settings)
        self.sink = sink
        self.output = dict(self.settings.pop("output", {}))
        if isinstance(sink, DatagramSink):
            self.output = dict(type=sink.kind, path=sink.path, **self.output)
        elif sink is not None or stdout is not None:
            self.output = dict(type="stdout", **self.output)
        self.write_file()
        self.status = None
        self.status_wanted = 0
        self.start(before, stdout)

    def output_settings(self):
        return self.output

    def start(self, before, stdout):
        if isinstance(self.sink, StdoutSink):
            stdout = self.sink.write_end
        self.process = subprocess.Popen(
            [PEERLOGD, "-c", self.file], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if stdout is None else stdout,
            stderr=subprocess.PIPE, preexec_fn=lambda: end_with_test(before),
            env=clean_environment())
        if isinstance(self.sink, StdoutSink):
            self.sink.attach()
        self.pid = self.process.pid
        self.words = Words(self.process.stderr)
        try:
            said = self.words.wait(r"listening on (\S+):(\d+)$", len(self.settings["listeners"]))
        except AssertionError:
            self.process.kill()
            raise
        self.listeners = [(m.group(1).strip("[]"), int(m.group(2))) for m in said]
        self.port = self.listeners[0][1]

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.end()
            return
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.words.thread.join()
        sys.stderr.write("\n".join(["--- the daemon said:"] + self.words.lines + ["---", ""]))

    def signal(self, number):
        self.process.send_signal(number)
        if number == signal.SIGSTOP:  # some threads hear of it later than others
            os.waitid(os.P_PID, self.process.pid, os.WSTOPPED)

    def wait(self):
        """The exit status; negative for a signal."""
        if self.status is None:
            self.status = self.process.wait(PATIENCE)
            self.words.thread.join()
        return self.status

    def end(self, status=None):
        """Stop it if it runs, and see that it ends well and said nothing unexpected."""
        if status is not None:
            self.status_wanted = status
        if self.status is None and self.process.poll() is None:
            self.signal(signal.SIGTERM)
        ended = self.wait()
        self.check_words()
        assert ended == self.status_wanted, (
            f"exit status {ended} instead of {self.status_wanted}")

    def counted(self, what):
        """A number that it says on SIGUSR1, such as counted("connections accepted")."""
        match, = self.words.wait(rf"since the start: .*\b{what} (\d+)")
        return int(match.group(1))

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def threads(self):
        return len(os.listdir(f"/proc/{self.pid}/task"))

    def wait_workers(self):
        """Wait until each worker has opened its socket to the log: the first thing it does."""
        def opened():
            sockets = workers = 0
            for fd in os.scandir(f"/proc/{self.pid}/fd"):
                with contextlib.suppress(FileNotFoundError):  # closed while we looked
                    sockets += os.readlink(fd.path).startswith("socket:")
            for task in os.scandir(f"/proc/{self.pid}/task"):
                with open(f"{task.path}/comm", encoding="ascii") as file:
                    workers += file.read().startswith("worker")
            return workers > 0 and sockets > workers  # one of them listens

        until(opened, "the workers to open their logs")

    def sockets(self, port=None):
        """The kernel's states of our side of each connection."""
        port = port or self.port
        return [state for state, local in tcp_sockets() if local == port]

    def wait_closed(self):
        """Wait until no connection is left on our side, in any state."""
        until(lambda: not self.sockets(), "all connections to be closed")


class Speechless:
    """A daemon whose words nobody hears, on a port that is known all the same.

    STDERR: a descriptor to be its standard error. BEFORE: as Daemon's.
    """

    def __init__(self, scratch, sink, stderr=None, before=None, **settings):
        self.held = contextlib.ExitStack()
        self.port = self.held.enter_context(held_port())
        path = os.path.join(scratch, "speechless.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(settings_text(dict(listeners=[dict(LOOPBACK, port=self.port)],
                                          output=dict(type=sink.kind, path=sink.path),
                                          **settings)))
        self.process = subprocess.Popen(
            [PEERLOGD, "-c", path], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=stderr, preexec_fn=lambda: end_with_test(before), env=clean_environment())

    def __enter__(self):
        until(self.listens, "it to listen")
        return self

    def listens(self):
        assert self.process.poll() is None, f"it ended with {self.process.wait()}"
        with contextlib.suppress(ConnectionRefusedError):
            connect(self.port).close()
            return True
        return False

    def __exit__(self, kind, *_):
        self.process.send_signal(signal.SIGTERM if kind is None else signal.SIGKILL)
        status = self.process.wait(PATIENCE)
        self.held.close()
        assert kind is not None or status == 0, f"exit status {status}"


def end_with_test(before=None):
    """In a child: whatever becomes of the test, this process does not outlive it."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if before:
        before()


def clean_environment(**more):
    env = {k: v for k, v in os.environ.items()
           if k not in ("NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES",
                        "JOURNAL_STREAM", "WATCHDOG_USEC", "WATCHDOG_PID")}
    env.update(more)
    return env


def run_daemon(*arguments, before=None, env=None):
    """Run it to its end, for what ends by itself. Returns: status, stdout, stderr lines."""
    done = subprocess.run([PEERLOGD, *arguments], stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=PATIENCE, preexec_fn=before,
                          env=clean_environment(**(env or {})), check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode().splitlines()


@contextlib.contextmanager
def serving(kind, scratch, **settings):
    """A daemon and the log it writes to; stopped and judged at the end."""
    with new_sink(kind, scratch) as sink:
        with Daemon(scratch, sink, **settings) as daemon:
            yield daemon, sink
