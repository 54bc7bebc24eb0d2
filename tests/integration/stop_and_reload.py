#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# The administrator stops the daemon while data is still in its sockets: all of it must be
# logged before it ends, with status 0, unless it is told to stop twice. And the
# administrator changes the file and sends SIGHUP: what the file says now holds from now on,
# listeners come and go, and whoever is connected stays connected. A file with a mistake
# changes nothing at all, and the mistake is named.

from support import *

RELOADED = r"^peerlogd: reloaded /"
REFUSED = r"^peerlogd: not reloaded: the configuration in force goes on$"


def reload(daemon, text=None, **changes):
    """Change the file and wait until it is in force."""
    count = daemon.said(RELOADED)
    daemon.write_file(text, **changes)
    daemon.signal(signal.SIGHUP)
    daemon.expect(RELOADED, count + 1)


def refuse(daemon, text, *faults):
    count = daemon.said(REFUSED)
    daemon.write_file(text)
    daemon.signal(signal.SIGHUP)
    daemon.expect(REFUSED, count + 1)
    for fault in faults:
        daemon.expect(fault)


def fill(daemon, sink, count=16):
    """With the log stalled, connections say numbered lines until all of it waits."""
    sink.stall()
    socks = [connect(daemon.port) for _ in range(count)]
    streams = {}
    for i, sock in enumerate(socks):
        texts = streams[name_of(sock)] = numbered(i, 100, pad=200)
        sock.sendall(b"\n".join(texts) + b"\n")
    until(lambda: len(daemon.sockets()) == count, "the connections to be there")
    return socks, streams


def stop_delivers(kind, number, ending, scratch):
    with serving(kind, scratch) as (daemon, sink):
        socks, streams = fill(daemon, sink)
        for sock in socks:
            if ending == "half-closed":
                sock.shutdown(socket.SHUT_WR)
            elif ending == "reset":
                reset(sock)
        port = daemon.port
        daemon.signal(number)
        # It stops accepting first; only then the log takes anything again.
        until(lambda: refuses(port), "the listening socket to close")
        sink.resume()
        assert daemon.wait() == 0
        check_streams(sink.wait_count(1600), streams)
        for sock in socks:
            if ending != "reset":
                assert sock.recv(1) == b"", "closed in good order"
            sock.close()


def sigterm_delivers_to_syslog(scratch):
    for ending in ("open", "half-closed", "reset"):
        stop_delivers("syslog", signal.SIGTERM, ending, scratch)


def sigint_delivers_to_the_journal(scratch):
    for ending in ("open", "half-closed", "reset"):
        stop_delivers("journal", signal.SIGINT, ending, scratch)


def who_waits_is_let_in(scratch):
    """Connections that wait to be accepted when the stop comes are read, closed or not."""
    with serving("syslog", scratch) as (daemon, sink):
        daemon.signal(signal.SIGSTOP)
        streams, open_ones = {}, []
        for i in range(300):
            # A port that was reset is free again, so each comes from an address of its own.
            sock = connect(daemon.port, source=f"127.0.{1 + i // 200}.{1 + i % 200}")
            streams[name_of(sock)] = [b"waited", b"[cut] no end" if i % 3 else b"no end"]
            sock.sendall(b"waited\nno end")
            if i % 3 == 0:
                sock.close()
            elif i % 3 == 1:
                reset(sock)
            else:
                open_ones.append(sock)
        daemon.signal(signal.SIGTERM)
        daemon.signal(signal.SIGCONT)
        assert daemon.wait() == 0
        check_streams(sink.wait_count(600), streams)
        for sock in open_ones:
            assert sock.recv(1) == b"", "closed in good order"
            sock.close()


def stop_ends_unfinished_messages(scratch):
    """What has no terminator yet when the daemon stops is logged as it is, and marked."""
    with serving("syslog", scratch, listeners=[PATIENT]) as (daemon, sink):
        said = {}
        socks = []
        for data, text in ((b"no end", b"[cut] no end"), (b"<13>no end", b"[cut] no end"),
                           (b"7", b"[cut] 7"), (b"", None),
                           (b"9 <13>ab", b"[cut] [incomplete, 6 of 9 bytes] ab"),
                           (b"done\n", b"done")):
            sock = connect(daemon.port)
            sock.sendall(data)
            socks.append(sock)
            if text:
                said[name_of(sock)] = [text]
        Unread(socks).wait()
        until(lambda: len(daemon.sockets()) == len(socks), "all connections")
        daemon.signal(signal.SIGTERM)
        assert daemon.wait() == 0
        check_streams(sink.wait_count(len(said)), said)
        daemon.expect("delivered 4 messages as far as they had come")


def stop_while_they_talk(scratch):
    """Stopped in mid-stream: what was logged of each stream has no hole in it."""
    with serving("syslog", scratch) as (daemon, sink):
        stopped = threading.Event()

        def talk(number, names):
            with contextlib.suppress(OSError):
                sock = connect(daemon.port)
                # What waits at the stop has to be logged within five seconds.
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
                names[number] = name_of(sock)
                for i in range(0, 1 << 30, 20):
                    sock.sendall(b"\n".join(numbered(number, 20, i)) + b"\n")
                    if stopped.is_set():
                        break

        names = {}
        threads = [threading.Thread(target=talk, args=(i, names)) for i in range(4)]
        for thread in threads:
            thread.start()
        sink.wait(lambda _: sink.count() > 2000, "messages")
        daemon.signal(signal.SIGTERM)
        assert daemon.wait() == 0
        stopped.set()
        for thread in threads:
            thread.join()
        daemon.end()
        found = by_peer(sink.records())
        for number, name in names.items():
            got = [r.text for r in found.get(name, [])]
            whole = numbered(number, len(got))
            # The stop may cut the last line where it had come to.
            assert got[:-1] == whole[:-1], f"a hole in the stream of {name}"
            assert not got or whole[-1].startswith(got[-1].removeprefix(b"[cut] "))


def second_signal_ends_at_once(scratch):
    with serving("syslog", scratch) as (daemon, sink):
        fill(daemon, sink)
        port = daemon.port
        daemon.signal(signal.SIGTERM)
        until(lambda: refuses(port), "the listening socket to close")
        daemon.signal(signal.SIGTERM)
        status = daemon.wait()
        daemon.expect("told to stop twice")
        assert status == 74, status
        daemon.end(74)


def each_signal_at_idle(scratch):
    for number in (signal.SIGTERM, signal.SIGINT):
        with serving("stdout", scratch) as (daemon, _):
            daemon.signal(number)
            assert daemon.wait() == 0
            daemon.end()


def reload_changes(scratch):
    with serving("syslog", scratch, buffer_size=256) as (daemon, sink):
        old = connect(daemon.port)
        old.sendall(b"one\n")
        assert (sink.wait_count(1)[0].priority, sink.records()[0].tag) == (30, "peerlogd")
        daemon.output.update(facility="local7", tag="changed")
        reload(daemon, oversize="truncate", priority="ignore")

        def changed():
            count = len(sink.records()) + 1
            old.sendall(b"<13>two\n")
            last = sink.wait_count(count)[-1]
            return (last.priority, last.tag, last.text) == (23 * 8 + 6, "changed", b"<13>two")
        until(changed, "the new settings to hold for an old connection")
        count = len(sink.records()) + 1
        old.sendall(b"x" * 300 + b"\n")
        assert sink.wait_count(count)[-1].text == b"[truncated, 44 bytes cut] " + b"x" * 256
        daemon.expect("is truncated", 1)
        fresh = say(daemon.port, b"three\n")
        assert sink.wait_count(count + 1)[-1].peer == fresh
        daemon.output.clear()
        daemon.output.update(type="syslog", path=sink.path)
        reload(daemon, oversize="split", priority="severity")
        finish(old)


def reload_listeners(scratch):
    with held_port() as added, \
            serving("syslog", scratch, listeners=[LOOPBACK, LOOPBACK]) as (daemon, sink):
        (_, kept), (_, removed) = daemon.listeners
        on_kept, on_removed = connect(kept), connect(removed)
        streams = {}
        for i, sock in enumerate((on_kept, on_removed)):
            sock.sendall(b"before\n")
            streams[name_of(sock)] = [b"before"]
        sink.wait_count(2)
        reload(daemon, listeners=[dict(LOOPBACK, port=kept), dict(LOOPBACK, port=added)])
        assert daemon.said(rf"listening on 127.0.0.1:{added}$") == 1
        until(lambda: refuses(removed), "the removed listener to close")
        for port in (kept, added):
            streams[say(port, b"new\n")] = [b"new"]
        for sock in (on_kept, on_removed):
            sock.sendall(b"after\nno end")
            streams[name_of(sock)] += [b"after", b"no end"]
            finish(sock)
        check_streams(sink.wait_count(8), streams)


def reload_meets_the_living(scratch):
    """Who is denied now is told goodbye; what stays as it began is said, with its number."""
    with serving("syslog", scratch) as (daemon, sink):
        denied = connect(daemon.port, source="127.0.0.2")
        kept = [connect(daemon.port) for _ in range(3)]
        for count, sock in enumerate([denied, *kept]):
            sock.sendall(b"hello\n")
            sink.wait_count(count + 1)
        reload(daemon, listeners=[dict(LOOPBACK, port=daemon.port, deny=["127.0.0.2"],
                                       framing="nul")])
        daemon.expect("told goodbye, because their peers are denied now: 1$")
        daemon.expect("go on with the framing they began with: 4$")
        denied.settimeout(PATIENCE)
        assert denied.recv(1) == b"", "goodbye"
        denied.sendall(b"one more\n")
        kept[0].sendall(b"lines\n")
        sink.wait(lambda r: {b"one more", b"lines"} <= {x.text for x in r}, "both")
        finish(kept[0])


def bad_reload_changes_nothing(scratch):
    with serving("syslog", scratch) as (daemon, sink):
        sock = connect(daemon.port)
        with open(daemon.file, encoding="utf-8") as file:
            good = file.read()
        refuse(daemon, good + "\nbuffer_sice = 1;\n",
               r"peerlogd-.*\.conf:\d+: buffer_sice: .*did you mean buffer_size")
        refuse(daemon, good + "workers = 129;\nlog_level = \"loud\";\n", r"workers: 129",
               r"log_level: \"loud\"")
        refuse(daemon, "this is { not", r"peerlogd-.*\.conf:1: ")
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            both = [dict(LOOPBACK, port=daemon.port), dict(LOOPBACK, port=port)]
            text = settings_text(dict(listeners=both, output=dict(daemon.output, tag="never")))
            refuse(daemon, text,
                   rf"cannot listen on 127.0.0.1:{port}: .* listens there already$")
        os.unlink(daemon.file)
        daemon.signal(signal.SIGHUP)
        daemon.expect(r"cannot read .*: No such file or directory; nothing was changed")
        os.mkfifo(daemon.file)
        daemon.signal(signal.SIGHUP)
        daemon.expect("cannot read .*: it is a pipe, which cannot be read again; "
                      "nothing was changed")
        os.unlink(daemon.file)
        daemon.expect(REFUSED, 6)
        sock.sendall(b"old connection\n")
        say(daemon.port, b"new connection\n")
        assert {(r.tag, r.priority) for r in sink.wait_count(2)} == {("peerlogd", 30)}
        finish(sock)
        reload(daemon, listeners=[dict(LOOPBACK, port=daemon.port)])


def reload_under_load(scratch):
    """Fifty reloads while eight clients talk: nothing is lost, nothing out of order."""
    with serving("syslog", scratch) as (daemon, sink):
        streams, enough, failures = {}, threading.Event(), []

        def talk(number):
            try:
                sock = connect(daemon.port)
                texts = streams[name_of(sock)] = []
                while not enough.is_set():
                    more = numbered(number, 20, len(texts), pad=500)
                    sock.sendall(b"\n".join(more) + b"\n")
                    texts += more
                finish(sock)
            except Exception as error:
                failures.append(error)

        threads = [threading.Thread(target=talk, args=(i,)) for i in range(8)]
        for thread in threads:
            thread.start()
        port = daemon.port
        for i in range(50):
            daemon.output["tag"] = f"tag{i}"
            reload(daemon, listeners=[dict(LOOPBACK, port=port)] +
                   [dict(LOOPBACK, port=0)] * (i % 3))
        enough.set()
        for thread in threads:
            thread.join()
        assert not failures, failures
        check_streams(sink.wait_count(sum(map(len, streams.values()))), streams)


def what_needs_a_restart_is_said(scratch):
    with serving("syslog", scratch) as (daemon, sink):
        reload(daemon, buffer_size=4096, workers=3)
        daemon.expect(r"buffer_size = 4096 takes effect at the next restart")
        daemon.expect(r"workers = 3 takes effect at the next restart")
        say(daemon.port, b"x" * 8192 + b"\n")
        assert len(sink.wait_count(1)[0].text) == 8192


if __name__ == "__main__":
    main(sigterm_delivers_to_syslog, sigint_delivers_to_the_journal,
         who_waits_is_let_in, stop_ends_unfinished_messages, stop_while_they_talk,
         second_signal_ends_at_once, each_signal_at_idle, reload_changes, reload_listeners,
         reload_meets_the_living, bad_reload_changes_nothing, reload_under_load,
         what_needs_a_restart_is_said)
