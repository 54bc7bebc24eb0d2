# SPDX-License-Identifier: MIT
"""Ledgers that cannot be believed.

Between death and start the manager's copy of the ledger is changed: another layout, cut short,
emptied, filled with noise, single bits flipped wherever something is written. The next
process never crashes, takes the connections over all the same, and says how much it could
not read; what comes afterwards is logged as if nothing had been.
"""

import contextlib
import os
import select
import struct

from survival import (LONG, LOOPBACK, Service, SyslogSink, connect, folder, held_port, main,
                      name_of, new_random)

CONNECTIONS = 12


class TolerantSink(SyslogSink):
    """Who has no slot any more has no name: "unknown:0"."""

    def parse(self, item):
        return super().parse(item.replace(b" unknown:0 ", b" 0.0.0.0:0 ", 1))


def tolerant_sink(scratch):
    return contextlib.closing(TolerantSink(os.path.join(scratch, "log")))


@contextlib.contextmanager
def after_damage(scratch, change, how="kill", allowed=()):
    """A death, a CHANGE to the ledger's descriptor, a start. Yields service, clients and log."""
    # A fixed port: who loses the ledger cannot know which one a 0 became.
    with tolerant_sink(scratch) as sink, held_port() as port, \
            Service(scratch, sink, listeners=[dict(LOOPBACK, port=port)]) as service:
        service.allow("in hand cannot be read", "the ledger of the process before cannot be read",
                      r"\d+ entries of the ledger were damaged", "connection closed, because",
                      "longer than buffer_size", "is broken; going on", "died .* times in a row",
                      "no PROXY header", "did not begin with a PROXY header", *allowed)
        socks = [connect(service.port) for _ in range(CONNECTIONS)]
        for i, sock in enumerate(socks):
            sock.sendall(b"first of %d\n" % i)
        sink.wait_count(CONNECTIONS)
        getattr(service, how)()
        fd, = service.manager.descriptors("ledger-")
        change(fd)
        service.begin()
        yield service, socks, sink


def damaged(scratch, change, words):
    """Who loses the ledger keeps everybody. WORDS: what is to be said."""
    with after_damage(scratch, change) as (service, socks, sink):
        for pattern in words:
            service.expect(pattern)
        for i, sock in enumerate(socks):
            assert not select.select([sock], [], [], 0)[0], "it was told goodbye"
            sock.sendall(b"second of %d\n" % i)
        records = sink.wait(lambda r: sum(b"second of" in x.text for x in r) == CONNECTIONS,
                            "everybody to be heard")
        said = {r.peer: r.text for r in records if b"second of" in r.text}
        assert said == {name_of(s): b"second of %d" % i for i, s in enumerate(socks)}
        # Not only for now: they are kept again.
        service.restart()
        for i, sock in enumerate(socks):
            sock.sendall(b"third of %d\n" % i)
        sink.wait(lambda r: sum(b"third of" in x.text for x in r) == CONNECTIONS, "third words")


def another_layout(scratch):
    def change(fd):
        os.pwrite(fd, struct.pack("=I", 99), 8)

    damaged(scratch, change, [r"in layout 99, which this version does not know; \d+ pieces",
                              f"took over {CONNECTIONS} connections"])


def another_layout_with_messages_in_hand(scratch):
    """Nothing of them can be told, but how many pieces there were."""
    def change(fd):
        at, = struct.unpack("=Q", os.pread(fd, 8, 24))  # inboxes_at
        os.pwrite(fd, struct.pack("=I", 5), at)
        os.pwrite(fd, struct.pack("=I", 7), 8)

    # Others may not have closed their last round when they were killed.
    damaged(scratch, change, [r"in layout 7, .*; ([5-9]|1\d) pieces of messages it had in hand"])


def cut(fd, size):
    """Put the first SIZE bytes of a ledger into its place. It is sealed, and cannot be cut."""
    try:
        os.ftruncate(fd, size)
        raise AssertionError("it can be cut")
    except PermissionError:
        pass
    part = os.memfd_create("part")
    os.ftruncate(part, size)
    os.pwrite(part, os.pread(fd, size, 0), 0)
    os.dup2(part, fd, inheritable=False)
    os.close(part)


def cut_short(scratch):
    for size in (1, 100, 4096, 70000, 700000):
        damaged(folder(scratch, str(size)), lambda fd, n=size: cut(fd, n),
                ["cannot be read", f"took over {CONNECTIONS} connections"])


def empty(scratch):
    damaged(scratch, lambda fd: cut(fd, 0), ["cannot be read"])


def no_ledger_at_all(scratch):
    damaged(scratch, lambda fd: os.pwrite(fd, b"\0" * 8, 0), ["cannot be read"])


def unfinished(scratch):
    """Its process died before it was true, and the one before it is not there any more."""
    def change(fd):
        life = 8 + 4 + 4 + 8 + 8 + 8 + 4 + 4 + 8 + 40 + 8 + 8 + 8 + 4
        assert struct.unpack("=I", os.pread(fd, 4, life))[0] == 1, "life is elsewhere"
        os.pwrite(fd, struct.pack("=I", 0), life)

    damaged(scratch, change, [f"took over {CONNECTIONS} connections"])


def written_ranges(fd):
    """Where something was written, as the holes of the file tell."""
    ranges, at, size = [], 0, os.fstat(fd).st_size
    while at < size:
        try:
            begin = os.lseek(fd, at, os.SEEK_DATA)
        except OSError:
            break
        at = os.lseek(fd, begin, os.SEEK_HOLE)
        ranges.append((begin, at))
    return ranges


def noise(scratch):
    """Bits flipped, words set to extremes; nobody crashes, and new connections are served."""
    chance = new_random()

    def spoil(fd):
        ranges = [r for r in written_ranges(fd)]
        for _ in range(chance.choice((1, 1, 2, 10, 300))):
            begin, end = chance.choice(ranges)
            # Most of what matters stands at the front of a structure.
            at = begin + chance.choice((chance.randrange(end - begin), chance.randrange(256)))
            old = os.pread(fd, 4, at)
            if chance.random() < 0.5:
                new = bytes(b ^ 1 << chance.randrange(8) for b in old[:1]) + old[1:]
            else:
                new = struct.pack("=I", chance.choice((0, 1, 2, 255, 65535, 2**31, 2**32 - 1,
                                                       chance.getrandbits(32))))
            os.pwrite(fd, new, at)

    allowed = ("cannot listen on", "does not begin", "not there", ": closed")
    for i in range(300 if LONG else 25):
        how = chance.choice(("kill", "stop"))
        with after_damage(folder(scratch, str(i)), spoil, how, allowed) as (service, _, sink):
            sock = connect(service.port)
            sock.sendall(b"a new one\n")
            sink.wait(lambda r: any(x.text == b"a new one" for x in r), "a new connection")


main(another_layout, another_layout_with_messages_in_hand, cut_short, empty, no_ledger_at_all,
     unfinished, noise)
