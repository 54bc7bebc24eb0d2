#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# peerlog and peerlogd meet: a daemon with automatic framing and "stdout" output on a free port,
# and the client in all its forms. Every message must come out once, in order, behind its peer,
# whichever framing and header it travelled with; a message of several lines stays one when
# its octets are counted; and when peerlog has ended with 0, nothing may be missing, not even
# of a hundred thousand lines.

import os
import re
import subprocess
import sys
import tempfile
import threading

from peer import PATIENCE, check, feed, finish, start

PEERLOGD = os.environ.get("PEERLOGD", "peerlogd")

CONFIGURATION = """
listeners = ( { address = "127.0.0.1"; port = 0; } );
output = { type = "stdout"; };
"""

FORMS = [
    (["hello my name is tony"], b"", ["hello my name is tony"]),
    ([], b"a\n\nb\r\nlast", ["a", "b", "last"]),
    (["--octet-count"], b"a\n<11>b\nlast", ["a", "b", "last"]),
    (["--octet-count"], b"a\n\n12 <13>b\nc\0d", ["a", "12 <13>b", "c\\x00d"]),
    (["--octet-count", "-S", "9"], b"<11>abcdefgh\n", ["abcde", "fgh"]),
    (["--octet-count", "two\nlines"], b"", ["two\\nlines"]),
    (["two\nlines"], b"", ["two", "lines"]),
    (["--framing", "nul"], b"a\nb\n", ["a", "b"]),
    (["-p", "local0.info"], b"a\nb\n", ["a", "b"]),
    (["-t", "app", "--id=42", "x"], b"", ["app[42]: x"]),
    (["-S", "4"], b"123456\n", ["1234", "56"]),
    (["\x1b[31mred"], b"", ["\\x1b[31mred"]),
    ([], b"".join(b"line %d\n" % n for n in range(100000)),
     [f"line {n}" for n in range(100000)]),
]


def start_daemon(folder):
    """Returns: the process and its port, once it listens."""
    path = os.path.join(folder, "peerlogd.conf")
    with open(path, "w", encoding="ascii") as file:
        file.write(CONFIGURATION)
    daemon = subprocess.Popen([PEERLOGD, "-c", path], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
    words = []
    for line in daemon.stderr:
        words.append(line)
        match = re.search(r"listening on 127\.0\.0\.1:(\d+)", line)
        if match:
            # Its further words must not fill the pipe.
            threading.Thread(target=daemon.stderr.read, daemon=True).start()
            return daemon, int(match[1])
    sys.exit(f"peerlogd did not come to listen: {words}")


def send_every_form(daemon, port):
    for options, data, wanted in FORMS:
        process = start(port, *options)
        feed(process, data)
        # Its output must be read while it writes, or it would have to wait.
        peers, texts = set(), []
        for _ in wanted:
            peer, text = daemon.stdout.readline().rstrip("\n").split(" ", 1)
            peers.add(peer)
            texts.append(text)
        check(f"{options}", texts, wanted)
        check(f"{options}: one peer", len(peers), 1)
        check(f"{options}: peerlog", finish(process), (0, ""))


with tempfile.TemporaryDirectory() as scratch:
    peerlogd, its_port = start_daemon(scratch)
    watchdog = threading.Timer(4 * PATIENCE, peerlogd.kill)
    watchdog.daemon = True
    watchdog.start()
    try:
        send_every_form(peerlogd, its_port)
        peerlogd.terminate()
        check("nothing more comes out", peerlogd.stdout.read(), "")
        check("peerlogd", peerlogd.wait(PATIENCE), 0)
    finally:
        watchdog.cancel()
        peerlogd.kill()
