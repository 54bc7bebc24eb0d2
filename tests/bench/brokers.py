# SPDX-License-Identifier: MIT
"""What the measurements of outputs to brokers share: a load, what it costs, and a table."""

import os
import re
import socket
import statistics
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "integration"))

from running import PEERLOGD, Words, end_with_test  # noqa: E402
from waiting import Late, until  # noqa: E402

COUNT = int(sys.argv[1]) if len(sys.argv) > 1 else 300000
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 3
CONNECTIONS = 16
BYTES = 256
TOGETHER = 50  # messages in one send


def loop_program(name):
    """A bare loop, where make has built it."""
    return os.path.join(os.path.dirname(PEERLOGD), "tests", "bench", name)


def cpu_us(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * 1e6 / os.sysconf("SC_CLK_TCK")


def memory_mib(pid, what="VmRSS"):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return int(re.search(rf"{what}:\s+(\d+)", status.read()).group(1)) / 1024


def send_all(port, count, connections):
    """So many messages, and wait until each is taken. Returns: how many there were."""
    line = b"<13>" + b"x" * (BYTES - 4) + b"\n"

    def send():
        with socket.create_connection(("127.0.0.1", port)) as sock:
            for _ in range(count // connections // TOGETHER):
                sock.sendall(line * TOGETHER)
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(100):
                pass

    threads = [threading.Thread(target=send) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return count // connections // TOGETHER * TOGETHER * connections


def measure(process, port, end=None, count=COUNT, connections=CONNECTIONS):
    """END() says how many messages the broker has had, where a receipt does not mean that it has.

    Returns: us a message; messages a second; MiB idle, and at most.
    """
    pid = process.pid
    idle = memory_mib(pid)

    def is_there(wanted):
        assert process.poll() is None, f"{process.args[0]} has ended"
        return end() >= wanted

    before = end() if end else 0
    begun_us, begun = cpu_us(pid), time.monotonic()
    sent = send_all(port, count, connections)
    seconds = time.monotonic() - begun
    if end:
        until(lambda: is_there(before + sent), "all messages", 60)
    return (cpu_us(pid) - begun_us) / sent, sent / seconds, idle, memory_mib(pid, "VmHWM")


def with_peerlogd(scratch, output, ready, workers=None, **load):
    """OUTPUT: what stands in its group. READY: what it says when it can be measured."""
    file = os.path.join(scratch, "peerlogd.conf")
    with open(file, "w", encoding="utf-8") as out:
        out.write('listeners = ( { address = "127.0.0.1"; port = 0; } );\n'
                  + (f"workers = {workers};\n" if workers else "") +
                  f'admin = {{ enabled = false; }};\noutput = {{ {output} }};\n')
    process = subprocess.Popen([PEERLOGD, "-c", file], stderr=subprocess.PIPE,
                               preexec_fn=end_with_test)
    words = Words(process.stderr)
    port = int(words.wait(r"listening on \S+:(\d+)$")[0].group(1))
    words.wait(ready)
    try:
        return measure(process, port, **load)
    finally:
        process.terminate()
        process.wait(60)


def with_loop(name, *arguments):
    """Returns: what it prints, as numbers."""
    done = subprocess.run([loop_program(name), *map(str, arguments)], stdout=subprocess.PIPE,
                          text=True, check=True, timeout=600)
    return tuple(map(float, done.stdout.split()))


def in_turns(programs):
    """Each of them ROUNDS times. Returns: rows of numbers by their name."""
    rows = {name: [] for name in programs}
    for _ in range(ROUNDS):
        for name, run in programs.items():
            try:
                rows[name].append(run())
            except (AssertionError, Late) as error:  # rsyslog does not always come to an end
                print(f"{name}: {error}", flush=True)
    return {name: found for name, found in rows.items() if found}


def show(rows):
    """Medians; and what is measured against the loop, within each round."""
    for name, found in rows.items():
        us, rate, idle, most = (statistics.median(column) for column in zip(*found))
        pairs = list(zip(found, rows["loop"]))
        dearer = statistics.median(row[0] / loop[0] for row, loop in pairs)
        faster = statistics.median(row[1] / loop[1] for row, loop in pairs)
        print(f"{name:30} {us:6.2f} us a message, {dearer:5.2f} x the loop; {rate:8.0f} a second, "
              f"{faster:5.2f} x; {idle:5.1f} MiB idle, {most:5.1f} at most")
