#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# Clients that speak RELP: our own hand over a socket, peerlog, and rsyslog's omrelp. They are
# recognised by their first bytes, every message is answered when the log has it and not before,
# answers come in the order of messages, in one write for many, and a session that goes wrong
# is answered as far as it was right, and closed with one line that says why.

import select

from support import *

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "client"))
from omrelp import Omrelp  # noqa: E402
from peer import PEERLOG  # noqa: E402
from tls_files import OPENSSL, Authority  # noqa: E402

OFFERS = b"relp_version=0\nrelp_software=test,1\ncommands=syslog"
CLOSED = b"0 serverclose 0\n"
GOOD = b"%d rsp 6 200 OK\n"


def frame(number, command, data=b""):
    return b"%d %s %d" % (number, command, len(data)) + (b" " + data if data else b"") + b"\n"


def message(number, text):
    return frame(number, b"syslog", b"<13>" + text)


OPEN = frame(1, b"open", OFFERS)


class Client:
    """A hand that speaks RELP, and what it was answered."""

    def __init__(self, port, *said):
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.heard = b""
        self.say(*said)

    def say(self, *frames):
        self.socket.sendall(b"".join(frames))

    def hear(self, wanted):
        """Exactly these bytes come next."""
        while len(self.heard) < len(wanted):
            data = self.socket.recv(65536)
            assert data, f"closed after {self.heard!r}, before {wanted!r}"
            self.heard += data
        assert self.heard[:len(wanted)] == wanted, f"{self.heard!r} instead of {wanted!r}"
        self.heard = self.heard[len(wanted):]

    def hear_open(self, version=0):
        data = b"200 OK\nrelp_version=%d\nrelp_software=peerlogd," % version
        while b"commands=syslog\n" not in self.heard:
            part = self.socket.recv(65536)
            assert part, self.heard
            self.heard += part
        end = self.heard.index(b"commands=syslog\n") + len(b"commands=syslog\n")
        answer, self.heard = self.heard[:end], self.heard[end:]
        head = b"1 rsp %d " % (len(answer) - len(b"1 rsp NN \n"))
        assert answer.startswith(head + data), answer

    def is_silent(self):
        """Is nothing there to be heard?"""
        return not self.heard and not select.select([self.socket], [], [], 0)[0]

    def hear_end(self, wanted=b""):
        """These bytes, and then the end in good order."""
        self.hear(wanted)
        assert self.socket.recv(1) == b"" and not self.heard, "nothing more, and a FIN"
        self.socket.close()


def every_cut(scratch):
    """However TCP cuts it, it is the same session; and text that looks like it is text."""
    said = OPEN + message(2, b"a\nb") + message(3, b"") + message(4, b"c") + frame(5, b"close")
    with serving("syslog", scratch) as (daemon, sink):
        count = 0
        for cut in list(range(1, 40)) + [len(said) - 1]:
            client = Client(daemon.port, said[:cut])
            client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.say(said[cut:])
            client.hear_open()
            client.hear_end(GOOD % 2 + GOOD % 3 + GOOD % 4 + b"5 rsp 0\n" + CLOSED)
            count += 3
            assert [r.text for r in sink.wait_count(count)[-3:]] == [rb"a\nb", b"", b"c"]
        for text in (b"1", b"1 open", b"1 open ", b"1 open files", b"1 open 12 files", b"1 opened"):
            with connect(daemon.port) as sock:
                sock.sendall(text)
            count += 1
            assert sink.wait_count(count)[-1].text == text


def never_ahead_of_the_log(scratch):
    """While there is no log nothing is answered; then all of it, in the order of messages."""
    with serving("syslog", scratch, workers=1) as (daemon, sink):
        client = Client(daemon.port, OPEN)
        client.hear_open()
        client.say(message(2, b"before"))
        client.hear(GOOD % 2)
        sink.unlink()
        sink.close()
        numbers = range(3, 3003)
        client.say(*(message(n, b"%d" % n) for n in numbers))
        daemon.expect("log", 1)
        daemon.allow("")
        assert client.is_silent(), "nothing is answered that is not logged"
        sink.bind()
        client.hear(b"".join(GOOD % n for n in numbers))
        assert [r.text for r in sink.wait_count(3001)[1:]] == [b"%d" % n for n in numbers]


def hostile(scratch):
    """One clear line for each, what came before is answered, and nobody else is hurt."""
    table = [
        (frame(2, b"starttls"), b"2 rsp 31 500 this command is not offered\n",
         "a RELP command that there is not"),
        (OPEN.replace(b"1", b"2", 1), b"2 rsp 31 500 the session is open already\n",
         "a second RELP open"),
        (frame(2, b"rsp", b"200 OK"), b"", "only a server may send"),
        (frame(2, b"serverclose"), b"", "only a server may send"),
        (message(3, b"jump"), b"", "does not follow the last one"),
        (message(2, b"once") + message(2, b"twice"), GOOD % 2, "does not follow the last one"),
        (b"1000000000 syslog 1 a\n", b"", "1 to 9 digits"),
        (b"2 syslog 100000000000000000000 a\n", b"", "no length of 1 to 9 digits"),
        (b"2 syslog 3 four\n", b"", "does not end where its length says"),
        (b"2 syslog x\n", b"", "no length"),
        (b"2  syslog 1 a\n", b"", "no command of 1 to 32 letters"),
        (message(2, b"fine") + b"garbage\n", GOOD % 2, "does not begin with a transaction number"),
    ]
    for said, answer, why in table:
        with serving("syslog", folder(scratch, why + str(len(said)))) as (daemon, sink):
            bystander = Client(daemon.port, OPEN)
            bystander.hear_open()
            client = Client(daemon.port, OPEN, said)
            client.hear_open()
            client.hear_end(answer + CLOSED)
            daemon.expect(rf"127\.0\.0\.1:\d+ sent .*{why}.*; what came before is logged", 1)
            bystander.say(message(2, b"still here"))
            bystander.hear(GOOD % 2)
            logged = [r.text for r in sink.wait_count(1 + (GOOD % 2 in answer))]
            assert logged[-1] == b"still here", logged


def offers(scratch):
    """Versions of the protocol; and offers of 1 MiB are refused in one line."""
    with serving("syslog", scratch) as (daemon, _):
        for asked, answered in ((b"0", 0), (b"1", 1), (b"2", 1)):
            offers = b"relp_version=%s\ncommands=syslog" % asked
            client = Client(daemon.port, frame(1, b"open", offers))
            client.hear_open(answered)
            client.socket.close()
        client = Client(daemon.port)
        with contextlib.suppress(ConnectionError):
            client.say(frame(1, b"open", b"relp_version=0\n" + b"x" * (1 << 20)))
        client.hear(CLOSED)
        client.socket.close()
        daemon.expect("sent RELP offers that are longer than buffer_size", 1)


def long_messages(scratch):
    """Answered when the last piece is logged; and no other way round."""
    text = "ü" * 9000
    for oversize, wanted in (("split", 3), ("truncate", 1), ("discard", 0)):
        with serving("syslog", folder(scratch, oversize), oversize=oversize) as (daemon, sink):
            client = Client(daemon.port, OPEN, message(2, text.encode()), message(3, b"next"))
            client.hear_open()
            client.hear(GOOD % 2 + GOOD % 3)
            records = sink.wait_count(wanted + 1)
            assert records[-1].text == b"next"
            daemon.expect("message longer than buffer_size", 1)


def wraps_around(scratch):
    """Behind the last transaction number comes 1; a listener for RELP alone takes any first one."""
    listener = dict(LOOPBACK, session="relp")
    with serving("syslog", scratch, listeners=[listener]) as (daemon, sink):
        last = 999999999
        client = Client(daemon.port, frame(last - 1, b"open", OFFERS), message(last, b"a"),
                        message(1, b"b"), message(2, b"c"))
        sink.wait_count(3)
        while not client.heard.endswith(GOOD % 2):
            client.heard += client.socket.recv(4096)
        assert client.heard.endswith(GOOD % last + GOOD % 1 + GOOD % 2), client.heard
        other = Client(daemon.port, b"<13>no RELP\n")
        other.hear_end(CLOSED)
        daemon.expect("a malformed RELP frame", 1)


def syslog_alone(scratch):
    """A listener without RELP takes it for text, and says what is wrong."""
    with serving("syslog", scratch, listeners=[dict(LOOPBACK, session="syslog")]) as (daemon, sink):
        client = Client(daemon.port, OPEN)
        client.socket.close()
        daemon.expect("sent a RELP open; this listener has session = \"syslog\"", 1)
        sink.wait_count(1)


def deaf(scratch):
    """Who sends and never reads is not read any more, and closed in the end; no one else waits."""
    with serving("syslog", scratch, limits={"write_timeout": 1}) as (daemon, sink):
        client = Client(daemon.port)
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 262144)
        client.say(OPEN)
        client.socket.setblocking(False)
        said, number, rest = 0, 2, b""
        end = deadline()
        with contextlib.suppress(ConnectionError):
            while time.monotonic() < end:
                if not rest:
                    rest = b"".join(message(n, b"x") for n in range(number, number + 1000))
                    number += 1000
                try:
                    done = client.socket.send(rest)
                    rest = rest[done:]
                    said += done
                    end = deadline()
                except BlockingIOError:
                    select.select([], [client.socket], [], PATIENCE)
        assert time.monotonic() < end, "it was closed"
        daemon.expect(r"did not read its answers within limits\.write_timeout", 1)
        other = Client(daemon.port, OPEN, message(2, b"other"))
        other.hear_open()
        other.hear(GOOD % 2)


def peerlog(scratch):
    """peerlog --relp: every line confirmed."""
    lines = b"".join(b"line %d\n" % n for n in range(20000))
    with serving("syslog", scratch) as (daemon, sink):
        done = subprocess.run([PEERLOG, "-n", "127.0.0.1", "-P", str(daemon.port), "--relp"],
                              input=lines, capture_output=True, timeout=PATIENCE, check=False)
        assert done.returncode == 0, done
        records = sink.wait_count(20000)
        assert [r.text.rsplit(b"line ", 1)[1] for r in records] == [b"%d" % n for n in range(20000)]


def omrelp(scratch):
    """rsyslog as it comes: everything once, in order; and its stop is a close."""
    with serving("syslog", scratch) as (daemon, sink):
        with Omrelp(scratch, daemon.port) as sender:
            sender.log(*(b"message %d" % n for n in range(5000)))
            records = sink.wait_count(5000)
            assert [int(r.text.rsplit(b" ", 1)[1]) for r in records] == list(range(5000))
            assert len({r.peer for r in records}) == 1, "one connection"
        daemon.wait_closed()
        assert len(sink.records()) == 5000


def omrelp_over_tls(scratch):
    """The same under TLS, with either library of librelp's."""
    if OPENSSL is None or "PEERLOGD_MODULES" not in os.environ:
        raise Skip("there is no TLS")
    authority = Authority(os.path.join(scratch, "pki"))
    authority.sign("server")
    listener = dict(LOOPBACK, session="relp", tls="required",
                    certificate=authority.path("server.pem"), key=authority.path("server.key"))
    authority.sign("sender")
    options = (f'tls="on" tls.caCert="{authority.path("ca.pem")}" '
               f'tls.myCert="{authority.path("sender.pem")}" '
               f'tls.myPrivKey="{authority.path("sender.key")}" '
               'tls.authMode="name" tls.permittedPeer=["localhost"]')
    with serving("syslog", scratch, listeners=[listener]) as (daemon, sink):
        for number, library in enumerate(("gnutls", "openssl")):
            with Omrelp(folder(scratch, library), daemon.port, options,
                        f'module(load="omrelp" tls.tlslib="{library}")') as sender:
                sender.log(*(b"message %d" % n for n in range(1000)))
                records = sink.wait_count(1000 * (number + 1))[1000 * number:]
                assert [int(r.text.rsplit(b" ", 1)[1]) for r in records] == list(range(1000))
                assert not sender.words(), sender.words()


def half_closed(scratch):
    """A client that has said all, and listens: it hears all answers, and then the end."""
    with serving("syslog", scratch) as (daemon, _):
        client = Client(daemon.port, OPEN, *(message(n, b"x") for n in range(2, 2002)))
        client.socket.shutdown(socket.SHUT_WR)
        client.hear_open()
        client.hear_end(b"".join(GOOD % n for n in range(2, 2002)))


def told_to_leave(scratch):
    """What was silent for too long is told so, behind its answers, and closed in good order."""
    with serving("syslog", scratch, limits={"idle_timeout": 1}) as (daemon, sink):
        daemon.allow("on which nothing came for limits.idle_timeout")
        client = Client(daemon.port, OPEN, message(2, b"x"))
        client.hear_open()
        client.hear(GOOD % 2)
        client.hear_end(CLOSED)
        assert len(sink.wait_count(1)) == 1


def behind_a_balancer(scratch):
    """A PROXY header comes first, whole or not, and names the peer."""
    listener = dict(LOOPBACK, proxy_protocol=True)
    header = b"PROXY TCP4 192.0.2.7 198.51.100.1 4711 514\r\n"
    with serving("syslog", scratch, listeners=[listener]) as (daemon, sink):
        for cut in (0, 10, len(header), len(header) + 3):
            said = header + OPEN + message(2, b"x")
            client = Client(daemon.port, said[:cut])
            client.say(said[cut:])
            client.hear_open()
            client.hear(GOOD % 2)
            client.socket.close()
        assert {r.peer for r in sink.wait_count(4)} == {"192.0.2.7:4711"}


def slowed(scratch):
    """A rate that is kept: answers come as slowly as messages are read."""
    with serving("syslog", scratch, limits={"messages_per_second": 1000}) as (daemon, sink):
        client = Client(daemon.port, OPEN, *(message(n, b"x") for n in range(2, 1502)))
        client.hear_open()
        client.hear(b"".join(GOOD % n for n in range(2, 1502)))
        assert len(sink.wait_count(1500)) == 1500


if __name__ == "__main__":
    main(every_cut, never_ahead_of_the_log, hostile, offers, long_messages, wraps_around,
         syslog_alone, deaf, half_closed, told_to_leave, behind_a_balancer, slowed, peerlog, omrelp,
         omrelp_over_tls)
