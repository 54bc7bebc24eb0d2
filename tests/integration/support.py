# SPDX-License-Identifier: MIT
"""What the integration tests share: a daemon to run, logs that listen, clients that speak.

Nothing here sleeps for time. Threads receive and notify; tests wait for a condition and give
up at a deadline. Everything is parsed strictly: a record of a form that the manual does not
describe ends the test.
"""

import array
import contextlib
import ctypes
import errno
import fcntl
import os
import re
import resource
import selectors
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback

PATIENCE = float(os.environ.get("PEERLOG_PATIENCE", "60"))
LONG = os.environ.get("PEERLOG_LONG", "") not in ("", "0")
PEERLOGD = os.environ.get("PEERLOGD", "peerlogd")


def is_sanitized(program):
    with open(shutil.which(program) or os.devnull, "rb") as file:
        data = file.read()
    return b"__asan_init" in data or b"__tsan_init" in data


SANITIZED = is_sanitized(PEERLOGD)

DAEMON, USER = 3, 1
EMERG, ALERT, CRIT, ERR, WARNING, NOTICE, INFO, DEBUG = range(8)


class Skip(Exception):
    """What is needed is not here."""


class Late(AssertionError):
    """What was waited for did not come in time."""


# --- waiting ---


def deadline(seconds=None):
    return time.monotonic() + (PATIENCE if seconds is None else seconds)


def until(answer, what, seconds=None):
    """Ask again until ANSWER() is true, for what the kernel shows but does not announce."""
    end = deadline(seconds)
    pause = threading.Event()
    while True:
        value = answer()
        if value:
            return value
        if time.monotonic() >= end:
            raise Late(f"waited too long for {what}")
        pause.wait(0.002)


def until_still(value, what, looks=50):
    """Wait until VALUE() has been the same for so many looks in a row."""
    last, seen = None, 0

    def is_still():
        nonlocal last, seen
        now = value()
        seen = seen + 1 if now == last else 0
        last = now
        return seen >= looks

    until(is_still, what)


# --- records ---


class Record:
    """One record as a log received it. `text` is bytes, without the peer."""

    __slots__ = ("fields", "peer", "priority", "tag", "text")

    def __init__(self, peer, text, priority=None, tag=None, fields=None):
        self.peer = peer
        self.text = text
        self.priority = priority
        self.tag = tag
        self.fields = fields

    @property
    def severity(self):
        return None if self.priority is None else self.priority & 7

    @property
    def flags(self):
        value = self.fields.get(b"PEER_FLAGS", b"")
        return set(value.decode().split(",")) if value else set()

    def __repr__(self):
        return f"<{self.priority}>{self.peer} {self.text[:80]!r}"


PEER = rb"(\d{1,3}(?:\.\d{1,3}){3}:\d{1,5}|\[[0-9a-f:.]+\]:\d{1,5})"
LINE = re.compile(PEER + rb" (.*)", re.DOTALL)
DATAGRAM = re.compile(
    rb"<(\d{1,3})>((?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) "
    rb"(?: [1-9]|[12]\d|3[01]) (?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d) "
    rb"([^ :\[\]]{1,32})\[(\d+)\]: " + LINE.pattern, re.DOTALL)


def parse_datagram(data):
    match = DATAGRAM.fullmatch(data)
    assert match, f"not a syslog datagram: {data[:200]!r}"
    assert b"\n" not in data and b"\0" not in data, f"not one line: {data[:200]!r}"
    pri, _, tag, _, peer, text = match.groups()
    return Record(peer.decode(), text, int(pri), tag.decode())


def parse_line(data):
    match = LINE.fullmatch(data)
    assert match, f"not a line of the stdout output: {data[:200]!r}"
    return Record(match.group(1).decode(), match.group(2))


def parse_entries(data):
    """Entries of the journal's native protocol, each closed by an empty line."""
    at, fields, entries = 0, {}, []
    while at < len(data):
        end = data.index(b"\n", at)
        line = data[at:end]
        at = end + 1
        if not line:
            assert fields, "an empty journal entry"
            entries.append(fields)
            fields = {}
            continue
        name, equals, value = line.partition(b"=")
        if not equals:
            size, = struct.unpack_from("<Q", data, at)
            value = data[at + 8:at + 8 + size]
            at += 8 + size
            assert data[at:at + 1] == b"\n", f"{name!r} is not closed by a line feed"
            at += 1
        assert re.fullmatch(rb"[A-Z][A-Z0-9_]{0,63}", name), f"field name {name!r}"
        assert name not in fields, f"field {name!r} twice in an entry"
        fields[name] = value
    assert not fields, "the last journal entry is not closed"
    return entries


def record_of_entry(f):
    address, port = f[b"PEER_ADDRESS"].decode(), f[b"PEER_PORT"].decode()
    peer = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    priority = int(f[b"SYSLOG_FACILITY"]) * 8 + int(f[b"PRIORITY"])
    return Record(peer, f[b"MESSAGE"], priority, f[b"SYSLOG_IDENTIFIER"].decode(), f)


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
        return [record_of_entry(f) for f in parse_entries(item)]


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


# --- the daemon ---


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


LOOPBACK = {"address": "127.0.0.1", "port": 0}


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


class Daemon:
    """peerlogd with a configuration; strict about what it says and how it ends."""

    def __init__(self, scratch, sink=None, listeners=(LOOPBACK,), before=None, stdout=None,
                 output=None, **settings):
        self.scratch = scratch
        self.sink = sink
        self.expected = [r"^peerlogd: listening on \S+:\d+$", r"^peerlogd: since the start: "]
        self.settings = dict(listeners=list(listeners), **settings)
        self.output = dict(output or {})
        self.file = os.path.join(scratch, f"peerlogd-{id(self):x}.conf")
        if isinstance(sink, DatagramSink):
            self.output = dict(type=sink.kind, path=sink.path, **self.output)
        elif sink is not None or stdout is not None:
            self.output = dict(type="stdout", **self.output)
        self.write_file(**settings)
        self.status = None
        self.status_wanted = 0
        self.start(before, stdout)

    def write_file(self, text=None, **changes):
        """Write the configuration anew, with these changes; or this text."""
        self.settings.update(changes)
        if text is None:
            text = settings_text(dict(self.settings, output=self.output))
        with open(self.file, "w", encoding="utf-8") as file:
            file.write(text)

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

    def expect(self, pattern, count=1):
        """Wait until this was said so many times; it is no surprise at the end."""
        self.expected.append(pattern)
        return self.words.wait(pattern, count)

    def said(self, pattern):
        return len(self.words.matching(pattern))

    def allow(self, pattern):
        self.expected.append(pattern)

    def signal(self, number):
        self.process.send_signal(number)

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
        surprises = [line for line in self.words.lines
                     if not any(re.search(pattern, line) for pattern in self.expected)]
        assert not surprises, "the daemon also said:\n" + "\n".join(surprises)
        assert ended == self.status_wanted, (
            f"exit status {ended} instead of {self.status_wanted}")

    def counted(self, what):
        """A number that it says on SIGUSR1, such as counted("connections accepted")."""
        match, = self.words.wait(rf"since the start: .*\b{what} (\d+)")
        return int(match.group(1))

    # What /proc tells of it.

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

    def cpu_seconds(self):
        """What all its threads have used so far (the process's CPU clock)."""
        return time.clock_gettime((~self.pid << 3) | 2)

    def cpu_ticks(self):
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    def rss_bytes(self):
        with open(f"/proc/{self.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def sockets(self, port=None):
        """The kernel's states of our side of each connection."""
        port = port or self.port
        return [state for state, local in tcp_sockets() if local == port]

    def wait_closed(self):
        """Wait until no connection is left on our side, in any state."""
        until(lambda: not self.sockets(), "all connections to be closed")


def end_with_test(before=None):
    """In a child: whatever becomes of the test, this process does not outlive it."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if before:
        before()


@contextlib.contextmanager
def held_port(*hosts):
    """A port that is free on HOSTS (127.0.0.1), and stays so for whoever reuses addresses.

    The daemon does. Nobody else is given it, and until it listens there, clients are refused.
    """
    with contextlib.ExitStack() as held:
        yield until(lambda: bind_all(held, hosts or ("127.0.0.1",)), "a port that is free")


def bind_all(held, hosts):
    """Returns: the port, or None when somebody has it on one of them."""
    port = 0
    for host in hosts:
        sock = held.enter_context(
            socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            return None
        port = sock.getsockname()[1]
    return port


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


@contextlib.contextmanager
def serving(kind, scratch, **settings):
    """A daemon and the log it writes to; stopped and judged at the end."""
    with new_sink(kind, scratch) as sink:
        with Daemon(scratch, sink, **settings) as daemon:
            yield daemon, sink


# --- what the kernel knows of connections (sock_diag(7)) ---

DIAG_REQUEST = struct.Struct("=BBBxI")
DIAG_TYPE = 20  # SOCK_DIAG_BY_FAMILY
DIAG_LISTEN = 1 << 10
DIAG_LIVE = 0xfff & ~(1 << 6 | 1 << 10)  # all states but TIME_WAIT and LISTEN


def diag_message(family, flags, states, identity=bytes(48)):
    body = DIAG_REQUEST.pack(family, socket.IPPROTO_TCP, 0, states) + identity
    return struct.pack("=IHHII", 16 + len(body), DIAG_TYPE, 1 | flags, 0, 0) + body


def diag_answers(sock):
    """The messages of one datagram of netlink: (type, payload)."""
    data, at = sock.recv(1 << 18), 0
    while at < len(data):
        size, kind = struct.unpack_from("=IH", data, at)
        yield kind, data[at + 16:at + size]
        at += (size + 3) & ~3


def open_diag():
    return socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, 4)  # NETLINK_SOCK_DIAG


def dump_sockets(sock, family, states):
    """(state, local port, remote port) of the sockets of a family that are in these states."""
    found, more = [], True
    sock.send(diag_message(family, 0x300, states))  # NLM_F_DUMP
    while more:
        for kind, body in diag_answers(sock):
            if kind != DIAG_TYPE:
                more = False
                break
            found.append((body[1], *struct.unpack_from(">HH", body, 4)))
    return found


def tcp_sockets():
    """(state, local port) of the server's side of every TCP connection here."""
    found, servers = [], set()
    with open_diag() as sock:
        for family in (socket.AF_INET, socket.AF_INET6):
            found += dump_sockets(sock, family, DIAG_LIVE)
            servers |= {local for _, local, _ in dump_sockets(sock, family, DIAG_LISTEN)}
    # Somebody else's client may happen to have our port at its side.
    return [(state, local) for state, local, remote in found if remote not in servers]


class Unread:
    """Tells when everything sent on these connections has left the daemon's sockets."""

    def __init__(self, socks):
        self.requests = b""
        self.count = len(socks)
        for sock in socks:
            ours, theirs = sock.getsockname(), sock.getpeername()
            pack = [socket.inet_pton(sock.family, a[0]).ljust(16, b"\0") for a in (theirs, ours)]
            identity = (struct.pack(">HH", theirs[1], ours[1]) + pack[0] + pack[1] +
                        bytes(4) + b"\xff" * 8)
            self.requests += diag_message(sock.family, 0, 0xfff, identity)

    def bytes(self):
        total = 0
        with open_diag() as diag:
            for i in range(0, len(self.requests), 72 * 32):
                part = self.requests[i:i + 72 * 32]
                diag.send(part)
                answers = 0
                while answers < len(part) // 72:
                    for kind, body in diag_answers(diag):
                        assert kind == DIAG_TYPE, "the daemon's side of a connection is gone"
                        answers += 1
                        total += struct.unpack_from("=I", body, 56)[0]
        return total

    def wait(self):
        until(lambda: self.bytes() == 0, "the sockets to be read")


# --- clients ---


def name_of(sock):
    """How the daemon calls the peer at this end."""
    host, port = sock.getsockname()[:2]
    if host.startswith("::ffff:"):
        host = host[7:]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def connect(port, host="127.0.0.1", source=None):
    sock = socket.create_connection((host, port), PATIENCE,
                                    source_address=(source, 0) if source else None)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def refuses(port):
    """Answers: does nobody listen there?"""
    try:
        connect(port).close()
        return False
    except (ConnectionRefusedError, ConnectionResetError):
        return True


def is_reset(sock):
    """Wait until the daemon ends this connection. Answers: by a reset, which is no receipt?"""
    try:
        assert sock.recv(1) == b"", "the daemon never speaks"
        return False
    except ConnectionResetError:
        return True


def refused(port, source=None, data=b""):
    """Connect from SOURCE; answers whether the daemon resets it at once without reading."""
    try:
        with connect(port, source=source) as sock:
            with contextlib.suppress(ConnectionError):  # it may be over by now
                sock.sendall(data)
            return is_reset(sock)
    except ConnectionResetError:
        return True


def finish(sock):
    """Half-close, wait until the daemon closes too, and close. Returns: the peer's name."""
    name = name_of(sock)
    sock.shutdown(socket.SHUT_WR)
    assert sock.recv(1) == b"", "the daemon never speaks"
    sock.close()
    return name


def say(port, data, **where):
    """One connection that says this; the daemon has read and closed when it returns."""
    sock = connect(port, **where)
    sock.sendall(data)
    return finish(sock)


def reset(sock):
    """Close with an RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def trickle(daemon, streams, port=None):
    """Send each of the streams on its own connection, piece by piece, each piece read alone.

    STREAMS is a list of lists of pieces. Returns: the peers' names, in the same order.
    """
    socks = [connect(port or daemon.port) for _ in streams]
    unread = Unread(socks)
    for i in range(max(map(len, streams))):
        for sock, pieces in zip(socks, streams):
            if i < len(pieces):
                sock.sendall(pieces[i])
        unread.wait()
    return [finish(sock) for sock in socks]


def by_peer(records):
    """The records of each peer, in order."""
    found = {}
    for record in records:
        found.setdefault(record.peer, []).append(record)
    return found


def numbered(stream, count, first=0, pad=0):
    """COUNT messages that say which stream they are of, and their place in it."""
    return [b"stream %d message %07d" % (stream, i) + b"." * pad
            for i in range(first, first + count)]


def check_streams(records, streams):
    """Nothing lost, nothing doubled, nothing out of order. STREAMS: {peer: [text, ...]}."""
    found = by_peer(records)
    for peer, wanted in streams.items():
        got = [r.text for r in found.get(peer, [])]
        if got == wanted:
            continue
        lost = set(wanted) - set(got)
        raise AssertionError(
            f"{peer}: {len(wanted)} messages became {len(got)}; {len(lost)} lost "
            f"({sorted(lost)[:3]!r:.300}), {len(got) - len(set(got))} doubled, "
            f"order {'kept' if sorted(got) == got else 'not kept'}")
    strangers = set(found) - set(streams)
    assert not strangers, f"nobody sent what {sorted(strangers)[:3]} said"


def more_descriptors():
    """Raise the soft limit to the hard one. Returns: the limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def tool(name):
    path = shutil.which(name)
    if path is None:
        raise Skip(f"{name} is not installed")
    return path


# --- a file of tests ---


def chosen_of(tests):
    """Those that the command line names, or all. A name that is none of theirs ends it all."""
    unknown = [name for name in sys.argv[1:] if name not in {t.__name__ for t in tests}]
    if unknown:
        sys.stderr.write(f"{os.path.basename(sys.argv[0])}: there is no test {unknown[0]!r}\n")
        sys.exit(64)
    return [t for t in tests if not sys.argv[1:] or t.__name__ in sys.argv[1:]]


def tell_skipped(test, reason):
    """The line by which scripts/check finds what was left out of a file that did not fail."""
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    file = os.path.relpath(os.path.realpath(sys.argv[0]), os.path.realpath(root))
    print(f"SKIP: {file}: {test}: {reason}", flush=True)


def main(*tests):
    """Run tests, each with a scratch directory. Arguments name the ones to run."""
    failed = skipped = 0
    chosen = chosen_of(tests)
    for test in chosen:
        begun = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="peerlog-") as scratch:
            try:
                test(scratch)
                result = "ok"
            except Skip as reason:
                tell_skipped(test.__name__, reason)
                skipped += 1
                continue
            except Exception:
                traceback.print_exc()
                result = "FAILED"
                failed += 1
        print(f"{test.__name__}: {result} ({time.monotonic() - begun:.2f} s)", flush=True)
    if failed:
        sys.exit(1)
    if chosen and skipped == len(chosen):
        sys.exit(77)
