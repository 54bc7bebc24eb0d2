#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# Peers say every byte there is: other scripts and emoji, which must pass untouched, and
# escape sequences, reversed text and broken UTF-8, which must reach neither a terminal nor a
# parser. In lines each of these bytes is shown as \xHH and LF as \n; the journal keeps LF,
# says in PEER_FLAGS what was changed, and in PEER_RAW what really came, under a number
# that leaves no gap. A message that pretends to be another peer's stays behind its own.

from support import *

UNCHANGED = [
    "日本語のログ、中文日志，한국어",
    "grüße – „quoted“ … ✓",
    "🚀👩‍👩‍👧‍👦 e\u0301 \U0010fffd \ue000 \ufffd",
    "\ufeffa byte order mark",
    "tab\there\tand\t\tthere",
    "back\\slash \\n \\x1b \\\\ %s %n %d %%  #011 {} $(x) `y`",
    "\u0627\u0644\u0639\u0631\u0628\u064a\u0629 \u05e2\u05d1\u05e8\u05d9\u05ea",
    "soft\u00adhyphen no\u00a0break \u200b\u200d\u2027",
    "~ last of ASCII; " + "x" * 100,
    "ends with spaces   ",
]

# as sent, as a line shows it; the journal is the same but for LF
CHANGED = [
    (b"esc \x1b[31mred\x1b[0m", rb"esc \x1b[31mred\x1b[0m"),
    (b"osc \x1b]0;title\x07", rb"osc \x1b]0;title\x07"),
    (b"bell\x07 back\x08 vt\x0b ff\x0c", rb"bell\x07 back\x08 vt\x0b ff\x0c"),
    (b"cr\rhere", rb"cr\x0dhere"),
    (b"del\x7f", rb"del\x7f"),
    ("c1 \u0080\u0085\u009b31m\u009f".encode(), rb"c1 \xc2\x80\xc2\x85\xc2\x9b31m\xc2\x9f"),
    ("bidi \u202e\u202a\u202b\u202c\u202d".encode(),
     rb"bidi \xe2\x80\xae\xe2\x80\xaa\xe2\x80\xab\xe2\x80\xac\xe2\x80\xad"),
    ("isolates \u2066\u2067\u2068\u2069".encode(),
     rb"isolates \xe2\x81\xa6\xe2\x81\xa7\xe2\x81\xa8\xe2\x81\xa9"),
    ("disk \ufffe failure \uffff \ufdd0\ufdef \U0001ffff".encode(),
     rb"disk \xef\xbf\xbe failure \xef\xbf\xbf \xef\xb7\x90\xef\xb7\xaf \xf0\x9f\xbf\xbf"),
    (b"latin1 gr\xfc\xdfe", rb"latin1 gr\xfc\xdfe"),
    (b"lone \x80 \xbf", rb"lone \x80 \xbf"),
    (b"overlong \xc0\xaf \xe0\x80\xaf \xf0\x80\x80\xaf",
     rb"overlong \xc0\xaf \xe0\x80\xaf \xf0\x80\x80\xaf"),
    (b"surrogate \xed\xa0\x80", rb"surrogate \xed\xa0\x80"),
    (b"too high \xf4\x90\x80\x80 \xf8\x88\x80\x80\x80 \xfe\xff",
     rb"too high \xf4\x90\x80\x80 \xf8\x88\x80\x80\x80 \xfe\xff"),
    (b"cut short \xe6\x97", rb"cut short \xe6\x97"),
    (b"cut by \xe6\x97ascii \xf0\x9f\x9a", rb"cut by \xe6\x97ascii \xf0\x9f\x9a"),
    ("good 日本 bad ".encode() + b"\xff" + " good 🚀".encode(),
     "good 日本 bad ".encode() + rb"\xff" + " good 🚀".encode()),
    (b"\x01" + b"x" * 100 + b"\x02", rb"\x01" + b"x" * 100 + rb"\x02"),
    (bytes(b for b in range(1, 32) if b not in b"\t\n"),
     b"".join(rb"\x%02x" % b for b in range(1, 32) if b not in b"\t\n")),
    (bytes(range(128, 256)), b"".join(rb"\x%02x" % b for b in range(128, 256))),
]

LINES = [
    (b"two\nlines", rb"two\nlines"),
    ("a line\u2028a paragraph\u2029".encode(), rb"a line\xe2\x80\xa8a paragraph\xe2\x80\xa9"),
    (b"Traceback:\n  File \"a\"\n\tat b\n\nend", b"Traceback:\\n  File \"a\"\\n\tat b\\n\\nend"),
    # These try to be two: a second datagram, and fields and entries of the journal.
    (b"a\n<0>Nov 22 08:12:14 root: b", rb"a\n<0>Nov 22 08:12:14 root: b"),
    (b"a\nPRIORITY=0\nPEER_ADDRESS=192.0.2.66\nMESSAGE=b",
     rb"a\nPRIORITY=0\nPEER_ADDRESS=192.0.2.66\nMESSAGE=b"),
    (b"a\n\nMESSAGE=b\nPRIORITY=0\n\n.", rb"a\n\nMESSAGE=b\nPRIORITY=0\n\n."),
    (b"a\nMESSAGE\n\t\t\t\t\t\t\t\tb\nc", b"a\\nMESSAGE\\n" + b"\t" * 8 + rb"b\nc"),
]

FORGED = [
    b"127.0.0.1:1 hello",
    b"192.0.2.66:514 root logged in",
    b"[2001:db8::1]:514 x",
    b"Nov 22 08:12:14 peerlogd[1]: 192.0.2.66:514 x",
    b"a\n<13>Nov 22 08:12:14 peerlogd[1]: 192.0.2.66:514 x",
    b"[particular] x", b"x [part 1] x",
]

# What the daemon itself would put there is shown with another bracket.
MARKS = [
    (text, rb"\x5b" + text[1:]) for text in (
        b"[part 1] x", b"[part 1]", b"[truncated, 5 bytes cut] x", b"[incomplete, 1 of 2 bytes] x",
        b"[repeat?] x")
]


def frames():
    """Everything above: what was said, and what is to be shown."""
    plain = [(t.encode(), t.encode()) for t in UNCHANGED] + [(t, t) for t in FORGED]
    return [(sent, shown) for sent, shown in plain + CHANGED + MARKS + LINES]


def stream_of(wanted):
    """One stream, ended by NULs so that LF may be inside; counted where an LF begins a line."""
    def frame(text):
        return b"%d <14>%s\0" % (len(text) + 4, text) if b"\n<" in text else b"<14>%s\0" % text
    return b"\0" + b"".join(frame(sent) for sent, _ in wanted)


def as_lines(kind, scratch):
    with serving(kind, scratch) as (daemon, sink):
        wanted = frames()
        stream = stream_of(wanted)
        whole = say(daemon.port, stream)
        single, = trickle(daemon, [[bytes([b]) for b in stream]])
        records = by_peer(sink.wait_count(2 * len(wanted)))
        for peer in (whole, single):
            for record, (sent, shown) in zip(records[peer], wanted):
                shown = shown.replace(b"\n", rb"\n")
                assert record.text == shown, f"{sent!r} became {record.text!r}, not {shown!r}"
        assert set(records) == {whole, single}, "somebody else's name came first"


def lines_on_stdout(scratch):
    as_lines("stdout", scratch)


def lines_on_syslog(scratch):
    as_lines("syslog", scratch)


def in_the_journal(scratch):
    with serving("journal", scratch) as (daemon, sink):
        wanted = frames()
        peer = say(daemon.port, stream_of(wanted))
        records = sink.wait_count(len(wanted))
        assert len(records) == len(wanted)
        changed = {sent for sent, _ in CHANGED + MARKS}
        for number, (record, (sent, shown)) in enumerate(zip(records, wanted), 1):
            f = record.fields
            if sent in changed:
                assert record.text == shown and f[b"PEER_RAW"] == sent
                assert f[b"PEER_FLAGS"] == b"escaped"
            else:
                assert record.text == sent, f"{sent!r} became {record.text!r}"
                assert b"PEER_RAW" not in f and b"PEER_FLAGS" not in f
            assert int(f[b"PEER_SEQUENCE"]) == number
            assert record.peer == peer
            assert f[b"PEER_LISTENER"] == b"127.0.0.1:%d" % daemon.port
            assert f[b"PRIORITY"] == b"6" and f[b"SYSLOG_FACILITY"] == b"3"
            assert f[b"SYSLOG_IDENTIFIER"] == b"peerlogd"
        assert len({r.fields[b"PEER_CONNECTION"] for r in records}) == 1


def without_the_peer(scratch):
    """show_peer = false: the journal's text is the peer's alone; lines keep the marks."""
    for kind in ("journal", "syslog", "stdout"):
        with new_sink(kind, scratch) as sink:
            sink.parse = lambda item: [item]
            listeners = [LOOPBACK, dict(LOOPBACK, show_peer=True)]
            with Daemon(scratch, sink, listeners=listeners, buffer_size=256,
                        output=dict(show_peer=False)) as daemon:
                say(daemon.port, b"hello\n" + b"x" * 257 + b"\n")
                sink.wait_count(3)
                peer = say(daemon.listeners[1][1], b"hello\n").encode()
                items = sink.wait_count(4)
                daemon.expect("is split", 1)
            if kind == "journal":
                assert [parse_entry(i)[b"MESSAGE"] for i in items] == [
                    b"hello", b"x" * 256, b"x", peer + b" hello"]
            else:
                texts = [i.partition(b"]: ")[2] if kind == "syslog" else i for i in items]
                assert texts == [b"hello", b"[part 1] " + b"x" * 256, b"[part 2, last] x",
                                 peer + b" hello"], texts


def flags_in_the_journal(scratch):
    with serving("journal", scratch, buffer_size=256) as (daemon, sink):
        inputs = [
            (b"whole\n", [set()]),
            (b"no end", [{"unterminated"}]),
            (b"no \x1bend", [{"unterminated", "escaped"}]),
            (b"50 <13>short", [{"incomplete"}]),
            (b"x" * 600 + b"\n", [{"split"}, {"split"}, {"split", "last"}]),
            (b"x" * 300, [{"split"}, {"split", "last", "unterminated"}]),
            (b"5 <13>a", [set()]),
            (b"\0<13>a\nb\0", [set()]),
        ]
        said = [(say(daemon.port, data), data, flags) for data, flags in inputs]
        records = by_peer(sink.wait_count(sum(len(flags) for _, _, flags in said)))
        for peer, data, flags in said:
            assert [r.flags for r in records[peer]] == flags, (data, records[peer])
            numbers = [int(r.fields[b"PEER_SEQUENCE"]) for r in records[peer]]
            assert numbers == list(range(1, len(flags) + 1)), numbers
        names = {peer: {r.fields[b"PEER_CONNECTION"] for r in rs} for peer, rs in records.items()}
        assert all(len(n) == 1 for n in names.values())
        assert len(set.union(*names.values())) == len(inputs), "an identifier for each connection"
        daemon.expect("is split", 2)


def sequence_without_a_gap(scratch):
    """Many connections at once, each with split, empty and ordinary messages between."""
    with serving("journal", scratch, buffer_size=256) as (daemon, sink):
        socks = [connect(daemon.port) for _ in range(16)]
        part = b"one\n\n\n<13>two\0three\0" + b"x" * 700 + b"\n5 <13>a"
        for _ in range(100):
            for sock in socks:
                sock.sendall(part)
        for sock in socks:
            finish(sock)
        records = by_peer(sink.wait_count(16 * 100 * 7))
        assert len(records) == 16
        for peer, got in records.items():
            numbers = [int(r.fields[b"PEER_SEQUENCE"]) for r in got]
            assert numbers == list(range(1, 701)), f"{peer}: {numbers[:20]}..."
        daemon.expect("is split", 16)
        daemon.allow("the count before a message is 5")


def identifiers_differ_over_restarts(scratch):
    with new_sink("journal", scratch) as sink:
        for _ in range(3):
            with Daemon(scratch, sink) as daemon:
                say(daemon.port, b"a\n")
        names = {r.fields[b"PEER_CONNECTION"] for r in sink.wait_count(3)}
        assert len(names) == 3, names


def growth_at_the_limit(scratch):
    """Text that grows fourfold by escaping, at buffer_size, before and behind it."""
    at = rb"\x01"
    for limit in (256, 50000):  # four times that still fits into a datagram
        for kind in ("stdout", "syslog", "journal"):
            with serving(kind, scratch, buffer_size=limit) as (daemon, sink):
                for n in (limit - 1, limit, limit + 1):
                    say(daemon.port, b"\x01" * n + b"\ngood\n")
                daemon.expect("is split", 1)
                texts = [r.text for r in sink.wait_count(7)]
                marks = (b"", b"") if kind == "journal" else (b"[part 1] ", b"[part 2, last] ")
                assert texts == [
                    at * (limit - 1), b"good", at * limit, b"good",
                    marks[0] + at * limit, marks[1] + at, b"good"], [len(t) for t in texts]


if __name__ == "__main__":
    main(lines_on_stdout, lines_on_syslog, in_the_journal, without_the_peer,
         flags_in_the_journal, sequence_without_a_gap, identifiers_differ_over_restarts,
         growth_at_the_limit)
