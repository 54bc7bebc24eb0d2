# SPDX-License-Identifier: MIT
"""What the kernel knows: of processes, of ports, and of connections (sock_diag(7))."""

import contextlib
import errno
import os
import resource
import socket
import struct
import time

from waiting import until


def cpu_seconds(pid):
    """What all threads of a process have used so far (its CPU clock)."""
    return time.clock_gettime((~pid << 3) | 2)


def cpu_ticks(pid):
    """The same in ticks, of which there are a hundred in a second."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def thread_states(pid):
    """A letter for each thread, as in proc(5)."""
    states = []
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/stat", encoding="ascii") as file:
            states.append(file.read().rpartition(")")[2].split()[0])
    return states


def memory_bytes(pid):
    """Its memory: what it has for itself, and with what it shares."""
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        _, resident, shared = map(int, file.read().split()[:3])
    page = os.sysconf("SC_PAGE_SIZE")
    return (resident - shared) * page, resident * page


def rss_bytes(pid):
    """Its memory, with what it shares."""
    return memory_bytes(pid)[1]


def more_descriptors():
    """Raise the soft limit to the hard one. Returns: the limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


# --- ports ---


@contextlib.contextmanager
def held_port(*hosts):
    """A port that is free on HOSTS (127.0.0.1), and stays so for whoever reuses addresses.

    The daemon does. Nobody else is given it, and until it listens there, clients are refused.
    """
    with contextlib.ExitStack() as held:
        yield until(lambda: bind_all(held, hosts or ("127.0.0.1",)), "a port that is free")


def bind_all(held, hosts):
    """Returns: the port, or None when somebody has it on one of them."""
    port = 0
    for host in hosts:
        sock = held.enter_context(
            socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            return None
        port = sock.getsockname()[1]
    return port


# --- connections ---

DIAG_REQUEST = struct.Struct("=BBBxI")
DIAG_TYPE = 20  # SOCK_DIAG_BY_FAMILY
DIAG_LISTEN = 1 << 10
DIAG_LIVE = 0xfff & ~(1 << 6 | 1 << 10)  # all states but TIME_WAIT and LISTEN


def diag_message(family, flags, states, identity=bytes(48)):
    body = DIAG_REQUEST.pack(family, socket.IPPROTO_TCP, 0, states) + identity
    return struct.pack("=IHHII", 16 + len(body), DIAG_TYPE, 1 | flags, 0, 0) + body


def diag_answers(sock):
    """The messages of one datagram of netlink: (type, payload)."""
    data, at = sock.recv(1 << 18), 0
    while at < len(data):
        size, kind = struct.unpack_from("=IH", data, at)
        yield kind, data[at + 16:at + size]
        at += (size + 3) & ~3


def open_diag():
    return socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, 4)  # NETLINK_SOCK_DIAG


def dump_sockets(sock, family, states):
    """(state, local port, remote port) of the sockets of a family that are in these states."""
    found, more = [], True
    sock.send(diag_message(family, 0x300, states))  # NLM_F_DUMP
    while more:
        for kind, body in diag_answers(sock):
            if kind != DIAG_TYPE:
                more = False
                break
            found.append((body[1], *struct.unpack_from(">HH", body, 4)))
    return found


def tcp_sockets():
    """(state, local port) of the server's side of every TCP connection here."""
    found, servers = [], set()
    with open_diag() as sock:
        for family in (socket.AF_INET, socket.AF_INET6):
            found += dump_sockets(sock, family, DIAG_LIVE)
            servers |= {local for _, local, _ in dump_sockets(sock, family, DIAG_LISTEN)}
    # Somebody else's client may happen to have our port at its side.
    return [(state, local) for state, local, remote in found if remote not in servers]


class Unread:
    """Tells when everything sent on these connections has left the daemon's sockets."""

    def __init__(self, socks):
        self.requests = {}
        for sock in socks:
            ours, theirs = sock.getsockname(), sock.getpeername()
            pack = [socket.inet_pton(sock.family, a[0]).ljust(16, b"\0") for a in (theirs, ours)]
            identity = (struct.pack(">HH", theirs[1], ours[1]) + pack[0] + pack[1] +
                        bytes(4) + b"\xff" * 8)
            self.requests[sock] = diag_message(sock.family, 0, 0xfff, identity)

    def forget(self, sock):
        """This one may end."""
        del self.requests[sock]

    def bytes(self):
        total = 0
        requests = list(self.requests.values())
        with open_diag() as diag:
            for i in range(0, len(requests), 32):
                part = requests[i:i + 32]
                diag.send(b"".join(part))
                answers = 0
                while answers < len(part):
                    for kind, body in diag_answers(diag):
                        assert kind == DIAG_TYPE, "the daemon's side of a connection is gone"
                        answers += 1
                        total += struct.unpack_from("=I", body, 56)[0]
        return total

    def wait(self):
        until(lambda: self.bytes() == 0, "the sockets to be read")
