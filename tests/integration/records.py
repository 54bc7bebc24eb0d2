# SPDX-License-Identifier: MIT
"""Records as a log receives them, parsed strictly.

A record of a form that the manual does not describe ends the test.
"""

import re
import struct

DAEMON, USER = 3, 1
EMERG, ALERT, CRIT, ERR, WARNING, NOTICE, INFO, DEBUG = range(8)


class Record:
    """One record as a log received it. `text` is bytes, without the peer."""

    __slots__ = ("fields", "peer", "priority", "tag", "text")

    def __init__(self, peer, text, priority=None, tag=None, fields=None):
        self.peer = peer
        self.text = text
        self.priority = priority
        self.tag = tag
        self.fields = fields

    @property
    def severity(self):
        return None if self.priority is None else self.priority & 7

    @property
    def flags(self):
        value = self.fields.get(b"PEER_FLAGS", b"")
        return set(value.decode().split(",")) if value else set()

    def __repr__(self):
        return f"<{self.priority}>{self.peer} {self.text[:80]!r}"


PEER = rb"(\d{1,3}(?:\.\d{1,3}){3}:\d{1,5}|\[[0-9a-f:.]+\]:\d{1,5})"
LINE = re.compile(PEER + rb" (.*)", re.DOTALL)
DATAGRAM = re.compile(
    rb"<(\d{1,3})>((?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) "
    rb"(?: [1-9]|[12]\d|3[01]) (?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d) "
    rb"([^ :\[\]]{1,32})\[(\d+)\]: " + LINE.pattern, re.DOTALL)


def parse_datagram(data):
    match = DATAGRAM.fullmatch(data)
    assert match, f"not a syslog datagram: {data[:200]!r}"
    assert b"\n" not in data and b"\0" not in data, f"not one line: {data[:200]!r}"
    pri, _, tag, _, peer, text = match.groups()
    return Record(peer.decode(), text, int(pri), tag.decode())


def parse_line(data):
    match = LINE.fullmatch(data)
    assert match, f"not a line of the stdout output: {data[:200]!r}"
    return Record(match.group(1).decode(), match.group(2))


def parse_entry(data):
    """The entry of a datagram of the journal's native protocol, which has room for one."""
    at, fields = 0, {}
    while at < len(data):
        end = data.index(b"\n", at)
        line = data[at:end]
        at = end + 1
        assert line, "an empty line: what comes after it is another entry, and is not stored"
        name, equals, value = line.partition(b"=")
        if not equals:
            size, = struct.unpack_from("<Q", data, at)
            value = data[at + 8:at + 8 + size]
            at += 8 + size
            assert data[at:at + 1] == b"\n", f"{name!r} is not closed by a line feed"
            at += 1
        assert re.fullmatch(rb"[A-Z][A-Z0-9_]{0,63}", name), f"field name {name!r}"
        assert name not in fields, f"field {name!r} twice in an entry"
        fields[name] = value
    return fields


def record_of_entry(f):
    address, port = f[b"PEER_ADDRESS"].decode(), f[b"PEER_PORT"].decode()
    peer = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    priority = int(f[b"SYSLOG_FACILITY"]) * 8 + int(f[b"PRIORITY"])
    begin = peer.encode() + b" " + marks_of_entry(f)
    assert f[b"MESSAGE"].startswith(begin), f"{f[b'MESSAGE'][:100]!r} begins without {begin!r}"
    return Record(peer, f[b"MESSAGE"][len(begin):], priority, f[b"SYSLOG_IDENTIFIER"].decode(), f)


def marks_of_entry(f):
    """What stands between peer and text, as the other fields have it."""
    flags = f.get(b"PEER_FLAGS", b"").split(b",")
    marks = b"[repeat?] " if b"repeat" in flags else b""
    if b"split" in flags:
        marks += b"[part %s%s] " % (f[b"PEER_PART"], b", last" if b"last" in flags else b"")
    if b"truncated" in flags:
        marks += b"[truncated, %s bytes cut] " % f[b"PEER_CUT_BYTES"]
    if b"incomplete" in flags:
        marks += b"[incomplete, %s of %s bytes] " % (f[b"PEER_HAVE_BYTES"], f[b"PEER_WANT_BYTES"])
    return marks


def by_peer(records):
    """The records of each peer, in order."""
    found = {}
    for record in records:
        found.setdefault(record.peer, []).append(record)
    return found


def numbered(stream, count, first=0, pad=0):
    """COUNT messages that say which stream they are of, and their place in it."""
    return [b"stream %d message %07d" % (stream, i) + b"." * pad
            for i in range(first, first + count)]


def check_streams(records, streams):
    """Nothing lost, nothing doubled, nothing out of order. STREAMS: {peer: [text, ...]}."""
    found = by_peer(records)
    for peer, wanted in streams.items():
        got = [r.text for r in found.get(peer, [])]
        if got == wanted:
            continue
        lost = set(wanted) - set(got)
        raise AssertionError(
            f"{peer}: {len(wanted)} messages became {len(got)}; {len(lost)} lost "
            f"({sorted(lost)[:3]!r:.300}), {len(got) - len(set(got))} doubled, "
            f"order {'kept' if sorted(got) == got else 'not kept'}")
    strangers = set(found) - set(streams)
    assert not strangers, f"nobody sent what {sorted(strangers)[:3]} said"
