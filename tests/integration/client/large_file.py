#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# A file of some twenty megabytes with lines of every length, one of them longer than any
# buffer, goes through a slow and through a fast reader. Every byte must arrive, in every
# framing, and the progress line must end at 100%. On a terminal it is drawn by itself; with
# --progress=never, or without a terminal, nothing at all is drawn.

import hashlib
import os
import pty
import random
import tempfile

from peer import Listener, check, check_in, finish, read_all, send, start


def make_lines():
    source = random.Random(1)
    lines = [b"%06d " % n + b"x" * source.randrange(400) for n in range(60000)]
    lines[30000] = b"long " + b"y" * 3000000
    return lines


def compare(path, lines):
    plain = b"".join(line + b"\n" for line in lines)
    counted = b"".join(b"%d <13>%b" % (len(line) + 4, line) for line in lines)
    for options, wanted in (
            (["-f", path], plain),
            (["-f", path, "--framing=nul"], plain.replace(b"\n", b"\0")),
            (["-f", path, "--octet-count"], counted),
            (["-f", path, "-t", "a"], b"".join(b"<13>a: %b\n" % line for line in lines))):
        received, status, errors = send(*options)
        check(f"{options}", (status, errors), (0, ""))
        check(f"{options}", hashlib.sha256(received).digest(), hashlib.sha256(wanted).digest())


def read_in_sips(path, size):
    listener = Listener()
    process = start(listener.port, "-f", path, "--progress")
    connection = listener.accept()
    count = 0
    while True:
        sip = connection.recv(4096 + count % 9999)
        if not sip:
            break
        count += len(sip)
    connection.close()
    status, errors = finish(process)
    check("sips", (status, count), (0, size))
    check_in("progress", "] 100%  ", errors)
    check("the line is closed", errors.endswith("\n"), True)


def draw_on_a_terminal(path, *options):
    """Returns: what the terminal has got."""
    listener = Listener()
    child, terminal = pty.fork()
    if child == 0:
        os.execv(os.environ["PEERLOG"], ["peerlog", "-P", str(listener.port), "-f", path, *options])
    connection = listener.accept()
    connection.recv(1)
    seen = b""
    if not options:  # do not read on before the first line is drawn
        seen = os.read(terminal, 1024)
    read_all(connection)
    connection.close()
    while True:
        try:
            piece = os.read(terminal, 1024)
        except OSError:  # the terminal is gone with its last user
            break
        if not piece:
            break
        seen += piece
    check("peerlog on a terminal", os.waitpid(child, 0)[1], 0)
    return seen.decode()


def count_a_message():
    listener = Listener()
    process = start(listener.port, "--progress=always", "hello")
    connection = listener.accept()
    read_all(connection)
    connection.close()
    status, errors = finish(process)
    check("a message", (status, errors.startswith("\r5 B  ")), (0, True))


count_a_message()
with tempfile.TemporaryDirectory() as folder:
    file_path = os.path.join(folder, "large")
    all_lines = make_lines()
    with open(file_path, "wb") as large:
        large.write(b"\n".join(all_lines) + b"\n")
    compare(file_path, all_lines)
    read_in_sips(file_path, os.path.getsize(file_path))
    drawn = draw_on_a_terminal(file_path)
    check_in("rate", "MiB/s", drawn)
    check_in("time left", " left", drawn)
    check_in("the end", "100%", drawn)
    check("never", draw_on_a_terminal(file_path, "--progress=never"), "")
