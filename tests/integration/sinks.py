# SPDX-License-Identifier: MIT
"""Logs that listen: where the daemon's records arrive."""

import array
import contextlib
import fcntl
import os
import selectors
import socket
import threading
import time

from records import parse_datagram, parse_entry, parse_line, record_of_entry
from waiting import Late, deadline


class Sink:
    """Where records arrive. Raw items are kept by a thread and parsed when asked for."""

    def __init__(self):
        self.changed = threading.Condition()
        self.raw = []
        self.parsed = []
        self.asked = 0
        self.broken = None

    def add(self, items):
        with self.changed:
            self.raw.extend(items)
            self.changed.notify_all()

    def parse(self, item):
        raise NotImplementedError

    def count(self):
        """How many raw items have come; cheap, for waiting."""
        return len(self.raw)

    def records(self):
        """All so far, in order of arrival; the list is the sink's own."""
        with self.changed:
            fresh = self.raw[self.asked:]
        for item in fresh:
            self.parsed.extend(self.parse(item))
            self.asked += 1  # so who asks again after a fault meets it again
        assert self.broken is None, self.broken
        return self.parsed

    def wait(self, answer, what, seconds=None):
        """Wait until ANSWER(records) is true, and return the records."""
        end = deadline(seconds)
        while True:
            records = self.records()
            if answer(records):
                return records
            with self.changed:
                left = end - time.monotonic()
                if left <= 0:
                    raise Late(
                        f"waited too long for {what}; {len(records)} came, the last "
                        f"{records[-3:]!r}")
                if self.asked == len(self.raw) and self.broken is None:
                    self.changed.wait(left)

    def wait_count(self, count, seconds=None):
        return self.wait(lambda r: len(r) >= count, f"{count} records", seconds)


class DatagramSink(Sink):
    """A log socket that a test can stall, take away, and put back."""

    def __init__(self, path, bind=True):
        super().__init__()
        self.path = path
        self.socket = None
        self.thread = None
        self.wake = None  # ends the reader that runs
        self.stalled = False
        self.slowness = 0  # seconds that it needs for a datagram
        if bind:
            self.bind()

    def bind(self):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        if not self.stalled:
            self.start()

    def start(self):
        woken, self.wake = os.pipe()
        self.thread = threading.Thread(target=self.run, args=(self.socket, woken), daemon=True)
        self.thread.start()

    def run(self, sock, woken):
        with os.fdopen(woken), selectors.DefaultSelector() as selector:
            selector.register(sock, selectors.EVENT_READ)
            selector.register(woken, selectors.EVENT_READ)
            try:
                while True:
                    ready = [key.fileobj for key, _ in selector.select()]
                    if woken in ready:
                        return
                    self.drain(sock)
            except Exception as error:  # told to the test at its next look
                self.broken = f"the log socket's reader: {error!r}"
                self.add([])

    def drain(self, sock):
        items = []
        while len(items) < (1 if self.slowness else 1000):
            try:
                items.append(self.receive(sock))
            except BlockingIOError:
                break
        self.add(items)
        if self.slowness:
            threading.Event().wait(self.slowness)

    def receive(self, sock):
        data, _, flags, _ = sock.recvmsg(1 << 20, 0, socket.MSG_DONTWAIT)
        assert not flags & socket.MSG_TRUNC
        return data

    def stall(self):
        """Stop reading; datagrams pile up in the socket."""
        self.stalled = True
        if self.thread is not None:
            os.close(self.wake)
            self.thread.join()
            self.thread = None

    def resume(self):
        self.stalled = False
        if self.thread is None and self.socket is not None:
            self.start()

    def unlink(self):
        """Take the name away; who is connected stays connected."""
        os.unlink(self.path)

    def close(self):
        """Take the socket away. What it was given is read first: nothing is lost in it."""
        stalled = self.stalled
        self.stall()
        self.stalled = stalled
        sock, self.socket = self.socket, None
        if sock is None:
            return
        sock.shutdown(socket.SHUT_RD)
        items = []
        with contextlib.suppress(BlockingIOError):
            while True:
                item = self.receive(sock)
                if not item:
                    break
                items.append(item)
        sock.close()
        self.add(items)

    def replace(self):
        """Put a new socket in the old one's place, in one step, and then close the old one."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as new:
            new.bind(self.path + ".new")
            os.rename(self.path + ".new", self.path)
            self.close()
            self.socket = new.dup()
        if not self.stalled:
            self.start()

    def done(self):
        self.close()


class SyslogSink(DatagramSink):
    kind = "syslog"

    def parse(self, item):
        return [parse_datagram(item)]


class JournalSink(DatagramSink):
    kind = "journal"
    memfds = 0

    def receive(self, sock):
        data, control, flags, _ = sock.recvmsg(1 << 20, socket.CMSG_SPACE(4 * 4),
                                               socket.MSG_DONTWAIT)
        assert not flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC)
        for level, kind, payload in control:
            assert (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS)
            fds = array.array("i")
            fds.frombytes(payload)
            assert len(fds) == 1 and not data, "an entry by descriptor stands alone"
            return self.read_memfd(fds[0])
        return data

    def read_memfd(self, fd):
        """journald takes only a memfd that nobody can change any more."""
        with os.fdopen(fd, "rb") as file:
            seals = fcntl.fcntl(fd, 1034)  # F_GET_SEALS
            assert seals & 0xe == 0xe, f"the memfd is sealed with {seals:#x} only"
            file.seek(0)
            self.memfds += 1
            return file.read()

    def parse(self, item):
        return [record_of_entry(parse_entry(item))]


class StdoutSink(Sink):
    """The daemon's standard output, a pipe."""

    kind = "stdout"

    def __init__(self):
        super().__init__()
        self.read_end, self.write_end = os.pipe()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        rest = b""
        while True:
            data = os.read(self.read_end, 1 << 16)
            if not data:
                break
            *lines, rest = (rest + data).split(b"\n")
            self.add(lines)
        if rest:
            self.broken = f"the output ends within a line: {rest[-100:]!r}"
        self.add([])

    def attach(self):
        """The daemon has its copy: end of file will mean that it is gone."""
        os.close(self.write_end)
        self.thread.start()

    def parse(self, item):
        return [parse_line(item)]

    def done(self):
        self.thread.join()
        os.close(self.read_end)


@contextlib.contextmanager
def new_sink(kind, scratch, bind=True):
    if kind == "stdout":
        sink = StdoutSink()
    else:
        path = os.path.join(scratch, f"{kind}-{time.monotonic_ns():x}")
        sink = SyslogSink(path, bind) if kind == "syslog" else JournalSink(path, bind)
    try:
        yield sink
    finally:
        if kind != "stdout" or sink.thread.is_alive() or sink.thread.ident is not None:
            sink.done()
