#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a message into a stream of NATS costs: peerlogd, and a bare loop.

By hand, in a build folder after `make check TESTS= && make tests/bench/nats`:

    PEERLOGD=$PWD/peerlogd PEERLOGD_MODULES=$PWD python3 ../tests/bench/nats.py [COUNT [ROUNDS]]

All write to a stream with one replica on one nats-server, whose time does not count, in turns. Said
are the processor time of the whole process in us a message of 256 bytes, messages a second, and its
memory in MiB. The loop sends bodies as long as those that peerlogd makes, with the same headers.
"""

import tempfile

from brokers import COUNT, ROUNDS, in_turns, show, with_loop, with_peerlogd

import jetstream


def peerlogd(cluster, scratch, more="", **load):
    cluster.ask("STREAM.PURGE.LOGS")
    return with_peerlogd(scratch, f'type = "nats"; servers = [ "{cluster.urls[0]}" ]; {more}',
                         "NATS stream LOGS: ", **load)


def length_of_body(cluster, scratch):
    peerlogd(cluster, scratch, count=50, connections=1)
    return len(next(cluster.read("LOGS"))[1])


def loop(cluster, bytes_of_body):
    cluster.ask("STREAM.PURGE.LOGS")
    us, rate, mib = with_loop("nats", cluster.urls[0], "logs.x.127_0_0_1", COUNT, bytes_of_body)
    return us, rate, 0.0, mib


def main():
    with tempfile.TemporaryDirectory(prefix="peerlog-bench-") as scratch, \
            jetstream.Cluster(scratch) as cluster:
        cluster.make("LOGS")
        size = length_of_body(cluster, scratch)
        print(f"a body of {size} bytes; {COUNT} messages, {ROUNDS} rounds")
        show(in_turns({
            "loop": lambda: loop(cluster, size),
            "peerlogd, 1 connection": lambda: peerlogd(cluster, scratch, connections=1),
            "peerlogd, 16 connections": lambda: peerlogd(cluster, scratch),
            "peerlogd, 256 connections": lambda: peerlogd(cluster, scratch, connections=256),
            "peerlogd, in_flight = 1024": lambda: peerlogd(cluster, scratch, "in_flight = 1024;"),
            "peerlogd, pack = 256": lambda: peerlogd(cluster, scratch, "pack = 256;"),
        }))


if __name__ == "__main__":
    main()
