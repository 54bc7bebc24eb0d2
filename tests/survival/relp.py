# SPDX-License-Identifier: MIT
"""RELP across many deaths: what was logged is answered once, and what is answered is logged.

A client of our own keeps a window full while the service is killed at random instants; at the
instant at which an answer comes the log is looked at, and has the message. The answers come in
order, none is missing, none comes twice, over one connection, plain or under TLS. The same
with rsyslog's omrelp, which must not notice anything at all.
"""

import os
import select
import socket
import ssl
import sys
import threading
import time

from survival import (LONG, LOOPBACK, PATIENCE, Service, Skip, folder, main, new_random, new_sink,
                      surviving)

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration",
                             "client"))
from omrelp import Omrelp  # noqa: E402
from tls_files import OPENSSL, Authority  # noqa: E402

KILLS = 200 if LONG else 25
WINDOW = 128
REPEAT = b"[repeat?] "
EARLY = r"died \d+ times in a row soon after its start, the last time of SIGKILL"


def frame(number, command, data=b""):
    return b"%d %s %d" % (number, command, len(data)) + (b" " + data if data else b"") + b"\n"


class Books:
    """What was sent, logged and answered by one client, which the test moves on by hand."""

    def __init__(self, sock, sink):
        self.sock = sock
        self.sink = sink
        self.next = 2      # transaction to be sent
        self.answered = 0  # the last one
        self.heard = b""
        self.logged = {}   # number: how often
        self.seen = 0
        sock.sendall(frame(1, b"open", b"relp_version=0\ncommands=syslog"))

    def send(self):
        """As many as the window has room for."""
        last = self.answered + WINDOW
        frames = [frame(n, b"syslog", b"<13>number %d" % n) for n in range(self.next, last + 1)]
        self.next = max(self.next, last + 1)
        self.sock.sendall(b"".join(frames))

    def look(self):
        """What is in the log by now."""
        self.sink.drain(self.sink.socket)
        records = self.sink.records()
        for record in records[self.seen:]:
            marked = record.text.startswith(REPEAT)
            number = int(record.text.removeprefix(REPEAT).removeprefix(b"number "))
            assert marked or number not in self.logged, f"{number} comes again, unmarked"
            self.logged[number] = self.logged.get(number, 0) + 1
        self.seen = len(records)
        assert len({r.peer for r in records}) <= 1, "one connection"

    def hear(self):
        """Answers: in order, once, and not ahead of the log."""
        data = self.sock.recv(65536)
        assert data, "the connection ended"
        self.heard += data
        self.look()
        while True:
            head, ends, rest = self.heard.partition(b" rsp ")
            length, space, rest = rest.partition(b" ")
            if not ends or not space or len(rest) <= int(length):
                return
            number, text = int(head), rest[:int(length)]
            self.heard = rest[int(length) + 1:]
            assert number == self.answered + 1, f"{number} is answered behind {self.answered}"
            assert text.startswith(b"200 OK"), text
            assert number == 1 or number in self.logged, f"{number} is answered, and not logged"
            self.answered = number

    def turn(self, seconds):
        """Send and hear for a while."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.send()
            pending = getattr(self.sock, "pending", lambda: 0)() > 0
            ready = pending or select.select([self.sock, self.sink.socket], [], [], left)[0]
            if pending or self.sock in ready:
                self.hear()
            elif ready:
                self.look()

    def settle(self):
        """Everything that was sent is answered."""
        end = time.monotonic() + PATIENCE
        while self.answered < self.next - 1:
            assert time.monotonic() < end, f"{self.answered} of {self.next - 1} are answered"
            pending = getattr(self.sock, "pending", lambda: 0)() > 0
            ready = pending or select.select([self.sock, self.sink.socket], [], [], 1)[0]
            if pending or self.sock in ready:
                self.hear()
            elif ready:
                self.look()


def kill_often(service, books, chance):
    books.settle()  # a handshake of TLS would die with its process
    for _ in range(KILLS):
        books.turn(chance.uniform(0, 0.12))
        service.kill()
        service.start()
    service.manager.wait_ready(service.since)
    books.turn(0.2)
    books.settle()
    repeated = sum(books.logged.values()) - len(books.logged)
    assert sorted(books.logged) == list(range(2, books.next)), "none is missing"
    print(f"  {books.answered} answered, {repeated} repeated and marked", flush=True)
    service.allow(EARLY)


def answers_survive_kills(scratch):
    with surviving(scratch) as (service, sink):
        sink.stall()  # the books read it
        with socket.create_connection(("127.0.0.1", service.port), PATIENCE) as sock:
            kill_often(service, Books(sock, sink), new_random())
        sink.resume()


def answers_survive_kills_under_tls(scratch):
    if OPENSSL is None or "PEERLOGD_MODULES" not in os.environ:
        raise Skip("there is no TLS")
    authority = Authority(os.path.join(scratch, "pki"))
    authority.sign("server")
    listener = dict(LOOPBACK, tls="required", certificate=authority.path("server.pem"),
                    key=authority.path("server.key"))
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = ssl.create_default_context(cafile=authority.path("ca.pem"))
        context.minimum_version = context.maximum_version = version
        with surviving(folder(scratch, version.name), listeners=[listener]) as (service, sink):
            sink.stall()
            with socket.create_connection(("127.0.0.1", service.port), PATIENCE) as raw, \
                    context.wrap_socket(raw, server_hostname="localhost") as sock:
                kill_often(service, Books(sock, sink), new_random())
            sink.resume()


def restarts_are_not_seen(scratch):
    """In good order, with answers owed while there is no log."""
    with surviving(scratch) as (service, sink):
        sink.stall()
        with socket.create_connection(("127.0.0.1", service.port), PATIENCE) as sock:
            books = Books(sock, sink)
            for _ in range(5):
                books.turn(0.05)
                service.restart()
            books.settle()
        sink.resume()


def omrelp_notices_nothing(scratch):
    """Each of its messages once, or marked; all over one connection."""
    chance = new_random()
    listener = dict(LOOPBACK, session="relp")
    with new_sink("syslog", scratch) as sink, \
            Service(scratch, sink, listeners=[listener]) as service, \
            Omrelp(scratch, service.port) as sender:
        sent, going = 0, True

        def pour():
            nonlocal sent
            while going:
                sender.log(*(b"number %d" % n for n in range(sent, sent + 50)))
                sent += 50

        thread = threading.Thread(target=pour)
        thread.start()
        try:
            sink.wait_count(1)  # its connection is accepted
            for _ in range(KILLS):
                time.sleep(chance.uniform(0, 0.12))
                service.kill()
                service.start()
        finally:
            going = False
            thread.join()
        service.manager.wait_ready(service.since)
        service.allow(EARLY)

        def numbers(records):
            return {int(r.text.removeprefix(REPEAT).removeprefix(b"number ")) for r in records}

        records = sink.wait(lambda r: len(r) >= sent and len(numbers(r)) == sent,
                            f"all {sent} messages")
        fresh = [r for r in records if not r.text.startswith(REPEAT)]
        assert len({r.peer for r in records}) == 1, "one connection"
        assert len(fresh) == len(numbers(fresh)), "none comes twice unmarked"
        assert numbers(records) == set(range(sent)), "none is missing"
        assert not sender.words(), sender.words()
        print(f"  {sent} sent, {len(records) - sent} repeated and marked", flush=True)


main(answers_survive_kills, answers_survive_kills_under_tls, restarts_are_not_seen,
     omrelp_notices_nothing)
