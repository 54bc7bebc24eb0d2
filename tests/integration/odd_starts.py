#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# Daemons are started by many hands: with standard descriptors closed, into a pipe whose
# reader goes away, into a file, with signals blocked or ignored, with hardly any descriptors.
# None of that may end in a connection that takes the place of standard error, in silence, in a
# busy loop or in a crash: it serves, or it says why it does not.

from support import *


def close_all(*numbers):
    def before():
        for number in numbers:
            os.close(number)
    return before


def closed_descriptors(scratch):
    """0 and 1 closed, in every combination: no socket of ours takes their place."""
    for closed in ((0,), (1,), (0, 1)):
        with new_sink("syslog", scratch) as sink:
            with Daemon(scratch, sink, before=close_all(*closed)) as daemon:
                say(daemon.port, b"served\n")
                assert sink.wait_count(1)[0].text == b"served"
                for number in range(3):
                    target = os.readlink(f"/proc/{daemon.pid}/fd/{number}")
                    assert not target.startswith(("socket:", "anon_inode:")), target


def closed_standard_output_that_is_the_log(scratch):
    """Then nobody would ever see a message: it does not start, and says why."""
    path = os.path.join(scratch, "stdout.conf")
    with open(path, "w", encoding="utf-8") as file:
        file.write(settings_text(dict(listeners=[LOOPBACK], output=dict(type="stdout"))))
    status, _, words = run_daemon("-c", path, before=close_all(1))
    assert status == 74 and words == [
        'peerlogd: output.type is "stdout", but standard output is closed'], (status, words)


def closed_standard_error(scratch):
    """With 0, 1 and 2 closed nobody hears a word, but all is served."""
    with new_sink("syslog", scratch) as sink, \
            Speechless(scratch, sink, before=close_all(0, 1, 2), buffer_size=256) as daemon:
        sock = connect(daemon.port)
        # What would be said on standard error must not reach this or any other peer.
        sock.sendall(b"x" * 1000 + b"\nserved\n")
        finish(sock)
        assert sink.wait_count(5)[-1].text == b"served"
        targets = [os.readlink(f"/proc/{daemon.process.pid}/fd/{n}") for n in range(3)]
        assert targets == ["/dev/null"] * 3, targets


def stdout_to_a_file(scratch):
    path = os.path.join(scratch, "out")
    with open(path, "wb") as file:
        with Daemon(scratch, stdout=file) as daemon:
            texts = numbered(0, 5000)
            peer = say(daemon.port, b"\n".join(texts) + b"\n")
            daemon.end()
    with open(path, "rb") as file:
        records = [parse_line(line) for line in file.read().splitlines()]
    check_streams(records, {peer: texts})


def stdout_to_a_socket(scratch):
    ours, theirs = socket.socketpair()
    with ours, Daemon(scratch, stdout=theirs) as daemon:
        theirs.close()
        texts = numbered(0, 20000)
        talker = threading.Thread(target=say, args=(daemon.port, b"\n".join(texts) + b"\n"))
        talker.start()
        data = b""
        while data.count(b"\n") < len(texts):
            data += ours.recv(1 << 16)
        talker.join()
        assert [parse_line(line).text for line in data.splitlines()] == texts


def stdout_stalls(scratch):
    """A pipe that nobody empties for a while: the client waits, and no line is torn."""
    read_end, write_end = os.pipe()
    with os.fdopen(read_end, "rb") as reader:
        with Daemon(scratch, stdout=write_end) as daemon:
            os.close(write_end)
            texts = numbered(0, 4000, pad=3000)
            sock = connect(daemon.port)
            talker = threading.Thread(target=sock.sendall, args=(b"\n".join(texts) + b"\n",))
            talker.start()
            until(lambda: len(daemon.sockets()) == 1, "the connection")
            got = [parse_line(reader.readline()[:-1]).text for _ in texts]
            talker.join()
            assert got == texts
            finish(sock)


def stdout_reader_goes_away(scratch):
    """Whoever read is gone: the daemon says so and ends with an I/O error."""
    for when in ("before", "after"):
        read_end, write_end = os.pipe()
        with Daemon(scratch, stdout=write_end) as daemon:
            os.close(write_end)
            sock = connect(daemon.port)
            if when == "after":
                sock.sendall(b"heard\n")
                assert os.read(read_end, 100).endswith(b" heard\n")
            os.close(read_end)
            sock.sendall(b"not heard\n")
            daemon.expect("nobody reads standard output any more")
            daemon.allow("stopped with messages that the log did not take")
            daemon.wait()
            daemon.end(74)
            sock.close()


def stdout_without_a_reader(scratch):
    """A pipe that lost its reader before the daemon even starts."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    with Daemon(scratch, stdout=write_end) as daemon:
        os.close(write_end)
        sock = connect(daemon.port)
        sock.sendall(b"nobody hears\n")
        daemon.expect("nobody reads standard output any more")
        daemon.allow("stopped with messages that the log did not take")
        daemon.wait()
        daemon.end(74)
        sock.close()


def stdout_to_a_full_disk(scratch):
    """/dev/full stands for a full disk: what was sent waits; a stop says what is lost."""
    if not os.path.exists("/dev/full"):
        raise Skip("no /dev/full here")
    with open("/dev/full", "wb") as full:
        with Daemon(scratch, stdout=full) as daemon:
            sock = connect(daemon.port)
            sock.sendall(b"no room\n")
            Unread([sock]).wait()
            daemon.signal(signal.SIGTERM)
            daemon.expect("stopped with messages that the log did not take: 1 in hand")
            daemon.allow("standard output")
            daemon.wait()
            daemon.end(74)
            sock.close()


def blocked_and_ignored_signals(scratch):
    """Started by a shell that ignores or blocks what we need: it still stops and reloads."""
    def before():
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGHUP, signal.SIGINT})
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    with new_sink("syslog", scratch) as sink:
        with Daemon(scratch, sink, before=before) as daemon:
            daemon.signal(signal.SIGHUP)
            daemon.expect("reloaded")
            say(daemon.port, b"a\n")
            sink.wait_count(1)


def few_descriptors(limit):
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))


def small_limit(scratch):
    """64 descriptors: fewer connections are allowed, said at the start; the others wait."""
    with new_sink("syslog", scratch) as sink:
        with Daemon(scratch, sink, before=few_descriptors(64), workers=1) as daemon:
            match, = daemon.expect(r"limits.connections = 8192 needs more descriptors than "
                                   r"LimitNOFILE=64; using (\d+)$")
            allowed = int(match.group(1))
            assert 8 <= allowed < 64, allowed
            streams, socks = {}, []
            for i in range(3 * allowed):
                sock = connect(daemon.port)
                sock.sendall(b"stream %d\n" % i)
                streams[name_of(sock)] = [b"stream %d" % i]
                socks.append(sock)
            daemon.expect(rf"limits.connections \({allowed}\) is reached", 1)
            assert len(sink.wait_count(allowed)) == allowed
            ticks = cpu_ticks(daemon.pid)
            for i in range(200):  # those inside are served, and waiting costs nothing
                socks[0].sendall(b"more %d\n" % i)
                streams[name_of(socks[0])].append(b"more %d" % i)
                sink.wait_count(allowed + i + 1)
            assert cpu_ticks(daemon.pid) - ticks < 50, "it spins while it is full"
            for sock in socks:
                finish(sock)
            check_streams(sink.wait_count(3 * allowed + 200), streams)
            daemon.allow("below limits.connections again")
            daemon.end()
            assert daemon.counted("limits.connections reached") > 0


def out_of_descriptors(scratch):
    """EMFILE in the middle of it all: paced, said once, and over once there is room."""
    with new_sink("syslog", scratch) as sink:
        with Daemon(scratch, sink, workers=1) as daemon:
            first = connect(daemon.port)
            first.sendall(b"first\n")
            sink.wait_count(1)
            used = daemon.descriptors()
            limits = resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE)
            resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (used + 1, limits[1]))
            socks = [connect(daemon.port) for _ in range(10)]
            for sock in socks:
                sock.sendall(b"later\n")
            daemon.expect(r"cannot accept connections: Too many open files")
            for i in range(200):
                first.sendall(b"more\n")
                sink.wait(lambda r, n=i + 1: sum(x.text == b"more" for x in r) == n, "service")
            spent, begun = cpu_seconds(daemon.pid), time.monotonic()
            with sink.changed:  # nothing is announced here: look for a second that it rests
                sink.changed.wait(1)
            share = (cpu_seconds(daemon.pid) - spent) / (time.monotonic() - begun)
            assert share < 0.05, f"it spins: {share:.3f} of a CPU"
            resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, limits)
            daemon.expect("accepting connections again")
            for sock in socks:
                finish(sock)
            finish(first)
            assert sum(r.text == b"later" for r in sink.wait_count(211)) == 10
            daemon.end()
            assert daemon.said("cannot accept connections") == 1
            assert daemon.said("accepting connections again") == 1


def read_only_and_far_away(scratch):
    """From a directory that is gone, with an empty environment."""
    with new_sink("syslog", scratch) as sink:
        gone = os.path.join(scratch, "gone")
        os.mkdir(gone)

        def before():
            os.chdir(gone)
            os.rmdir(gone)
        with Daemon(scratch, sink, before=before) as daemon:
            daemon.signal(signal.SIGHUP)
            daemon.expect("reloaded")
            say(daemon.port, b"a\n")
            sink.wait_count(1)


if __name__ == "__main__":
    main(closed_descriptors, closed_standard_output_that_is_the_log, closed_standard_error,
         stdout_to_a_file, stdout_to_a_socket, stdout_stalls, stdout_reader_goes_away,
         stdout_without_a_reader, stdout_to_a_full_disk, blocked_and_ignored_signals, small_limit,
         out_of_descriptors, read_only_and_far_away)
