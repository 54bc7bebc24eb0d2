# SPDX-License-Identifier: MIT
"""A restart with another configuration.

Buffers larger and smaller, more workers and fewer, another output at another place, a listener
gone and one added: every connection is taken over, half-sent messages come out whole, what an
access list has let in stays in, and a connection that no longer belongs to any listener is
drained and closed in good order.
With a broken file the last good one stays in force, loudly; but a first start fails.
"""

import os
import re
import select
import signal
import socket

from survival import (LOOPBACK, PATIENT, Service, Streams, Tally, Unread, connect, finish, judge,
                      main, more_descriptors, most_repeats, name_of, new_sink, reporters,
                      surviving, thread_states, until)


def half(service, count, text=b"half a "):
    """Connections that have said half of a message, and the daemon has read it."""
    socks = [connect(service.port) for _ in range(count)]
    for sock in socks:
        sock.sendall(text)
    Unread(socks).wait()
    return socks


def texts(records, peer=None):
    return [r.text.removeprefix(b"[repeat?] ") for r in records if peer in (None, r.peer)]


def changed(scratch, before, after, how="stop"):
    """Restart with AFTER instead of BEFORE in the middle of messages."""
    with surviving(scratch, **before) as (service, sink):
        socks = half(service, 30)
        getattr(service, how)()
        service.write_file(**after)
        service.begin()
        service.expect("took over 30 connections")
        for sock in socks:
            sock.sendall(b"message\nand another one\n")
        names = [finish(sock) for sock in socks]
        records = sink.wait_count(60)
        for name in names:
            assert texts(records, name) == [b"half a message", b"and another one"]


def a_guarded_listener_that_is_gone(scratch):
    """Whom its list would have refused, who waits in it while no process lives, stays outside."""
    second = dict(LOOPBACK, address="127.0.0.2", deny=["127.0.0.0/8"])
    with surviving(scratch, listeners=[LOOPBACK, second]) as (service, sink):
        service.stop()
        outside = connect(service.ports[1], host="127.0.0.2")
        outside.sendall(b"denied\n")
        service.write_file(listeners=[LOOPBACK])
        service.begin()
        try:
            assert outside.recv(1) == b"", "it is let in"
        except ConnectionResetError:
            pass
        connect(service.port).sendall(b"welcome\n")
        assert texts(sink.wait_count(1)) == [b"welcome"]


def a_new_listener_that_cannot_be_had(scratch):
    """Its port is taken: the others go on, loudly, and it comes with a later reload."""
    with socket.create_server(("127.0.0.1", 0)) as taken, surviving(scratch) as (service, sink):
        socks = half(service, 5)
        service.stop()
        listeners = list(service.settings["listeners"])
        port = taken.getsockname()[1]
        service.write_file(listeners=listeners + [{"address": "127.0.0.1", "port": port}])
        waiting = connect(service.port)
        waiting.sendall(b"nobody is there\n")
        service.begin()
        service.expect(rf"cannot listen on 127.0.0.1:{port}: .* listens there already")
        service.expect("going on without this listener, because connections were taken over")
        service.expect("took over 5 connections")
        for sock in socks + [waiting]:
            sock.sendall(b"message\n")
            finish(sock)
        assert sorted(texts(sink.wait_count(7))) == sorted(
            [b"half a message"] * 5 + [b"nobody is there", b"message"])


def fewer_descriptors(scratch):
    """Too few for all connections: who can be kept is kept, and the loss is said."""
    count, files = 1700, 300  # more to be dismissed than fit into a round of each worker
    more_descriptors()
    with surviving(scratch, workers=1, listeners=[PATIENT]) as (service, sink):
        socks = half(service, count)
        service.stop()
        service.manager.files = files
        service.begin()
        service.allow("needs more descriptors than LimitNOFILE=300",
                      "limits.connections .* reached", "below limits.connections again")
        service.expect(r"\d+ connections could not be taken over and are closed, because "
                       "LimitNOFILE= is too small for them")
        kept = int(service.expect(r"took over (\d+) connections")[0].group(1))
        assert files / 2 < kept < files, kept
        # Of the others what was in hand is logged, and they are told.
        sink.wait(lambda r: texts(r).count(b"[cut] half a ") == count - kept, "those in hand")
        poll = select.poll()
        for sock in socks:
            poll.register(sock, select.POLLIN)
        closed = {fd for fd, _ in poll.poll(0)}
        assert len(closed) == count - kept
        for sock in socks:
            if sock.fileno() not in closed:
                sock.sendall(b"message\n")
        assert texts(sink.wait_count(count)).count(b"half a message") == kept


def larger_buffers(scratch):
    changed(scratch, {"buffer_size": 256}, {"buffer_size": 100000})


def smaller_buffers(scratch):
    changed(scratch, {"buffer_size": 100000}, {"buffer_size": 256}, "kill")


def smaller_buffers_than_what_was_sent(scratch):
    """A half message that is too long now is treated by the new rules: it is split."""
    with surviving(scratch, buffer_size=4096) as (service, sink):
        service.allow("longer than buffer_size")
        text = b"".join(b"%04d" % i for i in range(250))
        socks = half(service, 3, text)
        service.kill()
        service.write_file(buffer_size=256)
        service.begin()
        for sock in socks:
            sock.sendall(b"end\nnext\n")
        names = [finish(sock) for sock in socks]
        sink.wait(lambda r: sum(x.text == b"next" for x in r) == 3, "the next messages")
        for name in names:
            pieces = texts(sink.records(), name)
            assert pieces.pop() == b"next"
            assert b"".join(p.split(b"] ", 1)[1] for p in pieces) == text + b"end", pieces


def more_workers(scratch):
    changed(scratch, {"workers": 1}, {"workers": 7}, "kill")


def fewer_workers_in_the_middle_of_work(scratch):
    """What seven had in hand is one's now."""
    with reporters() as running:
        tally = Tally(scratch, "syslog")
        running.append(tally)
        with Service(scratch, tally, workers=7) as service:
            streams = Streams(scratch, service.port, 28)
            running.append(streams)
            tally.wait_heard(28)
            for workers in (1, 5, 2, 7, 1):
                streams.wait_sent(streams.sent() + 500)
                tally.stall()
                service.kill()
                service.write_file(workers=workers)
                service.begin()
                tally.resume()
            service.allow("died .* times in a row soon after its start")
            judge([streams], tally, repeats=most_repeats(5, 7))


def another_output(scratch):
    """From the log socket into the journal, and what was in hand goes there too."""
    with new_sink("syslog", scratch) as log, new_sink("journal", scratch) as journal, \
            Service(scratch, log) as service:
        service.allow("has taken nothing for a while", "is back after")
        log.stall()
        sock = connect(service.port)
        sock.sendall(b"".join(b"message %d\n" % i for i in range(100)))
        until(lambda: "waiting" in service.manager.status() and
              ", 0 waiting" not in service.manager.status(), "messages in hand")
        service.kill()
        log.resume()
        service.sink = journal
        service.write_file()
        service.begin()
        sock.sendall(b"the end\n")
        entries = journal.wait(lambda r: r and r[-1].text == b"the end", "the end")
        both = texts(log.records()) + texts(entries)
        assert both == [b"message %d" % i for i in range(100)] + [b"the end"]
        assert [int(r.fields[b"PEER_SEQUENCE"]) for r in entries][-1] == 101


def a_list_that_denies_what_is_in_hand(scratch):
    """A header was judged, and records behind it are in the log: a new list does not undo that."""
    balanced = dict(LOOPBACK, proxy_protocol=True)
    header = b"PROXY TCP4 192.0.2.7 198.51.100.1 4711 514\r\n"
    first = [b"behind the header %d" % i for i in range(3)]
    second = [b"message %02d" % i for i in range(60)]  # more than the log's queue holds
    with surviving(scratch, workers=1, listeners=(balanced, LOOPBACK)) as (service, sink):
        service.allow("has taken nothing for a while", "is back after", "refusing 192.0.2.7")
        through, beside = connect(service.ports[0]), connect(service.ports[1])
        through.sendall(header[:1])
        beside.sendall(second[0][:1])
        Unread([through, beside]).wait()
        sink.stall()
        # One round has both, in this order.
        service.manager.send_signal(signal.SIGSTOP)
        until(lambda: set(thread_states(service.manager.pid)) == {"T"}, "the daemon to stand still")
        through.sendall(header[1:] + b"\n".join(first + [b""]))
        beside.sendall((b"\n".join(second + [b""]))[1:])
        service.manager.send_signal(signal.SIGCONT)
        service.manager.wait_said("messages that wait", lambda f: re.search(
            r", [1-9]\d* waiting", f.get("STATUS", "")), service.since)
        service.kill()
        service.write_file(listeners=(dict(balanced, deny=["192.0.2.0/24"]), LOOPBACK))
        service.begin()
        sink.resume()
        name = finish(beside)
        records = sink.wait(lambda r: r and r[-1].text.endswith(second[-1]), "the last message")
        assert texts(records, "192.0.2.7:4711") == first, records
        assert texts(records, name) == second, texts(records, name)


def a_listener_that_is_gone(scratch):
    """Its connections: what they sent is logged, they are told goodbye, and they may finish."""
    other = dict(PATIENT, address="127.0.0.2")
    with surviving(scratch, listeners=(PATIENT, other)) as (service, sink):
        stays = connect(service.ports[0])
        goes = connect(service.ports[1], host="127.0.0.2")
        late = None
        stays.sendall(b"I stay, and this is ")
        goes.sendall(b"I go, and this is ")
        Unread([stays, goes]).wait()
        service.stop()
        late = connect(service.ports[1], host="127.0.0.2")  # waits in the backlog
        late.sendall(b"I came late\n")
        service.write_file(listeners=[PATIENT])
        service.begin()
        assert goes.recv(1) == b"", "it should be told goodbye"
        goes.sendall(b"my last word\n")
        stays.sendall(b"not my last word\n")
        sink.wait_count(3)
        assert sorted(texts(sink.records())) == [
            b"I came late", b"I go, and this is my last word",
            b"I stay, and this is not my last word"]
        goes.shutdown(socket.SHUT_WR)
        assert late.recv(1) == b""
        late.close()
        stays.sendall(b"still here\n")
        sink.wait_count(4)
        try:
            connect(service.ports[1], host="127.0.0.2").close()
        except ConnectionRefusedError:
            pass
        else:
            raise AssertionError("the old listener still listens")
        assert sorted(service.manager.names())[1:2] == ["listener[0]"], service.manager.names()


def a_listener_that_is_new(scratch):
    with surviving(scratch) as (service, sink):
        old = connect(service.port)
        old.sendall(b"old\n")
        sink.wait_count(1)
        service.stop()
        service.write_file(listeners=[dict(LOOPBACK, address="127.0.0.2"), LOOPBACK])
        service.begin()
        port = int(service.words.wait(r"listening on 127.0.0.2:(\d+)$")[0].group(1))
        new = connect(port, host="127.0.0.2")
        new.sendall(b"new\n")
        old.sendall(b"old again\n")
        sink.wait_count(3)
        assert name_of(old) in {r.peer for r in sink.records()[1:]}


def a_broken_file(scratch):
    with surviving(scratch, buffer_size=300) as (service, sink):
        sock, = half(service, 1)
        for how in ("stop", "kill"):
            getattr(service, how)()
            service.write_file("listeners = ( { prot = 1; } );\n")
            service.begin()
            service.expect(r"prot")
            service.expect(r"is broken; going on with the last good configuration")
            service.manager.wait_said("STATUS", lambda f: "broken" in f.get("STATUS", ""),
                                      service.since)
        sock.sendall(b"message\n" + b"x" * 400 + b"\n")
        service.expect("longer than buffer_size .300 bytes")
        sink.wait_count(3)
        # Once it is whole again, a reload is enough, and nothing complains any more.
        mark = service.manager.mark()
        service.write_file()
        service.manager.send_signal(1)
        service.expect("reloaded")
        service.manager.wait_said("STATUS", lambda f: "STATUS" in f and "broken" not in f["STATUS"],
                                  mark)


def a_broken_file_at_the_first_start(scratch):
    with new_sink("syslog", scratch) as sink:
        service = Service(scratch, sink)
        service.write_file("buffer_size = \"many\";\n")
        service.start()
        assert service.manager.wait() == 78
        service.words.wait("buffer_size")
        assert service.manager.stored() == 0 and not service.manager.count_said("READY")
        service.manager.close()
        os.close(service.stderr)


main(larger_buffers, smaller_buffers, smaller_buffers_than_what_was_sent, more_workers,
     fewer_workers_in_the_middle_of_work, fewer_descriptors, another_output,
     a_list_that_denies_what_is_in_hand, a_listener_that_is_gone,
     a_guarded_listener_that_is_gone, a_listener_that_is_new,
     a_new_listener_that_cannot_be_had, a_broken_file, a_broken_file_at_the_first_start)
