# SPDX-License-Identifier: MIT
"""NATS servers with JetStream, one or three, and a client of their protocol to read back with."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess

from kernel import held_port
from running import end_with_test
from waiting import PATIENCE, until

SERVER = shutil.which("nats-server", path=os.environ["PATH"] + ":/usr/sbin")


class Client:
    """A connection that asks and reads; NATS' protocol is lines of text.

    TLS: a context, after the first line. USER: answers a nonce with what belongs into CONNECT.
    """

    def __init__(self, port, tls=None, user=None):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        info = json.loads(self.first_line().removeprefix(b"INFO "))
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        self.stream = self.socket.makefile("rb", buffering=1 << 20)
        answer = user.answer(info.get("nonce")) if user is not None else {}
        self.say("CONNECT " + json.dumps(dict(answer, verbose=False, headers=True,
                                              no_responders=True)))
        self.say("PING")
        assert self.line() == b"PONG"
        self.inbox = f"_INBOX.{os.getpid()}x{id(self):x}"
        self.asked = 0
        self.say(f"SUB {self.inbox}.* 1")

    def close(self):
        self.stream.close()
        self.socket.close()

    def first_line(self):
        """Not a byte more: the next ones may be TLS."""
        line = b""
        while not line.endswith(b"\n"):
            byte = self.socket.recv(1)
            assert byte, "the server is gone"
            line += byte
        return line

    def say(self, line, body=None):
        data = line.encode() + b"\r\n"
        if body is not None:
            data += body + b"\r\n"
        self.socket.sendall(data)

    def line(self):
        while True:
            line = self.stream.readline()
            if not line:
                raise ConnectionResetError("the server is gone")
            line = line.rstrip(b"\r\n")
            if line == b"PING":
                self.say("PONG")
            elif not line.startswith(b"INFO "):
                return line

    def message(self):
        """The next one. Returns: subject, headers as bytes, body."""
        words = self.line().split(b" ")
        assert words[0] in (b"MSG", b"HMSG"), words
        total = int(words[-1])
        head = int(words[-2]) if words[0] == b"HMSG" else 0
        data = self.stream.read(total + 2)
        return words[1].decode(), data[:head], data[head:total]

    def ask(self, subject, **body):
        self.asked += 1
        reply = f"{self.inbox}.{self.asked}"
        text = json.dumps(body).encode() if body else b""
        self.say(f"PUB {subject} {reply} {len(text)}", text)
        while True:
            to, head, body = self.message()
            if to == reply:
                return head, body

    def api(self, name, /, **body):
        head, answer = self.ask("$JS.API." + name, **body)
        if head.startswith(b"NATS/1.0 503"):
            return {"error": {"description": "nobody answers"}}
        return json.loads(answer)

    def read(self, stream, first=1, batch=1000):
        """The messages of a stream from number FIRST on, in order: pairs of headers and body."""
        made = self.api(f"CONSUMER.CREATE.{stream}", stream_name=stream, config={
            "ack_policy": "none", "deliver_policy": "by_start_sequence", "opt_start_seq": first,
            "inactive_threshold": 60 * 10**9})
        assert "name" in made, made
        pending = made["num_pending"]
        while pending > 0:
            self.asked += 1
            reply = f"{self.inbox}.{self.asked}"
            text = json.dumps({"batch": min(batch, pending), "expires": 30 * 10**9}).encode()
            self.say(f"PUB $JS.API.CONSUMER.MSG.NEXT.{stream}.{made['name']} {reply} {len(text)}",
                     text)
            for _ in range(min(batch, pending)):
                to, head, body = self.message()
                assert not head.startswith((b"NATS/1.0 4", b"NATS/1.0 5")), head  # no message
                pending -= 1
                yield head, body

    def take(self, stream, batch=500):
        """Some messages of a stream that keeps them until they are taken: their bodies."""
        self.api(f"CONSUMER.DURABLE.CREATE.{stream}.taker", stream_name=stream, config={
            "durable_name": "taker", "ack_policy": "explicit", "max_ack_pending": -1})
        self.asked += 1
        self.say(f"PUB $JS.API.CONSUMER.MSG.NEXT.{stream}.taker {self.inbox}.{self.asked} "
                 f"{len(json.dumps(dict(batch=batch, no_wait=True)))}",
                 json.dumps(dict(batch=batch, no_wait=True)).encode())
        for _ in range(batch):
            words = self.line().split(b" ")
            data = self.stream.read(int(words[-1]) + 2)
            if data.startswith(b"NATS/1.0 4"):
                return
            self.say(f"PUB {words[3].decode()} 4", b"+ACK")
            yield data[int(words[-2]) if words[0] == b"HMSG" else 0:int(words[-1])]


class Server:
    """One nats-server, on ports and in a folder that stay its own over its deaths."""

    def __init__(self, folder, number, port, cluster=None, routes=(), options="", **client):
        self.port = port
        self.client_options = client
        self.process = None
        os.makedirs(folder, exist_ok=True)
        self.file = os.path.join(folder, "nats.conf")
        self.log = os.path.join(folder, "log")
        text = (f'server_name: n{number}\nlisten: "127.0.0.1:{port}"\n{options}\n'
                f'jetstream {{ store_dir: "{folder}/store", max_file_store: 8G, '
                "max_memory_store: 64M }\n")
        if cluster:
            text += (f'cluster {{ name: c, listen: "127.0.0.1:{cluster}", routes: ['
                     + ", ".join(f'"nats://127.0.0.1:{route}"' for route in routes) + "] }\n")
        with open(self.file, "w", encoding="utf-8") as file:
            file.write(text)

    @property
    def url(self):
        return f"nats://127.0.0.1:{self.port}"

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([SERVER, "-c", self.file], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, preexec_fn=end_with_test)

    def kill(self, number=signal.SIGKILL):
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(PATIENCE)
        self.process = None

    def client(self):
        return contextlib.closing(Client(self.port, **self.client_options))


class Cluster:
    """So many servers, started and stopped with the block. CLIENT: see Client."""

    def __init__(self, scratch, count=1, options="", **client):
        self.held = contextlib.ExitStack()
        ports = [self.held.enter_context(held_port()) for _ in range(2 * count)]
        routes = ports[count:]
        self.servers = [Server(os.path.join(scratch, f"nats{i}"), i, ports[i],
                               routes[i] if count > 1 else None, routes, options, **client)
                        for i in range(count)]

    def __enter__(self):
        for server in self.servers:
            server.start()
        self.wait_ready()
        return self

    def __exit__(self, *_):
        for server in self.servers:
            server.kill()
        self.held.close()

    @property
    def urls(self):
        return [server.url for server in self.servers]

    def ask(self, name, /, **body):
        """Ask one that lives. Returns: what it says, or None."""
        for server in self.servers:
            if server.process is None:
                continue
            with contextlib.suppress(OSError, AssertionError):
                with server.client() as client:
                    client.socket.settimeout(5)
                    answer = client.api(name, **body)
                    if "error" not in answer:
                        return answer
        return None

    def wait_ready(self):
        until(lambda: self.ask("INFO"), "JetStream to be ready", 90)

    def make(self, stream, **config):
        until(lambda: self.ask(f"STREAM.CREATE.{stream}", name=stream, num_replicas=len(
            self.servers), **{"storage": "file", "discard": "new", "subjects": ["logs.>"],
                              **config}), "the stream to be made", 90)

    def state(self, stream):
        info = self.ask(f"STREAM.INFO.{stream}")
        return info["state"] if info else None

    def count(self, stream):
        state = self.state(stream)
        return state["messages"] if state else -1

    def leader(self, stream):
        """The server that leads a stream. Returns: None when it has no leader."""
        info = self.ask(f"STREAM.INFO.{stream}")
        name = (info or {}).get("cluster", {}).get("leader")
        return next((s for i, s in enumerate(self.servers) if f"n{i}" == name), None)

    def is_whole(self, stream):
        """Answers: has it a leader, and all its replicas what that has?"""
        cluster = (self.ask(f"STREAM.INFO.{stream}") or {}).get("cluster", {})
        others = cluster.get("replicas", [])
        return ("leader" in cluster and len(others) == len(self.servers) - 1 and
                all(other["current"] and not other.get("offline") for other in others))

    def read(self, stream, first=1, patience=PATIENCE):
        alive = next(server for server in self.servers if server.process is not None)
        with alive.client() as client:
            client.socket.settimeout(patience)
            yield from client.read(stream, first)


def output_is_there():
    """Answers: was this peerlogd built with it?"""
    folder = os.environ.get("PEERLOGD_MODULES")
    return folder is None or os.path.exists(os.path.join(folder, "peerlogd-nats.so"))


def is_there():
    return SERVER is not None and output_is_there()
