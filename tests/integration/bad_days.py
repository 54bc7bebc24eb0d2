#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# The machine has bad days: the disk is full, or read-only, and nobody takes the daemon's own
# words, because their reader hangs or has gone away. It must not hang, end or lose a
# message over any of it: what cannot be written waits until it can, and goes on in
# the middle of the very line; and its own words are not worth waiting for.

import ctypes

from support import *

MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 32, 4096, 16384, 1 << 18
CLONE_NEWNS = 0x20000


class Speechless:
    """A daemon whose standard error is this descriptor; started on a port that is known."""

    def __init__(self, scratch, sink, stderr, **settings):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        path = os.path.join(scratch, "speechless.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(settings_text(dict(listeners=[dict(LOOPBACK, port=self.port)],
                                          output=dict(type="syslog", path=sink.path), **settings)))
        self.process = subprocess.Popen([PEERLOGD, "-c", path], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=stderr,
                                        env=clean_environment())

    def __enter__(self):
        until(lambda: self.process.poll() is not None or listens(self.port), "it to listen")
        return self

    def __exit__(self, kind, *_):
        self.process.send_signal(signal.SIGTERM if kind is None else signal.SIGKILL)
        status = self.process.wait(PATIENCE)
        assert kind is not None or status == 0, f"exit status {status}"


def listens(port):
    with contextlib.suppress(ConnectionRefusedError):
        connect(port).close()
        return True
    return False


def own_words_that_nobody_reads(scratch):
    """A pipe that is full: main, listener and workers have something to say, and serve."""
    read_end, write_end = os.pipe()
    with new_sink("syslog", scratch) as sink, os.fdopen(read_end, "rb") as reader, \
            Speechless(scratch, sink, write_end, workers=2, buffer_size=256) as daemon:
        os.close(write_end)

        def is_full():
            daemon.process.send_signal(signal.SIGUSR1)
            held = array.array("i", [0])
            fcntl.ioctl(reader, 0x541b, held)  # FIONREAD
            full.append(held[0])
            return full[-1:] * 100 == full[-100:]

        full = []
        until(is_full, "the pipe to be full")
        assert full[-1] > 4096
        for i in range(4):  # each has a message that is too long, which is said
            say(daemon.port, b"x" * 300 + b"\nGET / HTTP/1.1\n")
        assert len(sink.wait_count(12)) == 12
        daemon.process.send_signal(signal.SIGHUP)
        say(daemon.port, b"after a reload\n")
        sink.wait_count(13)


def own_words_whose_reader_is_gone(scratch):
    """Gone before the first word, and no SIGPIPE ends the daemon."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    with new_sink("syslog", scratch) as sink:
        # More connections than descriptors: that is said before anything else.
        with Speechless(scratch, sink, write_end, limits=dict(connections=1000000)) as daemon:
            os.close(write_end)
            daemon.process.send_signal(signal.SIGUSR1)
            say(daemon.port, b"served\n")
            assert sink.wait_count(1)[0].text == b"served"


def own_words_on_a_full_disk(scratch):
    with open("/dev/full", "wb") as full, new_sink("syslog", scratch) as sink:
        with Speechless(scratch, sink, full) as daemon:
            daemon.process.send_signal(signal.SIGUSR1)
            say(daemon.port, b"served\n")
            assert sink.wait_count(1)[0].text == b"served"


def a_disk_that_is_full_for_a_while(scratch):
    """The largest size of a file stands for the disk: lines stop in their middle, and go on."""
    path = os.path.join(scratch, "out")
    with open(path, "wb") as file, Daemon(scratch, stdout=file, workers=1) as daemon:
        texts = numbered(0, 3000, pad=100)
        sock = connect(daemon.port)
        peer = name_of(sock)
        hard = resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE)[1]
        for turn, more in enumerate((1, 10001, 54321), 1):
            room = os.path.getsize(path) + more
            resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (room, hard))
            sock.sendall(b"\n".join(texts[1000 * (turn - 1):1000 * turn]) + b"\n")
            daemon.expect(r"standard output cannot take anything \(File too large\); waiting", turn)
            assert os.path.getsize(path) == room
            resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (hard, hard))
            daemon.expect(r"standard output is back after \d+\.\d\d\d s$", turn)
            until(lambda n=turn: whole_lines(path) == 1000 * n, "all lines")
        finish(sock)
        daemon.end()
    with open(path, "rb") as file:
        check_streams([parse_line(line) for line in file.read().splitlines()], {peer: texts})


def whole_lines(path):
    with open(path, "rb") as file:
        return file.read().count(b"\n")


def make_read_only(*folders):
    """In a mount namespace of the daemon's own, if we may; else by their modes."""
    if os.geteuid() != 0:
        for folder in folders:
            if os.access(folder, os.W_OK):
                os.chmod(folder, 0o555)
        return lambda: None
    libc = ctypes.CDLL(None, use_errno=True)

    def call(function, *arguments):
        if function(*arguments) != 0:
            raise OSError(ctypes.get_errno(), "no mount namespace")

    def before():
        call(libc.unshare, CLONE_NEWNS)
        call(libc.mount, None, b"/", None, MS_REC | MS_PRIVATE, None)
        for folder in folders:
            name = folder.encode()
            call(libc.mount, name, name, None, MS_BIND, None)
            call(libc.mount, None, name, None, MS_REMOUNT | MS_BIND | MS_RDONLY, None)

    return before


def read_only_etc(scratch):
    """/etc and the folder of the file cannot be written: nobody wants to."""
    folder = os.path.join(scratch, "etc")
    os.mkdir(folder)
    with new_sink("syslog", scratch) as sink:
        try:
            daemon = Daemon(folder, sink, before=make_read_only("/etc", folder))
        except subprocess.SubprocessError:
            raise Skip("no mount namespaces here") from None
        with daemon:
            with contextlib.suppress(OSError):
                with open(f"/proc/{daemon.pid}/root{folder}/new", "wb"):
                    assert False, "it is not read-only"
            say(daemon.port, b"a\n")
            daemon.signal(signal.SIGHUP)
            daemon.expect("reloaded")
            say(daemon.port, b"b\n")
            assert [r.text for r in sink.wait_count(2)] == [b"a", b"b"]
        os.chmod(folder, 0o755)


if __name__ == "__main__":
    main(own_words_that_nobody_reads, own_words_whose_reader_is_gone, own_words_on_a_full_disk,
         a_disk_that_is_full_for_a_while, read_only_etc)
