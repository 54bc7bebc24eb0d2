# SPDX-License-Identifier: MIT
"""What is measured: the list of cells, and the goals that are judged by them."""

from . import journald, space
from .cells import Churn, Fair, Files, Idle, RealJournal, Restart, Start, Stream

OURS = ("floor", "peerlogd")
KEPT = "peerlogd, kept"
TLS = ("peerlogd", "rsyslog", "rsyslog, gtls", "syslog-ng")
PACED = {"rate": 20000, "batched": False, "seconds": 3.0}
COUNTS = (1, 16, 256)
SIZES = (64, 256, 1024)
FEW = 10000
MANY = 100000
SPARE_DESCRIPTORS = 600


def saturated_name(connections, size):
    return f"saturated {connections}x{size}"


def _idle_counts(bench):
    """How many connections are few, many, and many when each is parked, too."""
    room = space.descriptors() - SPARE_DESCRIPTORS
    few = min(room, FEW)
    many = few if bench.options.quick else min(room, MANY)
    return few, many, min(many, room // 2)


def cells(bench):
    """All cells, in the order in which they run."""
    few, many, parked = _idle_counts(bench)
    result = [Stream(saturated_name(c, s), c, s) for c in COUNTS for s in SIZES]
    result += [
        Stream("latency 20000/s", 16, 256, group="latency", **PACED),
        Stream("single writes 16x256", 16, 256, batched=False, group="single"),
        Churn("connect-send-close"),
        Stream("framing nul 16x256", 16, 256, framing="nul", group="framing",
               programs=("peerlogd",)),
        Stream("framing octets 16x256", 16, 256, framing="octet-counting", group="framing",
               programs=("peerlogd",)),
        Stream("journal 16x256", 16, 256, kind="journal", group="journal", programs=OURS),
        Stream("journal 256x64", 256, 64, kind="journal", group="journal", programs=OURS),
        Stream("stdout 16x256", 16, 256, kind="stdout", group="stdout", programs=OURS),
        Files("file 16x256", 16, 256),
        Stream("file 20000/s", 16, 256, kind="file", group="files", **PACED),
        Files("file json 16x256", 16, 256, more='format = "json";', programs=OURS),
        Files("file 1000x256", 1000, 256, seconds=3.0),
        Files("file each of 1000x256", 1000, 256, many=True, seconds=3.0),
        Files("file round 16x256", 16, 256, more='sync = "round";', programs=("peerlogd",)),
        Stream("tls off 16x256", 16, 256, group="tls", programs=("peerlogd",)),
        Stream("tls 16x256", 16, 256, group="tls", tls=True, programs=TLS),
        Stream("tls off 20000/s", 16, 256, group="tls", programs=("peerlogd",), **PACED),
        Stream("tls sealed aside 20000/s", 16, 256, group="tls", seal_aside=True,
               programs=("peerlogd",), **PACED),
        Stream("tls 20000/s", 16, 256, group="tls", tls=True, programs=TLS, **PACED),
        Stream("parked 16x256", 16, 256, group="survival", programs=("peerlogd", KEPT)),
        Churn("parked connect-send-close", group="survival", programs=("peerlogd", KEPT)),
        Fair("quiet beside greedy", 200 if bench.options.quick else 1000),
        Stream("fast alone", 1, 256, group="fair", programs=OURS, seconds=2.0),
        Stream("fast beside 500 trickling, 1000 idle", 1, 256, idle=1000, trickling=500,
               group="fair", programs=OURS, seconds=2.0),
        Start("start"),
        Idle(f"idle {few}", few),
    ]
    if journald.available(bench):
        result.append(RealJournal("journald 16x256", 16, 256, group="journald", programs=OURS,
                                  kind="journal", count=200000, seconds=10.0))
        for kind in ("auto", "syslog"):
            result.append(RealJournal(f"machine {kind} 16x256", 16, 256, group="journald",
                                      kind=kind, programs=("peerlogd",), count=160000,
                                      seconds=10.0))
    for beside in (0, 100, 1000, few):
        result.append(Stream(f"beside {beside} idle", 16, 256, idle=beside, group="linear",
                             programs=OURS))
    if many > few:
        cell = Idle(f"idle {many}", many, watch_seconds=2.0)
        cell.group, cell.programs, cell.rounds_factor = "many", OURS, 0.34
        result.append(cell)
    result.append(Restart(f"restart {parked}", parked))
    return result


class Goal:
    """One line of the verdict: a number, and the bound it must keep."""

    def __init__(self, what, bound, value, text=None, least=False):
        self.what = what
        self.bound = bound
        self.value = value    # None: not measured
        self.text = text      # how value and bound are written
        self.least = least    # the bound is a minimum

    def met(self):
        if self.value is None:
            return None
        return self.value >= self.bound if self.least else self.value <= self.bound

    def shown(self, number):
        return (self.text or "{:.2f}").format(number)

    def as_dict(self):
        return {"what": self.what, "bound": self.bound, "least": self.least,
                "value": self.value, "met": self.met()}


def micro_rate(bench, name):
    """Gigabytes a second of a micro-benchmark, if it ran."""
    for row in bench.micro:
        if row["name"] == name:
            return row["gb_per_s"]
    return None


def goals(bench, results):
    """Judge the medians."""
    few, many, parked = _idle_counts(bench)
    found = []

    def add(what, bound, value, text=None, least=False):
        found.append(Goal(what, bound, value, text, least))

    for c in COUNTS:
        for s in SIZES:
            add(f"CPU a message, {c} x {s} bytes, against the floor", 1.10,
                results.ratio(saturated_name(c, s), "cpu_us"))
    for c in COUNTS:
        for s in SIZES:
            add(f"throughput, {c} x {s} bytes, against the floor", 0.95,
                results.ratio(saturated_name(c, s), "rate"), least=True)
    add("CPU a message into journald, against the floor's syslog", 1.90,
        results.ratio("journald 16x256", "cpu_us"))
    add("CPU of receiver and journald a message, by default against syslog", 1.05,
        results.cells_ratio("machine auto 16x256", "machine syslog 16x256", "peerlogd",
                            "machine_us"))
    add("messages a second into journald, by default against syslog", 1.0,
        results.cells_ratio("machine auto 16x256", "machine syslog 16x256", "peerlogd", "rate"),
        least=True)
    add("CPU a message, journal entries into the sink, against the floor's syslog", 1.40,
        results.ratio("journal 16x256", "cpu_us"))
    add("file: CPU a message, against the floor's syslog", 0.35,
        results.ratio("file 16x256", "cpu_us"))
    for other, cpu, rate in (("rsyslog", 0.12, 4.0), ("syslog-ng", 0.10, 3.0)):
        add(f"file: CPU a message, against {other}", cpu,
            results.ratio("file 16x256", "cpu_us", base=other))
        add(f"file: throughput, against {other}", rate,
            results.ratio("file 16x256", "rate", base=other), least=True)
    add("file: latency at 20,000/s until it is there, p99, against the floor's syslog", 1.25,
        results.ratio("file 20000/s", "p99_us"))
    add("file: each of 1,000 peers its own, CPU a message, against one file", 2.0,
        results.cells_ratio("file each of 1000x256", "file 1000x256", "peerlogd", "cpu_us"))
    add("file: JSON, CPU a message, against text", 2.5,
        results.cells_ratio("file json 16x256", "file 16x256", "peerlogd", "cpu_us"))
    add('file: sync = "round", messages a second, against one fdatasync a message', 50.0,
        results.median("file round 16x256", "peerlogd", "rate_by_sync"), least=True)
    add("latency at 20,000/s, p50, against the floor", 1.10,
        results.ratio("latency 20000/s", "p50_us"))
    add("latency at 20,000/s, p99, against the floor", 1.25,
        results.ratio("latency 20000/s", "p99_us"))
    add("TLS: CPU a message, against none", 1.25,
        results.cells_ratio("tls 16x256", "tls off 16x256", "peerlogd", "cpu_us"))
    for other, bound in (("rsyslog", 0.25), ("rsyslog, gtls", 0.25), ("syslog-ng", 0.35)):
        add(f"TLS: CPU a message, against {other}", bound,
            results.ratio("tls 16x256", "cpu_us", base=other))
    for base, words in (("tls off", ""), ("tls sealed aside", ", if the load seals, too")):
        add(f"TLS: latency at 20,000/s, p99, against none{words}", 1.25,
            results.cells_ratio("tls 20000/s", f"{base} 20000/s", "peerlogd", "p99_us"))
    add("connect-send-close, against the floor", 0.90,
        results.ratio("connect-send-close", "rate"), least=True)
    add("messages lost, repeated or out of order, all cells", 0,
        results.faults(("peerlogd", KEPT)),
        "{:.0f}")
    for key, words in (("idle_bytes", "silent"), ("spoken_bytes", "after one message")):
        add(f"memory of an idle connection, {words} ({few})", 160,
            results.median(f"idle {few}", "peerlogd", key), "{:.0f} bytes")
    add("memory at start", 3.0, results.mebibytes("start", "memory"), "{:.1f} MiB")
    add("memory after a saturated run (the largest)", 6.0,
        max(filter(None, (results.mebibytes(saturated_name(c, s), "memory")
                          for c in COUNTS for s in SIZES)), default=None), "{:.1f} MiB")
    add("start to listening", 5.0, results.median("start", "peerlogd", "start_ms"), "{:.1f} ms")
    add(f"CPU of {few} idle connections, a second", 100,
        results.median(f"idle {few}", "peerlogd", "idle_cpu_us_per_s"), "{:.0f} us")
    add(f"CPU a message beside {few} idle connections, against none", 1.10,
        results.cells_ratio(f"beside {few} idle", "beside 0 idle", "peerlogd", "cpu_us"))
    add(f"lost of {many} connections that each spoke", 0,
        results.median(f"idle {many}", "peerlogd", "lost"), "{:.0f}")
    add("latency of the quiet beside the greedy, p99, against the floor", 1.25,
        results.ratio("quiet beside greedy", "p99_us"))
    add("throughput of one beside 500 that trickle and 1,000 idle ones, against none", 0.95,
        results.cells_ratio("fast beside 500 trickling, 1000 idle", "fast alone", "peerlogd",
                            "rate"), least=True)
    add(f"restart with {parked} connections", 2.0,
        results.median(f"restart {parked}", KEPT, "restart_seconds"), "{:.2f} s")
    add("parking: CPU a message, on against off", 1.03,
        results.ratio("parked 16x256", "cpu_us", KEPT, "peerlogd"))
    add("parking: CPU a connection, more than off", 3.0,
        results.difference("parked connect-send-close", "cpu_us", KEPT, "peerlogd"),
        "{:.1f} us")
    add("escape, looking over clean text", 4.0, micro_rate(bench, "escape look, ascii, 256"),
        "{:.2f} GB/s", least=True)
    add("escape, text that needs it", 0.3,
        micro_rate(bench, "escape write, one in eight, 256"), "{:.2f} GB/s", least=True)
    return found
