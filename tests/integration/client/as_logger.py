#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# A script has called logger(1) for years, and somebody puts peerlog in its place. For every
# option that both have, the real logger and peerlog are run against the same listening socket,
# and what arrives and what --stderr shows must be the same bytes. What both refuse is refused by
# both, and each difference that the manual names is seen here, in both programs.

import re
import shutil
import subprocess
import sys

from peer import PATIENCE, Listener, check, check_in, feed, finish, read_all, run, start

FORM = ["--rfc5424=notime,nohost,notq", "-t", "app"]
SD = ["--sd-id", "z@1"]

SAME = [
    (["hello", "my", "name"], b""),
    (["-s", "hello"], b""),
    (["-s"], b"a\n\nb\nlast"),
    (["--stderr", "-e"], b"a\n\nb\nlast"),
    (["-s", "--octet-count"], b"a\nbc\n"),
    (["-p", "local0.err", "-s"], b"a\n"),
    (["-s", "--msgid", "ID47"], b"a\nb\n"),
    (["--msgid", "m" * 32, "x"], b""),
    (["--msgid", '!"#[]=~', "x"], b""),
    (SD + ["x"], b""),
    (SD + ["--sd-param", 'a="b"', "x"], b""),
    (SD + ["--sd-param", 'a="b"', "--sd-param", 'c=""', "--sd-id", "y@2.3.4", "--sd-param",
           'e="f g"', "x"], b""),
    (["--sd-id", "empty@1", "--sd-id", "y@1", "--sd-param", 'e="f"', "x"], b""),
    (["--sd-id", "timeQuality", "--sd-param", 'tzKnown="1"', "x"], b""),
    (["--sd-id", "origin", "--sd-param", 'ip="192.0.2.7"', "x"], b""),
    (["--sd-id", "meta", "--sd-param", 'sequenceId="7"', "--msgid", "M"], b"a\nb\n"),
    (SD + ["--sd-param", r'a="q\" s\] b\\"', "x"], b""),
    (SD + ["--sd-param", 'a="[=äöü"', "x"], b""),
    (["--id=123", "x"], b""),
    (["--id= 123", "x"], b""),
    (["--id=\t 123", "x"], b""),
    (["--id=+007", "x"], b""),
    (["--prio-prefix"], b"<11>one\n<14>two\n<191>three\n"),
    (["--prio-prefix"], b"<3>err\n<0>emerg\n<7>debug\n<007>debug\n"),
    (["--prio-prefix"], b"<192>a\n<1999>b\n< 3>c\n<+3>d\n<3e\n<<3>f\n"),
    (["--prio-prefix"], b" <3>a\n"),
    (["--prio-prefix", "-p", "local0.info"], b"<3>a\n<11>b\n<c\n"),
    (["--prio-prefix", "-e"], b"<11>\n<12>a\n"),
    (["--prio-prefix", "--octet-count", "-s"], b"<11>a\n<12>b\n"),
    (["--prio-prefix", "<11>a word"], b""),
]

REFUSED = [
    ["--msgid", "a b"],
    ["--sd-param", 'a="b"'],
    SD + SD,
    *(["--sd-id", name] for name in ("z", "z@", "@1", "z@a", "z@1a", "z@1.", "z@.1", "a b@1",
                                     "a[b@1", "a=b@1", 'a"b@1', "a@b@1", "timequality", "",
                                     "a\tb@1")),
    *(SD + ["--sd-param", value] for value in
      ("a", "a=", 'a="', 'a="b', "a=b", '="b"', 'a="b"c', 'a="b" ', 'a= "b"', 'a="b"c"', 'a="b]c"',
       r'a="b\c"', 'a"="b"', 'a=x"b"', 'a="b" c="d"', 'a==""', '=a="b"', '""=')),
    *(["--id=" + value] for value in ("", " ", "123 ", "0x10", "=5", "5 6")),
]

# What logger takes, to what effect, and with which words peerlog refuses it.
STRICTER = [
    (["--msgid", ""], b"app -  - x", "is no MSGID"),
    (["--msgid", "a\tb"], b"app - a\tb - x", "is no MSGID"),
    (["--msgid", "m" * 33], b"app - " + b"m" * 33, "is no MSGID"),
    (["--sd-id", "a]b@1", "--sd-param", 'k="v"'], b'[a]b@1 k="v"]', "is no id of an element"),
    (["--sd-id", "n" * 32 + "@1", "--sd-param", 'k="v"'], b"n@1", "is no id of an element"),
    (SD + ["--sd-param", ' a="b"'], b'[z@1  a="b"]', "is not NAME="),
    (SD + ["--sd-param", 'a]="b"'], b'[z@1 a]="b"]', "is not NAME="),
    (SD + ["--sd-param", 'a="b\nc"'], b'[z@1 a="b\nc"]', "is not NAME="),
    (["--id=0"], b"app - - - x", "is no process id"),
    (["--id=-5"], b"app -5 - - x", "is no process id"),
    (["--id=4294967296"], b"app - - - x", "is no process id"),
]

LOGGER = shutil.which("logger")


def run_logger(*options, data=b""):
    """As send() of peer.py does it for peerlog. An error comes without a word on the wire."""
    listener = Listener()
    words = [LOGGER, "-n", "127.0.0.1", "-P", str(listener.port), "-T", *options]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    _, errors = process.communicate(data, PATIENCE)
    received = b""
    if process.returncode == 0:
        with listener.accept() as connection:
            received = read_all(connection)
    listener.close()
    return received, process.returncode, errors


def run_peerlog(*options, data=b""):
    listener = Listener()
    process = start(listener.port, *options)
    feed(process, data)
    with listener.accept() as connection:
        received = read_all(connection)
    listener.close()
    status, errors = finish(process)
    return received, status, errors.encode()


def compare_what_both_take():
    for options, data in SAME:
        wanted = run_logger(*FORM, *options, data=data)
        check(f"logger {options}", wanted[1], 0)
        check(f"{options} {data!r}", run_peerlog(*FORM, *options, data=data), wanted)


def compare_the_old_header():
    """Its time is that of the call, and may differ by a second."""
    stamp = rb"<13>[A-Z][a-z]{2} [ 1-3]\d \d\d:\d\d:\d\d "
    options = ["--rfc3164", "-t", "app", "--id=7", "-s"]
    wanted = run_logger(*options, data=b"a\n")
    got = run_peerlog(*options, data=b"a\n")
    for place in 0, 2:
        check(f"the header of RFC 3164, {place}", re.sub(stamp, b"", got[place]),
              re.sub(stamp, b"", wanted[place]))


def refuse_what_both_refuse():
    for options in REFUSED:
        received, status, _ = run_logger(*FORM, *options, "x")
        check(f"logger {options}", (received, status), (b"", 1))
        status, _, errors = run(*FORM, *options, "x")
        check(f"{options}", (status, errors.count("\n")), (64, 1))


def refuse_what_would_not_be_rfc5424():
    for options, part, words in STRICTER:
        received, status, _ = run_logger(*FORM, *options, "x")
        check(f"logger {options}", (status, part in received), (0, True))
        status, _, errors = run(*FORM, *options, "x")
        check(f"{options}", status, 64)
        check_in(f"{options}", words, errors)
    received, _, _ = run_logger("--rfc3164", "-t", "app", "--msgid", "M", "x")
    check("logger forgets a MSGID", b"M" not in received.replace(b"Mar", b"").replace(b"May", b""),
          True)
    status, _, errors = run("--rfc3164", "--msgid", "M", "x")
    check("--msgid with RFC 3164", status, 64)
    check_in("--msgid with RFC 3164", "needs the header of RFC 5424", errors)


def take_prefixes_line_by_line():
    """logger's manual promises it; logger 2.38 keeps the priority of the line before."""
    data = b"<11>a\nb\n<>c\n"
    received = run_logger(*FORM, "--prio-prefix", data=data)[0]
    check("logger", re.findall(rb"<(\d+)>1 .*? (\S+)\n", received),
          [(b"11", b"a"), (b"11", b"b"), (b"8", b"c")])
    received = run_peerlog(*FORM, "--prio-prefix", data=data)[0]
    check("peerlog", re.findall(rb"<(\d+)>1 .*? (\S+)\n", received),
          [(b"11", b"a"), (b"13", b"b"), (b"13", b"<>c")])


def send_nothing_with_no_act():
    """Nobody listens, and it does not matter; logger would want to connect."""
    port = Listener(is_listening=False)
    here = ["-P", str(port.port), *FORM, "--no-act", "-s"]
    status, _, errors = run(*here, data=b"a\nb\n")
    check("--no-act", (status, errors),
          (0, "<13>1 - - app - - - a\n<13>1 - - app - - - b\n"))
    check("--no-act, a word", run(*here, "x"), (0, "", "<13>1 - - app - - - x\n"))
    check_in("--no-act, said", "2 messages, 4 bytes; nothing was sent",
             run("--no-act", "-v", data=b"a\nb")[2])
    process = subprocess.run([LOGGER, "-n", "127.0.0.1", "-P", str(port.port), "-T", "--no-act",
                              "x"], capture_output=True, check=False)
    check("logger --no-act", process.returncode, 1)
    port.close()


if LOGGER is None or "util-linux 2.38" not in subprocess.run(
        [LOGGER, "--version"], capture_output=True, text=True, check=False).stdout:
    print("there is no logger of util-linux 2.38 to compare with")
    sys.exit(77)
compare_what_both_take()
compare_the_old_header()
refuse_what_both_refuse()
refuse_what_would_not_be_rfc5424()
take_prefixes_line_by_line()
send_nothing_with_no_act()
