# SPDX-License-Identifier: MIT
"""Files, and a death at each byte of a write.

The process is killed after it has written one byte of a batch, two bytes, and so on to the whole
of it, in each form; every time the next one takes over. No message is lost, what is there
twice says so, no line is glued to another, and no part of one is left. Writes fail and come short,
the disk does not keep what it was given, or never answers, and the clock on the wall goes on to
another day.
"""

import datetime
import json
import os
import re

from injecting import LONG, UnluckyService, connect, finish, folder, main, rule, until

LINE = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d info (\S+) "
                  rb"(\[repeat\?\] )?(number \d+ part [abc])")


class Files:
    """Where a service writes files: what a sink is for others."""

    kind = "file"

    def __init__(self, scratch, name="all"):
        self.path = os.path.join(scratch, "log", name)

    def read(self):
        try:
            with open(self.path, "rb") as file:
                return file.read()
        except FileNotFoundError:
            return b""


def parse_text(data):
    """(peer, is a repeat, text) of each line, strictly."""
    assert data.endswith(b"\n") or not data, data[-100:]
    matches = [LINE.fullmatch(line) for line in data.split(b"\n")[:-1]]
    assert all(matches), data[-1000:]
    return [(m.group(1).decode(), m.group(2) is not None, m.group(3)) for m in matches]


def parse_json(data):
    assert data.endswith(b"\n") or not data, data[-100:]
    found = []
    for line in data.split(b"\n")[:-1]:
        entry = json.loads(line)
        peer, *_, number, _, part = entry["message"].split(" ")
        found.append((peer, "repeat" in entry.get("peer_flags", ""),
                      f"number {number} part {part}".encode()))
    return found


def parse_export(data):
    found = []
    while data:
        entry, end, data = data.partition(b"\nPRIORITY=6\n\n")
        match = re.fullmatch(rb"__REALTIME_TIMESTAMP=\d+\n(?:[A-Z_]+=[^\n]*\n)*MESSAGE\n"
                             rb".{8}(\S+) (\[repeat\?\] )?(number \d+ part [abc])", entry,
                             re.DOTALL)
        assert match and end, entry
        found.append((match.group(1).decode(), match.group(2) is not None, match.group(3)))
    return found


FORMS = {"text": parse_text, "json": parse_json, "export": parse_export}
BATCH = {"text": 260, "json": 1000, "export": 900}  # bytes of three messages, and more


def count_texts(form, data):
    """How many different ones; None while the file ends in the middle of one."""
    try:
        return len({text for _, _, text in FORMS[form](data)})
    except (AssertionError, ValueError):
        return None


def death_at_each_byte(scratch, form):
    files = Files(scratch)
    step = 1 if LONG else {"text": 3, "json": 17, "export": 13}[form]
    offsets = range(0, BATCH[form], step)
    # Each death is followed by one write of what was in hand; then comes the next batch.
    rules = [rule("write", f"die{offset}", 2 * i + 1) for i, offset in enumerate(offsets)]
    with UnluckyService(scratch, files, rules, workers=1,
                        output=dict(type="file", format=form, path=files.path)) as service:
        service.allow(r"cut off \d+ bytes of a record that was not finished",
                      r"died \d+ times in a row soon after its start")
        sock = connect(service.port)
        wanted = []
        for i in range(len(offsets)):
            texts = [b"number %d part %c" % (i, part) for part in b"abc"]
            sock.sendall(b"".join(text + b"\n" for text in texts))
            wanted += texts
            service.manager.wait()
            service.begin()
            until(lambda n=3 * (i + 1): count_texts(form, files.read()) == n, "what was in hand")
        peer = finish(sock)
        service.stop()
        records = FORMS[form](files.read())
        assert {r[0] for r in records} == {peer}
        firsts, seen = [], set()
        for _, is_repeat, text in records:
            assert text not in seen or is_repeat, f"{text} is there twice, and does not say so"
            if text not in seen:
                firsts.append(text)
            seen.add(text)
        assert firsts == wanted, "something is lost, or not in its order"
        assert service.luck.struck("write") == len(offsets)
        repeats = len(records) - len(wanted)
        assert 0 < repeats < len(wanted), repeats
        print(f"  {len(offsets)} deaths, {repeats} records twice")


def death_at_each_byte_of_text(scratch):
    death_at_each_byte(scratch, "text")


def death_at_each_byte_of_json(scratch):
    death_at_each_byte(scratch, "json")


def death_at_each_byte_of_export(scratch):
    death_at_each_byte(scratch, "export")


def writes_that_fail(scratch):
    """Each error and short writes, at some calls and at every third: nothing is lost or doubled."""
    for fault in ("ENOSPC", "EDQUOT", "EINTR", "limit1", "limit100"):
        files = Files(folder(scratch, fault))
        rules = [rule("write", fault, "1"), rule("write", fault, "2"), rule("write", fault, "4+3")]
        with UnluckyService(os.path.dirname(os.path.dirname(files.path)), files, rules, workers=1,
                            output=dict(type="file", path=files.path)) as service:
            service.allow("cannot take anything", "is back after")
            sock = connect(service.port)
            wanted = []
            for i in range(40):
                texts = [b"number %d part %c" % (i, part) for part in b"abc"]
                sock.sendall(b"".join(text + b"\n" for text in texts))
                wanted += texts
                until(lambda n=len(wanted): len(files.read().split(b"\n")) == n + 1, "these")
            finish(sock)
            service.stop()
            assert [r[1:] for r in parse_text(files.read())] == [(False, t) for t in wanted]
            assert service.luck.struck("write") > 10


def a_disk_that_does_not_keep_it(scratch):
    """fdatasync fails: what was not kept is written anew, marked, before it counts as taken."""
    files = Files(scratch)
    rules = [rule("fdatasync", "EIO", "1"), rule("fdatasync", "EIO", "3+2x3")]
    with UnluckyService(scratch, files, rules, workers=1,
                        output=dict(type="file", path=files.path, sync="round")) as service:
        service.allow("cannot take anything", "is back after")
        wanted = []
        for i in range(8):
            texts = [b"number %d part %c" % (i, part) for part in b"abc"]
            sock = connect(service.port)
            before = service.luck.called("fdatasync")
            sock.sendall(b"".join(text + b"\n" for text in texts))
            finish(sock)  # the receipt: it is on the disk
            called, struck = service.luck("fdatasync")
            assert called > before, "a receipt without fdatasync"
            wanted += texts
        records = parse_text(files.read())
        assert [t for _, is_repeat, t in records if not is_repeat] == wanted
        assert service.luck.struck("fdatasync") == 4
        assert sum(is_repeat for _, is_repeat, _ in records) == 3 * 4


def an_answer_when_the_disk_has_it(scratch):
    """Of RELP, too: no answer before fdatasync has gone well behind the message."""
    files = Files(scratch)
    with UnluckyService(scratch, files, [rule("fdatasync", "EIO", "2+3x4")], workers=1,
                        output=dict(type="file", path=files.path, sync="round")) as service:
        service.allow("cannot take anything", "is back after")
        with connect(service.port) as sock, sock.makefile("rb") as answers:
            sock.sendall(b"1 open 30 relp_version=0\ncommands=syslog\n")
            while answers.readline() != b"commands=syslog\n":
                pass
            for i in range(2, 12):
                called, struck = service.luck("fdatasync")
                sock.sendall(b"%d syslog 16 number %02d part a\n" % (i, i))
                assert answers.readline() == b"%d rsp 6 200 OK\n" % i
                after, unlucky = service.luck("fdatasync")
                assert after - called > unlucky - struck, "an answer without fdatasync"
                last = parse_text(files.read())[-1][2]
                assert last == b"number %02d part a" % i, "it is in the file, too"
        assert service.luck.struck("fdatasync") == 4


HANGS = r"the disk has not taken what was written last within 2 s; waiting for it is given up"


def a_disk_that_hangs(scratch):
    """fdatasync never returns: a reload leads to another disk, with all that was not safe."""
    files, others = Files(scratch), Files(scratch, "others")
    with UnluckyService(scratch, files, [rule("fdatasync", "hang0", "2")], workers=1,
                        output=dict(type="file", path=files.path, sync="round")) as service:
        service.allow("does not answer", "is back after", "reloaded", HANGS)
        sock = connect(service.port)
        sock.sendall(b"number 0 part a\n")
        until(lambda: service.luck.called("fdatasync") == 1, "what is safe")
        sock.sendall(b"number 1 part a\n")
        until(lambda: service.luck.struck("fdatasync") == 1, "the disk to hang")
        service.words.wait("the disk does not answer", 1)
        service.settings["output"]["path"] = others.path
        service.write_file()
        service.reload()
        sock.sendall(b"number 2 part a\n")
        finish(sock)
        service.words.wait(HANGS, 1)
        assert [r[1:] for r in parse_text(others.read())] == [
            (True, b"number 1 part a"), (False, b"number 2 part a")]


def a_disk_that_is_late(scratch):
    """With sync = "second" not more and more is written that is not on the disk: clients wait."""
    files = Files(scratch)
    with UnluckyService(scratch, files, [rule("fdatasync", "hang3", "1")], workers=1,
                        output=dict(type="file", path=files.path, sync="second")) as service:
        service.allow("does not answer", "is back after")
        sock = connect(service.port)
        sock.sendall(b"number 0 part a\n")
        until(lambda: service.luck.struck("fdatasync") == 1, "the disk to hang")
        sock.sendall(b"number 1 part a\n")
        until(lambda: len(parse_text(files.read())) == 2, "what is late by no more than that")
        service.clocks.set(monotonic=6)
        sock.sendall(b"number 2 part a\n")
        service.words.wait("the disk does not answer", 1)
        assert len(parse_text(files.read())) == 2
        finish(sock)
        assert [r[1:] for r in parse_text(files.read())] == [
            (False, b"number %d part a" % i) for i in range(3)]


def a_stop_while_the_disk_hangs(scratch):
    """It does not wait for ever, and the next process has what was not safe."""
    files = Files(scratch)
    with UnluckyService(scratch, files, [rule("fdatasync", "hang0", "2")], workers=1,
                        output=dict(type="file", path=files.path, sync="round")) as service:
        service.allow(HANGS, "leaving")
        sock = connect(service.port)
        sock.sendall(b"number 0 part a\n")
        until(lambda: service.luck.called("fdatasync") == 1, "what is safe")
        sock.sendall(b"number 1 part a\n")
        until(lambda: service.luck.struck("fdatasync") == 1, "the disk to hang")
        service.restart()
        service.words.wait(HANGS, 1)
        finish(sock)
        assert [r[1:] for r in parse_text(files.read())] == [
            (False, b"number 0 part a"), (False, b"number 1 part a"), (True, b"number 1 part a")]


def another_day(scratch):
    """The clock on the wall goes on: the next message is in the file of its day."""
    files = Files(scratch, "%Y/%m-%d")
    with UnluckyService(scratch, files, ["alloc=1@999999999"], workers=2,
                        output=dict(type="file", path=files.path)) as service:
        for days in (0, 1, 40, 400):
            service.clocks.set(wall=86400 * days)
            sock = connect(service.port)
            sock.sendall(b"number %d part a\n" % days)
            finish(sock)
            day = datetime.datetime.now() + datetime.timedelta(days=days)
            path = os.path.join(scratch, "log", day.strftime("%Y"), day.strftime("%m-%d"))
            with open(path, "rb") as file:
                (_, _, text), = parse_text(file.read())
            assert text == b"number %d part a" % days


main(death_at_each_byte_of_text, death_at_each_byte_of_json, death_at_each_byte_of_export,
     writes_that_fail, a_disk_that_does_not_keep_it,
     an_answer_when_the_disk_has_it, a_disk_that_hangs, a_disk_that_is_late,
     a_stop_while_the_disk_hangs, another_day)
