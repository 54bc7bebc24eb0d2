# SPDX-License-Identifier: MIT
"""As few workers as keep up.

Sixteen connections that say little have one worker, however many there are. When it has too
much to do (the clock of its idle time says so, since this machine is too busy to wait for that)
they are shared with others, one of them after the other; and when one is enough again they come
back. Nothing is lost, repeated or out of order on the way, half messages are made whole by the
next worker, and a stop or a kill in between changes nothing.
"""

import http.client
import json
import os
import socket
import time

from injecting import PATIENCE, Skip, UnluckyService, connect, finish, main, new_sink, until

CONNECTIONS = 16
WORKERS = 3


class Unix(http.client.HTTPConnection):
    """HTTP over a socket of the file system."""

    def __init__(self, path):
        super().__init__("peerlogd", timeout=PATIENCE)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)
        self.sock.settimeout(self.timeout)


def owners(path):
    """The worker of each connection, by its port."""
    http_connection = Unix(path)
    http_connection.request("GET", "/v1/connections")
    answer = json.load(http_connection.getresponse())
    http_connection.close()
    assert answer["complete"], "a worker did not answer"
    return {c["port"]: c["worker"] for c in answer["connections"]}


class Speakers:
    """Connections that say numbered messages, and have always begun the next one."""

    def __init__(self, service, sink, path):
        self.service, self.sink, self.path = service, sink, path
        self.socks = [connect(service.port) for _ in range(CONNECTIONS)]
        self.ports = {sock.getsockname()[1] for sock in self.socks}
        self.said = 0
        self.say()

    def say(self):
        """One whole message of each, and it is logged; the next one is cut in two."""
        for sock in self.socks:
            sock.sendall((b"%d" if self.said == 0 else b" of %d\n%d") % (
                (0,) if self.said == 0 else (self.said, self.said)))
        self.said += 1
        self.sink.wait_count(CONNECTIONS * (self.said - 1))

    def until_owners(self, good, what):
        """They go on speaking until their workers are as wanted."""
        end = time.monotonic() + 2 * PATIENCE
        while time.monotonic() < end:
            self.say()
            now = owners(self.path)
            assert now.keys() == self.ports, "one is missing, or seen twice"
            if good(set(now.values())):
                return
        raise AssertionError(f"no {what}, but {set(now.values())}")

    def end(self):
        for sock in self.socks:
            sock.sendall(b" of the end\n")
            finish(sock)
        records = self.sink.wait_count(CONNECTIONS * self.said)
        for port in self.ports:
            texts = [r.text for r in records if r.peer.endswith(f":{port}")]
            assert texts == [b"%d of %d" % (i, i + 1) for i in range(self.said - 1)] + [
                b"%d of the end" % (self.said - 1)], texts


def serving(scratch, sink):
    path = os.path.join(scratch, "admin")
    return path, UnluckyService(scratch, sink, [], workers=WORKERS, admin={"path": path})


def spread_and_come_back(scratch):
    with new_sink("syslog", scratch) as sink:
        path, running = serving(scratch, sink)
        with running as service:
            until(lambda: os.path.exists(path), "the admin socket")
            service.clocks.set(busy=False)
            speakers = Speakers(service, sink, path)
            for _ in range(20):
                speakers.until_owners({0}.__eq__, "one worker")
            service.clocks.set(busy=True)
            speakers.until_owners(set(range(WORKERS)).__eq__, "all workers")
            service.clocks.set(busy=False)
            speakers.until_owners({0}.__eq__, "one worker again")
            speakers.end()
            service.stop()


def stop_and_go_on(scratch):
    """In good order and by SIGKILL, while they are spread; the next process begins with one."""
    with new_sink("syslog", scratch) as sink:
        path, running = serving(scratch, sink)
        with running as service:
            until(lambda: os.path.exists(path), "the admin socket")
            speakers = Speakers(service, sink, path)
            for end in (service.stop, service.kill):
                service.clocks.set(busy=True)
                speakers.until_owners(set(range(WORKERS)).__eq__, "all workers")
                service.clocks.set(busy=False)
                end()
                service.begin()
                speakers.until_owners({0}.__eq__, "one worker again")
            speakers.end()


main(spread_and_come_back, stop_and_go_on)
