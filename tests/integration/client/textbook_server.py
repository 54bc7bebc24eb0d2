#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# A student has written the server of every textbook: socket, bind, listen, accept, one
# recv(1024), print, close. peerlog says "hello my name is tony" to it. The server prints
# the sentence, and peerlog ends with 0, because the other side has read everything and
# closed in good order, whether it closes before or after peerlog does. Only when the server
# leaves something unread does peerlog say so and fail.

import socket
import subprocess
import sys

from peer import PATIENCE, Listener, check, check_in, feed, finish, start

SERVER = """
import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
s.listen()
print(s.getsockname()[1], flush=True)
connection, address = s.accept()
data = connection.recv(1024)
print(data.decode(), end="")
connection.close()
"""


def says_hello():
    server = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True)
    port = int(server.stdout.readline())
    status, errors = finish(start(port, "hello my name is tony"))
    output, _ = server.communicate(timeout=PATIENCE)
    check("what the server prints", output, "hello my name is tony\n")
    check("peerlog", (status, errors), (0, ""))


def server_closes_first():
    """The line is read and the connection closed while standard input is still open."""
    listener = Listener()
    process = start(listener.port)
    process.stdin.write(b"a line\n")
    process.stdin.flush()
    connection = listener.accept()
    check("the line", connection.recv(1024), b"a line\n")
    connection.shutdown(socket.SHUT_WR)
    process.stdin.close()
    check("the end", connection.recv(1024), b"")
    connection.close()
    check("peerlog", finish(process), (0, ""))


def server_leaves_something_unread():
    listener = Listener()
    process = start(listener.port)
    feed(process, b"x" * 99 + b"\n" + (b"y" * 99 + b"\n") * 99)
    connection = listener.accept()
    check("the beginning", connection.recv(1)[:1], b"x")
    connection.close()
    status, errors = finish(process)
    check("the exit status", status, 74)
    check_in("the report", "Connection reset by peer: ", errors)


says_hello()
server_closes_first()
server_leaves_something_unread()
