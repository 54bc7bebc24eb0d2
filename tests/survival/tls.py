# SPDX-License-Identifier: MIT
"""TLS connections outlive the process.

Streams in every version and suite, whose keys change all the time, while the service is restarted,
killed under load, killed while it takes over, and while the log is away: nothing is lost or
reordered, no connection breaks, and each is closed by close_notify both ways in the end. Records
may be cut anywhere by a death. Another certificate, or none, is for those that come later. What
cannot outlive the process is a handshake that has begun; and what is told not to, leaves nothing.
The secrets of a connection are in the ledger alone, and not even there when it has ended.
"""

import contextlib
import fcntl
import os
import signal
import socket
import ssl
import time

from survival import (BUILD, LONG, Authority, ByHand, Service, Streams, Tally, Verdict,
                      build_program, context_for, folder, is_reset, judge, main, most_repeats,
                      name_of, new_random, new_sink, reporters, tls_connect, tls_finish, until)

CONNECTIONS = 24
KILLS = 200 if LONG else 30
RESTARTS = 15
YOUNG = 300 if LONG else 60


@contextlib.contextmanager
def secured(scratch, sink, **more):
    """A service that requires TLS, and who signed its certificate."""
    settings = {name: more.pop(name) for name in ("environment", "limits", "program", "workers")
                if name in more}
    authority = Authority(scratch)
    listener = dict(authority.issue("localhost").settings(), **more)
    with Service(scratch, sink, listeners=[listener], **settings) as service:
        service.allow(r"died \d+ times in a row soon after its start, the last time of SIGKILL")
        yield service, authority


def kill_under_load(scratch, kind, updates):
    chance = new_random()
    with reporters() as running:
        tally = Tally(scratch, kind)
        running.append(tally)
        with secured(scratch, tally) as (service, authority):
            streams = Streams(scratch, service.port, CONNECTIONS, "--tls", authority.file,
                              "--updates", updates)
            running.append(streams)
            streams.wait_sent(1000)
            tally.wait_heard(CONNECTIONS)
            for _ in range(KILLS):
                time.sleep(chance.uniform(0, 0.12))
                service.kill()
                service.start()
            service.manager.wait_ready(service.since)
            tally.wait_records(tally.records() + 1000)
            judge([streams], tally, most_repeats(KILLS))
            assert service.said(r" [1-9]\d* messages in hand.* after SIGKILL") > 0


def kills_lose_nothing_in_the_log(scratch):
    kill_under_load(scratch, "syslog", 100000)


def kills_lose_nothing_in_the_journal(scratch):
    kill_under_load(scratch, "journal", 100000)


def kills_among_answers(scratch):
    """Keys change with every few records: there is always an answer on its way."""
    kill_under_load(scratch, "syslog", 1)


def restarts_lose_nothing(scratch):
    with reporters() as running:
        tally = Tally(scratch, "journal")
        running.append(tally)
        with secured(scratch, tally) as (service, authority):
            streams = Streams(scratch, service.port, CONNECTIONS, "--tls", authority.file,
                              "--updates", 50000)
            running.append(streams)
            for i in range(RESTARTS):
                tally.wait_records(tally.records() + 2000)
                service.restart()
                service.expect(rf"took over {CONNECTIONS} connections, \d+ messages in hand, "
                               "after a restart in good order", i + 1)
            judge([streams], tally)


def deaths_in_a_takeover_lose_nothing(scratch):
    chance = new_random()
    with reporters() as running:
        tally = Tally(scratch, "journal")
        running.append(tally)
        begun = time.monotonic()
        with secured(scratch, tally) as (service, authority):
            most_s = max(0.02, 2 * (time.monotonic() - begun))
            streams = Streams(scratch, service.port, CONNECTIONS, "--tls", authority.file,
                              "--updates", 20000)
            running.append(streams)
            streams.wait_sent(1000)
            tally.wait_heard(CONNECTIONS)
            young = 0
            for i in range(YOUNG):
                # Under way the sink is stalled at times, so that there is something in hand.
                if i % 10 == 3:
                    tally.stall()
                if i % 10 == 8:
                    tally.resume()
                time.sleep(chance.uniform(0, most_s))
                ready = service.manager.count_said("READY", service.since)
                young += not ready
                most_s *= 0.9 if ready else 1.1  # about half of them
                service.kill()
                service.start()
            tally.resume()
            service.manager.wait_ready(service.since)
            tally.wait_records(tally.records() + 1000)
            print(f"  {young} of {YOUNG} died before they were ready")
            judge([streams], tally, most_repeats(YOUNG))


def every_cut_of_a_record(scratch):
    """A record comes in two parts, with a death or a restart between; so does a message."""
    with new_sink("syslog", scratch) as sink, secured(scratch, sink) as (service, authority):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = context_for(authority, version=version)
            clients = []
            for at in (1, 4, 5, 6, 20, 60, -1):
                client = ByHand(service.port, context).shake()
                record = client.seal(b"one\ntwo\nthr")
                second = client.seal(b"ee\nfour\n")
                client.sock.sendall(record + second[:at])
                clients.append((client, second[at:]))
            until(lambda n=clients: {c.name for c, _ in n} <= {
                r.peer for r in sink.records() if r.text == b"two"}, "the first records")
            service.die()
            service.die()
            service.restart()
            for client, rest in clients:
                client.sock.sendall(rest)
                client.end()
                assert client.read() == b""
                client.close()
                said = sink.wait(lambda r, n=client.name: any(
                    x.peer == n and x.text == b"four" for x in r), "its records")
                texts = [r.text for r in said if r.peer == client.name]
                # What was in hand at a death comes again, marked; what was not comes once.
                once = dict.fromkeys(t.removeprefix(b"[repeat?] ") for t in texts)
                unmarked = [t for t in texts if not t.startswith(b"[repeat?] ")]
                assert list(once) == [b"one", b"two", b"three", b"four"], texts
                assert len(unmarked) == len(set(unmarked)), texts


def what_came_with_the_handshake(scratch):
    """The whole of a stream, and its end, right behind the handshake's last word."""
    with new_sink("syslog", scratch) as sink, secured(scratch, sink) as (service, authority):
        clients = []
        for i in range(20):
            client = ByHand(service.port, context_for(authority))
            client.sock.sendall(client.hello())
            client.hear()
            client.tls.do_handshake()
            finished = client.leaves.read()
            client.tls.write(b"message %d\n" % i)
            with contextlib.suppress(ssl.SSLWantReadError):
                client.tls.unwrap()
            client.sock.sendall(finished + client.leaves.read())
            clients.append(client)
        service.die()
        done = 0
        for client in clients:
            try:
                assert client.read() == b"", "close_notify"
                done += 1
            except ConnectionResetError:
                pass  # its handshake had not been done
            client.close()
        texts = {r.text.removeprefix(b"[repeat?] ") for r in sink.wait_count(done)}
        assert len(texts) == done, (texts, done)
        print(f"  {done} of 20 handshakes were done")


def what_has_not_begun_goes_on(scratch):
    """A client that connects, and says nothing until others were killed; one in its handshake."""
    with new_sink("syslog", scratch) as sink, secured(scratch, sink) as (service, authority):
        silent, begun, part = (ByHand(service.port, context_for(authority)) for _ in range(3))
        begun.sock.sendall(begun.hello())
        begun.hear()
        hello = part.hello()
        part.sock.sendall(hello[:50])
        service.wait_connections(3)
        for again in (service.die, service.restart):
            again()
            if again == service.die:
                assert is_reset(begun.sock), "its handshake was with the dead"
        silent.shake()
        part.sock.sendall(hello[50:])
        part.hear()
        for client in (silent, part.shake()):
            client.say(b"hello\n")
            client.end()
            assert client.read() == b""
            client.close()
        assert [r.text for r in sink.wait_count(2)] == [b"hello", b"hello"]


def the_log_is_away(scratch):
    """Nothing can be delivered: clients wait, over deaths and restarts, until it is back."""
    with new_sink("syslog", scratch) as sink, secured(scratch, sink) as (service, authority):
        socks = [tls_connect(service.port, context_for(authority)) for _ in range(4)]
        for i, sock in enumerate(socks):
            sock.sendall(b"%d 0\n" % i)
        sink.wait_count(4)  # their handshakes are done here, too
        sink.stall()
        for i, sock in enumerate(socks):
            sock.sendall(b"".join(b"%d %d\n" % (i, n) for n in range(1, 2000)))
        for again in (service.die, service.restart, service.die):
            again()
        sink.resume()
        wanted = {name_of(sock): [b"%d %d" % (i, n) for n in range(2000)]
                  for i, sock in enumerate(socks)}
        for sock in socks:
            tls_finish(sock)

        def text_of(r):
            return r.text.removeprefix(b"[repeat?] ")

        until(lambda: len({(r.peer, text_of(r)) for r in sink.records()}) >= 8000, "all of it")
        got = {}
        for r in sink.records():
            if text_of(r) == r.text or text_of(r) not in got.get(r.peer, []):
                got.setdefault(r.peer, []).append(text_of(r))
        assert got == wanted


def another_certificate(scratch):
    """Those that are there live on, whatever their listener shows and asks now."""
    with new_sink("syslog", scratch) as sink, secured(scratch, sink) as (service, authority):
        foreign = Authority(scratch, "foreign")
        other = foreign.issue("other", "DNS:localhost")
        old = tls_connect(service.port, context_for(authority))
        old.sendall(b"first\n")
        sink.wait_count(1)
        listener = service.settings["listeners"][0]
        changes = [dict(listener, certificate=other.file, key=other.key),
                   dict(listener, client_certificate="required", client_ca=foreign.file),
                   dict(listener, tls_min="1.3"), dict(address="127.0.0.1", port=0)]
        for number, change in enumerate(changes):
            service.stop()
            service.write_file(listeners=[change], workers=number % 2 + 1,
                               buffer_size=8192 * (number + 1))
            service.begin()
            old.sendall(b"message %d\n" % number)
            sink.wait_count(number + 2)
        service.write_file(listeners=[dict(listener, port=1)])
        tls_finish(old)
        assert [r.text for r in sink.records()] == [
            b"first", *(b"message %d" % i for i in range(4))]


def told_goodbye(scratch):
    """A listener is gone: its clients are told by close_notify, and heard to their end."""
    with new_sink("syslog", scratch) as sink, secured(scratch, sink) as (service, authority):
        sock = tls_connect(service.port, context_for(authority))
        sock.sendall(b"first\n")
        sink.wait_count(1)
        service.stop()
        service.write_file(listeners=[dict(service.settings["listeners"][0], address="127.0.0.2")])
        service.begin()
        assert sock.recv(1) == b"", "close_notify"
        sock.close()
        service.wait_connections(0)


def a_message_that_crashes(scratch):
    """Once is bad luck, twice in a row closes the connection; others over TLS never notice."""
    for deaths in (1, 2):
        place = folder(scratch, str(deaths))
        for i in range(deaths):
            with open(os.path.join(place, f"token-{i}"), "w", encoding="ascii"):
                pass
        environment = {"PEERLOG_FRAGILE": place, "PEERLOGD_MODULES": BUILD}
        with new_sink("syslog", place) as sink, \
                secured(place, sink, program=build_program("survival/fragile_peerlogd"),
                        environment=environment) as (service, authority):
            context = context_for(authority)
            victim, other = tls_connect(service.port, context), tls_connect(service.port, context)
            names = name_of(victim), name_of(other)
            other.sendall(b"before\n")
            sink.wait_count(1)
            victim.sendall(b"one\nplease crash\nthree\nfo")
            for _ in range(deaths):
                assert service.manager.wait() == -signal.SIGSEGV
                service.start()
            service.manager.wait_ready(service.since)
            if deaths == 2:
                service.expect(names[0] + ": connection closed, because peerlogd crashed on it")
                victim.close()
            else:
                victim.sendall(b"ur\n")
                tls_finish(victim)
            other.sendall(b"after\n")
            tls_finish(other)
            texts = {}
            for r in sink.wait(lambda r: any(x.text == b"after" for x in r) and
                               (deaths == 2 or any(x.text == b"four" for x in r)), "the rest"):
                text = r.text.removeprefix(b"[repeat?] ")
                if text not in texts.setdefault(r.peer, []):
                    texts[r.peer].append(text)
            assert texts[names[1]] == [b"before", b"after"]
            if deaths == 1:
                assert texts[names[0]] == [b"one", b"please crash", b"three", b"four"]


# --- secrets ---

def secrets_in(file):
    """What the client's log of secrets says, as bytes."""
    with open(file, encoding="ascii") as lines:
        return [bytes.fromhex(line.split()[2]) for line in lines if "TRAFFIC_SECRET_0" in line]


def memory_of(fd):
    """All that was written into a ledger."""
    found, at, size = [], 0, os.fstat(fd).st_size
    while at < size:
        try:
            begin = os.lseek(fd, at, os.SEEK_DATA)
        except OSError:
            break
        at = os.lseek(fd, begin, os.SEEK_HOLE)
        found.append(os.pread(fd, at - begin, begin))
    return b"".join(found)


def ledger_of(service):
    fd, = service.manager.descriptors("ledger-")
    return fd


def secrets_live_as_long_as_their_connection(scratch):
    with new_sink("syslog", scratch) as sink, secured(scratch, sink) as (service, authority):
        context = context_for(authority)
        context.keylog_filename = os.path.join(scratch, "secrets")
        socks = [tls_connect(service.port, context) for _ in range(3)]
        for round_number in range(3):
            for sock in socks:
                sock.sendall(b"message\n")
            sink.wait_count(3 * round_number + 3)
            [service.die, service.restart, lambda: None][round_number]()
        known = secrets_in(context.keylog_filename)
        assert len(known) == 6
        # While a round is open its segments have them, too.
        until(lambda: {memory_of(ledger_of(service)).count(s) for s in known} == {1},
              "each to be in its slot alone")
        tls_finish(socks.pop())
        service.wait_connections(2)
        memory = memory_of(ledger_of(service))
        assert sum(memory.count(secret) for secret in known) == 4, "what has ended leaves nothing"
        for sock in socks:
            tls_finish(sock)
        service.wait_connections(0)
        memory = memory_of(ledger_of(service))
        assert not any(secret in memory for secret in known)


def the_ledger_is_sealed_and_not_dumped(scratch):
    with new_sink("syslog", scratch) as sink, secured(scratch, sink) as (service, _):
        seals = fcntl.fcntl(ledger_of(service), fcntl.F_GET_SEALS)
        assert seals == fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
        with open(f"/proc/{service.manager.pid}/smaps", encoding="ascii") as file:
            maps = file.read().split("VmFlags:")
        flags = [maps[i + 1].split("\n")[0].split() for i in range(len(maps) - 1)
                 if "peerlog-ledger" in maps[i].rsplit("VmFlags", 1)[-1]]
        assert flags and all("dd" in f for f in flags), flags


def what_is_not_to_survive(scratch):
    """survive = false: nothing is parked, no secret is in the ledger, a stop ends it in order."""
    with new_sink("syslog", scratch) as sink, \
            secured(scratch, sink, survive=False, workers=1) as (service, authority):
        context = context_for(authority)
        context.keylog_filename = os.path.join(scratch, "secrets")
        service.allow("said nothing")
        for number, again in enumerate((service.restart, service.die)):
            sock = tls_connect(service.port, context)
            sock.sendall(b"message %d\nlast" % number)
            sink.wait_count(2 * number + 1)
            tls_connect(service.port, context).close()  # so the worker is done with the others
            memory = memory_of(ledger_of(service))
            assert not any(s in memory for s in secrets_in(context.keylog_filename))
            again()
            if again == service.restart:
                assert sock.recv(1) == b"", "close_notify: all is in the log"
            else:
                assert is_reset(socket.socket(fileno=sock.detach()))
            sock.close()
        texts = [r.text for r in sink.wait_count(4)]
        assert texts == [b"message 0", b"[cut] last", b"message 1", b"[cut] last"], texts
        service.wait_connections(0)


def mixed_company(scratch):
    """Some survive and some do not, under load and kills: those that do lose nothing."""
    chance = new_random()
    with reporters() as running:
        tally = Tally(scratch, "syslog")
        running.append(tally)
        authority = Authority(scratch)
        own = authority.issue("localhost")
        listeners = [own.settings(), own.settings(survive=False)]
        with Service(scratch, tally, listeners=listeners) as service:
            service.allow(r"died \d+ times in a row soon after its start")
            streams = Streams(scratch, service.ports[0], 8, "--tls", authority.file)
            running.append(streams)
            for i in range(10):
                tally.wait_heard(8)
                mortal = Streams(scratch, service.ports[1], 4, "--tls", authority.file,
                                 "--first", 100 + 10 * i)
                running.append(mortal)
                streams.wait_sent(1000)
                time.sleep(chance.uniform(0.05, 0.2))
                service.kill()
                service.start()
                mortal.process.wait()
                service.manager.wait_ready(service.since)
            tally.wait_records(tally.records() + 1000)
            sent, heard = streams.end(tally.moves), tally.end()
            assert sent["broken"] == 0, sent["faults"]
            print(f"  {heard['records']} records, {sent['messages']} of those that survive")
            verdict = Verdict([sent], heard)
            assert (verdict.lost, heard["reordered"], heard["repeated_unmarked"]) == (0, 0, 0), (
                verdict.details())


if __name__ == "__main__":
    main(kills_lose_nothing_in_the_log, kills_lose_nothing_in_the_journal, kills_among_answers,
         restarts_lose_nothing, deaths_in_a_takeover_lose_nothing, every_cut_of_a_record,
         what_came_with_the_handshake, what_has_not_begun_goes_on, the_log_is_away,
         another_certificate, told_goodbye, a_message_that_crashes,
         secrets_live_as_long_as_their_connection, the_ledger_is_sealed_and_not_dumped,
         what_is_not_to_survive, mixed_company)
