#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# Everything that can go wrong between two machines goes wrong: nobody listens, the name is
# unknown, the other side resets, stops reading, or never closes. Each time peerlog must end by
# itself, with the exit status of the manual and one line that says what happened, where,
# how many messages were sent and how many may be missing. It never dies of SIGPIPE.

import os
import re
import resource
import socket
import subprocess
import time

from peer import (PATIENCE, PEERLOG, Listener, as_at_a_terminal, check, check_in, feed, finish,
                  read_all, reset, run, start, tell_skipped)

LINES = b"x" * 99 + b"\n"


def nobody_listens():
    listener = Listener(is_listening=False)
    status, _, errors = run("-P", str(listener.port), "hi")
    check("refused", status, 69)
    check_in("refused", f"cannot connect to 127.0.0.1:{listener.port}: Connection refused", errors)
    check("refused", errors.count("\n"), 1)
    listener.close()


def name_is_unknown():
    # "invalid." never exists (RFC 2606); without any resolver the answer is "not now"
    status, _, errors = run("-n", "\x1b[31mno.invalid", "hi")
    check("the status", status in (68, 75), True)
    check_in("the name is escaped", "\\x1b[31mno.invalid", errors)
    check("no control character", "\x1b" in errors, False)
    status, _, errors = run("-n", "::1", "-4", "hi")
    check("an IPv6 address with -4", status, 68)


def nothing_to_read():
    for path, reason in ("/nonexistent", "No such file"), ("/", "Is a directory"):
        status, _, errors = run("-f", path)
        check(path, status, 66)
        check_in(path, reason, errors)


def reset_after_a_line():
    listener = Listener()
    process = start(listener.port)
    process.stdin.write(b"one\n")
    process.stdin.flush()
    connection = listener.accept()
    check("the line", connection.recv(1024), b"one\n")
    reset(connection)
    status, errors = finish(process)
    check("reset", status, 74)
    check_in("reset", "Connection reset by peer: 1 message sent and acknowledged, but the other "
             "side may not have read it\n", errors)


def closed_before_a_line():
    """Nothing was lost when the other side closed; the next line is, and that is said."""
    listener = Listener()
    process = start(listener.port, "-v")
    process.stdin.write(b"one\n")
    process.stdin.flush()
    connection = listener.accept()
    check("the line", connection.recv(1024), b"one\n")
    connection.close()
    process.stdin.write(b"two\n")
    process.stdin.flush()
    status, errors = finish(process)
    check("closed", status, 74)
    check_in("closed", ": 2 messages sent, 1 acknowledged, 1 may be missing", errors)


def out_of_descriptors():
    """The fault is on this side, and the exit status says so."""
    def leave_room_for_one():
        as_at_a_terminal()
        resource.setrlimit(resource.RLIMIT_NOFILE, (4, 4))

    # A search for leaks would need descriptors of its own.
    env = dict(os.environ, ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0")
    done = subprocess.run([PEERLOG, "-P", "8888", "-n", "127.0.0.1", "hi"], capture_output=True,
                          text=True, env=env, check=False, preexec_fn=leave_room_for_one)
    check("no descriptor", done.returncode, 71)
    check_in("no descriptor", "cannot connect to 127.0.0.1:8888: Too many open files",
             done.stderr)


def stops_reading():
    listener = Listener()
    process = start(listener.port, "-w", "0.3")
    feed(process, LINES * 200000)
    connection = listener.accept()
    status, errors = finish(process)
    check("stalled", status, 75)
    numbers = re.search(r"no progress for 0.3 s: (\d+) messages sent, (\d+) acknowledged, "
                        r"(\d+) may be missing", errors)
    check("the report", bool(numbers), True)
    sent, acknowledged, missing = map(int, numbers.groups())
    check("the sum", acknowledged + missing, sent)
    arrived = read_all(connection).count(b"\n")
    check("no more than sent has arrived", acknowledged <= arrived <= sent, True)


def never_closes():
    listener = Listener()
    process = start(listener.port, "-w", "0.2", "hi")
    connection = listener.accept()
    status, errors = finish(process)
    check("what came", read_all(connection), b"hi\n")
    check("not closed", status, 75)
    check_in("not closed", "not closed by the other side for 0.2 s: 1 message sent and "
             "acknowledged", errors)


def talks_back():
    """What the other side says is thrown away, however much it is."""
    listener = Listener()
    process = start(listener.port, "hi")
    connection = listener.accept()
    connection.sendall(b"\x1b[31mnoise\n" * 100000)
    check("what came", read_all(connection), b"hi\n")
    connection.close()
    check("talks back", finish(process), (0, ""))


def talks_all_the_time(reads):
    """Its words are no progress: who neither acknowledges nor closes is given up."""
    listener = Listener()
    process = start(listener.port, "-w", "0.3", *(["hi"] if reads else []))
    feed(process, LINES * 200000)
    connection = listener.accept()
    if reads:
        check("what came", read_all(connection), b"hi\n")
    limit = time.monotonic() + PATIENCE
    try:
        while time.monotonic() < limit:
            connection.sendall(b"noise")
    except ConnectionError:
        pass
    status, errors = finish(process)
    check("talks on", status, 75)
    check_in("talks on", "not closed" if reads else "no progress for 0.3 s", errors)


def tries_every_address():
    """localhost is often ::1 first; a server on 127.0.0.1 must be found all the same."""
    families = {info[0] for info in socket.getaddrinfo("localhost", 1, type=socket.SOCK_STREAM)}
    if socket.AF_INET not in families:
        tell_skipped("tries_every_address", "localhost has no IPv4 address here")
        return
    listener = Listener()
    process = start(listener.port, "-n", "localhost", "hi")
    connection = listener.accept()
    check("what came", read_all(connection), b"hi\n")
    connection.close()
    check("by name", finish(process), (0, ""))


nobody_listens()
name_is_unknown()
nothing_to_read()
reset_after_a_line()
closed_before_a_line()
out_of_descriptors()
stops_reading()
never_closes()
talks_back()
talks_all_the_time(True)
talks_all_the_time(False)
tries_every_address()
