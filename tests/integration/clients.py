# SPDX-License-Identifier: MIT
"""Clients that speak."""

import socket
import struct

from kernel import Unread
from waiting import PATIENCE


def name_of(sock):
    """How the daemon calls the peer at this end."""
    host, port = sock.getsockname()[:2]
    if host.startswith("::ffff:"):
        host = host[7:]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def connect(port, host="127.0.0.1", source=None):
    sock = socket.create_connection((host, port), PATIENCE,
                                    source_address=(source, 0) if source else None)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def refuses(port):
    """Answers: does nobody listen there?"""
    try:
        connect(port).close()
        return False
    except (ConnectionRefusedError, ConnectionResetError):
        return True


def is_reset(sock):
    """Wait until the daemon ends this connection. Answers: by a reset, which is no receipt?"""
    try:
        assert sock.recv(1) == b"", "the daemon never speaks"
        return False
    except ConnectionResetError:
        return True


def refused(port, source=None, data=b""):
    """Connect from SOURCE; answers whether the daemon resets it at once without reading."""
    try:
        with connect(port, source=source) as sock:
            if data:
                sock.sendall(data)
            return is_reset(sock)
    except (ConnectionResetError, BrokenPipeError):  # it is told once, to whoever asks first
        return True


def finish(sock):
    """Half-close, wait until the daemon closes too, and close. Returns: the peer's name."""
    name = name_of(sock)
    sock.shutdown(socket.SHUT_WR)
    assert sock.recv(1) == b"", "the daemon never speaks"
    sock.close()
    return name


def say(port, data, **where):
    """One connection that says this; the daemon has read and closed when it returns."""
    sock = connect(port, **where)
    sock.sendall(data)
    return finish(sock)


def reset(sock):
    """Close with an RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def trickle(daemon, streams, port=None):
    """Send each of the streams on its own connection, piece by piece, each piece read alone.

    STREAMS is a list of lists of pieces. A few go on at a time, and each ends at once, or the
    daemon takes the wait for all others for a pause. Returns: the peers' names, in the same order.
    """
    names = []
    for i in range(0, len(streams), 24):
        names += trickle_together(port or daemon.port, streams[i:i + 24])
    return names


def trickle_together(port, streams):
    socks = [connect(port) for _ in streams]
    names = [name_of(sock) for sock in socks]
    left = dict(zip(socks, map(list, streams)))
    unread = Unread(socks)
    while left:
        for sock in [sock for sock, pieces in left.items() if not pieces]:
            del left[sock]
            unread.forget(sock)
            finish(sock)
        for sock, pieces in left.items():
            sock.sendall(pieces.pop(0))
        unread.wait()
    return names
