# SPDX-License-Identifier: MIT
"""The cells: one thing that is measured, for one program, once.

A cell's measure() starts the program fresh, measures, ends it, and returns plain
numbers. Which programs a cell is for, and how often, is the runner's business.
"""

import os
import shutil
import subprocess
import time

from . import process, space
from .daemons import FEWEST_CONNECTIONS, USUAL_CONNECTIONS, Target
from .journald import LOG_SOCKET, Journald
from .tools import REST_SECONDS, Failure, Load, Sink

# What may be under way between the load generator and the sink, in bytes.
AHEAD_BYTES = 16 << 20
# Bytes of one write when messages are batched.
WRITE_BYTES = 16384
WARM_CONNECTIONS = 8


class Cell:
    """What all cells share."""

    group = ""             # what --cells selects
    programs = None        # names of the programs it is for; None: all
    rounds_factor = 1.0    # of the rounds asked for
    chart = False

    def __init__(self, name):
        self.name = name

    def measure(self, bench, daemon):
        raise NotImplementedError


def new_folder(bench):
    """An empty one, for files."""
    folder = bench.scratch("files")
    shutil.rmtree(folder, ignore_errors=True)
    os.mkdir(folder)
    return folder


def certificate(bench):
    """Files of a certificate that its own key has signed, ECDSA P-256, of that key, of both."""
    files = tuple(map(bench.scratch, ("certificate.pem", "certificate.key", "both.pem")))
    if not os.path.exists(files[0]):
        done = subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "2", "-subj", "/CN=bench", "-addext",
             "subjectAltName=IP:127.0.0.1", "-keyout", files[1], "-out", files[0]],
            capture_output=True, text=True, timeout=20)
        if done.returncode != 0:
            raise Failure("openssl makes no certificate: " + done.stderr)
        with open(files[2], "wb") as both:
            for file in files[:2]:
                with open(file, "rb") as part:
                    both.write(part.read())
    return files


def check(result, sent, got):
    """Note what of the messages sent did not arrive once and in order."""
    result["sent"] = sent
    result["lost"] = sent - got["unique"]
    result["repeats"] = got["repeats"]
    result["late"] = got["late"]
    result["least"], result["most"] = got["least"], got["most"]


class Stream(Cell):
    """Connections that stay open and speak. CPU a message, throughput, latency."""

    def __init__(self, name, connections, size, **settings):
        super().__init__(name)
        self.connections = connections
        self.size = size
        self.framing = settings.get("framing", "lf")
        self.rate = settings.get("rate", 0)         # messages a second, 0: saturated
        self.batched = settings.get("batched", True)
        self.kind = settings.get("kind", "syslog")  # of the output
        self.path = settings.get("path")            # of an output that is not the sink
        self.tls = settings.get("tls", False)
        self.seal_aside = settings.get("seal_aside", False)  # plain, at the load's cost of TLS
        self.idle = settings.get("idle", 0)         # silent connections beside
        self.trickling = settings.get("trickling", 0)  # beside: each says a byte a second
        self.group = settings.get("group", "saturated")
        self.programs = settings.get("programs")
        self.seconds = settings.get("seconds", 1.0)
        self.count = settings.get("count", 0)       # messages in all, 0: no limit

    def offer(self, bench, port, sink):
        """Send the load; the number of messages sent."""
        options = {"connections": self.connections, "size": self.size, "framing": self.framing,
                   "duration": int(self.seconds * bench.options.scale * 1000)}
        if self.count:
            options["count"] = int(self.count * bench.options.scale)
        if self.batched:
            options["batch"] = max(1, WRITE_BYTES // self.size)
        if self.tls:
            options["tls"] = certificate(bench)[0]
        if self.seal_aside:
            options["seal-aside"] = certificate(bench)[2]
        if self.rate:
            options["rate"] = self.rate
        elif sink:
            options["progress"] = sink.progress
            options["lead"] = AHEAD_BYTES // self.size
        load = Load(bench, port, **options).finish()
        if load["broken"] or load["unsent"]:
            raise Failure(f"{load['broken']} connections broke, {load['unsent']} not sent")
        return load["sent"]

    def measure(self, bench, daemon):
        kind = "syslog" if daemon.name == "floor" else self.kind  # it knows nothing else
        folder = new_folder(bench) if kind == "file" else None
        sink = Sink(bench, {"stdout": "lines"}.get(kind, kind),
                    stdin=subprocess.PIPE if kind == "stdout" else None,
                    path=os.path.join(folder, "all.log") if folder else None)
        popen_args = {"stdout": sink.process.stdin} if kind == "stdout" else {}
        running = idle = trickling = None
        try:
            running = daemon.start(Target(kind, folder or sink.path,
                                          tls=certificate(bench)[:2] if self.tls else None),
                                   max(USUAL_CONNECTIONS, self.connections + self.idle),
                                   **popen_args)
            if self.idle:
                idle = open_idle(bench, running.port, self.idle)
            if self.trickling:
                trickling = Load(bench, running.port, mode="trickle", connections=self.trickling)
                trickling.wait_for("connected")
            before = running.cpu_ns()
            sent = self.offer(bench, running.port, sink)
            sink.wait_for(sent)
            spent = running.cpu_ns() - before
            memory = running.memory()
        finally:
            for beside in (idle, trickling):
                if beside:
                    process.stop(beside.process)
            if running:
                running.stop()
            if sink.process.stdin:
                sink.process.stdin.close()
                sink.process.stdin = None
        got = sink.finish()
        if got["received"] == 0:
            raise Failure("nothing arrived")
        result = {"cpu_us": spent / 1e3 / got["received"], "memory": memory,
                  "rate": got["received"] / got["seconds"] if got["seconds"] > 0 else 0,
                  "records_per_datagram": got["received"] / got["datagrams"],
                  "p50_us": got["latency_ns"]["p50"] / 1e3,
                  "p99_us": got["latency_ns"]["p99"] / 1e3}
        check(result, sent, got)
        return result


class Files(Stream):
    """The same into files; the floor beside writes to the syslog sink."""

    def __init__(self, name, connections, size, **settings):
        super().__init__(name, connections, size, **settings)
        self.group = settings.get("group", "files")
        self.more = settings.get("more", "")
        self.many = settings.get("many", False)

    def offer(self, bench, port, sink):
        options = {"connections": self.connections, "size": self.size,
                   "duration": int(self.seconds * bench.options.scale * 1000),
                   "batch": max(1, WRITE_BYTES // self.size)}
        if self.many:
            options["sources"] = min(1000, self.connections)
        load = Load(bench, port, **options).finish()
        if load["broken"] or load["unsent"]:
            raise Failure(f"{load['broken']} connections broke, {load['unsent']} not sent")
        return load["sent"]

    def measure(self, bench, daemon):
        if daemon.name == "floor":
            return super().measure(bench, daemon)
        folder = new_folder(bench)
        running = daemon.start(Target("file", folder, self.more, self.many),
                               max(USUAL_CONNECTIONS, self.connections))
        try:
            before, begun = running.cpu_ns(), time.monotonic()
            sent = self.offer(bench, running.port, None)
            seconds = grown(folder, begun)
            spent = running.cpu_ns() - before
            memory = running.memory()
        finally:
            running.stop()
        count = count_lines(folder)
        if count == 0:
            raise Failure("nothing arrived")
        result = {"cpu_us": spent / 1e3 / count, "rate": count / seconds,
                  "memory": memory, "sent": sent, "lost": sent - count,
                  "repeats": 0, "late": 0, "per_sync": one_by_one(folder, self.size)
                  if "round" in self.more else 0}
        if result["per_sync"]:
            result["rate_by_sync"] = result["rate"] / result["per_sync"]
        shutil.rmtree(folder, ignore_errors=True)
        return result


def grown(folder, begun):
    """Wait until the files of a folder grow no more. Returns: seconds until they did not."""
    size, grew = -1, time.monotonic()
    while time.monotonic() - grew < REST_SECONDS:
        now = sum(entry.stat().st_size for entry in os.scandir(folder))
        if now != size:
            size, grew = now, time.monotonic()
        time.sleep(0.005)
    return grew - begun


def count_lines(folder):
    count = 0
    for entry in os.scandir(folder):
        with open(entry.path, "rb") as file:
            while block := file.read(1 << 20):
                count += block.count(b"\n")
    return count


def one_by_one(folder, size, seconds=0.5):
    """How many messages a second there are on this disk with one fdatasync each."""
    fd = os.open(os.path.join(folder, "one"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    line, count = b"x" * (size - 1) + b"\n", 0
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            os.write(fd, line)
            os.fdatasync(fd)
            count += 1
    finally:
        os.close(fd)
    return count / seconds


class Churn(Cell):
    """Connect, send one message, close."""

    def __init__(self, name, group="churn", programs=None, seconds=1.0):
        super().__init__(name)
        self.group = group
        self.programs = programs
        self.seconds = seconds

    def measure(self, bench, daemon):
        sink = Sink(bench)
        running = None
        try:
            running = daemon.start(Target("syslog", sink.path))
            before = running.cpu_ns()
            load = Load(bench, running.port, mode="churn", size=64, sources=100,
                        progress=sink.progress,
                        duration=int(self.seconds * bench.options.scale * 1000)).finish()
            sink.wait_for(load["sent"])
            spent = running.cpu_ns() - before
        finally:
            if running:
                running.stop()
        got = sink.finish()
        if got["received"] == 0:
            raise Failure("nothing arrived")
        result = {"rate": got["received"] / got["seconds"], "broken": load["broken"],
                  "cpu_us": spent / 1e3 / got["received"]}
        check(result, load["sent"], got)
        return result


# Identifiers of held connections begin here.
FIRST_HELD = 1000


def open_idle(bench, port, count, rate=20000):
    """Open silent connections; the load generator that holds them."""
    hold = Load(bench, port, mode="hold", connections=count, sources=1 + count // 20000,
                first_id=FIRST_HELD, size=64, rate=rate)
    hold.wait_for("connected")
    return hold


def close_idle(hold):
    """Let go of them; the number of messages they sent."""
    hold.process.stdin.close()
    hold.process.stdin = None
    return hold.finish()["sent"]


class Idle(Cell):
    """Many connections that say nothing, then one message each.

    Memory of each, CPU while nothing happens, and how long a round of everybody takes. What a
    program lays out at its start for the connections to come counts as theirs: the
    base is the same program, ready for hardly any and with its code in memory.
    """

    group = "idle"

    def __init__(self, name, connections, watch_seconds=5.0):
        super().__init__(name)
        self.connections = connections
        self.watch_seconds = watch_seconds

    def measure(self, bench, daemon):
        sink = Sink(bench)
        running = hold = None
        count = self.connections
        try:
            running = daemon.start(Target("syslog", sink.path), FEWEST_CONNECTIONS)
            self.warm(bench, running, sink, 1)
            warm = running.memory()
            running.stop()
            running = daemon.start(Target("syslog", sink.path), count + 64)
            self.warm(bench, running, sink, 2)
            hold = open_idle(bench, running.port, count)
            time.sleep(0.2)
            result = {"warm_memory": warm,
                      "idle_bytes": (running.memory() - warm) / count}
            result.update(self.watch(bench, running))
            result["speak_seconds"] = hold.speak()
            sink.wait_for(2 * WARM_CONNECTIONS + count)
            time.sleep(0.2)
            result["spoken_bytes"] = (running.memory() - warm) / count
            sent = close_idle(hold) + 2 * WARM_CONNECTIONS
        finally:
            if hold:
                process.stop(hold.process)
            if running:
                running.stop()
        got = sink.finish()
        result["p99_us"] = got["latency_ns"]["p99"] / 1e3
        result["max_us"] = got["latency_ns"]["max"] / 1e3
        check(result, sent, got)
        return result

    @staticmethod
    def warm(bench, running, sink, times):
        """A few connections come, speak and go."""
        Load(bench, running.port, connections=WARM_CONNECTIONS, count=WARM_CONNECTIONS,
             size=64, first_id=(times - 1) * WARM_CONNECTIONS).finish()
        sink.wait_for(times * WARM_CONNECTIONS)
        time.sleep(0.1)

    def watch(self, bench, running):
        """CPU and wake-ups while nobody says anything."""
        seconds = max(1.0, self.watch_seconds * bench.options.scale)
        cpu, switches = running.cpu_ns(), process.context_switches(running.pid)
        time.sleep(seconds)
        return {"idle_cpu_us_per_s": (running.cpu_ns() - cpu) / 1e3 / seconds,
                "idle_wakeups_per_s":
                    (process.context_switches(running.pid) - switches) / seconds}


class Start(Cell):
    """From exec to the first connection that succeeds; and the memory then."""

    group = "start"

    def measure(self, bench, daemon):
        sink = Sink(bench)
        try:
            port = space.free_port()
            command = daemon.command(port, Target("syslog", sink.path), USUAL_CONNECTIONS)
            done = subprocess.run([bench.tool("launch"), str(port)] + command,
                                  env=daemon.environment(), capture_output=True, timeout=30)
            if done.returncode != 0:
                raise Failure(done.stderr.decode().strip().split("\n")[-1])
            running = daemon.start(Target("syslog", sink.path))
            memory = running.memory()
            running.stop()
        finally:
            sink.finish()
        return {"start_ms": int(done.stdout) / 1e6, "memory": memory}


class Fair(Cell):
    """How long quiet connections wait while 16 others say as much as they can."""

    group = "fair"

    def __init__(self, name, quiet):
        super().__init__(name)
        self.quiet = quiet

    def measure(self, bench, daemon):
        sink = Sink(bench, latency_from=FIRST_HELD)
        running = hold = greedy = None
        try:
            running = daemon.start(Target("syslog", sink.path))
            hold = open_idle(bench, running.port, self.quiet, rate=1000)
            greedy = Load(bench, running.port, connections=16, size=256, batch=64,
                          progress=sink.progress, lead=AHEAD_BYTES // 256)
            time.sleep(0.3)
            hold.speak()
            greedy.process.terminate()
            sent = greedy.finish()["sent"] + close_idle(hold)
            sink.wait_for(sent)
        finally:
            for load in (greedy, hold):
                if load:
                    process.stop(load.process)
            if running:
                running.stop()
        got = sink.finish()
        result = {"p50_us": got["latency_ns"]["p50"] / 1e3,
                  "p99_us": got["latency_ns"]["p99"] / 1e3,
                  "max_us": got["latency_ns"]["max"] / 1e3}
        check(result, sent, got)
        return result


class Restart(Cell):
    """A restart with many connections: how long it takes, and is everybody heard afterwards?"""

    group = "restart"
    programs = ("peerlogd, kept",)

    def __init__(self, name, connections):
        super().__init__(name)
        self.connections = connections

    def measure(self, bench, daemon):
        sink = Sink(bench)
        running = hold = None
        try:
            running = daemon.start(Target("syslog", sink.path), self.connections + 64)
            hold = open_idle(bench, running.port, self.connections)
            hold.speak()
            sink.wait_for(self.connections)
            result = running.process.restart()
            hold.speak()
            sink.wait_for(2 * self.connections)
            sent = close_idle(hold)
        finally:
            if hold:
                process.stop(hold.process)
            if running:
                running.stop()
        check(result, sent, sink.finish())
        return result


class RealJournal(Stream):
    """Into a real journald, which counts nothing for us: what was sent is what is divided by.

    The floor writes to the sink as ever; it is the measure. Type "auto" finds the journal by
    the log socket. machine_us is the CPU of receiver and journald together.
    """

    limit_seconds = 40.0

    def measure(self, bench, daemon):
        if daemon.name == "floor":
            return super().measure(bench, daemon)
        with Journald(bench) as journald:
            path = journald.path if self.kind == "journal" else LOG_SOCKET
            running = daemon.start(Target(self.kind, path))
            try:
                before, journald_before = running.cpu_ns(), journald.cpu_ns()
                begun = time.monotonic()
                sent = self.offer(bench, running.port, None)
                if not process.wait_until(lambda: not process.connected(running.port),
                                          self.limit_seconds, 0.02):
                    raise Failure("the journal did not take everything in time")
                seconds = time.monotonic() - begun
                spent_by_journald = journald.cpu_ns() - journald_before
                spent = running.cpu_ns() - before
            finally:
                running.stop()
            return {"cpu_us": spent / 1e3 / sent, "sent": sent, "rate": sent / seconds,
                    "machine_us": (spent + spent_by_journald) / 1e3 / sent}
