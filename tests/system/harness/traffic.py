# SPDX-License-Identifier: MIT
"""Traffic for a machine: streams of numbered messages in, a sink that counts them at the end.

Both are small C programs that run inside; each keeps a report in a JSON file, which is
read from outside.
"""

import json
import os
import signal

from harness.failure import Failed, expect

FOLDER = "/run/peerlog-test"
SINK_SOCKET = f"{FOLDER}/log"
PROGRAMS = "/usr/local/bin"
# The most records that one worker can have handed to the log without having noted it: the
# same as in src/daemon/output/batch.h.
BATCH_RECORDS = 1024


def prepare(machine, programs):
    """Put the two programs into a machine."""
    os.makedirs(machine.path(FOLDER), mode=0o755, exist_ok=True)
    for name in ["stream", "sink"]:
        machine.copy_in(f"{programs}/{name}", f"{PROGRAMS}/{name}")
        os.chmod(machine.path(f"{PROGRAMS}/{name}"), 0o755)


class Reporter:
    """A program inside that keeps a report."""

    count = 0

    def __init__(self, machine, name, *arguments):
        Reporter.count += 1
        self.machine = machine
        self.file = f"{FOLDER}/{name}-{Reporter.count}.json"
        self.child = machine.spawn(f"{PROGRAMS}/{name}", "--report", self.file, *arguments)

    def report(self):
        """The last report, or None before the first."""
        try:
            return json.loads(self.machine.read(self.file))
        except FileNotFoundError:
            if self.child.ended():
                raise Failed("a program of the test: " + self.child.last_words()) from None
            return None

    def finished(self):
        """The last report of all, or None before the end."""
        report = self.report()
        return report if report and report["finished"] else None


class Streams(Reporter):
    """Connections that send."""

    def __init__(self, machine, connections, *options, limit_s=20):
        super().__init__(machine, "stream", "--connections", str(connections), *options)
        machine.wait("connections", self.report, limit_s)

    def sent(self):
        """Messages handed over so far; a broken connection is a failure at once."""
        report = self.report()
        expect(report["broken"] == 0, f"{report['broken']} broken connections: {report['faults']}")
        return report["messages"]

    def more(self):
        """Let each send as many again."""
        self.child.signal(signal.SIGUSR1)

    def wait_until_sent(self, messages, limit_s=30):
        """Wait until so many are handed over."""
        self.machine.wait(f"{messages} sent", lambda: self.sent() >= messages, limit_s)

    def finish(self, limit_s=90):
        """Half-close all, wait for the daemon's close. Returns: the last report."""
        if not self.child.ended():
            self.child.signal(signal.SIGTERM)
        return self.machine.wait("the streams' end", self.finished, limit_s)


class Sink(Reporter):
    """The end of the way, on a socket of its own."""

    def __init__(self, machine, form, *options):
        super().__init__(
            machine, "sink", "--socket", SINK_SOCKET, "--form", form, *options
        )
        machine.wait("the sink", self.report)

    def records(self):
        """Records that have arrived so far."""
        return self.report()["records"]

    def stall(self):
        """Stop reading."""
        self.child.signal(signal.SIGSTOP)

    def resume(self):
        """Read again."""
        self.child.signal(signal.SIGCONT)

    def finish(self):
        """Take what is there and end. Returns: the last report."""
        self.child.signal(signal.SIGTERM)
        return self.machine.wait("the sink's end", self.finished, 30)


def count_log(machine, form, command, limit_s=120):
    """Count the records that a command inside prints. Returns: the sink's report."""
    file = f"{FOLDER}/log.json"
    machine.sh(f"{command} | {PROGRAMS}/sink --form {form} --report {file}", limit_s=limit_s)
    return json.loads(machine.read(file))


def count_journal(machine, *matches):
    """Count the records of peers in the journal."""
    machine.run("journalctl", "--sync")
    return count_log(
        machine, "journal", "journalctl -q --no-pager -o export " + " ".join(matches)
    )


def most_repeats(deaths, workers=None):
    """How many records may come again after so many deaths: a batch for each worker."""
    return deaths * (workers or len(os.sched_getaffinity(0))) * BATCH_RECORDS


class Verdict:
    """What was sent, against what arrived."""

    def __init__(self, sent, arrived):
        """SENT: the last reports of all streams. ARRIVED: that of the sink."""
        self.arrived = arrived
        self.messages = sum(report["messages"] for report in sent)
        self.broken = sum(report["broken"] for report in sent)
        self.unanswered = sum(report["unanswered"] for report in sent)
        self.faults = [fault for report in sent for fault in report["faults"]]
        self.repeated = arrived["repeated_marked"] + arrived["repeated_unmarked"]
        self.lost = 0
        self.invented = 0
        for report in sent:
            for index, messages in enumerate(report["sent"]):
                stream = report["first"] + index
                known = arrived["arrived"]
                difference = messages - (known[stream] if stream < len(known) else 0)
                self.lost += max(0, difference)
                self.invented += max(0, -difference)

    def __str__(self):
        return (
            f"{self.messages:,} messages: {self.lost} lost, {self.repeated} repeated, "
            f"{self.arrived['marked']} marked, {self.arrived['reordered']} out of order, "
            f"{self.broken} broken"
        )

    def details(self):
        """Everything, for a failure."""
        counts = {k: v for k, v in self.arrived.items() if k != "arrived"}
        return f"{self}; {self.unanswered} unanswered; {counts}; {self.faults}"

    def expect_perfect(self, repeats=0, unread=0):
        """Nothing lost or out of order, no connection broken, at most REPEATS, all marked.

        UNREAD: what may be lost after all, because the log had it in its socket and died.
        """
        arrived = self.arrived
        wrong = (
            max(0, self.lost - unread)
            + self.invented
            + self.broken
            + self.unanswered
            + arrived["foreign"]
            + arrived["reordered"]
            + arrived["moved"]
            + (arrived["sequence_gaps"] if self.lost == 0 else 0)
            + arrived["repeated_unmarked"]
        )
        expect(wrong == 0 and max(self.repeated, arrived["marked"]) <= repeats, self.details())


def stop_load(streams, sink):
    """End streams, then the sink. Returns: the verdict."""
    sent = [load.finish() for load in streams]
    return Verdict(sent, sink.finish())


