#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a message into Kafka costs: peerlogd, a bare loop, and rsyslog's omkafka if it is there.

By hand, in a build folder after `make check TESTS= && make tests/bench/kafka`:

    PEERLOGD=$PWD/peerlogd PEERLOGD_MODULES=$PWD python3 ../tests/bench/kafka.py [COUNT [ROUNDS]]

All write to the same mock cluster of librdkafka's, whose time does not count, in turns. Said is the
processor time of the whole process in us a message of 256 bytes, and its memory in MiB. The loop
sends bodies as long as those that peerlogd makes, with as many headers; rsyslog makes JSON of a
template, with a key and without headers, which its omkafka of 8.2302 has not.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import threading

from brokers import (COUNT, ROUNDS, CONNECTIONS, TOGETHER, end_with_test, in_turns, measure, show,
                     until, with_loop, with_peerlogd)

import kafka_cluster
from kernel import held_port

# What rsyslog knows of a message, as JSON.
TEMPLATE = ('template(name="entry" type="list" option.jsonf="on") {\n' + "".join(
    f' property(outname="{name}" name="{source}" format="jsonf"{more})\n'
    for name, source, more in (
        ("timestamp", "timereported", ' dateFormat="rfc3339"'), ("priority", "syslogseverity", ""),
        ("syslog_facility", "syslogfacility", ""), ("syslog_identifier", "programname", ""),
        ("peer_address", "fromhost-ip", ""), ("peer_name", "fromhost", ""),
        ("peer_listener", "inputname", ""), ("received", "timegenerated", ' dateFormat="rfc3339"'),
        ("message", "rawmsg", ""))) + '}\ntemplate(name="peer" type="string" '
            'string="%fromhost-ip%")\n')

RSYSLOG = shutil.which("rsyslogd", path=os.environ["PATH"] + ":/usr/sbin")


def end_of(mock, topic):
    """How many messages a topic has had: where its partitions end."""
    done = subprocess.run([kafka_cluster.TOOL, "count", ",".join(mock.brokers), topic],
                          stdout=subprocess.PIPE, text=True, check=True, timeout=60)
    return int(done.stdout)


def peerlogd(mock, scratch, workers, **load):
    brokers = ", ".join(f'"{broker}"' for broker in mock.brokers)
    return with_peerlogd(scratch, f'type = "kafka"; brokers = [ {brokers} ];', "Kafka topic logs: ",
                         workers, end=lambda: end_of(mock, "logs"), **load)


def with_rsyslog(mock, scratch):
    file = os.path.join(scratch, "rsyslog.conf")
    with held_port() as port:
        with open(file, "w", encoding="utf-8") as out:
            brokers = ", ".join(f'"{broker}"' for broker in mock.brokers)
            out.write('module(load="imptcp")\nmodule(load="omkafka")\n' + TEMPLATE +
                      f'input(type="imptcp" port="{port}" address="127.0.0.1")\n'
                      f'action(type="omkafka" topic="logs" broker=[ {brokers} ] '
                      'template="entry" dynaKey="on" key="peer" '
                      'confParam=[ "enable.idempotence=true", "acks=all" ])\n')
        process = subprocess.Popen([RSYSLOG, "-n", "-f", file, "-i",
                                    os.path.join(scratch, "rsyslog.pid")],
                                   preexec_fn=end_with_test)

        def listens():
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                return True
            except ConnectionRefusedError:
                return False

        until(listens, "rsyslog to listen")
        try:
            return measure(process, port, lambda: end_of(mock, "logs"))
        finally:
            process.terminate()
            process.wait(60)


def loop(mock, bytes_of_body):
    us, rate, mib = with_loop("kafka", ",".join(mock.brokers), "logs", COUNT, bytes_of_body)
    return us, rate, 0.0, mib


def length_of_body(mock, scratch):
    """How long a body of peerlogd's is."""
    found = {}

    def read():
        with kafka_cluster.Reader(mock.brokers) as reader:
            found["bytes"] = len(reader.wait_count(1)[0].body)

    thread = threading.Thread(target=read)
    thread.start()
    peerlogd(mock, scratch, 1, count=CONNECTIONS * TOGETHER)
    thread.join()
    return found["bytes"]


def main():
    with tempfile.TemporaryDirectory(prefix="peerlog-bench-") as scratch, \
            kafka_cluster.Mock(partitions=1) as mock:
        size = length_of_body(mock, scratch)
        print(f"a body of {size} bytes; {COUNT} messages, {ROUNDS} rounds")
        programs = {"loop": lambda: loop(mock, size),
                    "peerlogd, 1 worker": lambda: peerlogd(mock, scratch, 1),
                    "peerlogd, 2 workers": lambda: peerlogd(mock, scratch, 2)}
        if RSYSLOG and os.path.exists("/usr/lib/x86_64-linux-gnu/rsyslog/omkafka.so"):
            programs["rsyslog"] = lambda: with_rsyslog(mock, scratch)
        show(in_turns(programs))


if __name__ == "__main__":
    main()
