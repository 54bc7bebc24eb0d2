#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# Who may connect, and under which name. A real HAProxy stands before the daemon and speaks both
# versions of the PROXY header: records carry the address of the client, not of the balancer, and
# its health checks say nothing. Access lists refuse by longest match, limits hold for each
# peer, idle connections are told goodbye, and a stranger's protocol is named once.

import socket

from support import *


def refused(port, source):
    """Connect from SOURCE; answers whether the daemon closes at once without reading."""
    with connect(port, source=source) as sock:
        sock.settimeout(PATIENCE)
        try:
            return sock.recv(1) == b""
        except ConnectionResetError:
            return True


class HaProxy:
    """A balancer with a front end for each version of the header, and health checks."""

    def __init__(self, scratch, ports):
        self.fronts = []
        blocks = ["global\n maxconn 100\ndefaults\n mode tcp\n timeout connect 5s\n"
                  " timeout client 60s\n timeout server 60s\n"]
        for version, port in ports.items():
            front = socket.socket()
            front.bind(("127.0.0.1", 0))
            front.listen()
            os.set_inheritable(front.fileno(), True)
            self.fronts.append(front)
            blocks.append(f"listen {version}\n bind fd@{front.fileno()}\n"
                          f" server s 127.0.0.1:{port} {version} check inter 50ms\n")
        path = os.path.join(scratch, "haproxy.cfg")
        with open(path, "w", encoding="ascii") as file:
            file.write("\n".join(blocks))
        self.process = subprocess.Popen(
            [tool("haproxy"), "-db", "-q", "-f", path], pass_fds=[f.fileno() for f in self.fronts],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def __enter__(self):
        return [front.getsockname()[1] for front in self.fronts]

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        for front in self.fronts:
            front.close()


def visits(daemon):
    """How many connections were accepted, as it says now."""
    pattern = r"since the start: .*\baccepted (\d+)"
    before = daemon.said(pattern)
    daemon.signal(signal.SIGUSR1)
    return int(daemon.words.wait(pattern, before + 1)[-1].group(1))


def behind_haproxy(scratch):
    tool("haproxy")
    listener = dict(address="127.0.0.1", port=0, proxy_protocol=True)
    with serving("syslog", scratch, listeners=[listener, listener]) as (daemon, sink):
        with HaProxy(scratch, {"send-proxy": daemon.listeners[0][1],
                               "send-proxy-v2": daemon.listeners[1][1]}) as fronts:
            names = []
            for front in fronts:
                sock = connect(front)
                names.append(name_of(sock))
                sock.sendall(b"<13>through the balancer\n")
                finish(sock)
            records = sink.wait_count(2)
            assert sorted(r.peer for r in records) == sorted(names), records
            assert {r.text for r in records} == {b"through the balancer"}
            # Health checks come and go meanwhile: they are counted, and nothing is said of them.
            until(lambda: visits(daemon) > 8, "some health checks")


def access_lists(scratch):
    listener = dict(address="127.0.0.1", port=0, allow=["127.0.0.0/8"],
                    deny=["127.0.7.0/24", "127.0.8.8"])
    with serving("syslog", scratch, listeners=[listener]) as (daemon, sink):
        daemon.allow(r"refusing 127.0.(7.7|8.8): denied")
        assert refused(daemon.port, "127.0.7.7") and refused(daemon.port, "127.0.8.8")
        for source in ("127.0.8.9", "127.0.0.1"):
            finish_after(daemon, source, b"welcome\n")
        assert [r.text for r in sink.wait_count(2)] == [b"welcome"] * 2
        for _ in range(5):
            assert refused(daemon.port, "127.0.7.7")
        daemon.end()
        assert daemon.said("refusing 127.0.7.7") == 1, "once an interval"


def finish_after(daemon, source, data):
    with connect(daemon.port, source=source) as sock:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(1) == b""


def connections_of_a_peer(scratch):
    with serving("syslog", scratch, limits=dict(connections_per_peer=3)) as (daemon, sink):
        daemon.allow(r"refusing 127.0.0.9: it has limits.connections_per_peer")
        held = [connect(daemon.port, source="127.0.0.9") for _ in range(3)]
        for sock in held:
            sock.sendall(b"one\n")
        sink.wait_count(3)
        assert refused(daemon.port, "127.0.0.9")
        finish_after(daemon, "127.0.0.10", b"another peer\n")
        sink.wait_count(4)
        finish(held.pop())
        finish_after(daemon, "127.0.0.9", b"again\n")
        assert sink.wait_count(5)[-1].text == b"again"
        for sock in held:
            sock.close()


def idle_connections(scratch):
    with serving("syslog", scratch, limits=dict(idle_timeout=1)) as (daemon, sink):
        with connect(daemon.port) as idle:
            idle.settimeout(PATIENCE)
            assert idle.recv(1) == b"", "told goodbye"
            # It may still say something: goodbye was only half of it.
            idle.sendall(b"wait a moment\n")
            assert sink.wait_count(1)[-1].text == b"wait a moment"


def rate_of_messages(scratch):
    """Slowed down, never dropped: 50 a second, of 120 messages sent at once."""
    with serving("syslog", scratch, limits=dict(messages_per_second=50)) as (daemon, sink):
        fast = connect(daemon.port)
        fast.sendall(b"".join(b"%03d%s\n" % (i, b"x" * 200) for i in range(120)))
        finish_after(daemon, None, b"not concerned\n")
        sink.wait(lambda r: any(x.text == b"not concerned" for x in r), "another connection")
        finish(fast)
        records = [r for r in sink.wait_count(121) if r.text != b"not concerned"]
        assert [r.text[:3] for r in records] == [b"%03d" % i for i in range(120)]


def strangers(scratch):
    hello = bytes.fromhex("1603010200010001fc0303") + bytes(64)
    with serving("syslog", scratch) as (daemon, sink):
        daemon.allow(r"127.0.0.1:\d+ sent (a TLS ClientHello|an HTTP request|an SSH|a RELP)")
        for _ in range(2):
            for data in (hello + b"\n", b"GET / HTTP/1.1\r\n\r\n", b"SSH-2.0-OpenSSH_9.2\r\n",
                         b"1 open 85 relp_version=0\n"):
                finish_after(daemon, None, data)
        daemon.end()
        for words in ("a TLS ClientHello", "an HTTP request", "an SSH", "a RELP"):
            assert daemon.said(words) == 1, f"once for each peer and hour: {words}"


main(behind_haproxy, access_lists, connections_of_a_peer, idle_connections, rate_of_messages,
     strangers)
