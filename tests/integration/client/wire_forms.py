#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# What exactly goes onto the wire? Arguments, lines of a file and lines of standard input
# are sent with every framing and header, and the bytes are compared one by one: empty
# lines, CR LF, a last line without line end, bytes that are no text, NULs, long lines. In
# the end every byte must be explained by the manual, and none may have been added or lost.

import os
import re
import socket
import tempfile

from peer import check, check_in, run, send

ODD = b"a\n\n b\r\n\xff\xfe\n\x1b[31m\nlast"

EXACT = [
    (["hello", "my", "name"], b"", b"hello my name\n"),
    (["two  spaces "], b"", b"two  spaces \n"),
    ([""], b"", b"\n"),
    (["a\nb"], b"", b"a\nb\n"),
    (["a\n"], b"", b"a\n"),
    (["--", "-e"], b"", b"-e\n"),
    ([], b"", b""),
    ([], ODD, ODD + b"\n"),
    (["-f", "-"], b"x\n", b"x\n"),
    (["-e"], ODD, b"a\n b\r\n\xff\xfe\n\x1b[31m\nlast\n"),
    (["-e", ""], b"", b""),
    (["-e", "a\n\nb"], b"", b"a\nb\n"),
    (["--octet-count"], b"\na\n\n", b"5 <13>a"),
    (["--octet-count", ""], b"", b""),
    (["--octet-count", "-p", "info"], b"\n", b"4 <14>"),
    (["--octet-count", "-S", "9"], b"<34>12345678\n", b"9 <34>123457 <34>678"),
    (["--framing", "nul"], ODD, ODD.replace(b"\n", b"\0") + b"\0"),
    (["--framing=nul", "a\nb"], b"", b"a\nb\0"),
    (["--octet-count"], b"a\n<11>b\r\n\0\n", b"5 <13>a6 <11>b\r5 <13>\0"),
    (["--octet-count", "a\nb\n"], b"", b"8 <13>a\nb\n"),
    (["--framing", "octet-counting", "-p", "local0.info"], b"a\n", b"6 <134>a"),
    (["-p", "daemon.err"], b"x\ny\n", b"<27>x\n<27>y\n"),
    (["-t", "my app", "x"], b"", b"<13>my app: x\n"),
    (["-t", "app", "--id=42", "-p", "0", "a\nb"], b"", b"<8>app[42]: a\n<8>app[42]: b\n"),
    (["-S", "4"], "äöü€x\n".encode(), "äö\nü\n€x\n".encode()),
    (["-S", "8", "-t", "a"], b"123\n", None),
]


def compare_exact_bytes():
    for options, data, wanted in EXACT:
        if wanted is None:
            status, _, errors = run(*options, data=data)
            check(f"{options}", status, 64)
            check_in(f"{options}", "leave no room for text", errors)
            continue
        received, status, errors = send(*options, data=data)
        check(f"{options} {data!r}", received, wanted)
        check(f"{options} {data!r}", (status, errors), (0, ""))


def compare_headers():
    host = socket.gethostname()
    received, _, _ = send("--rfc3164", "-t", "app", "-i", "hi", environment={"TZ": "UTC"})
    bsd = rb"<13>[A-Z][a-z]{2} [ 1-3][0-9] [0-2][0-9]:[0-5][0-9]:[0-6][0-9] (\S+) app\[\d+\]: hi\n"
    match = re.fullmatch(bsd, received)
    check("RFC 3164", bool(match) and match[1].decode(), host.split(".")[0])
    received, _, _ = send("--rfc5424", "-t", "app", "--id=7", data=b"a\nb\n",
                          environment={"TZ": "IST-5:30"})
    line = (rb"<13>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+05:30 (\S+) app 7 - - %b\n")
    match = re.fullmatch(line % b"a" + line % b"b", received)
    check("RFC 5424", bool(match) and match[1].decode(), host)


def report_a_split_at_nul():
    received, status, errors = send("--framing", "nul", data=b"a\0b\n")
    check("NUL inside", (received, status), (b"a\0b\0", 0))
    check_in("NUL inside", "split at 1 NUL inside messages", errors)
    _, status, errors = send("--framing", "nul", "-q", data=b"a\0b\n")
    check("quietly", (status, errors), (0, ""))


def send_a_file_and_nothing_else():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "a file")
        with open(path, "wb") as file:
            file.write(ODD)
        received, status, errors = send("-f", path, data=b"not this")
        check("a file", (received, status, errors), (ODD + b"\n", 0, ""))


compare_exact_bytes()
compare_headers()
report_a_split_at_nul()
send_a_file_and_nothing_else()
