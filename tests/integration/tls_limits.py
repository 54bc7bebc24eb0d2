#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# Limits hold for connections over TLS as they do in clear, and those of connections before any
# cryptography is done: so many in all and of a peer, so many messages a second, so long without
# a word, and so long for a handshake, with a thousand clients that stall in it at once.

from support import *


@contextlib.contextmanager
def limited(scratch, tls="required", **limits):
    """A daemon with these limits, its log, and a client's context."""
    authority = Authority(scratch)
    listener = dict(authority.issue("localhost").settings(), tls=tls)
    with serving("syslog", scratch, listeners=[listener], limits=limits) as (daemon, sink):
        yield daemon, sink, context_for(authority)


def held(daemon, context, count, **where):
    """Connections that have shaken hands, and said something."""
    socks = [tls_connect(daemon.port, context, sock=connect(daemon.port, **where))
             for _ in range(count)]
    for sock in socks:
        sock.sendall(b"one\n")
    return socks


def connections_of_a_peer(scratch):
    """One too many is reset before it says anything; one in its handshake counts, too."""
    with limited(scratch, connections_per_peer=3) as (daemon, sink, context):
        daemon.allow(r"refusing 127\.0\.0\.9: it has limits\.connections_per_peer")
        socks = held(daemon, context, 2, source="127.0.0.9")
        sink.wait_count(2)
        silent = connect(daemon.port, source="127.0.0.9")
        until(lambda: len(daemon.sockets()) >= 3, "three connections")
        assert refused(daemon.port, "127.0.0.9")
        held(daemon, context, 1)[0].close()
        sink.wait_count(3)
        tls_finish(socks.pop())
        tls_finish(held(daemon, context, 1, source="127.0.0.9")[0])
        assert len(sink.wait_count(4)) == 4
        for sock in (silent, *socks):
            sock.close()
        daemon.wait_closed()
        daemon.end()
        assert daemon.counted("refused") == daemon.counted("connections_per_peer") == 1


def connections_in_all(scratch):
    """One more waits in the backlog, unanswered, until somebody goes."""
    with limited(scratch, connections=2) as (daemon, sink, context):
        daemon.allow(r"limits\.connections", "accept")
        socks = held(daemon, context, 2)
        sink.wait_count(2)
        waits = ByHand(daemon.port, context)
        waits.sock.sendall(waits.hello())
        for number in range(50):
            socks[0].sendall(b"meanwhile\n")
            sink.wait_count(3 + number)
        waits.sock.setblocking(False)
        try:
            raise AssertionError(f"it was answered: {waits.sock.recv(1)}")
        except BlockingIOError:
            waits.sock.settimeout(PATIENCE)
        tls_finish(socks.pop())
        waits.hear()
        waits.shake().say(b"at last\n")
        assert sink.wait_count(53)[-1].text == b"at last"
        waits.close()
        tls_finish(socks.pop())
        daemon.wait_closed()


def rate_of_messages(scratch):
    """Slowed down, never dropped: 50 a second, of 120 in records of their own."""
    with limited(scratch, messages_per_second=50) as (daemon, sink, context):
        fast, other = (ByHand(daemon.port, context).shake() for _ in range(2))
        daemon.signal(signal.SIGSTOP)
        for i in range(120):
            fast.say(b"%03d%s\n" % (i, b"x" * 200))
        other.say(b"not concerned\n")
        begun = time.monotonic()
        daemon.signal(signal.SIGCONT)
        for client in (fast, other):
            client.end()
            assert client.read() == b""
        texts = [r.text for r in sink.wait_count(121)]
        assert texts.index(b"not concerned") < 120, "the other one had to wait"
        texts.remove(b"not concerned")
        assert [text[:3] for text in texts] == [b"%03d" % i for i in range(120)]
        # A second's worth may be owed, and the last bite of 4 KiB was read before it was counted.
        assert time.monotonic() - begun >= (120 - 50 - 21) / 50, "not slowed down"
        daemon.end()
        assert daemon.counted("slowed down") > 0


def idle_connections(scratch):
    """Goodbye is close_notify; what the client says before it has seen that is logged."""
    with limited(scratch, idle_timeout=1) as (daemon, sink, context):
        client = ByHand(daemon.port, context).shake()
        assert client.read() == b"", "told goodbye"
        client.say(b"wait a moment\n")
        assert sink.wait_count(1)[-1].text == b"wait a moment"
        client.close()
        daemon.expect(r"closing its connection, on which nothing came for limits\.idle_timeout")
        daemon.wait_closed()
        daemon.end()
        assert daemon.counted("idle") == 1


def a_thousand_stall(scratch):
    """In every part of a handshake; they are let go in time, and others served meanwhile."""
    more_descriptors()
    with limited(scratch, connections=2000, handshake_timeout=2) as (daemon, sink, context):
        daemon.allow(r"was not done within limits\.handshake_timeout", "refus")
        steady = held(daemon, context, 1)[0]
        stallers = [ByHand(daemon.port, context) for _ in range(1000)]
        for number, client in enumerate(stallers):
            hello = client.hello()
            client.sock.sendall(hello[:(0, 1, 7, len(hello) - 1, len(hello))[number % 5]])
        for number in range(50):
            steady.sendall(b"meanwhile\n")
            tls_finish(held(daemon, context, 1)[0])
            sink.wait_count(2 * number + 3)
        for client in stallers:
            with contextlib.suppress(ConnectionResetError):
                while client.sock.recv(4096):
                    pass
            client.close()
        tls_finish(steady)
        daemon.wait_closed()
        daemon.end()
        assert daemon.counted("refused") == 1000, daemon.counted("refused")


def half_a_hello_where_both_may_come(scratch):
    """tls = "auto": silence is nobody's handshake; one that was begun has its deadline."""
    with limited(scratch, "auto", handshake_timeout=1) as (daemon, sink, context):
        daemon.allow(r"was not done within limits\.handshake_timeout", "refus")
        silent = connect(daemon.port)
        for part in (1, 100):
            client = ByHand(daemon.port, context)
            client.sock.sendall(client.hello()[:part])
            assert is_reset(client.sock)
            client.close()
        client = ByHand(daemon.port, context, silent).shake()
        client.say(b"after a long silence\n")
        client.end()
        assert client.read() == b""
        assert [r.text for r in sink.wait_count(1)] == [b"after a long silence"]


if __name__ == "__main__":
    main(connections_of_a_peer, connections_in_all, rate_of_messages, idle_connections,
         a_thousand_stall, half_a_hello_where_both_may_come)
