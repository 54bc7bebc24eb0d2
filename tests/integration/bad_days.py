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
F_SETPIPE_SZ = 1031


def fill(pipe):
    """Fill what is left of a pipe, to the last byte. Returns: how much that was."""
    fresh = os.open(f"/proc/self/fd/{pipe}", os.O_WRONLY | os.O_NONBLOCK)  # ours alone
    filled = 0
    with os.fdopen(fresh, "wb", 0) as file:
        while file.write(b".") is not None:
            filled += 1
    return filled


def is_empty(pipe):
    held = array.array("i", [0])
    fcntl.ioctl(pipe, 0x541b, held)  # FIONREAD
    return held[0] == 0


def own_words_that_nobody_reads(scratch):
    """A pipe that is full: main, listener and workers have something to say, and serve."""
    read_end, write_end = os.pipe()
    fcntl.fcntl(write_end, F_SETPIPE_SZ, 4096)
    with new_sink("syslog", scratch) as sink, os.fdopen(read_end, "rb"), \
            os.fdopen(write_end, "wb"), \
            Speechless(scratch, sink, write_end, workers=2, buffer_size=256) as daemon:
        until(lambda: not is_empty(read_end), "its first words")
        fill(write_end)
        daemon.process.send_signal(signal.SIGUSR1)
        for i in range(4):  # each has a message that is too long, which is said
            say(daemon.port, b"x" * 300 + b"\nGET / HTTP/1.1\n")
        assert len(sink.wait_count(12)) == 12
        daemon.process.send_signal(signal.SIGHUP)
        say(daemon.port, b"after a reload\n")
        sink.wait_count(13)
        assert fill(write_end) == 0, "somebody has read it"


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
