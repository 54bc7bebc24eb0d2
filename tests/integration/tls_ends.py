#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# TLS connections end in every way that they can. close_notify is answered, and the answer is a
# receipt; a FIN without it is an end like any other, and the last line is logged; a stream that
# is cut inside a record, or that somebody has tampered with, is marked, and what was whole before
# is logged. And what clients may do to a handshake: stall in it, send it byte by byte, break it
# off.

from support import *

CUT = r"127\.0\.0\.1:\d+: its stream was cut inside a record of TLS, or changed on its way"


@contextlib.contextmanager
def serving_tls(scratch, kind="syslog", **more):
    """A daemon that requires TLS, its log, and a client's context."""
    limits = more.pop("limits", {})
    authority = Authority(scratch)
    listener = dict(authority.issue("localhost").settings(), **more)
    with serving(kind, scratch, listeners=[listener], limits=limits) as (daemon, sink):
        yield daemon, sink, context_for(authority)


def close_notify_is_a_receipt(scratch):
    with serving_tls(scratch) as (daemon, sink, context):
        for data in (b"", b"a", b"a\n", b"<13>a\nb", b"x" * 300000 + b"\n"):
            client = ByHand(daemon.port, context).shake()
            if data:
                client.say(data)
            try:
                client.tls.unwrap()
            except ssl.SSLWantReadError:
                client.sock.sendall(client.leaves.read())
            assert client.read() == b"", "close_notify for close_notify"
            assert client.sock.recv(1) == b"", "and FIN"
            client.close()
        daemon.wait_closed()
        daemon.expect("said nothing")
        sink.wait_count(4 + 37)
        daemon.expect("is split", 1)


def nothing_counts_behind_close_notify(scratch):
    with serving_tls(scratch) as (daemon, sink, context):
        client = ByHand(daemon.port, context).shake()
        before = client.seal(b"before\n")
        with contextlib.suppress(ssl.SSLWantReadError):
            client.tls.unwrap()
        client.sock.sendall(before + client.leaves.read() + before)
        assert client.read() == b""
        client.close()
        daemon.wait_closed()
        assert [r.text for r in sink.wait_count(1)] == [b"before"]


def fin_without_close_notify(scratch):
    """It is complete in its records: nothing is marked, and the last line counts."""
    with serving_tls(scratch) as (daemon, sink, context):
        client = ByHand(daemon.port, context).shake()
        client.say(b"first\nlast")
        client.end()
        assert client.read() == b"", "close_notify is said all the same"
        assert [r.text for r in sink.wait_count(2)] == [b"first", b"last"]
        client.close()
        daemon.wait_closed()


def fin_inside_a_record(scratch):
    """What is open of a message when its stream is cut is logged, and marked."""
    for kind in ("syslog", "journal"):
        with serving_tls(folder(scratch, kind), kind) as (daemon, sink, context):
            for number, cut in enumerate((1, 4, 5, 20, -1)):
                client = ByHand(daemon.port, context).shake()
                client.say(b"whole\n<13>part")
                record = client.seal(b" of a message\nanother\n")
                client.sock.sendall(record[:cut])
                client.end()
                client.read()
                records = sink.wait_count(2 * number + 2)[2 * number:]
                part = b"part" if kind == "journal" else b"[cut] part"
                assert [r.text for r in records] == [b"whole", part], records
                if kind == "journal":
                    assert [r.flags for r in records] == [set(), {"cut", "unterminated"}], records
            client = ByHand(daemon.port, context).shake()
            # Between two messages nothing is open that could be marked: it is only said.
            client.say(b"complete\n")
            client.sock.sendall(client.seal(b"never seen\n")[:9])
            client.end()
            client.read()
            assert sink.wait_count(11)[-1].text == b"complete"
            daemon.expect(CUT)


def reset_inside_a_record(scratch):
    with serving_tls(scratch) as (daemon, sink, context):
        client = ByHand(daemon.port, context).shake()
        client.say(b"whole\n<13>part")
        sink.wait_count(1)
        client.sock.sendall(client.seal(b" of a message\n")[:-3])
        until(lambda: fcntl.ioctl(client.sock, 0x5411, b"\0" * 4) == b"\0" * 4, "SIOCOUTQ")
        reset(client.sock)
        daemon.wait_closed()
        assert [r.text for r in sink.wait_count(2)] == [b"whole", b"[cut] part"]
        daemon.expect(CUT)


def tampering(scratch):
    """A record that is not authentic: the right alert, and what stood before it is logged."""
    with serving_tls(scratch) as (daemon, sink, context):
        for number, spot in enumerate((5, 12, -1)):
            client = ByHand(daemon.port, context).shake()
            record = bytearray(client.seal(b"whole\n<13>part"))
            bad = bytearray(client.seal(b" of a message\n"))
            bad[spot] ^= 1
            client.sock.sendall(bytes(record + bad))
            try:
                client.read()
                raise AssertionError("there was no alert")
            except ssl.SSLError as error:
                assert error.reason == "SSLV3_ALERT_BAD_RECORD_MAC", error
            records = sink.wait_count(2 * number + 2)[2 * number:]
            assert [r.text for r in records] == [b"whole", b"[cut] part"], records
            client.close()
            daemon.wait_closed()
        daemon.expect(CUT)


def nonsense_instead_of_a_record(scratch):
    with serving_tls(scratch) as (daemon, sink, context):
        for nonsense, reason in ((b"GET / HTTP/1.0\r\n\r\n", "PROTOCOL_VERSION"),
                                 (b"\x17\x03\x03\xff\xff", "RECORD_OVERFLOW"),
                                 (b"\x16\x03\x03\0\x10" + b"h" * 16, None)):
            client = ByHand(daemon.port, context).shake()
            client.sock.sendall(nonsense)
            try:
                assert client.read() != b"", "no close_notify, but an alert"
            except ssl.SSLError as error:
                assert reason is None or reason in error.reason, error
            except ConnectionResetError:
                pass
            client.close()
            daemon.wait_closed()
        assert sink.count() == 0
        daemon.expect(CUT)


# --- handshakes ---

def stallers_delay_nobody(scratch):
    """A thousand clients that say nothing, or send a ClientHello byte by byte."""
    count = 1000 if LONG else 500
    with serving_tls(scratch, limits={"connections": 2000, "handshake_timeout": 60}) as (
            daemon, sink, context):
        stallers = [connect(daemon.port) for _ in range(count)]
        slow = [ByHand(daemon.port, context, sock) for sock in stallers[::4]]
        hellos = [client.hello() for client in slow]
        ticks = cpu_ticks(daemon.pid)
        for at in range(64):
            for client, hello in zip(slow, hellos):
                client.sock.sendall(hello[at:at + 1])
        begun = time.monotonic()
        for i in range(50):
            sock = tls_connect(daemon.port, context)
            sock.sendall(b"message %d\n" % i)
            sink.wait_count(i + 1)
            tls_finish(sock)
        took = time.monotonic() - begun
        print(f"  50 visits took {took:.2f} s, {cpu_ticks(daemon.pid) - ticks} ticks of CPU")
        assert took < 10
        # They go on, and are served as everybody else.
        client, hello = slow[0], hellos[0]
        client.sock.sendall(hello[64:])
        client.hear()
        client.shake().say(b"at last\n")
        assert sink.wait_count(51)[-1].text == b"at last"
        for sock in stallers:
            sock.close()
        daemon.wait_closed()


def a_handshake_has_a_deadline(scratch):
    """Silent ones, and those that go on too slowly; said once for a peer."""
    with serving_tls(scratch, limits={"handshake_timeout": 1}) as (daemon, _, context):
        silent = connect(daemon.port)
        half = ByHand(daemon.port, context)
        half.sock.sendall(half.hello()[:100])
        answered = ByHand(daemon.port, context)
        answered.sock.sendall(answered.hello())
        answered.hear()
        for sock in (silent, half.sock, answered.sock):
            assert is_reset(sock), "the deadline has passed"
        daemon.expect("TLS handshake was not done within limits.handshake_timeout")
        daemon.allow("connection refused|connections? refused|refus")
        daemon.wait_closed()


def a_hello_that_is_broken_off(scratch):
    """FIN inside a ClientHello, and the client stays: nobody spins over it."""
    with serving_tls(scratch, limits={"handshake_timeout": 60}) as (daemon, _, context):
        for cut in (1, 3, 5, 50):
            client = ByHand(daemon.port, context)
            client.sock.sendall(client.hello()[:cut])
            client.end()
            assert is_closed(client.sock)
            client.close()
        daemon.wait_closed()


def is_closed(sock):
    try:
        return sock.recv(1) == b""
    except ConnectionResetError:
        return True


def a_client_that_goes_in_its_handshake(scratch):
    with serving_tls(scratch) as (daemon, _, context):
        for end in (reset, socket.socket.close, lambda s: s.shutdown(socket.SHUT_WR)):
            client = ByHand(daemon.port, context)
            client.sock.sendall(client.hello())
            client.hear()
            end(client.sock)
        daemon.wait_closed()
        said = daemon.expect("it left in the handshake of TLS and said nothing; node, for one")
        assert len(said) == 1, "once for a peer and an hour"


def slowed_behind_its_handshake(scratch):
    """What came with the end of a handshake is all that comes; its peer is ahead of its rate."""
    authority = Authority(scratch)
    with serving("syslog", scratch, listeners=[authority.issue("localhost").settings()],
                 limits=dict(messages_per_second_per_peer=2)) as (daemon, sink):
        other = ByHand(daemon.port, context_for(authority)).shake()
        other.say(b"".join(b"%d\n" % i for i in range(8)))
        sink.wait_count(8)
        client = ByHand(daemon.port, context_for(authority))
        client.sock.sendall(client.hello())
        while True:
            client.hear()
            with contextlib.suppress(ssl.SSLWantReadError):
                client.tls.do_handshake()
                break
        client.sock.sendall(client.leaves.read() + client.seal(b"behind\n"))
        assert sink.wait_count(9)[-1].text == b"behind"
        daemon.signal(signal.SIGUSR1)
        assert daemon.counted("slowed down") > 0
        client.close()
        other.close()


if __name__ == "__main__":
    main(close_notify_is_a_receipt, nothing_counts_behind_close_notify, fin_without_close_notify,
         fin_inside_a_record, reset_inside_a_record, tampering, nonsense_instead_of_a_record,
         stallers_delay_nobody, a_handshake_has_a_deadline, a_hello_that_is_broken_off,
         a_client_that_goes_in_its_handshake, slowed_behind_its_handshake)
