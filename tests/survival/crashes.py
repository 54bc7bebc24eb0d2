# SPDX-License-Identifier: MIT
"""A message on which the daemon crashes.

It may be bad luck once: the next process takes the connection over and delivers the message.
If the daemon crashes on the same connection twice in a row, that one is closed and named;
a death loop ends there. All other connections lose nothing and never notice. A daemon with
a weakness built in (fragile.c) stands in for the one that nobody has found yet.
"""

import os
import signal

from survival import (LONG, Service, Streams, Tally, build_program, connect, finish, is_reset,
                      judge, main, most_repeats, name_of, new_sink, reporters, until)


def fragile(scratch, sink, deaths, **settings):
    """A service that can die so often of the magic words."""
    program = build_program("survival/fragile_peerlogd")
    give_tokens(scratch, deaths)
    return Service(scratch, sink, program=program, environment={"PEERLOG_FRAGILE": scratch},
                   **settings)


def give_tokens(scratch, deaths):
    for i in range(deaths):
        with open(os.path.join(scratch, f"token-{i}"), "w", encoding="ascii"):
            pass


def unmarked(records, peer):
    texts = []
    for record in records:
        text = record.text.removeprefix(b"[repeat?] ")
        # A crash of one worker may repeat what another had just delivered; then it says so.
        if record.peer == peer and (text == record.text or text not in texts):
            texts.append(text)
    return texts


def one_crash_loses_nothing(scratch):
    with new_sink("syslog", scratch) as sink, fragile(scratch, sink, 1) as service:
        victim, other = connect(service.port), connect(service.port)
        other.sendall(b"before\n")
        sink.wait_count(1)
        victim.sendall(b"one\nplease crash\nthree\nfo")
        assert service.manager.wait() == -signal.SIGSEGV
        other.sendall(b"meanwhile\n")
        service.begin()
        service.expect("took over 2 connections, [34] messages in hand.*, after SIGSEGV")
        victim.sendall(b"ur\n")
        other.sendall(b"after\n")
        names = finish(victim), finish(other)
        records = sink.wait_count(7)
        assert unmarked(records, names[0]) == [b"one", b"please crash", b"three", b"four"]
        assert unmarked(records, names[1]) == [b"before", b"meanwhile", b"after"]


def two_crashes_close(scratch, words, number, name):
    """The second crash in a row ends the connection, and no other."""
    with new_sink("syslog", scratch) as sink, fragile(scratch, sink, 2) as service:
        victim, other = connect(service.port), connect(service.port)
        other.sendall(b"before\n")
        sink.wait_count(1)
        victim.sendall(b"one\n" + words + b"\n")
        assert service.manager.wait() == -number
        other.sendall(b"between\n")
        service.start()
        assert service.manager.wait() == -number
        service.begin()
        peer = name_of(victim)
        service.expect(rf"{peer}: connection closed, because peerlogd crashed on it twice in a "
                       r"row; \d+ bytes in hand are lost")
        service.expect(f"took over 2 connections, .* after {name}")
        assert is_reset(victim), "it said more than was logged"
        other.sendall(b"after\n")
        sink.wait(lambda r: r and r[-1].text == b"after", "the last message")
        assert unmarked(sink.records(), name_of(other)) == [b"before", b"between", b"after"]
        # It was closed, not outlawed: the same peer may come again.
        again = connect(service.port)
        again.sendall(b"again\n")
        sink.wait(lambda r: r and r[-1].text == b"again", "the peer to be heard again")


def two_segfaults_close_the_connection(scratch):
    two_crashes_close(scratch, b"please crash", signal.SIGSEGV, "SIGSEGV")


def two_aborts_close_the_connection(scratch):
    two_crashes_close(scratch, b"please abort", signal.SIGABRT, "SIGABRT")


def crashes_with_a_restart_between_close_nothing(scratch):
    with new_sink("syslog", scratch) as sink, fragile(scratch, sink, 1) as service:
        victim = connect(service.port)
        for i in range(3):
            victim.sendall(b"please crash\n")
            assert service.manager.wait() == -signal.SIGSEGV
            service.begin()
            sink.wait_count(i + 1)
            service.restart()
            give_tokens(scratch, 1 if i < 2 else 0)
        victim.sendall(b"still here\n")
        sink.wait_count(4)
        assert service.said("connection closed") == 0


def a_crash_under_load_costs_the_others_nothing(scratch):
    with reporters() as running:
        tally = Tally(scratch, "journal")
        running.append(tally)
        with fragile(scratch, tally, 2, workers=2) as service:
            streams = Streams(scratch, service.port, 16)
            running.append(streams)
            streams.wait_sent(1000)
            victim = connect(service.port)
            victim.sendall(b"please crash\n")
            deaths = 0
            while not service.said("crashed on it twice"):
                assert service.manager.wait() == -signal.SIGSEGV
                deaths += 1
                service.start()
                until(lambda: not service.manager.alive() or
                      service.said("crashed on it twice"), "the next death, or none")
            assert deaths == 2, f"{deaths} deaths"
            service.manager.wait_ready(service.since)
            service.expect(rf"{name_of(victim)}: connection closed, because peerlogd crashed")
            assert is_reset(victim)
            streams.wait_sent(streams.sent() + 1000)
            judge([streams], tally, most_repeats(deaths, 2))


def a_crash_amid_accepting_costs_nobody(scratch):
    """A storm of connections is let in while a worker crashes: none of them goes with it."""
    with new_sink("syslog", scratch) as sink, fragile(scratch, sink, 0, workers=1) as service:
        service.allow("died .* times in a row soon after its start")
        spoken = set()
        for death in range(200 if LONG else 20):
            give_tokens(scratch, 1)
            service.manager.send_signal(signal.SIGSTOP)
            socks = [connect(service.port) for _ in range(300)]
            texts = [b"%d of storm %d" % (i, death) for i in range(len(socks))]
            texts[0] += b", please crash"
            for sock, text in zip(socks, texts):
                sock.sendall(text + b"\n")
            spoken |= set(texts)
            service.manager.send_signal(signal.SIGCONT)
            ended = service.manager.wait()
            assert ended == -signal.SIGSEGV, f"it ended with {ended}"
            service.begin()
            sink.wait(lambda r, s=spoken: {x.text.removeprefix(b"[repeat?] ") for x in r} == s,
                      "all who came in the storm")


main(one_crash_loses_nothing, two_segfaults_close_the_connection,
     two_aborts_close_the_connection, crashes_with_a_restart_between_close_nothing,
     a_crash_under_load_costs_the_others_nothing, a_crash_amid_accepting_costs_nobody)
