# SPDX-License-Identifier: MIT
"""Kafka for the tests: librdkafka's mock cluster, a reader of a topic, and what order is."""

import collections
import contextlib
import json
import os
import subprocess
import threading
import time

from running import PEERLOGD, clean_environment, end_with_test
from waiting import PATIENCE, deadline, until

TOOL = os.path.join(os.path.dirname(PEERLOGD), "tests", "integration", "kafka_tool")

Message = collections.namedtuple("Message", "partition offset time key headers body")

# Codes of Kafka's protocol: is it tried again by the library, or for ever refused?
OUT_OF_ORDER, NOT_LEADER, NO_TOPIC, FORBIDDEN, TOO_LARGE = 45, 6, 3, 29, 10


def why_not():
    """Why Kafka cannot be tested with this build; None: it can."""
    if not os.path.exists(TOOL):
        return "built without Kafka"
    with open(PEERLOGD, "rb") as program:
        if b"__tsan_init" in program.read():
            return "librdkafka has threads of C11, which ThreadSanitizer does not know"
    return None


def tool(*words, **streams):
    return subprocess.Popen([TOOL, *map(str, words)], text=True, env=clean_environment(),
                            preexec_fn=end_with_test, **streams)


class Mock:
    """So many brokers, with a topic if one is named."""

    def __init__(self, topic="logs", partitions=6, count=3):
        self.count = count
        self.process = tool("mock", count, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.brokers = self.process.stdout.readline().strip().split(",")
        if topic is not None:
            self.say("topic", topic, partitions, count)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(PATIENCE)
        self.process.stdout.close()

    def say(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        assert answer == "0", (words, answer)

    def each(self, what, *more):
        for broker in range(1, self.count + 1):
            self.say(what, broker, *more)


def message_of(line):
    partition, offset, time_ms, key, headers, body = line.split("\t")
    named = dict(header.split("=", 1) for header in headers.split(";") if header)
    return Message(int(partition), int(offset), int(time_ms), key, named, body)


class Reader:
    """All that comes into a topic, read as it comes: the mock cluster forgets what is old."""

    def __init__(self, brokers, topic="logs"):
        self.changed = threading.Condition()
        self.messages = []
        self.process = tool("read", ",".join(brokers), topic, stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        rest = b""
        while chunk := os.read(self.process.stdout.fileno(), 1 << 18):
            *lines, rest = (rest + chunk).split(b"\n")
            with self.changed:
                self.messages.extend(message_of(line.decode()) for line in lines)
                self.changed.notify_all()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(PATIENCE)
        self.thread.join()
        self.process.stdout.close()

    def wait(self, enough, what, seconds=None):
        """Wait until ENOUGH of the messages is true. Returns: a copy of them."""
        end = deadline(seconds)
        with self.changed:
            while not enough(self.messages):
                left = end - time.monotonic()
                assert left > 0, f"{what}: only {len(self.messages)} messages"
                self.changed.wait(left)
            return list(self.messages)

    def wait_count(self, count):
        return self.wait(lambda found: len(found) >= count, f"{count} messages")


class Order:
    """Books over what is read: each connection's records are there, in order, or marked again.

    The mock cluster knows producers, but not the sequences of their batches: of one that was stored
    when its broker died, and that the library sends again, it has an echo. It is the same to the
    millisecond in which it was sent; a real broker throws it away, and so does this.
    """

    def __init__(self):
        self.read = 0    # messages looked at
        self.sent = {}   # when, in milliseconds
        self.echoes = 0
        self.next = collections.Counter()
        self.most = collections.Counter()
        self.partitions = collections.defaultdict(set)
        self.marked = 0
        self.wrong = []

    def add(self, message):
        who, number = message.headers["Peer-Connection"], int(message.headers["Peer-Sequence"])
        is_marked = "repeat" in message.headers.get("Peer-Flags", "")
        self.read += 1
        if self.sent.get((who, number)) == message.time:
            self.echoes += 1
            return
        self.sent[who, number] = message.time
        self.marked += is_marked
        self.partitions[message.key].add(message.partition)
        wanted = self.next[who] + 1
        if number != wanted and not (is_marked and number < wanted):
            self.wrong.append(f"{who}: {number} instead of {wanted}")
        self.next[who] = number
        self.most[who] = max(self.most[who], number)

    def all_of(self, messages):
        """Take what is new. Returns: how many different records there are."""
        for message in messages[self.read:]:
            self.add(message)
        return sum(self.most.values())

    def judge(self, connections, count):
        assert not self.wrong, self.wrong[:20]
        assert len(self.most) == connections, len(self.most)
        assert set(self.most.values()) == {count}, self.most
        assert all(len(p) == 1 for p in self.partitions.values()), self.partitions


def wait_ordered(reader, connections, count, seconds=None):
    """Wait for so many records of so many connections, and judge them. Returns: the books."""
    order = Order()
    reader.wait(lambda found: order.all_of(found) >= connections * count, "all of them", seconds)
    order.judge(connections, count)
    return order


def body_of(message):
    return json.loads(message.body)
