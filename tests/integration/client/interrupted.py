#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# An operator presses Ctrl-C, or a script is told to stop. peerlog says how many messages were
# sent and how many may be missing, and dies of the signal as its shell expects, also when it
# waits for a line, for a name server, for a daemon that is not there, or for one that does not
# read. A second signal does not wait for anything. Started with SIGINT ignored, as nohup and
# background jobs of scripts do, it goes on.

import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time

from peer import (PATIENCE, PEERLOG, Listener, as_at_a_terminal, check, check_in, feed, finish,
                  read_exactly, start, tell_skipped)


def while_it_waits_for_a_line(number, more, lost):
    listener = Listener()
    process = start(listener.port)
    process.stdin.write(b"a\nb\n" + more)
    process.stdin.flush()
    connection = listener.accept()
    check("the lines", read_exactly(connection, 4), b"a\nb\n")
    process.send_signal(number)
    check("the end", connection.recv(1), b"")
    status, errors = finish(process)
    check("dies of the signal", status, -number)
    check("says how far it came", errors,
          f"peerlog: interrupted: 2 messages sent and acknowledged{lost}\n")


def while_the_other_side_does_not_read():
    listener = Listener()
    process = start(listener.port, "-v")
    check_in("connected", b"connected to", process.stderr.readline())
    feed(process, b"x\n" * 10000000)
    connection = listener.accept()
    read_exactly(connection, 1)
    process.send_signal(signal.SIGTERM)
    status, errors = finish(process)
    check("dies of the signal", status, -signal.SIGTERM)
    check_in("says so", "interrupted: ", errors)
    connection.close()


def while_it_tries_again():
    listener = Listener(is_listening=False)
    process = start(listener.port, "--retry", "1000", "hi")
    check_in("it waits", b"trying again", process.stderr.readline())
    process.send_signal(signal.SIGINT)
    status, errors = finish(process)
    check("dies of the signal", status, -signal.SIGINT)
    check("says so", errors, "peerlog: interrupted: the message was not sent\n")
    listener.close()


def catches(process, number):
    """Is there a handler for this signal?"""
    with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
        words = dict(line.split(":", 1) for line in file)
    return bool(int(words["SigCgt"], 16) & 1 << (number - 1))


def while_nobody_reads_its_words():
    """The second signal, of the other kind, ends it at once: here it hangs in its report."""
    listener = Listener()
    full, words = os.pipe()
    os.set_blocking(words, False)
    try:
        while True:
            os.write(words, b"x" * 4096)
    except BlockingIOError:
        os.set_blocking(words, True)
    process = subprocess.Popen([PEERLOG, "-P", str(listener.port)], stdin=subprocess.PIPE,
                               stderr=words, preexec_fn=as_at_a_terminal)
    connection = listener.accept()
    process.stdin.write(b"a\n")
    process.stdin.flush()
    read_exactly(connection, 2)
    process.send_signal(signal.SIGINT)
    limit = time.monotonic() + PATIENCE
    while catches(process, signal.SIGINT):  # until the first one has been seen
        check("the first signal is seen", time.monotonic() < limit, True)
        os.sched_yield()
    process.send_signal(signal.SIGTERM)
    check("at once", process.wait(PATIENCE), -signal.SIGTERM)
    process.stdin.close()
    connection.close()
    os.close(full)
    os.close(words)


def while_it_looks_up_a_name():
    """In namespaces of its own the only resolver is a socket here, which never answers."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in (("resolv.conf", "nameserver 127.0.0.1\n"),
                           ("nsswitch.conf", "hosts: dns\n")):
            with open(os.path.join(folder, name), "w", encoding="ascii") as file:
                file.write(text)
        script = (f"mount --bind {folder}/resolv.conf /etc/resolv.conf && "
                  f"mount --bind {folder}/nsswitch.conf /etc/nsswitch.conf && "
                  "ip link set lo up && echo ready && exec \"$@\"")
        inside = [sys.executable, "-B", os.path.abspath(__file__), "inside"]
        done = subprocess.run(["unshare", "-rnm", "sh", "-c", script, "sh", *inside], text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
    if done.stdout.startswith("ready"):
        check("with a resolver that does not answer", done.returncode, 0)
    else:
        tell_skipped("while_it_looks_up_a_name", "no namespaces here")


def with_a_silent_resolver():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as resolver:
        resolver.bind(("127.0.0.1", 53))
        resolver.settimeout(PATIENCE)
        for number in signal.SIGINT, signal.SIGTERM:
            process = start(None, "-n", "logs.example", "--retry", "5", "hi")
            while b"logs" not in resolver.recv(1024):
                pass
            process.send_signal(number)
            status, errors = finish(process)
            check("dies of the signal", status, -number)
            check("says so", errors, "peerlog: interrupted: the message was not sent\n")
            while select.select([resolver], [], [], 0)[0]:
                resolver.recv(1024)
    status, errors = finish(start(None, "-n", "logs.example", "--retry", "1", "hi"))
    check("nobody to ask", status, 75)
    check_in("why it tries again", "peerlog: logs.example: Temporary failure in name resolution; "
             "trying again\n", errors)


def with_the_signal_ignored():
    listener = Listener()
    process = subprocess.Popen(
        [PEERLOG, "-P", str(listener.port)], stdin=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
    connection = listener.accept()
    process.send_signal(signal.SIGINT)
    process.stdin.write(b"still here\n")
    process.stdin.close()
    check("it goes on", read_exactly(connection, 11), b"still here\n")
    check("to the end", connection.recv(1), b"")
    connection.close()
    check("peerlog", process.wait(PATIENCE), 0)


if sys.argv[1:] == ["inside"]:
    with_a_silent_resolver()
    sys.exit()
while_it_waits_for_a_line(signal.SIGINT, b"", "")
while_it_waits_for_a_line(signal.SIGTERM, b"half", ", and 4 bytes of an unfinished line lost")
while_the_other_side_does_not_read()
while_it_tries_again()
while_nobody_reads_its_words()
while_it_looks_up_a_name()
with_the_signal_ignored()
