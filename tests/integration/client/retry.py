#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# A daemon is restarted while peerlog follows a file with --retry: first it is not there at
# all, then it goes away in the middle, once in good order and once by a crash. peerlog comes
# back each time and sends again what was not acknowledged, from the start of a message and
# in order, so that no line is missing. After a crash its exit status stays 74, because
# what was acknowledged and never read is gone without anybody knowing; so it is when the
# other side had half-closed before. A message that never gets across is not tried for ever.

import socket

from peer import (Listener, check, check_in, feed, finish, read_all, read_exactly, reset, start,
                  wait_for)

LINES = [b"line %d" % number for number in range(200000)]
FEW = b"line\n" * 1000


def waits_for_the_daemon():
    listener = Listener(is_listening=False)
    process = start(listener.port, "--retry", "1000", "-w", "5", "hi")
    words = process.stderr.readline()
    check("it says why it waits", b"Connection refused; trying again" in words, True)
    listener.listen()
    connection = listener.accept()
    check("what came", read_all(connection), b"hi\n")
    connection.close()
    check("peerlog", finish(process), (0, ""))


def gives_up():
    listener = Listener(is_listening=False)
    status, errors = finish(start(listener.port, "--retry", "2", "hi"))
    check("gave up", status, 69)
    check_in("gave up", "cannot connect to", errors)
    check_in("gave up", "the message was not sent", errors)
    listener.close()


def daemon_closes_in_good_order():
    listener = Listener()
    process = start(listener.port, "--retry", "5")
    process.stdin.write(b"one\n")
    process.stdin.flush()
    connection = listener.accept()
    check("the first", read_exactly(connection, 4), b"one\n")
    connection.close()
    process.stdin.write(b"two\n")
    process.stdin.flush()
    connection = listener.accept()
    check("the second, again", read_exactly(connection, 4), b"two\n")
    process.stdin.close()
    check("the end", connection.recv(1), b"")
    connection.close()
    status, _ = finish(process)
    check("nothing was lost", status, 0)


def daemon_crashes():
    """A reader that has read all that was acknowledged, and then resets."""
    listener = Listener()
    process = start(listener.port, "--retry", "5")
    feed(process, b"\n".join(LINES) + b"\n")
    connection = listener.accept()
    first = read_exactly(connection, 100000)
    reset(connection)
    connection = listener.accept()
    second = read_all(connection)
    connection.close()
    status, errors = finish(process)
    check("the exit status", status, 74)
    check_in("the reason", "1 connection broke before", errors)
    check("up to the crash", b"\n".join(LINES)[:len(first)], first)
    again = second.split(b"\n")
    check("it goes on with a whole line", again[0] in LINES, True)
    check("and in order to the end", again[:-1], LINES[LINES.index(again[0]):])


def crashes_after_its_goodbye(early, late):
    """It half-closes and reads a little. The rest is acknowledged, and then gone."""
    listener = Listener()
    process = start(listener.port, "--retry", "5", "-v")
    check_in("connected", b"connected to", process.stderr.readline())
    connection = listener.accept()
    process.stdin.write(early)
    process.stdin.flush()
    wait_for(connection, len(early))
    connection.shutdown(socket.SHUT_WR)
    check_in("the goodbye", b"has closed its side", process.stderr.readline())
    process.stdin.write(late)
    process.stdin.flush()
    wait_for(connection, len(early + late))
    read_exactly(connection, 40)
    reset(connection)
    check_in("the reset", b"trying again", process.stderr.readline())
    connection = listener.accept()
    process.stdin.close()
    read_all(connection)
    connection.close()
    status, errors = finish(process)
    check("half-closed, then reset", status, 74)
    check_in("the reason", "1 connection broke before", errors)


def never_gets_across():
    """Bytes inside a message are acknowledged each time; that restores no attempt."""
    listener = Listener()
    process = start(listener.port, "--retry", "2")
    feed(process, b"x" * 3000000 + b"\n")
    for _ in range(3):
        connection = listener.accept()
        read_exactly(connection, 100000)
        reset(connection)
    status, errors = finish(process)
    check("gave up", status, 74)
    check_in("gave up", "1 message sent, 0 acknowledged, 1 may be missing", errors)


waits_for_the_daemon()
gives_up()
daemon_closes_in_good_order()
daemon_crashes()
crashes_after_its_goodbye(FEW, b"")
crashes_after_its_goodbye(b"", FEW)
never_gets_across()
