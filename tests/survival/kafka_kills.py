#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A topic of Kafka while peerlogd and brokers die, at least once, and marked.

Connections send numbered messages, each from an address of its own. peerlogd is killed and
restarted, and the brokers of a mock cluster go down and come up. All that comes into the topic is
read: of each connection it is all records in order, and what is there again is marked. The same
storm is let loose on real brokers by tests/system/kafka.py. PEERLOG_MESSAGES asks for so many.
"""

import contextlib
import os
import socket
import threading
import time

from survival import LONG, Service, connect, main, new_random, until

import kafka_cluster

CONNECTIONS = 32 if LONG else 8
MESSAGES = int(os.environ.get("PEERLOG_MESSAGES", "400000" if LONG else "16000"))
KILLS, RESTARTS = (50, 20) if LONG else (5, 2)
AT_ONCE = 20     # messages in one send
AHEAD = MESSAGES // (KILLS + RESTARTS)  # that are sent and not read


class Storm:
    """Threads that send numbered messages, each over its own connection; so many in all."""

    def __init__(self, port, reader):
        self.port = port
        self.reader = reader
        self.each = -(-MESSAGES // CONNECTIONS)
        self.total = self.each * CONNECTIONS
        self.order = kafka_cluster.Order()
        self.broken = []
        self.threads = [threading.Thread(target=self.run, args=(who,), daemon=True)
                        for who in range(CONNECTIONS)]
        for thread in self.threads:
            thread.start()

    def run(self, who):
        try:
            with connect(self.port, source=f"127.0.1.{who + 1}") as sock:
                sock.settimeout(None)
                for first in range(0, self.each, AT_ONCE):
                    self.read_until(CONNECTIONS * first - AHEAD)
                    sock.sendall(b"".join(b"c%d n%d\n" % (who, n) for n in
                                          range(first, min(first + AT_ONCE, self.each))))
                sock.shutdown(socket.SHUT_WR)
                assert sock.recv(1) == b"", "it answered"
        except (OSError, AssertionError) as error:
            self.broken.append(f"connection {who}: {error}")

    def read_until(self, count):
        """Wait until so many different records were read."""
        self.reader.wait(lambda found: self.order.all_of(found) >= count or self.broken,
                         f"{count} records", 600)

    def end(self):
        """Wait for the receipts, and for all records. Says what there was."""
        for thread in self.threads:
            thread.join(3600)
        assert not self.broken, self.broken
        self.read_until(self.total)
        self.order.judge(CONNECTIONS, self.each)
        print(f"  {self.total} messages over {CONNECTIONS} connections: none lost or reordered, "
              f"{self.order.marked} marked as repeats", flush=True)


class TopicService(Service):
    """A service that writes to a topic."""

    def output_settings(self):
        return dict(self.settings["output"], type="kafka")


def service_of(scratch, brokers, **output):
    service = TopicService(scratch, None, output=dict(output, brokers=brokers))
    service.allow("Kafka topic ", r"died \d+ times in a row soon after its start")
    return service


@contextlib.contextmanager
def undisturbed(_):
    yield


def kill_and_restart(service, storm, turns, disturbed=undisturbed):
    """Let peerlogd die as often as said while the storm goes on, each time within DISTURBED."""
    chance = new_random()
    for turn in range(turns):
        storm.read_until((turn + 1) / (turns + 2) * storm.total)
        with disturbed(turn):
            time.sleep(chance.uniform(0, 0.05))
            if turn % (turns // RESTARTS) == 1:
                service.manager.wait_ready(service.since)
                service.restart()
            else:
                service.kill()
                service.start()


def peerlogd_is_killed_and_restarted(scratch):
    with kafka_cluster.Mock(partitions=12) as mock, service_of(scratch, mock.brokers) as service, \
            kafka_cluster.Reader(mock.brokers) as reader:
        storm = Storm(service.port, reader)
        kill_and_restart(service, storm, KILLS + RESTARTS)
        storm.end()
        service.manager.wait_ready(service.since)
        until(lambda: "log ok: Kafka (topic logs)" in service.manager.status(), "its name")


def brokers_die_too(scratch):
    with kafka_cluster.Mock(partitions=12) as mock, service_of(scratch, mock.brokers) as service, \
            kafka_cluster.Reader(mock.brokers) as reader:

        @contextlib.contextmanager
        def one_less(turn):
            mock.say("down", turn % 3 + 1)
            yield
            mock.say("up", turn % 3 + 1)

        storm = Storm(service.port, reader)
        kill_and_restart(service, storm, KILLS + RESTARTS, one_less)
        storm.end()
        service.manager.wait_ready(service.since)


if __name__ == "__main__":
    if kafka_cluster.why_not():
        print("SKIP: " + kafka_cluster.why_not())
        raise SystemExit(77)
    main(peerlogd_is_killed_and_restarted, brokers_die_too)
