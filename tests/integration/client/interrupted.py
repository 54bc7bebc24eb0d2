#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# An operator presses Ctrl-C, or a script is told to stop. peerlog says how many messages were
# sent and how many may be missing, and dies of the signal as its shell expects, also when it
# waits for a line, for a daemon that is not there, or for one that does not read. Started with
# SIGINT ignored, as nohup and background jobs of scripts do, it goes on.

import signal
import subprocess

from peer import PATIENCE, PEERLOG, Listener, check, check_in, feed, finish, read_exactly, start


def while_it_waits_for_a_line(number):
    listener = Listener()
    process = start(listener.port)
    process.stdin.write(b"a\nb\n")
    process.stdin.flush()
    connection = listener.accept()
    check("the lines", read_exactly(connection, 4), b"a\nb\n")
    process.send_signal(number)
    check("the end", connection.recv(1), b"")
    status, errors = finish(process)
    check("dies of the signal", status, -number)
    check("says how far it came", errors,
          "peerlog: interrupted: 2 messages sent and acknowledged\n")


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
    check("says so", errors, "peerlog: interrupted: none of 1 messages was sent\n")
    listener.close()


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


while_it_waits_for_a_line(signal.SIGINT)
while_it_waits_for_a_line(signal.SIGTERM)
while_the_other_side_does_not_read()
while_it_tries_again()
with_the_signal_ignored()
