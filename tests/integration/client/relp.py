#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# Somebody wants a receipt for every message, and gives peerlog --relp. A scripted server
# answers late, in any order, a byte at a time, with refusals, or not at all, hangs up in the
# middle, and says things that are no RELP; the client must keep its window, send again
# exactly what was not confirmed, and end with 0 only when all is. In the end rsyslog's imrelp
# takes a long file, and is killed and started again while it does.

import os
import signal
import sys
import tempfile
import threading

from peer import (Listener, check, check_in, feed, finish, own_port, reset, run, start,
                  tell_skipped, until)
from relp_server import Rsyslog, Session


def begin(*options, data=b""):
    """peerlog --relp against a server of ours. Returns: listener, process, opened session."""
    listener = Listener()
    process = start(listener.port, "--relp", *options)
    feed(process, data)
    session = Session(listener.accept())
    session.open()
    return listener, process, session


def lines(first, last):
    return [b"%d" % n for n in range(first, last + 1)]


def confirm_a_word():
    listener = Listener()
    process = start(listener.port, "--relp", "--ack", "-p", "local0.err", "two\nlines")
    session = Session(listener.accept())
    offers = session.open()
    check_in("what is offered", b"relp_version=0\n", offers)
    check_in("what is wanted", b"commands=syslog", offers)
    check("the message", session.messages(1), ([2], [b"<131>two\nlines"]))
    check("it waits for its receipt", session.is_silent(), True)
    session.answer(2)
    session.close()
    output = process.stdout.read().decode()
    check("the end", finish(process), (0, ""))
    check("the receipt", output, "1 message, all confirmed\n")


def keep_the_window():
    listener, process, session = begin("--window", "3", data=b"".join(
        b"%d\n" % n for n in range(1, 9)))
    check("a window full", session.messages(3), ([2, 3, 4], lines(1, 3)))
    check("and no more", session.is_silent(), True)
    session.answer(4, 3)
    check("the first one holds it", session.is_silent(), True)
    session.answer(2)
    check("three more", session.messages(3), ([5, 6, 7], lines(4, 6)))
    session.answer(5)
    check("one more", session.messages(1), ([8], lines(7, 7)))
    session.answer(6, 7, 8)
    check("the rest", session.messages(1), ([9], lines(8, 8)))
    session.answer(9)
    session.close()
    check("the end", finish(process), (0, ""))
    listener.close()


def default_window():
    listener, process, session = begin(data=b"x\n" * 200)
    session.messages(128)
    check("128 and no more", session.is_silent(), True)
    session.answer(*range(2, 130))
    session.messages(72)
    for byte in b"".join(b"%d rsp 6 200 OK\n" % n for n in range(130, 202)):
        session.send(bytes([byte]))
    session.close()
    check("the end", finish(process), (0, ""))
    listener.close()


def leave_a_line_at_once():
    """A pipe that stays open: a message goes out, is confirmed, and nothing is waited for."""
    listener = Listener()
    process = start(listener.port, "--relp", "-w", "1")
    session = Session(listener.accept())
    session.open()
    for n in range(3):
        process.stdin.write(b"line %d\n" % n)
        process.stdin.flush()
        check("a line", session.messages(1), ([n + 2], [b"line %d" % n]))
        session.answer(n + 2)
        if n == 0:
            check("silence is no fault", session.is_silent(1.5), True)
    process.stdin.close()
    session.close()
    check("the end", finish(process), (0, ""))
    listener.close()


def send_the_unconfirmed_again(ending):
    """By a reset, an end, or the server's own close; the answers come out of order."""
    listener, process, session = begin("--retry", "3", data=b"".join(
        b"%d\n" % n for n in range(1, 7)))
    check("six", session.messages(6), ([2, 3, 4, 5, 6, 7], lines(1, 6)))
    session.answer(3, 6, 2)
    # They are heard before the end is, which a reset would overtake.
    check("heard", session.is_silent(), True)
    ending(session)
    session = Session(listener.accept())
    session.open()
    check("three again", session.messages(3), ([2, 3, 4], [b"3", b"4", b"6"]))
    session.answer(4, 2)
    check("heard again", session.is_silent(), True)
    ending(session)
    session = Session(listener.accept())
    session.open()
    check("one again", session.messages(1), ([2], [b"4"]))
    session.answer(2)
    session.close()
    status, errors = finish(process)
    check(f"{ending.__name__}: exit status", status, 0)
    check_in(f"{ending.__name__}: words", "trying again", errors)
    listener.close()


def hear_all_answers_before_the_end():
    """More of them than one read takes, a reset behind them, and more to send meanwhile."""
    listener, process, session = begin("--window", "3000", "--retry", "1", "-q", data=b"".join(
        b"%d\n" % n for n in range(4000)))
    session.messages(3000)
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED)
    session.answer(*(n for n in range(2, 3002) if n != 2500))
    reset(session.connection)
    process.send_signal(signal.SIGCONT)
    session = Session(listener.accept())
    session.open()
    texts = session.messages(1001)[1]
    check("one again, and new ones", (texts[0], texts[1], texts[-1]), (b"2498", b"3000", b"3999"))
    session.answer(*range(2, 1003))
    session.close()
    check("the end", finish(process), (0, ""))
    listener.close()


def by_reset(session):
    reset(session.connection)


def by_end(session):
    session.connection.close()


def by_serverclose(session):
    session.send(b"0 serverclose 0\n")
    session.connection.close()


def say_how_far_it_came():
    listener, process, session = begin(data=b"a\nb\nc\n")
    session.messages(3)
    session.answer(2)
    session.send(b"0 serverclose 0\n")
    status, errors = finish(process)
    check("exit status", status, 74)
    check_in("words", "it has closed the session: 3 messages sent, 1 confirmed, 2 may be missing",
             errors)
    session.connection.close()
    listener.close()


def count_what_is_refused():
    listener, process, session = begin("--ack", "--retry", "5", data=b"a\nb\nc\n")
    session.messages(3)
    session.answer(2, 4)
    session.answer(3, data=b"500 too \x1b odd")
    session.close()
    output = process.stdout.read()
    status, errors = finish(process)
    check("exit status, no receipt", (status, output), (65, b""))
    check("words", errors, "peerlog: 1 of 3 messages was refused for good, the last one with "
          "\"500 too \\x1b odd\"\n")
    listener.close()


def be_content_when_all_is_confirmed():
    """Whatever comes after the last answer: no answer to the goodbye, or a reset."""
    for ending in by_reset, by_end, None:
        listener, process, session = begin("-w", "0.5", "x")
        session.messages(1)
        session.answer(2)
        check("goodbye", session.frame()[1], b"close")
        if ending is not None:
            ending(session)
        check(f"the end: {ending}", finish(process), (0, ""))
        session.connection.close()
        listener.close()


def meet_other_servers():
    for words, status, wanted in (
            (b"HTTP/1.1 400 Bad Request\r\n\r\n", 76, "no RELP frame: it does not begin with"),
            (b"1 rsp 11 500 go away\n", 76, "it does not want us: 500 go away"),
            (b"1 rsp 24 200 OK\ncommands=eventlog\n", 76, "takes no syslog messages"),
            (b"0 serverclose 0\n", 74, "it has closed the session"),
            (b"", 74, "it has closed the connection")):
        listener = Listener()
        process = start(listener.port, "--relp", "--retry", "0", "x")
        connection = listener.accept()
        Session(connection).frame()
        connection.sendall(words)
        connection.close()
        got, errors = finish(process)
        check(f"{words!r}", got, status)
        check_in(f"{words!r}", wanted, errors)
        check_in(f"{words!r}", "the message was not sent", errors)
        listener.close()
    listener = Listener()
    process = start(listener.port, "--relp", "-w", "0.3", "x")
    connection = listener.accept()
    status, errors = finish(process)
    check("a silent one", status, 75)
    check_in("a silent one", "no RELP greeting for 0.3 s", errors)
    connection.close()
    listener.close()


def give_up_on_a_full_window():
    listener, process, session = begin("-w", "0.3", data=b"a\nb\n")
    session.messages(2)
    session.answer(2)
    status, errors = finish(process)
    check("exit status", status, 75)
    check_in("words", "no progress for 0.3 s: 2 messages sent, 1 confirmed, 1 may be missing",
             errors)
    session.connection.close()
    listener.close()


def cut_what_is_too_long_for_imrelp():
    listener, process, session = begin("--window", "9", "-f", "-", data=b"x" * 300000 + b"\ny\n")
    _, texts = session.messages(4)
    check("pieces", [len(text) for text in texts], [131072, 131072, 37856, 1])
    session.answer(2, 3, 4, 5)
    session.close()
    status, errors = finish(process)
    check("exit status", status, 0)
    check_in("words", "cut in 2 places: a message can have 131072 bytes", errors)
    listener.close()


def refuse_what_makes_no_sense():
    for options, words in ((["--window", "0", "--relp"], "1 to 1000000"),
                           (["--window", "9"], "--window needs --relp"),
                           (["--relp", "--framing=nul"], "exclude each other")):
        status, _, errors = run(*options, "x")
        check(f"{options}", status, 64)
        check_in(f"{options}", words, errors)


def give_a_plain_receipt():
    listener = Listener()
    process = start(listener.port, "--ack")
    feed(process, b"x\n" * 42)
    with listener.accept() as connection:
        while connection.recv(1000):
            pass
        check("nothing is promised too early", process.poll(), None)
    check("the receipt", process.stdout.read(), b"42 messages, all logged\n")
    check("the end", finish(process), (0, ""))
    process = start(listener.port, "--ack")
    feed(process, b"x\n")
    connection = listener.accept()
    connection.recv(1)
    reset(connection)
    check("no receipt", process.stdout.read(), b"")
    check("a reset", finish(process)[0], 74)
    listener.close()


def send_a_file_to_imrelp(folder):
    rsyslog = Rsyslog(folder, "imrelp", own_port())
    rsyslog.start()
    path = os.path.join(folder, "a file")
    with open(path, "wb") as file:
        file.writelines(b"line %06d\n" % n for n in range(20000))
    try:
        process = start(rsyslog.port, "--relp", "--ack", "--progress=always", "-f", path)
        output = process.stdout.read().decode()
        status, errors = finish(process)
        check("imrelp, exit status", status, 0)
        check("imrelp, the receipt", output, "20000 messages, all confirmed\n")
        check_in("imrelp, progress", "100%", errors)
        rsyslog.stop()
        check("imrelp, the lines", rsyslog.lines(), [b"line %06d" % n for n in range(20000)])
    finally:
        rsyslog.kill()


def outlive_rsyslog(folder):
    """Killed in the middle, thrice. What it had confirmed and not written is its loss (0 to 100
    of 6,000 were seen missing), and why the manual tells what its answer means."""
    rsyslog = Rsyslog(folder, "imrelp", own_port())
    rsyslog.start()
    process = start(rsyslog.port, "--relp", "--ack", "--retry", "100", "-w", "20", "-q")

    was_killed = threading.Event()

    def write():
        for n in range(6000):
            if n == 5999:
                was_killed.wait()
            process.stdin.write(b"line %06d\n" % n)
            process.stdin.flush()
        process.stdin.close()
    writer = threading.Thread(target=write, daemon=True)
    try:
        writer.start()
        until(rsyslog.size, "rsyslogd to write")
        for _ in range(3):
            rsyslog.kill()
            rsyslog.start()
        was_killed.set()
        output = process.stdout.read().decode()
        check("killed thrice: exit status", finish(process)[0], 0)
        check("killed thrice: the receipt", output, "6000 messages, all confirmed\n")
        rsyslog.stop()
        sent = {b"line %06d" % n for n in range(6000)}
        check("killed thrice: nothing else came", set(rsyslog.lines()) - sent - {b""}, set())
        check("killed thrice: the last one", b"line 005999" in rsyslog.lines(), True)
    finally:
        rsyslog.kill()


confirm_a_word()
keep_the_window()
default_window()
leave_a_line_at_once()
for way in by_reset, by_end, by_serverclose:
    send_the_unconfirmed_again(way)
say_how_far_it_came()
hear_all_answers_before_the_end()
count_what_is_refused()
be_content_when_all_is_confirmed()
meet_other_servers()
give_up_on_a_full_window()
cut_what_is_too_long_for_imrelp()
refuse_what_makes_no_sense()
give_a_plain_receipt()
if not Rsyslog.has("imrelp"):
    tell_skipped("send_a_file_to_imrelp", "rsyslog's imrelp is not installed")
    sys.exit(0)
for test in send_a_file_to_imrelp, outlive_rsyslog:
    with tempfile.TemporaryDirectory(prefix="peerlog-") as scratch:
        test(scratch)
