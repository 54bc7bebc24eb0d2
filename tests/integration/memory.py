#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# How much memory it takes, at the most, is in the manual, and this is where it is true: with a
# thousand senders before a log that takes nothing, with a line that never ends (PEERLOG_LONG=1:
# of 1 GB), and with ten thousand connections that are silent.

from support import *

KIB, MIB = 1 << 10, 1 << 20

# peerlogd(8), MEMORY.
BASE, A_WORKER, A_CONNECTION, AN_UNFINISHED = 4 * MIB, 2 * MIB, 512, 4 * KIB

SENDERS = 1000
WORKERS = 2
ENDLESS = 1 << 30 if LONG else 64 * MIB


def ceiling(connections, unfinished=0, buffer_size=8192):
    """What the manual promises for so many connections, so many with an unfinished message."""
    return (BASE + WORKERS * A_WORKER + connections * A_CONNECTION +
            unfinished * (buffer_size + AN_UNFINISHED))


def peak(daemon):
    """The most that was ever resident, in bytes."""
    with open(f"/proc/{daemon.pid}/status", encoding="ascii") as file:
        return int(re.search(r"VmHWM:\s+(\d+) kB", file.read()).group(1)) * KIB


def need_own_memory():
    if SANITIZED:
        raise Skip("a sanitizer has memory of its own")


def wait_stalled(socks):
    """Wait until the daemon reads no more."""
    unread = Unread(socks)
    until_still(unread.bytes, "the daemon to stop reading", 20)
    assert unread.bytes() > 0, "it has read everything"


def stalled(scratch, kind, unfinished):
    """A thousand send until nothing goes any more; then the log takes it all."""
    more_descriptors()
    with new_sink(kind, scratch) as sink, Daemon(scratch, sink, workers=WORKERS) as daemon:
        daemon.allow("has taken nothing for a while|is back after|longer than buffer_size")
        socks = [connect(daemon.port) for _ in range(SENDERS)]
        for sock in socks:
            sock.sendall(b"u" * unfinished)
        Unread(socks).wait()
        sink.stall()
        for sock in socks:
            sock.sendall((b"l" * 8000 + b"\n") * 4)
        wait_stalled(socks)
        most, promised = peak(daemon), ceiling(SENDERS, SENDERS if unfinished else 0)
        print(f"  {kind}, {unfinished} bytes unfinished: {most / MIB:.1f} MiB of "
              f"{promised / MIB:.1f}", flush=True)
        assert most <= promised, f"{most} bytes, the manual promises {promised}"
        sink.resume()
        for sock in socks:
            finish(sock)
        # What is read of a stream ends anywhere: now everybody was in the middle of a line.
        assert peak(daemon) <= ceiling(SENDERS, SENDERS)
        assert sink.count() > 0


def senders_before_a_stalled_log(scratch):
    need_own_memory()
    for kind in ("syslog", "journal"):
        for unfinished in (0, 8190):
            stalled(scratch, kind, unfinished)


def a_line_without_an_end(scratch):
    need_own_memory()
    for oversize in ("split", "truncate", "discard"):
        for begin in (b"", b"16777216 <13>"):
            with Daemon(scratch, stdout=subprocess.DEVNULL, oversize=oversize) as daemon:
                daemon.allow("message longer than buffer_size|the count before a message is")
                sock = connect(daemon.port)
                sock.sendall(begin)
                part = b"e" * MIB
                for _ in range(8):
                    sock.sendall(part)
                Unread([sock]).wait()
                before = peak(daemon)
                for _ in range(ENDLESS // MIB - 8):
                    sock.sendall(part)
                Unread([sock]).wait()
                grown = peak(daemon) - before
                # The inbox of 1 MiB may not have been full before, as reads happen to come.
                assert grown <= MIB + 256 * KIB, f"{oversize}: {grown} bytes more"
                finish(sock)


def silent_connections(scratch):
    """Before they say anything, and after each has said a line."""
    need_own_memory()
    count = min(10000, more_descriptors() - 600)
    with serving("syslog", scratch, listeners=[PATIENT],
                 limits=dict(connections=count + 100)) as (daemon, sink):
        daemon.allow("needs more descriptors")
        for i in range(100):
            say(daemon.port, b"warm\n")
        sink.wait_count(100)
        before = rss_bytes(daemon.pid)
        socks = [connect(daemon.port, source=f"127.0.3.{i % 50 + 1}") for i in range(count)]
        until(lambda: daemon.descriptors() >= count, "all to be accepted")
        silent = (rss_bytes(daemon.pid) - before) / count
        for sock in socks:
            sock.sendall(b"half ")
        Unread(socks).wait()
        for sock in socks:
            sock.sendall(b"a line\n")
        sink.wait(lambda _: sink.count() == count + 100, "everybody's line")
        spoken = (rss_bytes(daemon.pid) - before) / count
        print(f"  {count} connections: {silent:.0f} bytes each, {spoken:.0f} after a line",
              flush=True)
        assert silent < A_CONNECTION and spoken < A_CONNECTION, (silent, spoken)
        for sock in socks:
            sock.close()


def speak(daemon, sink, count, said, answer):
    """COUNT connections that have said something, a few at a time, been answered, and wait."""
    socks = []
    while len(socks) < count:
        some = [connect(daemon.port, source=f"127.0.3.{i + 1}") for i in range(50)]
        logged = sink.count() + len(some)
        for sock in some:
            sock.sendall(said)
        for sock in some:
            heard = b""
            while not heard.endswith(answer):
                heard += sock.recv(4096)
        sink.wait(lambda _, n=logged: sink.count() == n, "everybody's line")
        socks += some
    return socks


def after_a_message(scratch, count, said, answer):
    """Bytes that each of COUNT connections takes which have said something, and wait."""
    with serving("syslog", scratch, workers=1, limits=dict(connections=3 * count)) as (
            daemon, sink):
        daemon.allow("needs more descriptors")
        # What the worker itself needs for so many at a time it has from here on.
        socks = speak(daemon, sink, count, said, answer)
        before = rss_bytes(daemon.pid)
        socks += speak(daemon, sink, count, said, answer)
        each = (rss_bytes(daemon.pid) - before) / count
        for sock in socks:
            sock.close()
        return each


def silent_sessions(scratch):
    """A connection that speaks RELP takes 16 bytes more than a plain one."""
    need_own_memory()
    count = min(2000, (more_descriptors() - 600) // 100 * 50)
    plain = after_a_message(folder(scratch, "plain"), count, b"a line\n", b"")
    relp = after_a_message(folder(scratch, "relp"), count,
                           b"1 open 30 relp_version=0\ncommands=syslog\n2 syslog 10 <13>a line\n",
                           b"2 rsp 6 200 OK\n")
    print(f"  {count} connections after a message: {plain:.1f} bytes each, {relp:.1f} of RELP",
          flush=True)
    # Pages are counted whole: a few at the ends of tables, and of what the worker used more.
    assert relp <= plain + 16 + 4 * 4 * KIB / count, (plain, relp)


if __name__ == "__main__":
    main(senders_before_a_stalled_log, a_line_without_an_end, silent_connections,
         silent_sessions)
