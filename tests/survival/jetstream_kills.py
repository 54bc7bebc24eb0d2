#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Streams of NATS JetStream while everything dies, exactly once.

Connections send numbered messages without a pause. peerlogd is killed and restarted, the leader
of a stream with three replicas is killed, all servers are restarted, the stream is filled up and
drained. Afterwards the stream is read: each connection's messages are in it once and in order.
PEERLOG_MESSAGES asks for so many messages at least, PEERLOG_PACK for packs.
"""

import collections
import contextlib
import itertools
import json
import os
import signal
import socket
import threading
import time

from survival import LONG, Service, Skip, connect, main, new_random, until

import jetstream

CONNECTIONS = 64 if LONG else 16
MESSAGES = int(os.environ.get("PEERLOG_MESSAGES", "1000000" if LONG else "20000"))
PACK = int(os.environ.get("PEERLOG_PACK", "1"))
KILLS, RESTARTS, LEADERS = (50, 20, 20) if LONG else (12, 4, 2)
AT_ONCE = 20  # messages in one send
NEWEST = 2500  # messages: more than can be on their way at once


class Storm:
    """Threads that send numbered messages, each over its own connection; so many in all."""

    def __init__(self, port):
        self.each = -(-MESSAGES // CONNECTIONS)
        self.total = self.each * CONNECTIONS
        self.broken = []
        self.threads = [threading.Thread(target=self.run, args=(who, connect(port)), daemon=True)
                        for who in range(CONNECTIONS)]
        for thread in self.threads:
            thread.start()

    def run(self, who, sock):
        try:
            sock.settimeout(None)
            for first in range(0, self.each, AT_ONCE):
                sock.sendall(b"".join(b"c%d n%d %s\n" % (who, n, b"x" * (n % 300)) for n in
                                      range(first, min(first + AT_ONCE, self.each))))
            sock.shutdown(socket.SHUT_WR)
            assert sock.recv(1) == b"", "it answered"
        except (OSError, AssertionError) as error:
            self.broken.append(f"connection {who}: {error}")
        sock.close()

    def end(self):
        """Wait until each message has its receipt."""
        for thread in self.threads:
            thread.join(3600)
        assert not self.broken, self.broken


class Books:
    """What was read, and what is wrong with it."""

    def __init__(self):
        self.next = collections.Counter()
        self.records = 0
        self.wrong = []

    def add(self, body):
        for line in body.splitlines():
            who, number, _ = json.loads(line)["message"].split(" ", 3)[1:]
            number = int(number[1:])
            self.records += 1
            if number != self.next[who] and len(self.wrong) < 20:
                self.wrong.append(f"{who}: {number} instead of {self.next[who]}")
            self.next[who] = max(self.next[who], number + 1)

    def judge(self, storm):
        assert not self.wrong, self.wrong
        assert self.records == storm.total, (self.records, storm.total)
        assert all(self.next[f"c{who}"] == storm.each for who in range(CONNECTIONS)), self.next


class StreamService(Service):
    """A service that writes to the stream."""

    def output_settings(self):
        return dict(self.settings["output"], type="nats")


class StreamCluster(jetstream.Cluster):
    """Servers with the stream LOGS."""

    def __init__(self, scratch, count, **config):
        super().__init__(scratch, count)
        self.config = config

    def __enter__(self):
        super().__enter__()
        self.make("LOGS", **self.config)
        return self

    def restart(self):
        """All of them at once."""
        for server in self.servers:
            server.kill(signal.SIGTERM)
        for server in self.servers:
            server.start()

    def records(self):
        return self.count("LOGS") * PACK  # with packs: at most


def service_of(scratch, cluster):
    service = StreamService(scratch, None, output=dict(servers=cluster.urls, pack=PACK))
    service.allow("NATS stream LOGS", r"died \d+ times in a row soon after its start")
    return service


cluster_of = StreamCluster


def stored_part(cluster, storm, part):
    """Wait until this part of all messages is stored."""
    until(lambda: cluster.records() >= part * storm.total, f"{part:.2f} of all to be stored", 600)


def finish(cluster, storm, begun, books=None):
    """Wait for the receipts, and read the stream back."""
    storm.end()
    seconds = time.monotonic() - begun
    if len(cluster.servers) > 1:
        until(lambda: cluster.is_whole("LOGS"), "three replicas", 180)
    if books is None:
        books = Books()
        for _, body in cluster.read("LOGS"):
            books.add(body)
    books.judge(storm)
    print(f"  {storm.total} messages over {CONNECTIONS} connections in {seconds:.1f} s: none lost, "
          "doubled or reordered", flush=True)


def peerlogd_is_killed_and_restarted(scratch):
    chance = new_random()
    turns = KILLS + RESTARTS
    with cluster_of(scratch, 1) as cluster, service_of(scratch, cluster) as service:
        begun = time.monotonic()
        storm = Storm(service.port)
        for turn in range(turns):
            stored_part(cluster, storm, (turn + 1) / (turns + 2))
            time.sleep(chance.uniform(0, 0.05))
            if turn % (turns // RESTARTS) == 1:
                service.manager.wait_ready(service.since)
                service.restart()
            else:
                service.kill()
                service.start()
        finish(cluster, storm, begun)
        service.manager.wait_ready(service.since)
        until(lambda: "log ok: NATS (stream LOGS)" in service.manager.status(), "its name")


def need_a_machine():
    """Three servers, a storm and elections want more than a busy machine has."""
    if not LONG:
        raise Skip("three servers and their leaders' deaths: PEERLOG_LONG")


def leaders_are_killed(scratch):
    need_a_machine()
    with cluster_of(scratch, 3) as cluster, service_of(scratch, cluster) as service:
        begun = time.monotonic()
        storm = Storm(service.port)
        for turn in range(LEADERS):
            stored_part(cluster, storm, (turn + 1) / (LEADERS + 3))
            leader = until(lambda: cluster.leader("LOGS"), "a leader", 120)
            leader.kill()
            stored_part(cluster, storm, (turn + 1.5) / (LEADERS + 3))
            leader.start()
        stored_part(cluster, storm, (LEADERS + 2) / (LEADERS + 3))
        cluster.restart()
        finish(cluster, storm, begun)


def peerlogd_and_leaders_are_killed(scratch):
    need_a_machine()
    chance = new_random()
    with cluster_of(scratch, 3) as cluster, service_of(scratch, cluster) as service:
        begun = time.monotonic()
        storm = Storm(service.port)
        for turn in range(LEADERS):
            stored_part(cluster, storm, (turn + 1) / (LEADERS + 2))
            leader = until(lambda: cluster.leader("LOGS"), "a leader", 120)
            leader.kill()
            for _ in range(KILLS // LEADERS):
                time.sleep(chance.uniform(0, 0.3))
                service.kill()
                service.start()
            until(lambda: cluster.leader("LOGS"), "the next leader", 180)
            leader.start()
        finish(cluster, storm, begun)
        service.manager.wait_ready(service.since)


class Reader:
    """Reads the stream while it grows, whatever dies, and makes room in it when it is full."""

    def __init__(self, cluster, limit):
        self.cluster = cluster
        self.limit = limit
        self.books = Books()
        self.next = 1  # of the stream's own numbers
        self.drained = 0

    def read_on(self):
        """Read what there is, and no message twice. Returns: how many records that makes."""
        with contextlib.suppress(OSError, AssertionError):
            for _, body in self.cluster.read("LOGS", self.next, patience=2):
                self.books.add(body)
                self.next += 1
        if self.cluster.count("LOGS") >= self.limit and self.drain():
            self.drained += 1
        return self.books.records

    def drain(self):
        """Throw away what was read, but for the newest: the servers know by these what is new."""
        until_number = self.next - NEWEST
        return until_number > 1 and self.cluster.ask("STREAM.PURGE.LOGS", seq=until_number)


def everything_dies(scratch):
    """All of it at once, and the stream is too small for what is sent."""
    need_a_machine()
    chance = new_random()
    limit = max(2 * NEWEST, MESSAGES // PACK // LEADERS)
    with cluster_of(scratch, 3, max_msgs=limit, duplicate_window=1800 * 10**9) as cluster:
        with service_of(scratch, cluster) as service:
            begun = time.monotonic()
            storm = Storm(service.port)
            reader = Reader(cluster, limit)
            kills = 0
            for turn in range(LEADERS):
                wanted = (turn + 1) / (LEADERS + 2) * storm.total
                until(lambda: reader.read_on() >= wanted, f"{wanted:.0f} to be read", 600)
                print(f"  {reader.books.records} read after {time.monotonic() - begun:.0f} s, "
                      f"{reader.drained} times full", flush=True)
                until(lambda: cluster.is_whole("LOGS"), "three replicas", 180)
                leader = until(lambda: cluster.leader("LOGS"), "a leader", 120)
                leader.kill()
                for _ in range((turn + 1) * KILLS // LEADERS - kills):
                    time.sleep(chance.uniform(0, 0.3))
                    service.kill()
                    service.start()
                    reader.read_on()
                    kills += 1
                until(lambda: cluster.leader("LOGS"), "the next leader", 180)
                leader.start()
                service.restart()
                if turn == LEADERS // 2:
                    cluster.restart()
            until(lambda: reader.read_on() == storm.total, "all to be read", 600)
            finish(cluster, storm, begun, reader.books)
            print(f"  {kills} kills and {LEADERS} restarts of peerlogd, {LEADERS} of the leaders, "
                  f"filled and drained {reader.drained} times")
            assert reader.read_on() == storm.total and reader.drained > 0
            service.manager.wait_ready(service.since)


def the_stream_is_filled_and_drained(scratch):
    limit = max(1000, MESSAGES // 12)  # in messages: one in bytes is not exact in nats-server 2.9
    with cluster_of(scratch, 1, max_msgs=limit, retention="workqueue") as cluster:
        with service_of(scratch, cluster) as service:
            begun = time.monotonic()
            storm = Storm(service.port)
            books = Books()
            for turn in itertools.count(1):
                until(lambda: cluster.count("LOGS") == limit or
                      books.records + cluster.records() >= storm.total, "it to be full", 600)
                if turn % 4 == 0:
                    service.die()
                wanted = books.records + cluster.records() // 2
                with cluster.servers[0].client() as client:
                    while books.records < max(wanted, 1) and cluster.records() > 0:
                        for body in client.take("LOGS"):
                            books.add(body)
                if books.records >= storm.total:
                    break
            finish(cluster, storm, begun, books)
            print(f"  filled and drained {turn} times")


if not jetstream.is_there():
    raise SystemExit(77)
main(peerlogd_is_killed_and_restarted, leaders_are_killed, peerlogd_and_leaders_are_killed,
     everything_dies, the_stream_is_filled_and_drained)
