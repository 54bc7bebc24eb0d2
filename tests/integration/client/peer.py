# SPDX-License-Identifier: MIT
"""What the client's tests share: a listening socket on a free port, and peerlog run
against it. Nothing here waits for time to pass; sockets and processes have a limit of
PATIENCE seconds, so that a fault ends a test instead of hanging it."""

import contextlib
import os
import signal
import socket
import struct
import subprocess
import sys
import threading

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from support import PATIENCE, held_port, tell_skipped, until  # noqa: E402, F401

PEERLOG = os.environ.get("PEERLOG", "peerlog")


class Listener:
    """A listening socket of the textbook kind; or one that has a port, and refuses for now."""

    def __init__(self, is_listening=True):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(PATIENCE)
        self.port = self.socket.getsockname()[1]
        if is_listening:
            self.listen()

    def listen(self):
        self.socket.listen()

    def accept(self):
        connection, _ = self.socket.accept()
        connection.settimeout(PATIENCE)
        return connection

    def close(self):
        self.socket.close()


ports = contextlib.ExitStack()


def own_port():
    """A port for a server that reuses addresses; nobody else is given it until the script ends."""
    return ports.enter_context(held_port())


def read_all(connection):
    """Everything until the other side half-closes."""
    pieces = []
    while True:
        piece = connection.recv(1 << 18)
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)


def read_exactly(connection, count):
    data = b""
    while len(data) < count:
        piece = connection.recv(count - len(data))
        assert piece, f"the stream ended after {data!r}"
        data += piece
    return data


def wait_for(connection, count):
    """Wait until COUNT bytes have come, and leave them unread."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, max(count, 1))
    if count > 0:
        connection.recv(1, socket.MSG_PEEK)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)


def reset(connection):
    """Close in a way that the other side sees as a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def as_at_a_terminal():
    """For a child: signals as a shell sets them, whoever started the test."""
    for number in signal.SIGINT, signal.SIGTERM, signal.SIGPIPE:
        signal.signal(number, signal.SIG_DFL)


def start(port, *options, environment=None):
    """peerlog with pipes for standard input and error, and signals as at a terminal."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("PEERLOG_")}
    env.update(environment or {})
    words = [PEERLOG] + ([] if port is None else ["-P", str(port)]) + list(options)
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, env=env, preexec_fn=as_at_a_terminal)


def feed(process, data):
    """Write DATA to standard input and end it, without waiting for anybody to read."""
    def work():
        try:
            process.stdin.write(data)
            process.stdin.close()
        except BrokenPipeError:
            pass
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def finish(process):
    """Wait for the end. Returns: exit status and the text on standard error."""
    status = process.wait(PATIENCE)
    text = process.stderr.read().decode()
    process.stdout.close()
    process.stderr.close()
    try:
        process.stdin.close()
    except BrokenPipeError:
        pass
    return status, text


def send(*options, data=b"", environment=None):
    """Run peerlog against a server that reads everything.
    Returns: the bytes received, the exit status, standard error."""
    listener = Listener()
    process = start(listener.port, *options, environment=environment)
    feed(process, data)
    connection = listener.accept()
    received = read_all(connection)
    connection.close()
    listener.close()
    return (received,) + finish(process)


def run(*options, data=b"", environment=None):
    """Run peerlog where nobody is meant to listen. Returns: status, output, errors."""
    process = start(None, *options, environment=environment)
    out, err = process.communicate(data, PATIENCE)
    return process.returncode, out.decode(), err.decode()


def check(what, got, wanted):
    if got != wanted:
        raise SystemExit(f"{what}:\n  got    {got!r}\n  wanted {wanted!r}")


def check_in(what, part, text):
    if part not in text:
        raise SystemExit(f"{what}:\n  got    {text!r}\n  wanted {part!r} in it")
