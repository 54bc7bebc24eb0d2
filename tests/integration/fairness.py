#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# One connection at full speed, five hundred that trickle, and a thousand that say nothing.
# The lines of those who trickle are delivered within a bounded time, and behind a bounded
# part of the flood; the flood goes on all the while. (What it loses of its speed is
# measured in tests/bench: "fast beside".) PEERLOG_LONG=1: really a byte a second.

from support import *

TRICKLING, IDLE = 500, 1000
LINES = 4
BOUND = PATIENCE / 12  # seconds from the first line's end until all 500 lines are logged
IN_BETWEEN = 30        # times 1,000 records of the flood, for 500 lines at once

FLOOD = b"f" * 1000 + b"\n"


class Flood:
    """A connection at full speed, until it is told to end."""

    def __init__(self, port):
        self.over = threading.Event()
        self.sock = connect(port)
        self.name = name_of(self.sock)
        self.sent = 0
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.over.is_set():
            self.sock.sendall(FLOOD * 100)
            self.sent += 100

    def end(self):
        self.over.set()
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive(), "the flood hangs"
        finish(self.sock)


class Counting:
    """The sink's records, counted as they come; the flood's texts are not kept."""

    def __init__(self, sink):
        self.sink = sink
        self.lines = {}
        self.flooded = 0

    def look(self):
        with self.sink.changed:
            fresh, self.sink.raw[:] = self.sink.raw[:], []
        for item in fresh:
            if item.endswith(FLOOD[:-1]):
                self.flooded += 1
                continue
            for record in self.sink.parse(item):
                self.lines.setdefault(record.peer, []).append(record.text)
        assert self.sink.broken is None, self.sink.broken

    def have(self, count):
        self.look()
        return sum(map(len, self.lines.values())) >= count


def trickling_beside_a_flood(scratch, workers):
    more_descriptors()
    with new_sink("syslog", scratch) as sink, \
            Daemon(scratch, sink, workers=workers) as daemon:
        idle = [connect(daemon.port) for _ in range(IDLE)]
        trickling = [connect(daemon.port) for _ in range(TRICKLING)]
        until(lambda: daemon.descriptors() > IDLE + TRICKLING, "all to be accepted")
        flood = Flood(daemon.port)
        seen = Counting(sink)
        until(lambda: seen.have(0) or seen.flooded > 1000, "the flood")
        waits, between = [], []
        for turn in range(LINES):
            for byte in (b"t", b"%d" % turn, b"\n"):
                if LONG:
                    flood.over.wait(1)
                seen.look()
                said, before = time.monotonic(), seen.flooded
                for sock in trickling:
                    sock.sendall(byte)
            until(lambda n=TRICKLING * (turn + 1): seen.have(n), "the trickling lines")
            waits.append(time.monotonic() - said)
            between.append(seen.flooded - before)
        flooded = seen.flooded
        until(lambda: seen.have(0) and seen.flooded > flooded, "more of the flood")
        flood.end()
        names = {name_of(sock) for sock in trickling}
        assert set(seen.lines) == names
        for lines in seen.lines.values():
            assert lines == [b"t%d" % turn for turn in range(LINES)]
        until(lambda: seen.have(0) and seen.flooded == flood.sent, "all of the flood")
        print(f"  {workers} workers: logged within {max(waits):.2f} s, behind {max(between)} of "
              f"the flood, which had {flood.sent}", flush=True)
        assert max(waits) < BOUND, f"a line waited for {max(waits)} s"
        assert min(between) < 1000 * IN_BETWEEN, f"{min(between)} others came first"
        for sock in trickling:
            assert finish(sock) in names
        for sock in idle:
            finish(sock)


def with_one_worker(scratch):
    trickling_beside_a_flood(scratch, 1)


def with_two_workers(scratch):
    trickling_beside_a_flood(scratch, 2)


if __name__ == "__main__":
    main(with_one_worker, with_two_workers)
