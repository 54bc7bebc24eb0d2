# SPDX-License-Identifier: MIT
"""What the survival tests share: peerlogd as a service, and traffic that is counted.

A Service is a daemon under the service manager in miniature; it dies and is started again
as often as a test likes. Streams are numbered messages from a C program, as fast as they are
taken; a Tally is a log that counts them. Both keep their books over all deaths.
"""

import contextlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "integration"), os.path.join(HERE, "..", "system")]

from harness.traffic import Verdict, most_repeats  # noqa: E402, F401
from service_manager import Dead, ServiceManager  # noqa: E402, F401
from support import (  # noqa: E402, F401
    LONG, LOOPBACK, PATIENCE, PATIENT, PEERLOGD, SANITIZED, Authority, ByHand, Configured, Skip,
    SyslogSink, Unread, Words, context_for, tls_connect, tls_finish,
    by_peer, check_streams, connect, cpu_seconds, cpu_ticks, deadline, end_with_test, finish,
    folder, held_port, is_reset, main, memory_bytes, more_descriptors, name_of, new_sink, numbered,
    refused, reset, rss_bytes, say, tcp_sockets, tell_skipped, thread_states, until, until_still)

BUILD = os.path.dirname(PEERLOGD)


def new_random():
    """Random instants that can be had again: PEERLOG_SEED."""
    seed = int(os.environ.get("PEERLOG_SEED", "1122"))
    print(f"seed {seed}", flush=True)
    return random.Random(seed)


def build_program(name):
    path = os.path.join(BUILD, "tests", name)
    if not os.path.exists(path):
        raise Skip(f"{path} was not built")
    return path


class Service(Configured):
    """peerlogd under the manager, writing to SINK: anything with a kind and a path."""

    def __init__(self, scratch, sink, program=PEERLOGD, environment=None, extra=(), **settings):
        super().__init__(os.path.join(scratch, "peerlogd.conf"), settings)
        self.sink = sink
        self.extra = extra
        self.write_file()
        read_end, write_end = os.pipe()
        self.stderr = write_end
        self.words = Words(os.fdopen(read_end, "rb"))
        self.manager = ServiceManager(scratch, [program, "-c", self.file], write_end, environment)
        self.allow(r": took over \d+ connections",
                   r": leaving \d+ connections, \d+ messages in hand, to the next process")
        if isinstance(sink, Tally):  # a process of its own, which may have to wait for a CPU
            self.allow(r"socket \S+ has taken nothing for a while", r"socket \S+ is back after")
        self.since = 0

    def output_settings(self):
        output = {"type": self.sink.kind, **self.settings.get("output", {})}
        if output["type"] != "stdout":
            output.setdefault("path", self.sink.path)
        return output

    def __enter__(self):
        try:
            self.begin()
            self.ports = [int(m.group(1)) for m in self.words.wait(
                r"listening on \S+:(\d+)$", len(self.extra or self.settings["listeners"]))]
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        self.port = self.ports[0]
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                self.end()
        finally:
            self.manager.close()
            os.close(self.stderr)
            self.words.thread.join()
            if kind is not None:
                sys.stderr.write("\n".join(["--- the daemon said:"] + self.words.lines[-60:] +
                                           ["---", ""]))

    def start(self, **how):
        """Start a process; it may not be ready yet."""
        self.since = self.manager.mark()
        self.manager.start(extra=self.extra, **how)

    def begin(self, **how):
        """Start a process and wait until it is ready."""
        self.start(**how)
        self.manager.wait_ready(self.since)

    def stop(self, status=0):
        """SIGTERM, and see that it ends well."""
        ended = self.manager.kill(signal.SIGTERM)
        assert ended == status, f"it ended with {ended} instead of {status}"

    def kill(self):
        assert self.manager.kill(signal.SIGKILL) == -signal.SIGKILL, "it had ended before"

    def restart(self):
        self.stop()
        self.begin()

    def die(self):
        """A kill, and the next start."""
        self.kill()
        self.begin()

    def reload(self):
        """SIGHUP, and both answers."""
        mark = self.manager.mark()
        self.manager.send_signal(signal.SIGHUP)
        begun = self.manager.wait_said("RELOADING=1", lambda f: f.get("RELOADING") == "1", mark)
        assert re.fullmatch(r"\d+", self.manager.said[begun][1]["MONOTONIC_USEC"])
        self.manager.wait_ready(begun)

    def end(self, status=0):
        """Stop it if it runs, and see that it said nothing unexpected."""
        if self.manager.pid is not None:
            self.stop(status)
        assert self.manager.refused == 0, f"{self.manager.refused} more than may be stored"
        self.check_words()

    def wait_connections(self, count):
        """Wait until the daemon has so many, by its latest word."""
        until(lambda: re.search(rf"\b{count} connections?,", self.manager.status()),
              f"{count} connections")


@contextlib.contextmanager
def surviving(scratch, **settings):
    """A service and the log socket it writes to; stopped and judged at the end."""
    with new_sink("syslog", scratch) as sink, Service(scratch, sink, **settings) as service:
        yield service, sink


class Reporter:
    """A C program that keeps a report in a file."""

    number = 0

    def __init__(self, scratch, program, *arguments):
        Reporter.number += 1
        self.file = os.path.join(scratch, f"{program}-{Reporter.number}.json")
        self.process = subprocess.Popen(
            [build_program(f"system/{program}"), "--report", self.file, *map(str, arguments)],
            stdin=subprocess.DEVNULL, preexec_fn=end_with_test)
        until(lambda: os.path.exists(self.file) or self.process.poll() is not None,
              f"{program} to begin")

    def report(self):
        with open(self.file, encoding="ascii") as file:
            return json.load(file)

    def wait_report(self):
        """Wait for one more report. Every report is a new file in the old one's place."""
        def stamp():
            status = os.stat(self.file)
            return status.st_ino, status.st_mtime_ns

        before = stamp()
        until(lambda: stamp() != before, "another report")

    def end(self, progress=None):
        """Let it finish, however long it takes while PROGRESS() changes. Returns: its report."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        last, end = None, deadline(2 * PATIENCE)
        while self.process.poll() is None:
            assert time.monotonic() < end, f"{self.process.args[0]} does not end: {self.report()}"
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(1)
            now = progress() if progress else None
            if now != last:
                last, end = now, deadline(2 * PATIENCE)
        report = self.report()
        assert report["finished"], "no last report"
        return report

    def abandon(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class Streams(Reporter):
    """Connections that send numbered messages."""

    def __init__(self, scratch, port, connections, *options):
        super().__init__(scratch, "stream", "--port", port, "--connections", connections,
                         "--wait", 3600, *options)  # end() knows better how long

    def sent(self):
        report = self.report()
        assert report["broken"] == 0, f"{report['broken']} broken: {report['faults']}"
        return report["messages"]

    def sent_anew(self):
        """As sent(), by a report that is written from now on."""
        self.wait_report()
        return self.sent()

    def wait_sent(self, messages):
        until(lambda: self.sent() >= messages, f"{messages} messages to be sent")

    def more(self):
        self.process.send_signal(signal.SIGUSR1)


class Tally(Reporter):
    """A log on a socket of its own that counts what arrives."""

    def __init__(self, scratch, kind, *options):
        self.kind = kind
        self.path = os.path.join(scratch, f"tally-{Reporter.number}")
        super().__init__(scratch, "sink", "--socket", self.path, "--form", kind, *options)
        until(lambda: os.path.exists(self.path), "the tally's socket")

    def records(self):
        return self.report()["records"]

    def moves(self):
        """Something that changes as long as records come."""
        return self.records()

    def wait_records(self, count):
        until(lambda: self.records() >= count, f"{count} records")

    def wait_heard(self, connections):
        """The first of them are in the log, each of them. What SIGKILL meets before it is parked,
        or in its handshake, goes with the process; and over TLS 1.3 a client is done with its
        handshake before the daemon is."""
        until(lambda: sum(n > 0 for n in self.report()["arrived"][:connections]) == connections,
              f"{connections} connections to be heard")

    def stall(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def end(self, progress=None):
        self.resume()
        return super().end(progress)


@contextlib.contextmanager
def reporters():
    """A list of reporters; none of them outlives a failure."""
    running = []
    try:
        yield running
    finally:
        for reporter in running:
            reporter.abandon()


def judge(streams, tally, repeats=0):
    """End the streams, then the log: nothing lost, reordered or broken; so many REPEATS."""
    sent = [load.end(tally.moves) for load in streams]
    verdict = Verdict(sent, tally.end())
    print(f"  {verdict}", flush=True)
    verdict.expect_perfect(repeats)
    return verdict
