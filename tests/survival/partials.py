# SPDX-License-Identifier: MIT
"""Deaths in the middle of a message, cut at every byte.

Connection number N sends its stream as far as byte N; then the daemon ends, by SIGTERM or by
SIGKILL, with the log reading or stalled; then comes the rest. Lines, counted frames, over-long
messages in all three treatments and PROXY headers of both versions come out exactly as those
of a connection that was never interrupted.
"""

import re
import socket
import struct

from survival import PATIENT, Unread, by_peer, connect, finish, folder, main, name_of, surviving

LINES = b"one\n<13>two and a half\nthree\r\n\nlast without an end"
COUNTED = b"9 <13>first16 <13>second frame\n28 <13>the third,\nin two lines!8 <13>last"
LONG_LINE = b"short\n" + b"".join(b"%03d " % i for i in range(160)) + b"end\nnext\n"
LONG_FRAME = b"9 <13>short607 <13>" + b"".join(b"%03d" % i for i in range(200)) + b"end8 <13>next"
PROXY_1 = b"PROXY TCP4 192.0.2.7 198.51.100.1 4711 514\r\n"
PROXY_2 = (b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + struct.pack(">H", 12) +
           socket.inet_aton("192.0.2.7") + socket.inet_aton("198.51.100.1") +
           struct.pack(">HH", 4711, 514))


def cuts(stream):
    """Every byte of a short one; of a long one what is near a border, and some between."""
    return [i for i in range(1, len(stream)) if len(stream) < 100 or i % 17 == 0 or i % 256 < 6]


def texts(records):
    """What was said, without what came again and says so."""
    said = []
    for text in (r.text for r in records):
        plain = text.removeprefix(b"[repeat?] ")
        if plain == text or plain not in said:
            said.append(plain)
    return said


def wait_said(sink, count):
    """Wait for so many texts. Returns: the records of each peer."""
    return by_peer(sink.wait(lambda r: sum(len(texts(p)) for p in by_peer(r).values()) >= count,
                             f"{count} texts"))


def die(service, number, how):
    for _ in range(number):
        {"restart": service.restart, "kill": service.die}[how]()


def whole(scratch, streams, how, listeners=(PATIENT,), **settings):
    """Streams cut at every byte come out as the ones that are not."""
    with surviving(scratch, listeners=listeners, **settings) as (service, sink):
        service.allow("longer than buffer_size")
        wanted = []
        for stream in streams:
            sock = connect(service.port)
            sock.sendall(stream)
            name = finish(sock)
            # The daemon has closed, so all of it was delivered.
            records = sink.wait(
                lambda r: r and r[-1].text.startswith((b"next", b"last", b"text")), "the model")
            wanted.append(texts(records))
            assert wanted[-1], name
            with sink.changed:
                sink.parsed.clear()
        socks = [(connect(service.port), s, i) for s, stream in enumerate(streams)
                 for i in cuts(stream)]
        for sock, s, i in socks:
            sock.sendall(streams[s][:i])
        Unread([sock for sock, _, _ in socks]).wait()
        die(service, 2, how)
        for sock, s, i in socks:
            sock.sendall(streams[s][i:])
        names = [finish(sock) for sock, _, _ in socks]
        count = sum(len(wanted[s]) for _, s, _ in socks)
        if any(s.startswith((b"PROXY", b"\r\n")) for s in streams):
            # All have the same peer and text: what may be a repeat cannot be told apart.
            records = sink.wait_count(count)
            assert {r.peer for r in records} == {"192.0.2.7:4711"}, by_peer(records).keys()
            assert {r.text.removeprefix(b"[repeat?] ") for r in records} == {b"text"}
            return
        found = wait_said(sink, count)
        for name, (_, s, i) in zip(names, socks):
            assert texts(found.get(name, [])) == wanted[s], (
                f"cut at {i}: {texts(found.get(name, []))} instead of {wanted[s]}")


def lines_and_frames_over_restarts(scratch):
    whole(scratch, [LINES, COUNTED], "restart")


def lines_and_frames_over_kills(scratch):
    whole(scratch, [LINES, COUNTED], "kill")


def long_ones(scratch, how):
    for oversize in ("split", "truncate", "discard"):
        whole(folder(scratch, oversize), [LONG_LINE, LONG_FRAME], how, buffer_size=256,
              oversize=oversize)


def long_ones_over_restarts(scratch):
    long_ones(scratch, "restart")


def long_ones_over_kills(scratch):
    long_ones(scratch, "kill")


def proxy_headers_over_kills(scratch):
    listener = dict(PATIENT, proxy_protocol=True)
    whole(scratch, [PROXY_1 + b"text\n", PROXY_2 + b"text\n"], "kill", listeners=(listener,))


def stalled(scratch, how):
    """The log takes nothing: what is in hand outlives several deaths, and so do the halves."""
    with surviving(scratch, listeners=(PATIENT,)) as (service, sink):
        service.allow("has taken nothing for a while", "is back after",
                      "died .* times in a row soon after its start")
        stuff = connect(service.port)
        stuff.sendall(b"fi")
        socks = [(connect(service.port), i) for i in range(1, len(LINES))]
        for sock, _ in socks:
            sock.sendall(LINES[:1])
        # All are accepted now: who dies in the act of accepting takes that one along.
        Unread([stuff] + [sock for sock, _ in socks]).wait()
        sink.stall()
        filler = [b"fill %02d" % i for i in range(60)]  # more than the log's queue holds
        stuff.sendall(b"".join(f + b"\n" for f in filler[:50])[2:])
        for sock, i in socks:
            sock.sendall(LINES[1:i])
        stuff.sendall(b"".join(f + b"\n" for f in filler[50:]))
        service.manager.wait_said("messages that wait", lambda f: re.search(
            r", [1-9]\d* waiting", f.get("STATUS", "")), service.since)
        die(service, 4, how)
        for sock, i in socks:
            sock.sendall(LINES[i:])
        sink.resume()
        names = [finish(sock) for sock, _ in socks]
        wanted = [b"one", b"two and a half", b"three", b"last without an end"]
        found = wait_said(sink, len(wanted) * len(socks) + len(filler))
        for name, (_, i) in zip(names, socks):
            assert texts(found[name]) == wanted, f"cut at {i}: {texts(found[name])}"
        assert texts(found[name_of(stuff)]) == filler
        took = service.words.matching(r"took over \d+ connections, ([1-9]\d*) messages in hand")
        assert len(took) >= 3, "nothing was in hand"


def in_hand_over_restarts(scratch):
    stalled(scratch, "restart")


def in_hand_over_kills(scratch):
    stalled(scratch, "kill")


def pieces_that_come_again_say_so(scratch):
    """One message of more than a datagram; its first piece is out when the daemon dies."""
    with surviving(scratch, buffer_size=131072) as (service, sink):
        service.allow("has taken nothing for a while", "is back after")
        sink.stall()
        sock = connect(service.port)
        sock.sendall(b"\1" * 131072 + b"\n")
        service.manager.wait_said("a message that waits",
                                  lambda f: ", 1 waiting" in f.get("STATUS", ""), service.since)
        service.kill()
        service.begin()
        sink.resume()
        records = sink.wait(lambda r: r and b"last] " in r[-1].text, "the last piece")
        seen = set()
        for record in records:
            mark, piece = re.fullmatch(rb"(\[repeat\?\] )?\[piece (\d+)(?:, last)?\] .*",
                                       record.text, re.DOTALL).groups()
            assert piece not in seen or mark, f"piece {piece} came twice, unmarked"
            seen.add(piece)
        assert len(records) > len(seen), "nothing came twice: the test has lost its point"


main(lines_and_frames_over_restarts, lines_and_frames_over_kills, long_ones_over_restarts,
     long_ones_over_kills, proxy_headers_over_kills, in_hand_over_restarts, in_hand_over_kills,
     pieces_that_come_again_say_so)
