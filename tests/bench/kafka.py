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
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "integration"))

import kafka_cluster  # noqa: E402
from kernel import held_port  # noqa: E402
from running import PEERLOGD, Words, end_with_test  # noqa: E402
from waiting import Late, until  # noqa: E402

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

COUNT = int(sys.argv[1]) if len(sys.argv) > 1 else 300000
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 3
CONNECTIONS = 16
BYTES = 256
LOOP = os.path.join(os.path.dirname(PEERLOGD), "tests", "bench", "kafka")
RSYSLOG = shutil.which("rsyslogd", path=os.environ["PATH"] + ":/usr/sbin")


def cpu_us(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * 1e6 / os.sysconf("SC_CLK_TCK")


def memory_mib(pid, what="VmRSS"):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return int(re.search(rf"{what}:\s+(\d+)", status.read()).group(1)) / 1024


def send_all(port):
    """COUNT messages over CONNECTIONS, and wait until each is taken."""
    line = b"<13>" + b"x" * (BYTES - 4) + b"\n"

    def send():
        with socket.create_connection(("127.0.0.1", port)) as sock:
            for _ in range(COUNT // CONNECTIONS // 50):
                sock.sendall(line * 50)
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(100):
                pass

    threads = [threading.Thread(target=send) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return COUNT // CONNECTIONS // 50 * 50 * CONNECTIONS


def end_of(mock, topic):
    """How many messages a topic has had: where its partitions end."""
    done = subprocess.run([kafka_cluster.TOOL, "count", ",".join(mock.brokers), topic],
                          stdout=subprocess.PIPE, text=True, check=True, timeout=60)
    return int(done.stdout)


def measure(mock, process, port, topic):
    """Returns: us a message; MiB idle, and at most."""
    pid = process.pid
    idle = memory_mib(pid)

    def is_there(wanted):
        assert process.poll() is None, f"{process.args[0]} has ended"
        return end_of(mock, topic) >= wanted

    before, begun = end_of(mock, topic), cpu_us(pid)
    count = send_all(port)
    until(lambda: is_there(before + count), "all messages", 60)
    return (cpu_us(pid) - begun) / count, idle, memory_mib(pid, "VmHWM")


def with_peerlogd(mock, scratch, workers):
    file = os.path.join(scratch, "peerlogd.conf")
    brokers = ", ".join(f'"{broker}"' for broker in mock.brokers)
    with open(file, "w", encoding="utf-8") as out:
        out.write('listeners = ( { address = "127.0.0.1"; port = 0; } );\n'
                  f'workers = {workers}; admin = {{ enabled = false; }};\n'
                  f'output = {{ type = "kafka"; brokers = [ {brokers} ]; }};\n')
    process = subprocess.Popen([PEERLOGD, "-c", file], stderr=subprocess.PIPE,
                               preexec_fn=end_with_test)
    words = Words(process.stderr)
    port = int(words.wait(r"listening on \S+:(\d+)$")[0].group(1))
    words.wait("Kafka topic logs: ")
    try:
        return measure(mock, process, port, "logs")
    finally:
        process.terminate()
        process.wait(60)


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
            return measure(mock, process, port, "logs")
        finally:
            process.terminate()
            process.wait(60)


def with_loop(mock, bytes_of_body):
    done = subprocess.run([LOOP, ",".join(mock.brokers), "logs", str(COUNT), str(bytes_of_body)],
                          stdout=subprocess.PIPE, text=True, check=True, timeout=600)
    us, mib = map(float, done.stdout.split())
    return us, 0.0, mib


def length_of_body(mock, scratch):
    """How long a body of peerlogd's is."""
    found = {}

    def read():
        with kafka_cluster.Reader(mock.brokers) as reader:
            found["bytes"] = len(reader.wait_count(1)[0].body)

    thread = threading.Thread(target=read)
    thread.start()
    global COUNT
    COUNT, kept = CONNECTIONS * 50, COUNT
    with_peerlogd(mock, scratch, 1)
    COUNT = kept
    thread.join()
    return found["bytes"]


def main():
    rows = {}
    with tempfile.TemporaryDirectory(prefix="peerlog-bench-") as scratch, \
            kafka_cluster.Mock(partitions=1) as mock:
        size = length_of_body(mock, scratch)
        print(f"a body of {size} bytes; {COUNT} messages, {ROUNDS} rounds")
        programs = {"loop": lambda: with_loop(mock, size),
                    "peerlogd, 1 worker": lambda: with_peerlogd(mock, scratch, 1),
                    "peerlogd, 2 workers": lambda: with_peerlogd(mock, scratch, 2)}
        if RSYSLOG and os.path.exists("/usr/lib/x86_64-linux-gnu/rsyslog/omkafka.so"):
            programs["rsyslog"] = lambda: with_rsyslog(mock, scratch)
        for _ in range(ROUNDS):
            for name, run in programs.items():
                try:
                    rows.setdefault(name, []).append(run())
                except (AssertionError, Late) as error:  # rsyslog does not always come to an end
                    print(f"{name}: {error}", flush=True)
    for name, found in ((name, found) for name, found in rows.items() if found):
        us, idle, most = (statistics.median(column) for column in zip(*found))
        ratio = us / statistics.median(loop[0] for loop in rows["loop"])
        print(f"{name:20} {us:6.2f} us a message, {ratio:5.2f} x the loop; "
              f"{idle:5.1f} MiB idle, {most:5.1f} at most")


if __name__ == "__main__":
    main()
