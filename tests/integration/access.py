#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# Who may connect, and under which name. A real HAProxy stands before the daemon and speaks both
# versions of the PROXY header: records carry the address of the client, not of the balancer, and
# its health checks say nothing. Access lists refuse by longest match, limits hold for each
# peer, idle connections are told goodbye, and another protocol is named once.

import gzip
import logging
import re
import shutil
import socket
import subprocess
import zlib
from logging.handlers import SocketHandler

from support import *


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
        assert daemon.counted("refused") == 7 and daemon.counted("accepted") == 2
        assert daemon.counted("connections_per_peer") == 0


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
        daemon.end()
        assert daemon.counted("refused") == daemon.counted("connections_per_peer") == 1


def ipv6_peers_are_counted_by_their_64(scratch):
    """A balancer tells of peers that no loopback has."""
    listener = dict(address="127.0.0.1", port=0, proxy_protocol=True)
    with serving("syslog", scratch, listeners=[listener],
                 limits=dict(connections_per_peer=2)) as (daemon, sink):
        daemon.allow("refusing 2001:db8:0:1::3: it has limits.connections_per_peer")
        names = []
        for peer in ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", "2001:db8:0:1::3",
                     "2001:db8:0:2::1", "192.0.2.1", "192.0.2.2"):
            sock = connect(daemon.port)
            sock.sendall(b"PROXY TCP%d %s %s 7 514\r\nhello\n" % (
                6 if ":" in peer else 4, peer.encode(),
                b"2001:db8::9" if ":" in peer else b"192.0.2.9"))
            if peer.endswith("::3"):
                with sock:
                    assert is_reset(sock)
            else:
                names.append(sock)
                sink.wait_count(len(names))
        assert [r.peer for r in sink.records()] == [
            "[2001:db8:0:1::1]:7", "[2001:db8:0:1:ffff::2]:7", "[2001:db8:0:2::1]:7",
            "192.0.2.1:7", "192.0.2.2:7"]
        daemon.end()
        assert daemon.counted("connections_per_peer") == 1


def idle_connections(scratch):
    with serving("syslog", scratch, limits=dict(idle_timeout=1)) as (daemon, sink):
        with connect(daemon.port) as idle:
            idle.settimeout(PATIENCE)
            assert idle.recv(1) == b"", "told goodbye"
            # It may still say something: goodbye was only half of it.
            idle.sendall(b"wait a moment\n")
            assert sink.wait_count(1)[-1].text == b"wait a moment"
        daemon.expect(r"127.0.0.1:\d+: closing its connection, on which nothing came for "
                      r"limits.idle")
        daemon.end()
        assert daemon.counted("idle") == 1


def times_of_the_kernel(scratch):
    """How soon the kernel asks whether a peer is still there: the timer of our side, in ss(8)."""
    if shutil.which("ss") is None:
        raise Skip("ss is not installed (Debian: iproute2)")
    with serving("syslog", scratch, limits=dict(keepalive=50)) as (daemon, sink):
        with connect(daemon.port) as sock:
            sock.sendall(b"here\n")
            sink.wait_count(1)
            shown = subprocess.run(["ss", "-tnoH", f"sport = :{daemon.port}"], check=True,
                                   capture_output=True).stdout.decode()
            assert re.search(r"keepalive,[345]\dsec", shown), shown


def rate_of_messages(scratch):
    """Slowed down, never dropped: 50 a second, of 120 messages sent at once."""
    with serving("syslog", scratch, limits=dict(messages_per_second=50)) as (daemon, sink):
        # Both have said it all before it sees any of it: then the log tells who had to wait.
        daemon.signal(signal.SIGSTOP)
        fast, other = connect(daemon.port), connect(daemon.port)
        fast.sendall(b"".join(b"%03d%s\n" % (i, b"x" * 200) for i in range(120)))
        other.sendall(b"not concerned\n")
        begun = time.monotonic()
        daemon.signal(signal.SIGCONT)
        finish(fast)
        finish(other)
        texts = [r.text for r in sink.wait_count(121)]
        assert texts.index(b"not concerned") < 120, "the other one had to wait"
        texts.remove(b"not concerned")
        assert [text[:3] for text in texts] == [b"%03d" % i for i in range(120)]
        # A second's worth may be owed, and the last bite of 4 KiB was read before it was counted.
        assert time.monotonic() - begun >= (120 - 50 - 21) / 50, "not slowed down"
        daemon.end()
        assert daemon.counted("slowed down") > 0


def rate_of_a_peer(scratch):
    """All its connections together, whichever worker has them; and they have their turns."""
    limits = dict(messages_per_second_per_peer=100)
    with serving("syslog", scratch, limits=limits, workers=2) as (daemon, sink):
        fast = [connect(daemon.port) for _ in range(4)]
        other = connect(daemon.port, source="127.0.0.2")
        # All are there before any says it all: else the first may be through before the others.
        for sock in fast + [other]:
            sock.sendall(b"here\n")
        sink.wait_count(5)
        daemon.signal(signal.SIGSTOP)
        for sock in fast:
            sock.sendall(b"".join(b"%03d%s\n" % (i, b"x" * 200) for i in range(80)))
        other.sendall(b"not concerned\n")
        begun = time.monotonic()
        daemon.signal(signal.SIGCONT)
        peers = {finish(sock): [] for sock in fast}
        finish(other)
        said = sink.wait_count(326)[5:]
        texts = [r.text for r in said]
        assert texts.index(b"not concerned") < 320, "the other one had to wait"
        # A second's worth may be owed, and a worker may have read a bite before it was counted.
        assert time.monotonic() - begun >= (320 - 100 - 2 * 21) / 100, "not slowed down"
        for record in said:
            if record.peer in peers:
                peers[record.peer].append(record.text)
                assert len(peers[record.peer]) < 80 or min(map(len, peers.values())) > 0, (
                    "one had it all before another had any")
        for texts in peers.values():
            assert [text[:3] for text in texts] == [b"%03d" % i for i in range(80)]
        daemon.end()
        assert daemon.counted("slowed down") > 0


def silent_connections(scratch):
    """Who opens and sends nothing is counted, and not a word is said."""
    with serving("syslog", scratch) as (daemon, sink):
        for end in (finish, socket.socket.close, reset) * 10:
            end(connect(daemon.port))
        say(daemon.port, b"something\n")
        sink.wait_count(1)
        daemon.wait_closed()
        daemon.end()
        assert daemon.counted("ended silent") == 30
        assert daemon.said("") == 2, "listening, and the counters"


V2 = b"\r\n\r\n\0\r\nQUIT\n"
LOCAL = V2 + b"\x20\x00\x00\x00"
V2_TCP4 = V2 + b"\x21\x11\x00\x0c" + bytes((192, 0, 2, 7, 192, 0, 2, 9, 0, 7, 2, 2))


def health_checks(scratch):
    """Balancers look whether we are there, in all their ways: silence."""
    listener = dict(address="127.0.0.1", port=0, proxy_protocol=True, proxy_from=["127.0.0.1"])
    with serving("syslog", scratch, listeners=[listener]) as (daemon, sink):
        headers = (b"", LOCAL, b"PROXY UNKNOWN\r\n",
                   b"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n", V2_TCP4,
                   b"PROXY TCP4 192.0.2.7 192.0.2.9 7 514\r\n")
        for header in headers:
            for end in (finish, socket.socket.close, reset):
                sock = connect(daemon.port)
                sock.sendall(header)
                end(sock)
        daemon.wait_closed()
        # After LOCAL and UNKNOWN the balancer speaks for itself.
        names = [say(daemon.port, header + b"from the balancer\n") for header in headers[1:4]]
        assert [r.peer for r in sink.wait_count(3)] == names
        daemon.end()
        assert daemon.counted("accepted") == 3 * len(headers) + 3
        assert daemon.counted("refused") == 0
        assert daemon.said("") == 2, "listening, and the counters"


def headers_of_others(scratch):
    """Who is no balancer is refused, header or not; a balancer without a header is, too."""
    listener = dict(address="127.0.0.1", port=0, proxy_protocol=True, proxy_from=["127.0.0.1"],
                    deny=["192.0.2.64/26"])
    good = b"PROXY TCP4 192.0.2.7 192.0.2.9 7 514\r\n"
    with serving("syslog", scratch, listeners=[listener]) as (daemon, sink):
        for data in (b"", good + b"hello\n", V2_TCP4 + b"hello\n", LOCAL + b"hello\n"):
            assert refused(daemon.port, "127.0.0.2", data)
        daemon.expect("refusing 127.0.0.2: it is not among proxy_from$")
        for data in (b"hello\n", b"<13>hello\n"):
            assert refused(daemon.port, "127.0.0.1", data)
        daemon.expect(r"refusing 127.0.0.1: it did not begin with a PROXY header")
        assert refused(daemon.port, "127.0.0.1", good.replace(b".7 ", b".66 ") + b"hello\n")
        daemon.expect("refusing 192.0.2.66: denied$")
        for header in (good, V2_TCP4):
            say(daemon.port, header + b"welcome\n")
        assert [(r.peer, r.text) for r in sink.wait_count(2)] == [("192.0.2.7:7", b"welcome")] * 2
        daemon.end()
        assert daemon.said("refusing") == 3, "once an interval"
        assert daemon.counted("refused") == 7


def faulty_headers(scratch):
    """Each is told apart from none, with what is wrong; also one in which the stream ends."""
    listener = dict(address="127.0.0.1", port=0, proxy_protocol=True)
    faults = [(b"PROXY TCP4 nonsense\r\nhello\n", "two addresses and two ports"),
              (V2 + b"\x21\x51\x00\x00hello\n", "family"),
              (b"PROXY TCP4 192.0.2.7 192", "ended inside"),
              (V2_TCP4[:-1], "ended inside")]
    with serving("syslog", scratch, listeners=[listener]) as (daemon, sink):
        for number, (data, words) in enumerate(faults):
            source = f"127.0.0.{number + 11}"
            with connect(daemon.port, source=source) as sock:
                sock.sendall(data)
                if words == "ended inside":  # the others are reset without an end
                    sock.shutdown(socket.SHUT_WR)
                assert is_reset(sock), data
            daemon.expect(rf"refusing {source}: its PROXY header is faulty$")
            daemon.expect(rf"{source}:\d+: its PROXY header is faulty: .*{words}")
        assert not sink.records()


def peers_that_no_header_names(scratch):
    """Then the connection itself is judged, by the lists and by its number."""
    listener = dict(address="127.0.0.1", port=0, proxy_protocol=True, deny=["127.0.0.2"])
    with serving("syslog", scratch, listeners=[listener], limits=dict(connections_per_peer=1)) as (
            daemon, sink):
        unknown = b"PROXY UNKNOWN\r\n"
        for header in (unknown, LOCAL, V2 + b"\x21\x00\x00\x00"):
            assert refused(daemon.port, "127.0.0.2", header + b"hello\n"), header
        daemon.expect("refusing 127.0.0.2: denied$")
        first = connect(daemon.port)
        first.sendall(unknown + b"one\n")
        sink.wait_count(1)
        assert refused(daemon.port, "127.0.0.1", unknown + b"two\n")
        daemon.expect("refusing 127.0.0.1: it has limits.connections_per_peer")
        finish(first)
        assert len(sink.records()) == 1


def extension(kind, value):
    return bytes([kind]) + struct.pack(">H", len(value)) + value


def what_else_a_header_says(scratch):
    """Extensions of any length are read as they come; three become fields of the journal."""
    listener = dict(address="127.0.0.1", port=0, proxy_protocol=True)
    tls = extension(0x20, b"\x07\0\0\0\0" + extension(0x22, b"client.example"))
    said = (extension(0x04, bytes(40000)) + extension(0x02, b"log.example") +
            extension(0x05, b"7F00-1") + tls)
    header = (V2 + b"\x21\x11" + struct.pack(">H", 12 + len(said)) + V2_TCP4[16:] + said)
    with serving("journal", scratch, listeners=[listener]) as (daemon, sink):
        names = [say(daemon.port, header + b"hello\n")]
        pieces = [header[i:i + 997] for i in range(0, len(header), 997)]
        names += trickle(daemon, [pieces + [b"hello\n"]])
        for record in sink.wait_count(2):
            assert record.text == b"hello" and record.peer == "192.0.2.7:7", record
            assert record.fields[b"PEER_PROXY_AUTHORITY"] == b"log.example"
            assert record.fields[b"PEER_PROXY_UNIQUE_ID"] == b"7F00-1"
            assert record.fields[b"PEER_PROXY_TLS_NAME"] == b"client.example"


def checks_by_reset_are_no_errors(scratch):
    listener = dict(address="127.0.0.1", port=0, proxy_protocol=True)
    header = b"PROXY TCP4 192.0.2.7 192.0.2.9 7 514\r\n"
    with serving("syslog", scratch, listeners=[listener], workers=1) as (daemon, _):
        for data in (LOCAL, header):
            sock = connect(daemon.port)
            sock.sendall(data)
            reset(sock)
        for _ in range(2):  # what came before these was accepted, and then read to its end
            say(daemon.port, header)
        daemon.wait_closed()
        daemon.end()
        assert daemon.counted("by an error") == 1


def turned_away(port, data):
    """A client of another protocol. Returns: its name, and what it hears."""
    heard = b""
    with connect(port) as sock:
        name = name_of(sock)
        sock.sendall(data)
        with contextlib.suppress(ConnectionResetError):
            while more := sock.recv(4096):
                heard += more
        return name, heard


def other_protocols(scratch):
    beginnings = {
        "a TLS ClientHello": bytes.fromhex("1603010200010001fc0303") + bytes(64) + b"\n",
        "an HTTP request": b"GET / HTTP/1.1\r\n\r\n",
        "an SSH greeting": b"SSH-2.0-OpenSSH_9.2\r\n",
        "a PROXY header": b"PROXY TCP4 192.0.2.7 192.0.2.1 7 8\r\nhello\n",
        "frames of Beats": b"2W\0\0\0\x012C\0\0\0\x08" + zlib.compress(b""),
        "a gzip stream": gzip.compress(b"<13>hello\n"),
        "a zlib stream": zlib.compress(b"<13>hello\n"),
        "text in UTF-16": "<13>hello\n".encode("utf-16"),
        "serialised Java objects": b"\xac\xed\0\x05sr\0!org.apache.log4j.spi.LoggingEvent",
        "events of log4cplus": b"\0\0\0\x5f\x03\x01\0\0\0\x03srv\0\0\0\x04main",
        "pickled records": SocketHandler("", 0).makePickle(
            logging.LogRecord("x", logging.ERROR, "x", 1, "hello", None, None)),
    }
    names = []
    listener = dict(LOOPBACK, session="syslog")  # RELP is no other protocol elsewhere
    with serving("syslog", scratch, listeners=[listener]) as (daemon, sink):
        daemon.allow(rf"127.0.0.1:\d+ sent ({'|'.join(beginnings)})")
        for _ in range(2):
            for words, data in beginnings.items():
                if "PROXY" in words or "UTF-16" in words:  # what follows is text
                    finish_after(daemon, None, data)
                    continue
                name, heard = turned_away(daemon.port, data * 50)
                names.append(name)
                if "TLS" in words:
                    assert heard.startswith(b"\x15\x03"), heard
                if "HTTP" in words:
                    assert heard.startswith(b"HTTP/1.1 400 "), heard
        finish_after(daemon, None, b"GET /index.html HTTP/1.1 200\n")
        daemon.end()
        found = by_peer(sink.records())
        assert {len(found.get(name, [])) for name in names} == {1}, "it shows what came"
        assert daemon.counted("bytes of other protocols") > 1000
        for words in beginnings:
            assert daemon.said(f"sent {words}") == 1, f"once for each peer and hour: {words}"
        assert daemon.said(" sent ") == len(beginnings)

main(behind_haproxy, access_lists, connections_of_a_peer, ipv6_peers_are_counted_by_their_64,
     idle_connections, times_of_the_kernel, rate_of_messages, rate_of_a_peer, silent_connections,
     health_checks, headers_of_others, faulty_headers, peers_that_no_header_names,
     what_else_a_header_says, checks_by_reset_are_no_errors, other_protocols)
