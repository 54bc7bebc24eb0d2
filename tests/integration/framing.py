#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# Messages come over real connections in every framing that senders are known to use, and
# in all that they get wrong. Each input is said on a connection of its own, whole, cut into
# a few pieces and byte by byte; whatever TCP did to it, the same records must be logged,
# on each kind of output. What is too long is split, cut or dropped as configured,
# marked where it is kept, and announced once for each connection.

from support import *

LONG_DIGITS = b"7" * 200
FOUR_GIGA = b"4294967301 <13>a"
HOSTILE_COUNTS = [b"%d" % n for n in (2**31 - 1, 2**31, 2**32 + 5, 2**63, 2**64 + 5, 10**20)]
HOSTILE_COUNTS.append(LONG_DIGITS)

# input, the records it makes: (text as it came, severity); LF in a text is LF here
TABLE = [
    (b"<13>a\n<13>last", [(b"a", 5), (b"last", 5)]),
    (b"<13>a\r\n<13>b\r\n", [(b"a", 5), (b"b", 5)]),
    (b"\n\n<13>a\n\n<13>b\n", [(b"a", 5), (b"b", 5)]),
    (b"<14>py one\0<11>two\nlines\0", [(b"py one", 6), (b"two\nlines", 3)]),
    (b"<134>one\n\0<131>two\n\0", [(b"one", 6), (b"two", 3)]),
    (b"<13>x\0y\n<13>z\n", [(b"x", 5), (b"y", 6), (b"z", 5)]),
    (b"<134>hello\n\0<131>two\nlines\0", [(b"hello", 6), (b"two\nlines", 3)]),
    (b"5 <13>a5 <13>b", [(b"a", 5), (b"b", 5)]),
    (b"5 <13>a\n5 <13>b\n", [(b"a", 5), (b"b", 5)]),
    (b"6 <13>a\n6 <13>b\n", [(b"a", 5), (b"b", 5)]),
    (b"05 <13>a0005 <13>b", [(b"a", 5), (b"b", 5)]),
    (b"9 <13>a\nb\n5 <13>c", [(b"a\nb\n5", 5), (b"c", 5)]),
    (b"0 5 <13>a\n", [(b"0 5 <13>a", 6)]),
    (b"-5 <13>a\n", [(b"-5 <13>a", 6)]),
    (b"5<13>a\n", [(b"5<13>a", 6)]),
    (b"5  <13>a\n", [(b"5  <13>a", 6)]),
    (b"100000000000000000000 <13>a\n<13>b\n", [(b"100000000000000000000 <13>a", 6), (b"b", 5)]),
    (FOUR_GIGA + b"\n<13>b\n", [(FOUR_GIGA, 6), (b"b", 5)]),
    (LONG_DIGITS + b" <13>a\n<13>b\n", [(LONG_DIGITS + b" <13>a", 6), (b"b", 5)]),
    (b"50 <13>short", [(b"[incomplete, 9 of 50 bytes] short", 5)]),
    (b"12345\n<13>b\n", [(b"12345", 6), (b"b", 5)]),
    (b"2026-11-22 hello\n404 not found\n<13>b\n",
     [(b"2026-11-22 hello", 6), (b"404 not found", 6), (b"b", 5)]),
    (b"12 <b>bold</b>\n", [(b"12 <b>bold</b>", 6)]),
    (b"<13>lf\n5 <13>o<13>lf2\n", [(b"lf", 5), (b"o", 5), (b"lf2", 5)]),
    (b" <181>a\n <181>b\n", [(b"a", 5), (b"b", 5)]),
    (b"<999>a\n<99999999999999999999>b\n<-1>c\n<>d\n",
     [(b"<999>a", 6), (b"<99999999999999999999>b", 6), (b"<-1>c", 6), (b"<>d", 6)]),
    # Beside the table: the sizes at which such software broke before.
    (b"2147483647 <13>a\n<13>b\n", [(b"2147483647 <13>a", 6), (b"b", 5)]),
    (b"2147483648 <13>a\n<13>b\n", [(b"2147483648 <13>a", 6), (b"b", 5)]),
    (b"18446744073709551621 <13>a\n<13>b\n", [(b"18446744073709551621 <13>a", 6), (b"b", 5)]),
    (b"16777217 <13>a\n<13>b\n", [(b"16777217 <13>a", 6), (b"b", 5)]),
    (b"9223372036854775808 <13>a\n<13>b\n", [(b"9223372036854775808 <13>a", 6), (b"b", 5)]),
    (b"16777216 <13>a", [(b"[incomplete, 5 of 16777216 bytes] a", 5)]),
    (b"100000000000000000000 <13>a\n100000000000000000000 <13>b",
     [(b"100000000000000000000 <13>a", 6), (b"100000000000000000000 <13>b", 6)]),
    (b"<192>a\n<13>b\n", [(b"<192>a", 6), (b"b", 5)]),
    (b"<2147483648>a\n<13>b\n", [(b"<2147483648>a", 6), (b"b", 5)]),
    (b"<100000000000000000000>a\n<13>b\n", [(b"<100000000000000000000>a", 6), (b"b", 5)]),
    (b"5 <999>6 <2147483648>a\n",
     [(b"<999>", 6), (b"<21474", 6), (b"[count 7 too short] [continued] 83648>a", 6)]),
    # what senders do that nothing but their ends tells apart
    (b"<13>l1\n<13>GET /\0<13>x\n<11>fan 1\n<11>fan 2\n",
     [(b"l1", 5), (b"GET /", 5), (b"x", 5), (b"fan 1", 3), (b"fan 2", 3)]),
    (b"8 <14>caf\xc3\xa99 <11>again9 <11>right",
     [(b"[count too short] caf\\xc3", 6), (b"[count 1 too short] [continued] \\xa9", 6),
      (b"again", 3), (b"right", 3)]),
    (b"10 <14>disk.10 <11>fans.9 <13>after",
     [(b"disk.1", 6), (b"[count 1 too long] fans.", 3), (b"after", 5)]),
    (b"5 hello7 goodbye2 ok", [(b"hello", 6), (b"goodbye", 6), (b"ok", 6)]),
    (b"<13>a\r<11>b\r<13>c\r", [(b"a", 5), (b"b", 3), (b"c", 5)]),
    (b"<13>a\n\r<11>b\n\r<13>c\n", [(b"a", 5), (b"b", 3), (b"c", 5)]),
    (b"\xef\xbb\xbf<11>one\n<11>two\n", [(b"one", 3), (b"two", 3)]),
    (b"<11>head\n\ttrace\n<14>next\n", [(b"head", 3), (b"\ttrace", 3), (b"next", 6)]),
    (b"{}__LOG4JS__{}__LOG4JS__", [(b"{}", 6), (b"{}", 6)]),
    (b"<191>a\n<", [(b"a", 7), (b"<", 6)]),
    (b"<\n<13>b\n", [(b"<", 6), (b"b", 5)]),
    (b"<1\n<13>b\n", [(b"<1", 6), (b"b", 5)]),
    (b"<", [(b"<", 6)]),
    (b"<1", [(b"<1", 6)]),
    (b"5", [(b"5", 6)]),
    (b"5 ", [(b"5 ", 6)]),
    (b"5 <13", [(b"5 <13", 6)]),
    (b"\0\0\n\0\r\n", []),
    (b"", []),
]

# One line of 20,004 bytes: three pieces, not thousands of records.
LONG_LINE = (b"<13>" + b"L" * 20000 + b"\n<13>after",
             [(b"[part 1] " + b"L" * 8188, 5), (b"[part 2] " + b"L" * 8192, 5),
              (b"[part 3, last] " + b"L" * 3620, 5), (b"after", 5)])


# What is said once for a peer whose messages end like some of these.
HINTS = ["the count before a message is", "its messages have no end"]


def as_shown(kind, record):
    """What the journal says in fields, as the text outputs say it."""
    if kind != "journal":
        return record.text
    fields = record.fields
    mark = b""
    if "split" in record.flags:
        mark = b"[part %s%s] " % (fields[b"PEER_PART"], b", last" * ("last" in record.flags))
    if "truncated" in record.flags:
        mark = b"[truncated, %s bytes cut] " % fields[b"PEER_CUT_BYTES"]
    if "incomplete" in record.flags:
        mark += b"[incomplete, %s of %s bytes] " % (fields[b"PEER_HAVE_BYTES"],
                                                    fields[b"PEER_WANT_BYTES"])
    if "misfit" in record.flags:
        off = int(fields[b"PEER_HAVE_BYTES"]) - int(fields[b"PEER_WANT_BYTES"])
        mark += (b"[count %d too %s] " % (abs(off), b"short" if off > 0 else b"long") if off
                 else b"[count too short] ")
    if "continued" in record.flags and not record.text.startswith((b" ", b"\t")):
        mark += b"[continued] "
    return mark + record.text


def as_wanted(kind, wanted, facility=DAEMON):
    text, severity = wanted
    if kind != "journal":
        text = text.replace(b"\n", b"\\n")
    return text, None if kind == "stdout" else facility * 8 + severity


def check_rows(kind, sink, said):
    """SAID: [(peer, input, wanted records)], as time went by. Exactly these, and nobody else's.

    The kernel may give the port of one that has ended to another one.
    """
    count = sum(len(wanted) for _, _, wanted in said)
    found = by_peer(sink.wait_count(count))
    inputs, all_wanted = {}, {}
    for peer, data, wanted in said:
        inputs.setdefault(peer, []).append(data[:100])
        all_wanted.setdefault(peer, []).extend(as_wanted(kind, w) for w in wanted)
    for peer, wanted in all_wanted.items():
        got = [(as_shown(kind, r), r.priority) for r in found.pop(peer, [])]
        assert got == wanted, f"{inputs[peer]!r} became {got}"
    assert not found, f"nobody said {found}"


def cuts_of(data):
    """Some ways to cut it: everywhere but once, at a third, around the middle."""
    n = len(data)
    return {1, 2, n // 3, n // 2, n - 2, n - 1} & set(range(1, n))


def framing_table(kind, scratch):
    with serving(kind, scratch) as (daemon, sink):
        rows = TABLE + [LONG_LINE]
        said = [(say(daemon.port, data), data, wanted) for data, wanted in rows]
        said += [(peer, data, wanted) for peer, (data, wanted) in zip(
            trickle(daemon, [[bytes([b]) for b in data] for data, _ in TABLE]), TABLE)]
        cut = [((data, wanted), [data[:at], data[at:]])
               for data, wanted in rows for at in sorted(cuts_of(data))]
        cut += [((data, wanted), [data[i:i + 7] for i in range(0, len(data), 7)])
                for data, wanted in TABLE if data]
        said += [(peer, data, wanted) for peer, ((data, wanted), _) in zip(
            trickle(daemon, [pieces for _, pieces in cut]), cut)]
        check_rows(kind, sink, said)
        daemon.allow(*HINTS)
        daemon.expect(r"^peerlogd: \S+: message longer than buffer_size \(8192 bytes\) is split",
                      sum(wanted is LONG_LINE[1] for _, _, wanted in said))


def table_on_stdout(scratch):
    framing_table("stdout", scratch)


def table_on_syslog(scratch):
    framing_table("syslog", scratch)


def table_in_the_journal(scratch):
    framing_table("journal", scratch)


# Rows whose last message is whole although nothing ends it: it was counted.
WHOLE = [data for data, _ in TABLE if data.startswith((b"5 <13>a5", b"05 <13>a", b"8 <14>caf",
                                                       b"10 <14>disk.", b"5 hello7"))]


def as_cut(data, wanted):
    """The records of a row whose stream was cut behind it."""
    if not wanted or data in WHOLE or data.endswith((b"\n", b"\r", b"\0", b"_")):
        return wanted
    text, severity = wanted[-1]
    return wanted[:-1] + [(b"[cut] " + text, severity)]


def cut_in_the_middle(scratch):
    """In every output; by a reset, in a connection that is one message, and by our own end."""
    for kind in ("syslog", "stdout", "journal"):
        with serving(kind, scratch, listeners=[PATIENT, dict(PATIENT, framing="close")]) as (
                daemon, sink):
            for count, (_, port) in enumerate(daemon.listeners):
                sock = connect(port)
                sock.sendall(b"half")
                reset(sock)
                record = sink.wait_count(count + 1)[-1]
                assert record.text == (b"half" if kind == "journal" else b"[cut] half"), record
                assert kind != "journal" or "cut" in record.flags
            kept = connect(daemon.port)
            kept.sendall(b"whole\nhalf")
            sink.wait_count(3)
            daemon.end()
            record = sink.wait_count(4)[-1]
            assert record.text == (b"half" if kind == "journal" else b"[cut] half"), record


def reset_instead_of_the_end(scratch):
    """Every row once more, ended by an RST: what came before it counts, what it cut is marked."""
    with serving("syslog", scratch) as (daemon, sink):
        said = []
        for data, wanted in TABLE + [LONG_LINE]:
            sock = connect(daemon.port)
            sock.sendall(data)
            said.append((name_of(sock), data, as_cut(data, wanted)))
            reset(sock)
        check_rows("syslog", sink, said)
        daemon.allow(*HINTS)
        daemon.expect(r"is split", 1)


OTHER = {
    "lf": [
        (b"<13>a\n5 <13>b\n<13>c\r\nd", [(b"a", 5), (b"5 <13>b", 6), (b"c", 5), (b"d", 6)]),
        (b"a\0b\n", [(b"a\\x00b", 6)]),
    ],
    "nul": [
        (b"<13>a\nb\0c\n\0\0d", [(b"a\nb", 5), (b"c", 6), (b"d", 6)]),
        (b"5 <13>a\0", [(b"5 <13>a", 6)]),
    ],
    "octet-counting": [
        (b"1 a2 bc5 <13>d3 e\nf", [(b"a", 6), (b"bc", 6), (b"d", 5), (b"e\nf", 6)]),
        (b"2 a\n2 b\n\n", [(b"a", 6), (b"b", 6)]),
        (b"oops\n1 a", [(b"oops", 6), (b"a", 6)]),
        (b"99999999999 a\n1 b", [(b"99999999999 a", 6), (b"b", 6)]),
        *((count + b" a\n1 b", [(count + b" a", 6), (b"b", 6)]) for count in HOSTILE_COUNTS),
        (b"0 1 a", [(b"a", 6)]),
        (b"10 abc", [(b"[incomplete, 3 of 10 bytes] abc", 6)]),
    ],
    "close": [
        (b"<13>a\nb\n5 <13>c\n", [(b"a\nb\n5 <13>c", 5)]),
        (b"hello my name is tony", [(b"hello my name is tony", 6)]),
        (b"a\0b", [(b"a\\x00b", 6)]),
        (b"", []),
    ],
}


def other_framings(scratch):
    """A daemon for each, since connections to two listeners may share a name."""
    for name, rows in OTHER.items():
        with serving("syslog", scratch, listeners=[dict(LOOPBACK, framing=name)]) as (daemon, sink):
            said = []
            for data, wanted in rows:
                said.append((say(daemon.port, data), data, wanted))
                slow = trickle(daemon, [[bytes([byte]) for byte in data]], daemon.port)
                said.append((slow[0], data, wanted))
            check_rows("syslog", sink, said)


def a_hundred_thousand_digits(scratch):
    """A count without an end is a long line of text, and the next message is as good as ever."""
    digits = b"9" * 100000
    cuts = [[], [1], [9], [10], [11], [8191], [8192], [8193], [99999], [10, 11, 12, 50000, 99999]]
    for framing in ("auto", "octet-counting"):
        good = b"8 <13>good"
        with serving("syslog", scratch, listeners=[dict(LOOPBACK, framing=framing)]) as (
                daemon, sink):
            stream = digits + b" <13>a\n" + good
            streams = [[stream[a:b] for a, b in zip([0] + cut, cut + [None])] for cut in cuts]
            names = trickle(daemon, streams)
            records = by_peer(sink.wait_count(14 * len(cuts)))
            for name in names:
                *parts, last = records[name]
                assert last.text == b"good" and last.priority == DAEMON * 8 + NOTICE, last
                marks = [b"[part %d%s] " % (i + 1, b", last" * (i == 12)) for i in range(13)]
                assert [p.text[:len(m)] for p, m in zip(parts, marks)] == marks, parts
                assert b"".join(p.text[len(m):] for p, m in zip(parts, marks)) == (
                    digits + b" <13>a")
            daemon.expect("is split", len(cuts))


def lone_message_leaves_at_once(scratch):
    """Nothing waits for the bytes after a terminator, and none of these closes."""
    with serving("syslog", scratch) as (daemon, sink):
        sock = connect(daemon.port)
        for i, data in enumerate([b"a\n", b"<13>b\0", b"<13>c\0", b"5 <13>d", b"<13>e\n"]):
            sock.sendall(data)
            assert sink.wait_count(i + 1)[i].text == b"abcde"[i:i + 1]
        finish(sock)


# --- too long ---

SMALL = 256


def oversize(kind, scratch, policy, cases):
    """CASES: [(input, wanted records, is one of them too long?)], whole and in pieces."""
    with serving(kind, scratch, buffer_size=SMALL, oversize=policy) as (daemon, sink):
        said = [(say(daemon.port, data), data, wanted) for data, wanted, _ in cases]
        pieces = [[data[i:i + 100] for i in range(0, len(data), 100)] for data, _, _ in cases]
        said += [(peer, data, wanted) for peer, (data, wanted, _) in zip(
            trickle(daemon, pieces), cases)]
        check_rows(kind, sink, said)
        verb = {"split": "split", "truncate": "truncated", "discard": "discarded"}[policy]
        count = 2 * sum(is_long for _, _, is_long in cases)
        if count:
            daemon.expect(rf"longer than buffer_size \({SMALL} bytes\) is {verb}", count)
        daemon.end()
        assert daemon.said("longer than buffer_size") == count, "said once for a connection"


def parts(text):
    pieces = [text[i:i + SMALL] for i in range(0, len(text), SMALL)]
    return [(b"[part %d%s] " % (i + 1, b", last" * (i + 1 == len(pieces))) + piece, 6)
            for i, piece in enumerate(pieces)]


def fitting(n):
    return (b"x" * n + b"\n<13>good\n", [(b"x" * n, 6), (b"good", 5)], False)


def split_oversize(scratch):
    hundred = "日本語の長い行".encode() * 40  # 3 bytes a character
    whole = SMALL - SMALL % 3
    cases = [fitting(SMALL - 1), fitting(SMALL)]
    cases.append((b"x" * 300 + b"\n" + b"y" * 300 + b"\n",
                  parts(b"x" * 300) + parts(b"y" * 300), True))
    for n in (SMALL + 1, 2 * SMALL, 2 * SMALL + 1, 5000):
        cases.append((b"x" * n + b"\n<13>good\n", parts(b"x" * n) + [(b"good", 5)], True))
        cases.append((b"x" * n + b"\r\n<13>good\0", parts(b"x" * n) + [(b"good", 5)], True))
    first = b"<11>" + b"y" * (SMALL - 4)
    cases.append((first + b"z\n",
                  [(b"[part 1] " + b"y" * (SMALL - 4), 3), (b"[part 2, last] z", 3)], True))
    cuts = [hundred[i:i + whole] for i in range(0, len(hundred), whole)]
    cases.append((hundred + b"\n", [(b"[part %d%s] " % (i + 1, b", last" * (i + 1 == len(cuts)))
                                     + c, 6) for i, c in enumerate(cuts)], True))
    cases.append((b"304 <13>" + b"c" * 300 + b"<13>good\n",
                  [(b"[part 1] " + b"c" * 252, 5), (b"[part 2, last] " + b"c" * 48, 5),
                   (b"good", 5)], True))
    cases.append((b"700 <13>" + b"c" * 300,
                  [(b"[part 1] " + b"c" * 252, 5),
                   (b"[part 2, last] [incomplete, 304 of 700 bytes] " + b"c" * 48, 5)], True))
    for kind in ("syslog", "stdout", "journal"):
        oversize(kind, scratch, "split", cases)


def truncate_oversize(scratch):
    cases = [fitting(SMALL - 1), fitting(SMALL)]
    for n in (SMALL + 1, 2 * SMALL, 5000):
        for end in (b"\n", b"\r\n", b"\n<13>a\n" + b"y" * 1000 + b"\n"):
            cut = [(b"[truncated, %d bytes cut] " % (n - SMALL) + b"x" * SMALL, 6)]
            if b"y" in end:
                cut += [(b"a", 5), (b"[truncated, 744 bytes cut] " + b"y" * SMALL, 6)]
            cases.append((b"x" * n + end + b"<13>good\n", cut + [(b"good", 5)], True))
    cases.append((b"304 <13>" + b"c" * 300 + b"<13>good\n",
                  [(b"[truncated, 48 bytes cut] " + b"c" * 252, 5), (b"good", 5)], True))
    cases.append((b"700 <13>" + b"c" * 300,
                  [(b"[truncated, 48 bytes cut] [incomplete, 304 of 700 bytes] " + b"c" * 252, 5)],
                  True))
    for kind in ("syslog", "journal"):
        oversize(kind, scratch, "truncate", cases)


def discard_oversize(scratch):
    cases = [fitting(SMALL - 1), fitting(SMALL)]
    for n in (SMALL + 1, 2 * SMALL, 5000):
        cases.append((b"x" * n + b"\n<13>good\n" + b"x" * n + b"\r\n<13>more",
                      [(b"good", 5), (b"more", 5)], True))
    cases.append((b"304 <13>" + b"c" * 300 + b"<13>good\n", [(b"good", 5)], True))
    cases.append((b"x" * 1000, [], True))
    oversize("syslog", scratch, "discard", cases)


if __name__ == "__main__":
    main(table_on_stdout, table_on_syslog, table_in_the_journal, cut_in_the_middle,
         reset_instead_of_the_end,
         other_framings, a_hundred_thousand_digits, lone_message_leaves_at_once,
         split_oversize, truncate_oversize, discard_oversize)
