#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# The log daemon has bad days: it is not there yet, it stalls, it is slow, it is gone for
# good, and somebody restarts it again and again while sixteen clients talk at full speed.
# peerlogd says so once, lets the clients wait, and says once when it is back. Then
# every message is there, once, in the order in which its client said it; and a
# message that is too large for the log's datagrams arrives in pieces, not never.

from support import *

LOST = r"is not there \(.*\); waiting for it, clients wait too, nothing is dropped$"
BACK = r"socket \S+ is back after \d+\.\d\d\d s$"
STREAMS = 16


class Talkers:
    """Connections that send numbered messages for as long as a test wants."""

    def __init__(self, port, count=STREAMS, least=500, most=1 << 60, pad=2000):
        self.least, self.most, self.pad = least, most, pad
        self.enough = threading.Event()
        self.streams = {}
        self.sent = 0
        self.failures = []
        self.threads = [threading.Thread(target=self.talk, args=(port, i), daemon=True)
                        for i in range(count)]
        for thread in self.threads:
            thread.start()

    def talk(self, port, number):
        try:
            sock = connect(port)
            texts = self.streams[name_of(sock)] = []
            sock.settimeout(None)
            while len(texts) < self.most and not (self.enough.is_set() and
                                                  len(texts) >= self.least):
                more = numbered(number, 50, len(texts), self.pad)
                sock.sendall(b"\n".join(more) + b"\n")
                texts += more
                self.sent += len(more)
            finish(sock)
        except Exception as error:
            self.failures.append(error)

    def end(self):
        """Everything was said, and the daemon has read it."""
        self.enough.set()
        for thread in self.threads:
            thread.join(PATIENCE)
            assert not thread.is_alive(), "a client could not finish"
        assert not self.failures, self.failures
        return self.streams


def check_all(sink, talkers):
    streams = talkers.end()
    total = sum(map(len, streams.values()))
    with contextlib.suppress(Late):  # what is missing says more than the number
        sink.wait_count(total)
    check_streams(sink.records(), streams)
    assert len(streams) == len(talkers.threads)


def missing_at_start(kind, scratch):
    with new_sink(kind, scratch, bind=False) as sink:
        with Daemon(scratch, sink) as daemon:
            daemon.expect(LOST)
            talkers = Talkers(daemon.port, least=300, most=300)
            early = connect(daemon.port)
            early.sendall(b"early\n")
            name = name_of(early)
            reset(early)
            sink.bind()
            daemon.expect(BACK)
            streams = talkers.end()
            streams[name] = [b"early"]
            check_streams(sink.wait_count(300 * STREAMS + 1), streams)
            daemon.end()
            assert daemon.said(LOST) == daemon.said(BACK) == 1, "said once, and once"


def missing_syslog(scratch):
    missing_at_start("syslog", scratch)


def missing_journal(scratch):
    missing_at_start("journal", scratch)


def stalled(kind, scratch):
    """A receiver that stops reading for a while: the clients wait, and nothing is said."""
    with serving(kind, scratch) as (daemon, sink):
        talkers = Talkers(daemon.port, count=4, pad=4000)
        for _ in range(3):
            before = sink.count()
            sink.wait(lambda _, n=before: sink.count() > n + 50, "more messages")
            sink.stall()
            until_still(lambda: talkers.sent, "the clients to wait")
            assert all(t.is_alive() for t in talkers.threads)
            sink.resume()
        check_all(sink, talkers)


def stalled_syslog(scratch):
    stalled("syslog", scratch)


def stalled_journal(scratch):
    stalled("journal", scratch)


def a_long_stall(scratch):
    """What takes nothing for two seconds is said to be lost; the time counts from its last sign."""
    with serving("syslog", scratch) as (daemon, sink):
        sink.stall()
        sock = connect(daemon.port)
        sock.sendall(b"waits\n" * 1000)
        daemon.expect("has taken nothing for a while")
        daemon.signal(signal.SIGUSR1)
        assert 0 < daemon.counted("messages") < 1000, "what it took is counted, and no more"
        sink.resume()
        daemon.expect(r"is back after (?!0\.|1\.)\d+\.\d\d\d s$")
        sink.wait_count(1000)
        finish(sock)


def replaced(kind, scratch, times):
    """Replaced under load, and as often unlinked and bound again; each datagram is counted."""
    with serving(kind, scratch, workers=2) as (daemon, sink):
        talkers = Talkers(daemon.port, least=0, pad=8000)
        for i in range(2 * times):
            before = sink.count()
            with sink.changed:
                assert sink.changed.wait_for(lambda n=before: sink.count() > n, PATIENCE), (
                    f"nothing arrives after {i} changes: {daemon.words.lines[-3:]}")
            if i % 2 == 0:
                sink.unlink()
                sink.close()
                sink.bind()
            else:
                sink.replace()
        check_all(sink, talkers)
        daemon.allow(LOST)
        daemon.allow(BACK)
        daemon.end()
        # Two workers may notice one change at different times, when it was over for the other.
        assert daemon.said(LOST) == daemon.said(BACK) <= 4 * times, (
            daemon.said(LOST), daemon.said(BACK))


def replaced_syslog(scratch):
    replaced("syslog", scratch, 100)


def replaced_journal(scratch):
    replaced("journal", scratch, 100)


def gone_for_a_while(scratch):
    """Gone under load, away while all clients wait, and back: one word each."""
    with serving("syslog", scratch) as (daemon, sink):
        for i in range(1, 4):
            before = sink.count()
            talkers = Talkers(daemon.port)
            sink.wait(lambda _, n=before: sink.count() > n + 500, "the first messages")
            sink.unlink()
            sink.close()
            daemon.expect(LOST, i)
            talkers.enough.set()
            sink.bind()
            daemon.expect(BACK, i)
            streams = talkers.end()
            total = before + sum(map(len, streams.values()))
            # Those of this turn: a port may have been somebody else's in an earlier one.
            check_streams(sink.wait_count(total)[before:], streams)
        daemon.end()
        assert daemon.said(LOST) == daemon.said(BACK) == 3, "said once, and once"


def slow(kind, scratch):
    """A receiver that needs a millisecond for each datagram: all have to wait, nobody is told."""
    with serving(kind, scratch, workers=2) as (daemon, sink):
        sink.slowness = 0.001
        begun = time.monotonic()
        check_all(sink, Talkers(daemon.port, least=100, most=100))
        assert time.monotonic() - begun >= sink.count() * sink.slowness, "it was not slow"


def slow_syslog(scratch):
    slow("syslog", scratch)


def slow_journal(scratch):
    slow("journal", scratch)


class StreamSink(Sink):
    """A log socket of streams: messages end with NUL, and each connection is read by a thread."""

    kind = "syslog"

    def __init__(self, path):
        super().__init__()
        self.path = path
        self.reads = threading.Event()
        self.reads.set()
        self.halves = []  # what came of messages that were cut by an end
        self.threads = []
        self.peers = []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.bind(path)
        self.socket.listen()
        self.start(self.accept)

    def start(self, run, *arguments):
        self.threads.append(threading.Thread(target=run, args=arguments, daemon=True))
        self.threads[-1].start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                self.peers.append(self.socket.accept()[0])
                self.start(self.run, self.peers[-1])

    def run(self, sock):
        rest = b""
        while self.reads.wait() and (data := sock.recv(65536)):
            *whole, rest = (rest + data).split(b"\0")
            self.add(whole)
        if rest:
            self.halves.append(rest)

    def parse(self, item):
        return [parse_datagram(item)]

    def close(self):
        """Nobody connects, and nothing is taken any more; what was is read to its end."""
        os.unlink(self.path)
        self.socket.shutdown(socket.SHUT_RDWR)  # accept() returns
        self.threads[0].join()
        self.socket.close()
        for sock in self.peers:
            sock.shutdown(socket.SHUT_RD)
        self.reads.set()
        for thread in self.threads:
            thread.join()


def log_of_streams(scratch):
    """It is used as syslog(3) uses it, and so are halves of messages that it has taken."""
    path = os.path.join(scratch, "log")
    sink = StreamSink(path)
    with Daemon(scratch, workers=2, output=dict(type="syslog", path=path)) as daemon:
        say(daemon.port, b"<11>one\ntwo \x1b[1m \xff\n\nlast")
        records = sink.wait_count(3)
        assert [r.text for r in records] == [b"one", rb"two \x1b[1m \xff", b"last"]
        assert [r.severity for r in records] == [ERR, INFO, INFO]
        sink.reads.clear()
        talkers = Talkers(daemon.port, count=4, pad=4000)
        until_still(lambda: talkers.sent, "the clients to wait")
        sink.reads.set()
        sink.wait(lambda _: sink.count() > 500, "messages")
        streams = talkers.end()
        total = sum(map(len, streams.values()))
        check_streams(sink.wait_count(total + 3)[3:], streams)
        status, _, err = run_daemon("--check", "-c", daemon.file)
        assert status == 0 and not any("is a socket" in line for line in err), err
    assert not sink.halves


def from_streams_to_datagrams(scratch):
    """Log daemons whose sockets are of either type take turns, under load; halves come again."""
    path = os.path.join(scratch, "log")
    sinks = [StreamSink(path)]
    with Daemon(scratch, workers=2, output=dict(type="syslog", path=path)) as daemon:
        daemon.allow(LOST, BACK)
        talkers = Talkers(daemon.port, count=4, pad=4000)
        for kind in (StreamSink, SyslogSink, StreamSink, SyslogSink, StreamSink):
            sinks[-1].wait(lambda _: sinks[-1].count() > 200, "messages")
            if isinstance(sinks[-1], StreamSink):
                sinks[-1].reads.clear()
                until_still(lambda: talkers.sent, "the clients to wait")
            else:
                sinks[-1].unlink()
            sinks[-1].close()
            sinks.append(kind(path))
        sinks[-1].wait(lambda _: sinks[-1].count() > 200, "messages")
        streams = talkers.end()
        total = sum(map(len, streams.values()))
        until(lambda: sum(sink.count() for sink in sinks) >= total, "all messages")
        records = [record for sink in sinks for record in sink.records()]
        repeats = [r for r in records if r.text.startswith(b"[repeat?] ")]
        for record in repeats:
            record.text = record.text.removeprefix(b"[repeat?] ")
        check_streams(records, streams)
        halves = sum(len(sink.halves) for sink in sinks if isinstance(sink, StreamSink))
        assert len(repeats) == halves > 0, f"{halves} halves, {len(repeats)} came again"
    sinks[-1].close()


def something_else_than_a_socket(scratch):
    """Said as what it is, at the start and by --check."""
    path = os.path.join(scratch, "log")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as packets:
        packets.bind(path + ".packets")
        packets.listen()
        os.mkdir(path + ".folder")
        os.mkfifo(path + ".fifo")
        with open(path + ".file", "wb"):
            pass
        for end, words in ((".packets", "is a socket of another type, that takes no datagrams"),
                           (".folder", "is a directory, and no socket"),
                           (".fifo", "is a FIFO, and no socket"),
                           (".file", "is a file, and no socket")):
            with Daemon(scratch, output=dict(type="syslog", path=path + end)) as daemon:
                daemon.expect(rf"log{end} {words} \(.*waiting for it")
                status, _, err = run_daemon("--check", "-c", daemon.file)
                assert status == 0 and any(f"{end} {words}" in line for line in err), err


def too_large_for_a_datagram(scratch):
    """131,072 control characters need four times that, and a datagram takes 212,960 bytes."""
    size = 131072
    with serving("syslog", scratch, buffer_size=size) as (daemon, sink):
        peer = say(daemon.port, b"before\n" + b"\x01" * size + b"\nafter\n")
        records = sink.wait(lambda r: r and r[-1].text == b"after", "the last one")
        assert {r.peer for r in records} == {peer}
        assert [r.text for r in (records[0], records[-1])] == [b"before", b"after"]
        pieces = [re.fullmatch(rb"\[piece (\d+)(, last)?\] (.*)", r.text, re.DOTALL)
                  for r in records[1:-1]]
        assert all(pieces), [r.text[:60] for r in records]
        assert [int(p.group(1)) for p in pieces] == list(range(1, len(pieces) + 1))
        assert [p.group(2) is not None for p in pieces] == [False] * (len(pieces) - 1) + [True]
        assert b"".join(p.group(3) for p in pieces) == rb"\x01" * size


def too_large_for_the_journal(scratch):
    """The same in the journal: one entry, by a sealed memfd."""
    size = 131072
    with serving("journal", scratch, buffer_size=size) as (daemon, sink):
        for text in (b"\x01" * size, b"x" * size, b"\xff" * size):
            say(daemon.port, b"before\0" + text + b"\0after\n")
        records = sink.wait_count(9)
        for i, text in enumerate((b"\x01" * size, b"x" * size, b"\xff" * size)):
            before, big, after = records[3 * i:3 * i + 3]
            assert (before.text, after.text) == (b"before", b"after")
            shown = text.replace(b"\x01", rb"\x01").replace(b"\xff", rb"\xff")
            assert big.text == shown, (len(big.text), big.text[:50])
            assert big.fields.get(b"PEER_RAW", text) == text
        assert sink.memfds >= 1


class Machine:
    """The log sockets of a machine: journald's folder, and the log socket that leads into it."""

    def __init__(self, scratch):
        self.folder = os.path.join(scratch, "systemd", "journal")
        os.makedirs(self.folder)
        self.log = os.path.join(scratch, "log")
        self.journal = JournalSink(os.path.join(self.folder, "socket"))
        self.beside = SyslogSink(os.path.join(self.folder, "dev-log"))
        os.symlink(self.beside.path, self.log)

    def let_another_own_the_log(self):
        os.unlink(self.log)
        return SyslogSink(self.log)

    def done(self):
        self.journal.done()
        self.beside.done()


def whichever_there_is(scratch):
    """Type "auto" follows the log socket: journald, another daemon under load, and journald."""
    machine = Machine(scratch)
    output = dict(type="auto", path=machine.log)
    with Daemon(scratch, output=output, workers=2) as daemon:
        daemon.expect(r"log: journal \(native\)$", 1)
        talkers = Talkers(daemon.port, count=4, pad=500)
        seen = machine.journal.wait(lambda r: len(r) > 500, "entries in the journal")
        assert seen[0].fields[b"MESSAGE"].startswith(seen[0].peer.encode() + b" stream")
        other = machine.let_another_own_the_log()
        machine.journal.unlink()
        machine.journal.close()
        daemon.expect(r"log: syslog \(.*/log\)$", 1)
        other.wait(lambda r: len(r) > 500, "lines in the other log")
        machine.journal.bind()
        os.unlink(machine.log)
        os.symlink(machine.beside.path, machine.log)
        other.close()
        daemon.expect(r"log: journal \(native\)$", 2)
        streams = talkers.end()
        total = sum(map(len, streams.values()))
        until(lambda: machine.journal.count() + other.count() >= total, "the rest")
        found = {}
        for part in (machine.journal.records(), other.records()):
            for peer, records in by_peer(part).items():
                found.setdefault(peer, []).extend(r.text for r in records)
        assert {peer: sorted(texts) for peer, texts in found.items()} == streams
        assert machine.beside.count() == 0, "the journal was written to in its native form"
        daemon.allow(LOST)
        daemon.allow(BACK)
        daemon.end()
    machine.done()


def another_log_beside_the_journal(scratch):
    """The same while journald goes on: who owns the log socket is looked at under load."""
    machine = Machine(scratch)
    with Daemon(scratch, output=dict(type="auto", path=machine.log), workers=2) as daemon:
        daemon.expect(r"log: journal \(native\)$", 1)
        talkers = Talkers(daemon.port, count=2, pad=500)
        machine.journal.wait(lambda r: len(r) > 500, "entries in the journal")
        other = machine.let_another_own_the_log()
        daemon.expect(r"log: syslog \(.*/log\)$", 1)
        other.wait(lambda r: len(r) > 500, "lines in the other log")
        os.unlink(machine.log)
        os.symlink(machine.beside.path, machine.log)
        daemon.expect(r"log: journal \(native\)$", 2)
        streams = talkers.end()
        total = sum(map(len, streams.values()))
        until(lambda: machine.journal.count() + other.count() >= total, "the rest")
        found = by_peer([*machine.journal.records(), *other.records()])
        assert {peer: sorted(r.text for r in records) for peer, records in found.items()} == streams
        other.close()
    machine.done()


if __name__ == "__main__":
    main(missing_syslog, missing_journal, a_long_stall, stalled_syslog, stalled_journal,
         replaced_syslog, replaced_journal, gone_for_a_while, slow_syslog, slow_journal,
         log_of_streams, from_streams_to_datagrams, something_else_than_a_socket,
         too_large_for_a_datagram, too_large_for_the_journal, whichever_there_is,
         another_log_beside_the_journal)
