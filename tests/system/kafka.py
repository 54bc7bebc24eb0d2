#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Real brokers of Kafka: peerlogd is killed and restarted while numbered messages go into a topic.

What librdkafka's mock cluster cannot confirm, brokers can: that a batch that comes twice is stored
once, elections, TLS and SASL. Without KAFKA_BROKERS there is nothing to ask, and this is skipped.

KAFKA_BROKERS     HOST:PORT, with commas between. A topic is made there for each test, and stays; if
                  we may not make it, the brokers have to do so by themselves.
KAFKA_REPLICAS    of those topics; 3 unless it is set, or as many as brokers are named.
KAFKA_PARTITIONS  12 unless it is set.
KAFKA_PROPERTIES  of librdkafka, for peerlogd and for the reader: NAME=VALUE, a space between.
KAFKA_DISTURB     a command that is run at each kill, such as one that restarts a broker.
PEERLOG_LONG, PEERLOG_MESSAGES and PEERLOG_SEED as for all tests of survival/.
"""

import contextlib
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "survival"), os.path.join(HERE, "..", "integration")]

import kafka_cluster  # noqa: E402
from kafka_kills import KILLS, RESTARTS, Storm, kill_and_restart, service_of  # noqa: E402
from survival import connect, main  # noqa: E402

BROKERS = [broker for broker in os.environ.get("KAFKA_BROKERS", "").split(",") if broker]
REPLICAS = int(os.environ.get("KAFKA_REPLICAS", min(3, len(BROKERS))))
PARTITIONS = int(os.environ.get("KAFKA_PARTITIONS", "12"))
PROPERTIES = os.environ.get("KAFKA_PROPERTIES", "").split()
DISTURB = os.environ.get("KAFKA_DISTURB")


def make_topic(what):
    topic = f"peerlog-test-{what}-{os.getpid()}-{int(time.time())}"
    made = kafka_cluster.tool("make", ",".join(BROKERS), topic, PARTITIONS, REPLICAS)
    by_us = made.wait(90) == 0
    print(f"  topic {topic}, made by {'us' if by_us else 'the brokers'}", flush=True)
    return topic


@contextlib.contextmanager
def disturbed(_):
    disturbance = subprocess.Popen(DISTURB, shell=True) if DISTURB else None
    yield
    if disturbance is not None:
        assert disturbance.wait(600) == 0, DISTURB


def messages_come_back_as_they_were_said(scratch):
    topic = make_topic("said")
    with service_of(scratch, BROKERS, topic=topic, properties=PROPERTIES) as service, \
            kafka_cluster.Reader(BROKERS, topic) as reader:
        with connect(service.port) as sock:
            sock.sendall(b"first\n<11>second\n")
            found = reader.wait_count(2)
        assert [m.headers["Peer-Sequence"] for m in found] == ["1", "2"], found
        assert kafka_cluster.body_of(found[1])["priority"] == 3, found


def peerlogd_is_killed_and_restarted(scratch):
    topic = make_topic("kills")
    with service_of(scratch, BROKERS, topic=topic, properties=PROPERTIES) as service, \
            kafka_cluster.Reader(BROKERS, topic) as reader:
        storm = Storm(service.port, reader)
        kill_and_restart(service, storm, KILLS + RESTARTS, disturbed)
        storm.end()
        service.manager.wait_ready(service.since)
    assert storm.order.echoes == 0, f"{storm.order.echoes} batches are stored twice"


if not BROKERS or kafka_cluster.why_not():
    print("SKIP: " + (kafka_cluster.why_not() or "KAFKA_BROKERS names no brokers"))
    raise SystemExit(77)
main(messages_come_back_as_they_were_said, peerlogd_is_killed_and_restarted)
