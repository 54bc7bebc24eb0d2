#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# Connections end in every way TCP knows. A client that half-closes sees the daemon close
# at once; what came before a reset is logged; an urgent byte is a byte like any other.
# And after twenty thousand clients have come and gone (PEERLOG_LONG=1: a hundred thousand),
# the daemon has the descriptors, threads and connections it had at its start, no
# socket of its lingers in CLOSE_WAIT, and every single message was logged.

from support import *

SHORT_CONNECTIONS = 100000 if LONG else 20000


def half_close(scratch):
    """recv() of the client returns 0 by itself, for every kind of unfinished business."""
    with serving("syslog", scratch) as (daemon, sink):
        inputs = [b"", b"a", b"a\n", b"<13>a\nb", b"7", b"70 <13>a", b"5 <13>a", b"a\0",
                  b"\0<13>a\nb", b"x" * 300000, b"x" * 300000 + b"\n"]
        for data in inputs:
            sock = connect(daemon.port)
            sock.sendall(data)
            finish(sock)
        daemon.wait_closed()
        sink.wait_count(9 + 1 + 2 * 36)
        daemon.expect("is split", 2)


def half_close_long_after(scratch):
    """The FIN comes alone, when everything before it was logged long ago."""
    with serving("syslog", scratch) as (daemon, sink):
        socks = [connect(daemon.port) for _ in range(100)]
        for sock in socks:
            sock.sendall(b"a\n")
        sink.wait_count(100)
        for sock in socks:
            finish(sock)
        daemon.wait_closed()


def reset_after_much(scratch):
    """Megabytes, and a reset right behind them: whatever the kernel took was logged."""
    with serving("syslog", scratch) as (daemon, sink):
        streams = {}
        for i in range(20):
            sock = connect(daemon.port)
            texts = streams[name_of(sock)] = numbered(i, 500, pad=1000)
            sock.sendall(b"\n".join(texts) + b"\n")
            # An RST throws away what the client's own kernel still holds: wait for that only.
            until(lambda s=sock: fcntl.ioctl(s, 0x5411, b"\0" * 4) == b"\0" * 4,  # SIOCOUTQ
                  "the data to be acknowledged")
            reset(sock)
        check_streams(sink.wait_count(20 * 500), streams)
        daemon.wait_closed()


def urgent_bytes(scratch):
    """An out-of-band byte in every position, with bytes before and behind it."""
    for kind in ("syslog", "stdout"):
        with serving(kind, scratch) as (daemon, sink):
            streams = {}
            for data, texts in ((b"<13>hello\nworld", [b"hello", b"world"]),
                                (b"5 <13>a7 <13>bcd", [b"a", b"bcd"])):
                for at in range(len(data)):
                    sock = connect(daemon.port)
                    sock.sendall(data[:at])
                    sock.send(data[at:at + 1], socket.MSG_OOB)
                    if at % 2:
                        Unread([sock]).wait()
                    sock.sendall(data[at + 1:])
                    streams[finish(sock)] = texts
            alone = connect(daemon.port)
            for byte in b"every byte urgent\n":
                alone.send(bytes([byte]), socket.MSG_OOB)
            streams[finish(alone)] = [b"every byte urgent"]
            check_streams(sink.wait_count(sum(map(len, streams.values()))), streams)


def lone_urgent_byte(scratch):
    """Nothing but an urgent byte, on a connection that stays open: no spinning over it."""
    with serving("syslog", scratch) as (daemon, sink):
        sock = connect(daemon.port)
        sock.send(b"u", socket.MSG_OOB)
        Unread([sock]).wait()
        ticks = cpu_ticks(daemon.pid)
        other = connect(daemon.port)
        for i in range(200):
            other.sendall(b"turn\n")
            sink.wait_count(i + 1)
        assert cpu_ticks(daemon.pid) - ticks < 50
        sock.sendall(b"rgent\n")
        assert sink.wait_count(201)[-1].text == b"urgent"
        finish(sock)
        finish(other)


def short_connections(scratch):
    """Eight clients that connect, say one thing and close, in different ways, without end."""
    with serving("syslog", scratch) as (daemon, sink):
        say(daemon.port, b"first\n")
        daemon.wait_closed()
        daemon.wait_workers()
        before = daemon.descriptors(), daemon.threads()
        each = SHORT_CONNECTIONS // 8
        failures = []

        def visit(client):
            try:
                for i in range(each):
                    sock = socket.socket()
                    sock.settimeout(PATIENCE)
                    sock.bind(("127.0.%d.%d" % (client + 1, i % 250 + 1), 0))
                    sock.connect(("127.0.0.1", daemon.port))
                    sock.sendall(b"%d %d\n" % (client, i))
                    if i % 4 == 0:
                        finish(sock)
                    elif i % 4 == 1:
                        reset(sock)
                    else:
                        sock.close()
            except Exception as error:
                failures.append(error)

        threads = [threading.Thread(target=visit, args=(client,)) for client in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures, failures
        total = 8 * each + 1
        sink.wait(lambda _: sink.count() >= total, "every message")
        texts = [r.text for r in sink.records()]
        assert len(texts) == total and len(set(texts)) == total, "one record for each visit"
        daemon.wait_closed()
        until(lambda: (daemon.descriptors(), daemon.threads()) == before,
              f"descriptors and threads to be {before}, not "
              f"{(daemon.descriptors(), daemon.threads())}")
        daemon.signal(signal.SIGUSR1)
        assert daemon.counted("connections accepted") == total


def silent_visits(scratch):
    """Connect and close, or connect and reset, without a word: not a word in the log."""
    with serving("syslog", scratch) as (daemon, sink):
        for i in range(500):
            sock = connect(daemon.port)
            if i % 2:
                sock.close()
            else:
                reset(sock)
        say(daemon.port, b"a word\n")
        daemon.wait_closed()
        assert [r.text for r in sink.wait_count(1)] == [b"a word"]


def no_receipt_for_what_is_lost(scratch):
    """The daemon ends, and the log never took what is in hand: who said it is reset."""
    for signals, status in (((signal.SIGTERM,), 74), ((signal.SIGTERM,) * 2, 74),
                            ((signal.SIGKILL,), -signal.SIGKILL)):
        with serving("syslog", scratch) as (daemon, sink):
            logged, waits, has_ended = [connect(daemon.port) for _ in range(3)]
            logged.sendall(b"logged\n")
            sink.wait_count(1)
            sink.close()
            waits.sendall(b"in hand\n")
            has_ended.sendall(b"in hand, too\n")
            has_ended.shutdown(socket.SHUT_WR)
            daemon.expect("is not there")
            for number in signals:
                daemon.signal(number)
                if number == signal.SIGTERM:
                    until(lambda d=daemon: refuses(d.port), "the listening socket to close")
            assert is_reset(waits) and is_reset(has_ended), "they were told that all was logged"
            if signals == (signal.SIGTERM,):
                assert not is_reset(logged), "nothing of it was lost"
                daemon.expect("stopped with messages that the log did not take: [12] in hand")
            elif len(signals) == 2:
                daemon.expect("told to stop twice")
            daemon.end(status)


if __name__ == "__main__":
    main(half_close, half_close_long_after, reset_after_much, urgent_bytes, lone_urgent_byte,
         short_connections, silent_visits, no_receipt_for_what_is_lost)
