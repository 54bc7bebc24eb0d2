# SPDX-License-Identifier: MIT
"""Sixty times SIGKILL at random instants under full load.

Sixteen connections send as fast as they are served while the service is killed, whatever it
is doing: receiving, delivering, starting, taking over. Nothing may be lost and no connection
may break. What was being delivered may come again: at most one batch for each worker, and
every such record says so. In the journal PEER_SEQUENCE has no gap and PEER_CONNECTION stays. In
a file, to which all workers write, each line is whole: none is glued to one that a kill tore. And
all of it once more with a daemon whose connections change their worker all the time (restless.c).
"""

import json
import os
import re
import subprocess
import time

from survival import (LONG, PEERLOGD, Service, Streams, Tally, build_program, folder, judge, main,
                      most_repeats, new_random, reporters, until)

PEERLOGCTL = os.environ.get("PEERLOGCTL", os.path.join(os.path.dirname(PEERLOGD), "peerlogctl"))
CONNECTIONS = 16
KILLS = 300 if LONG else 30


class FileTally:
    """A file in place of a log socket, counted as it grows, and judged at the end."""

    kind = "file"

    def __init__(self, scratch, kind):
        self.scratch = scratch
        self.path = os.path.join(scratch, "log", "all")

    def records(self):
        """Of what is there now: who reads more slowly than it grows comes to no end."""
        with open(self.path, "rb") as file:
            left, lines = os.fstat(file.fileno()).st_size, 0
            while left > 0 and (part := file.read(min(left, 1 << 20))):
                left -= len(part)
                lines += part.count(b"\n")
        return lines

    def wait_records(self, count):
        until(lambda: self.records() >= count, f"{count} lines")

    def moves(self):
        return os.stat(self.path).st_size

    def wait_heard(self, connections):
        """It grows fast, and every line is looked at once."""
        peers = set()
        with open(self.path, "rb") as file:
            def heard():
                for line in file.readlines(1 << 20):
                    if not line.endswith(b"\n"):
                        file.seek(-len(line), os.SEEK_CUR)  # it is not whole yet
                    else:
                        peers.add(line.split(b" ", 3)[2])
                return len(peers) >= connections

            until(heard, f"{connections} connections to be heard")

    def end(self):
        """Lines as the log socket has them, for the program that counts those."""
        shown = re.compile(rb"\d{4}-\d\d-\d\dT[\d:.+-]+ [a-z]+ (\S+:\d+ .*)\n")
        report = os.path.join(self.scratch, "report.json")
        with subprocess.Popen([build_program("system/sink"), "--form", "syslog", "--report",
                               report], stdin=subprocess.PIPE) as sink, \
                open(self.path, "rb") as file:
            for line in file:
                match = shown.fullmatch(line)
                assert match, f"not a line: {line[:300]!r}"
                sink.stdin.write(b"x[1]: " + match.group(1) + b"\n")
        with open(report, encoding="ascii") as file:
            return json.load(file)

    def abandon(self):
        pass


def count_moves(path):
    """How often connections changed their worker, over all processes."""
    until(lambda: os.path.exists(path), "the admin socket")
    done = subprocess.run([PEERLOGCTL, "-s", path, "metrics"], capture_output=True, check=True)
    return int(re.search(rb"^peerlogd_connections_moved_total (\d+)$", done.stdout, re.M).group(1))


def kill_under_load(scratch, kind, kills=KILLS, program=PEERLOGD, pace=(), **settings):
    chance = new_random()
    with reporters() as running:
        tally = (FileTally if kind == "file" else Tally)(scratch, kind)
        running.append(tally)
        with Service(scratch, tally, program=program, **settings) as service:
            streams = Streams(scratch, service.port, CONNECTIONS, *pace)
            running.append(streams)
            streams.wait_sent(1000)
            tally.wait_heard(CONNECTIONS)
            for _ in range(kills):
                time.sleep(chance.uniform(0, 0.12))
                service.kill()
                service.start()
            service.manager.wait_ready(service.since)
            tally.wait_records(tally.records() + 1000)
            if "admin" in settings:
                until(lambda: count_moves(settings["admin"]["path"]) > 30, "moves")
            verdict = judge([streams], tally, most_repeats(kills, settings.get("workers")))
            assert service.said("after SIGKILL") > 0, "nothing was taken over"
            assert kills < KILLS or service.said(r" [1-9]\d* messages in hand.* after SIGKILL") > 0
            service.allow(r"cut off \d+ bytes", r"ended a line that was not finished")
            service.allow(r"died \d+ times in a row soon after its start, the last time of SIGKILL")
        print(f"  {verdict.arrived['marked']} marked as possible repeats")


def kills_lose_nothing_in_the_log(scratch):
    kill_under_load(scratch, "syslog")


def kills_lose_nothing_in_the_journal(scratch):
    kill_under_load(scratch, "journal")


def kills_lose_nothing_in_a_file(scratch):
    kill_under_load(scratch, "file")


def kills_lose_nothing_of_what_moves(scratch):
    """At a pace, not as fast as can be: there are many short rounds, and moves between them."""
    restless = build_program("survival/restless_peerlogd")
    more = {"admin": {"path": os.path.join(scratch, "admin")}} if os.path.exists(PEERLOGCTL) else {}
    for kind, kills in ("syslog", KILLS // 3), ("file", KILLS // 10):
        kill_under_load(folder(scratch, kind), kind, kills, restless,
                        ("--rate", 4000), workers=3, **more)


main(kills_lose_nothing_in_the_log, kills_lose_nothing_in_the_journal,
     kills_lose_nothing_in_a_file, kills_lose_nothing_of_what_moves)
