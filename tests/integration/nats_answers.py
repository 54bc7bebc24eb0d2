#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# What servers of NATS may answer, from a server that is the test's own: it keeps a stream as they
# do, with identities and with what a message says has to be the last one before it, and does what
# a test tells it to. Another's message comes in between; the connection breaks while many of the
# messages are still on their way, and these come later; a leader calls something a duplicate that
# it has never stored. Each record is in the stream once, and in the order of its connection.

import json
import threading

import jetstream
from support import *

SAID = r"NATS stream LOGS|log: NATS"


def matches(pattern, subject):
    wanted, found = pattern.split("."), subject.split(".")
    return len(wanted) == len(found) and all(a in ("*", b) for a, b in zip(wanted, found))


class Message:
    """One that was published."""

    def __init__(self, subject, reply, head, body):
        self.subject = subject
        self.reply = reply
        self.headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:] if line)
        self.body = body

    @property
    def identity(self):
        return self.headers["Nats-Msg-Id"]

    @property
    def expected(self):
        return self.headers.get("Nats-Expected-Last-Msg-Id")


class Stream:
    """What the servers keep. JUDGE(message, number) answers in its place, or returns None.

    When it raises an error, the connection breaks.
    """

    def __init__(self, replicas=1, judge=None):
        self.replicas = replicas
        self.judge = judge or (lambda message, number: None)
        self.seen = 0    # messages
        self.chained = 0  # of these, with an expectation
        self.stored = []  # messages
        self.known = {}   # their numbers, by their identities
        self.last = None
        self.leaders = 1
        self.lock = threading.Lock()

    def info(self):
        return {"type": "io.nats.jetstream.api.v1.stream_info_response",
                "config": {"name": "LOGS", "subjects": ["logs.>"], "retention": "limits",
                           "storage": "file", "discard": "new", "num_replicas": self.replicas,
                           "max_consumers": -1, "max_msgs": -1, "max_bytes": -1, "max_age": 0,
                           "max_msg_size": -1, "duplicate_window": 120 * 10**9},
                "created": "2026-01-01T00:00:00Z",
                "state": {"messages": 0, "bytes": 0, "first_seq": 0, "last_seq": 0,
                          "first_ts": "0001-01-01T00:00:00Z", "last_ts": "0001-01-01T00:00:00Z",
                          "consumer_count": 0}}

    def refuse(self, code, words):
        return {"error": {"code": 400, "err_code": code, "description": words}, "stream": "LOGS",
                "seq": 0}

    def store(self, message):
        """As a server does with one replica."""
        if message.identity in self.known:
            return {"stream": "LOGS", "seq": self.known[message.identity], "duplicate": True}
        if message.expected is not None and message.expected != self.last:
            return self.refuse(10070, f"wrong last msg ID: {self.last}")
        self.stored.append(message)
        self.last = message.identity
        self.known[message.identity] = len(self.stored)
        return {"stream": "LOGS", "seq": len(self.stored)}

    def step_down(self):
        self.leaders += 1
        return {"success": True}

    def take(self, message):
        """Returns: the answer, or False for none."""
        with self.lock:
            self.seen += 1
            self.chained += message.expected is not None
            answer = self.judge(message, self.seen)
            return self.store(message) if answer is None else answer

    def assert_whole(self, connections, each):
        """Each record is there once and in order."""
        found = {}
        for message in self.stored:
            for line in message.body.splitlines():
                record = json.loads(line)
                found.setdefault(record["peer_connection"], []).append(record["peer_sequence"])
        assert len(found) == connections, len(found)
        for connection, numbers in found.items():
            assert numbers == list(range(1, each + 1)), (connection, numbers[:30])


class Server:
    """Speaks the protocol for a stream. One that IS_LOUD sends answers to nothing all the time."""

    def __init__(self, stream, is_loud=False):
        self.stream = stream
        self.is_loud = is_loud
        self.shouts = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"nats://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            sock, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        with contextlib.suppress(OSError), sock, sock.makefile("rb", buffering=1 << 20) as lines:
            self.talk(sock, lines)

    def shout(self, sock, pattern, number):
        line = b"MSG %s %s 0\r\n\r\n" % (pattern.replace("*", "0").encode(), number.encode())
        with contextlib.suppress(OSError):
            while True:
                sock.sendall(line * 1000)
                self.shouts += 1000

    def talk(self, sock, lines):
        ids = {}  # of subscriptions, by their patterns
        sock.sendall(b"INFO " + json.dumps({
            "server_id": "x", "version": "2.10.27", "host": "127.0.0.1", "port": 1, "proto": 1,
            "headers": True, "jetstream": True, "max_payload": 1 << 20}).encode() + b"\r\n")
        while words := lines.readline().decode().split():
            if words[0] == "PING":
                sock.sendall(b"PONG\r\n")
            elif words[0] == "SUB":
                ids[words[1]] = words[-1]
                if self.is_loud and words[1].endswith(".*.*"):
                    threading.Thread(target=self.shout, args=(sock, words[1], words[-1]),
                                     daemon=True).start()
            elif words[0] in ("PUB", "HPUB"):
                data = lines.read(int(words[-1]) + 2)[:-2]
                head = int(words[-2]) if words[0] == "HPUB" else 0
                message = Message(words[1], words[2], data[:head], data[head:])
                if message.subject.startswith("logs."):
                    answer = self.stream.take(message)
                elif ".STEPDOWN." in message.subject:
                    answer = self.stream.step_down()
                else:
                    answer = self.stream.info()
                number = next((ids[p] for p in ids if matches(p, message.reply)), None)
                if answer is not False and number is not None:
                    body = json.dumps(answer, separators=(",", ":")).encode()
                    sock.sendall(b"MSG %s %s %d\r\n%s\r\n" % (
                        message.reply.encode(), number.encode(), len(body), body))


def send(daemon, count, each):
    """So many connections send so many messages each, and wait for their receipts."""
    with contextlib.ExitStack() as stack:
        socks = [stack.enter_context(connect(daemon.port)) for _ in range(count)]
        for sock in socks:
            sock.sendall(b"".join(b"m%d\n" % i for i in range(each)))
            sock.shutdown(socket.SHUT_WR)
        for sock in socks:
            assert sock.recv(1) == b""


def start(scratch, server, **output):
    daemon = Daemon(scratch, listeners=[LOOPBACK],
                    output=dict(type="nats", servers=[server.url], **output))
    daemon.allow(SAID)
    return daemon


def a_load_is_a_chain_where_one_server_keeps_the_stream(scratch):
    for replicas, is_chain in ((1, True), (3, False)):
        stream = Stream(replicas)
        with start(scratch, Server(stream)) as daemon:
            send(daemon, 3, 100)
        stream.assert_whole(3, 100)
        assert stream.seen == 300 and (stream.chained > 0) == is_chain, stream.chained


def anothers_message_breaks_a_chain_and_harms_nothing(scratch):
    def judge(message, number):
        if number % 40 == 0:
            stream.last = "another's"

    stream = Stream(judge=judge)
    with start(scratch, Server(stream)) as daemon:
        send(daemon, 4, 100)
    assert not any("wrong" in line for line in daemon.words.lines), daemon.words.lines
    stream.assert_whole(4, 100)


def what_comes_late_of_a_chain_comes_in_its_order(scratch):
    late = []
    broken = []

    def judge(message, number):
        if message.expected is not None and number > 50 and not broken:
            late.append(message)
            if len(late) < 50:
                return False
            broken.append(number)
            raise ConnectionAbortedError
        if late and broken and number % 3 == 0:
            stream.store(late.pop(0))
        return None

    stream = Stream(judge=judge)
    with start(scratch, Server(stream)) as daemon:
        daemon.allow("NATS stream LOGS: the connection was lost")
        send(daemon, 4, 250)
    assert broken and not late, (broken, len(late))
    stream.assert_whole(4, 250)


def a_duplicate_of_nothing_is_not_stored(scratch):
    staged = {}

    def judge(message, number):
        turns = staged.get(message.identity, 0)
        if number < 50 or turns == 3:
            return None
        staged[message.identity] = turns + 1
        if turns == 0 and len(staged) == 1:
            return stream.refuse(10077, "maximum messages exceeded")
        if len(staged) > 1:
            del staged[message.identity]
            return None
        return {"stream": "LOGS", "seq": 0, "duplicate": True}

    stream = Stream(replicas=3, judge=judge)
    with start(scratch, Server(stream)) as daemon:
        send(daemon, 2, 100)
        daemon.expect("NATS stream LOGS: its leader takes a message for a duplicate")
        daemon.expect("NATS stream LOGS is back after")
    stream.assert_whole(2, 100)


def another_leader_is_asked_for_when_one_is_wrong(scratch):
    wrong = {"stream": "LOGS", "seq": 0, "duplicate": True}, {
        "stream": "LOGS", "seq": 0, "error": {"code": 409, "err_code": 10158, "description":
                                              "duplicate message id is in process"}}

    def judge(message, number):
        return wrong[number % 2] if number > 20 and stream.leaders == 1 else None

    stream = Stream(replicas=3, judge=judge)
    with start(scratch, Server(stream)) as daemon:
        send(daemon, 1, 50)
        daemon.expect("NATS stream LOGS: another leader was asked for")
    assert stream.leaders == 2
    stream.assert_whole(1, 50)


def answers_that_come_at_the_end_harm_nothing(scratch):
    server = Server(Stream(), is_loud=True)
    with new_sink("syslog", scratch) as sink, Daemon(scratch, sink) as daemon:
        daemon.allow(SAID)
        syslog = daemon.output
        for turn in range(1, 21):
            daemon.output = dict(type="nats", servers=[server.url]) if turn % 2 else syslog
            daemon.write_file()
            daemon.signal(signal.SIGHUP)
            daemon.expect("reloaded", turn)
            if turn % 2:
                daemon.expect("NATS stream LOGS: 1 replica")


def answers_that_nobody_waits_for_are_dropped_in_silence(scratch):
    server = Server(Stream(), is_loud=True)
    with start(scratch, server):  # more than the library keeps and sockets hold
        until(lambda: server.shouts > 1000000, "answers")


if not jetstream.output_is_there():
    print("SKIP: there is no output to NATS")
    sys.exit(77)
main(a_load_is_a_chain_where_one_server_keeps_the_stream,
     anothers_message_breaks_a_chain_and_harms_nothing,
     what_comes_late_of_a_chain_comes_in_its_order, a_duplicate_of_nothing_is_not_stored,
     another_leader_is_asked_for_when_one_is_wrong,
     answers_that_come_at_the_end_harm_nothing,
     answers_that_nobody_waits_for_are_dropped_in_silence)
