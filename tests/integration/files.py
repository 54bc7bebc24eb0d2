#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# Messages in files: as text, as JSON that jq and Python read alike, and in the export format, of
# which systemd-journal-remote makes a journal that journalctl reads. The files are renamed by
# logrotate, by their size and by hand while clients talk, their disk is full, their folder
# vanishes, and a symbolic link stands in their way: every line is there once, and whole.

import json

from support import *

STAMP = rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d"
TEXT = re.compile(rb"(" + STAMP + rb") (emerg|alert|crit|err|warning|notice|info|debug) (.*)",
                  re.DOTALL)
REMOTE = "/lib/systemd/systemd-journal-remote"
LOST = r"waiting for it, clients wait too, nothing is dropped$"
BACK = r"^peerlogd: file \S+ is back after "

# Every byte, by itself and between others; and what is special to some form.
EVERY = [bytes([b]) + b"x" for b in range(256)] + [b"x" + bytes([b]) for b in range(256)] + [
    bytes(range(256)), bytes(range(255, -1, -1)), b'"quoted" \\ \\n \\x41 \\u0041 {"a":[1]}',
    "日本語 🚀 \u2028 \ufffd".encode(), b"a\n\nPRIORITY=3\n\nb", b"\n__REALTIME_TIMESTAMP=1\n",
    b"[part 1] x", b"tab\tand\nline", b"x" * 5000]


def spoken(texts):
    """Octet-counted, so that any byte may be in a message."""
    return b"".join(b"%d <13>%s" % (len(t) + 4, t) for t in texts)


def writing(scratch, **output):
    """A daemon that writes files into a folder "log" of SCRATCH."""
    output = dict(dict(type="file", path=os.path.join(scratch, "log", "all")), **output)
    settings = {name: output.pop(name) for name in ("workers", "listeners", "buffer_size")
                if name in output}
    return Daemon(scratch, output=output, **settings)


def read_file(*path):
    with open(os.path.join(*path), "rb") as file:
        return file.read()


def lines_of(*path):
    data = read_file(*path)
    assert data.endswith(b"\n") or not data, f"{path} ends within a line: {data[-100:]!r}"
    return data.split(b"\n")[:-1]


def record_of_line(line):
    match = TEXT.fullmatch(line)
    assert match, f"not a line of a file: {line[:200]!r}"
    return parse_line(match.group(3))


def text(scratch):
    with writing(scratch) as daemon:
        plain = [b"hello", b"<11>an error", "grüße 🚀".encode()]
        peer = say(daemon.port, b"".join(t + b"\n" for t in plain) + b"two\0lines\x01\0")
        lines = lines_of(scratch, "log", "all")
        assert [TEXT.fullmatch(line).group(2) for line in lines] == [
            b"info", b"err", b"info", b"info", b"info"]
        records = [record_of_line(line) for line in lines]
        assert [r.text for r in records] == [b"hello", b"an error", plain[2], b"two", rb"lines\x01"]
        assert {r.peer for r in records} == {peer}
        before = time.time()
        stamps = [line.split(b" ")[0].decode() for line in lines]
        assert stamps == sorted(stamps)
        parsed = subprocess.run(["date", "+%s", "-d", stamps[-1]], capture_output=True, check=True)
        assert abs(int(parsed.stdout) - before) < 60, (parsed.stdout, before)


def every_byte_in_lines(scratch):
    with writing(scratch) as daemon:
        say(daemon.port, spoken(EVERY))
        records = [record_of_line(line) for line in lines_of(scratch, "log", "all")]
        assert len(records) == len(EVERY)
        for record, said in zip(records, EVERY):
            assert len(record.text) >= len(said.rstrip(b"\n")), (record.text, said)
            assert not re.search(rb"[\x00-\x08\x0a-\x1f\x7f]", record.text), record.text


def cut_and_imitated(scratch):
    """Messages that were cut are marked in each form, and no peer can write such a mark."""
    for form in ("text", "json", "export"):
        path = os.path.join(scratch, form)
        with writing(scratch, path=path, format=form, workers=1,
                     listeners=[LOOPBACK, dict(LOOPBACK, framing="close")]) as daemon:
            for number, (_, port) in enumerate(daemon.listeners):
                sock = connect(port)
                sock.sendall(b"half")
                reset(sock)
                until(lambda n=number: os.path.exists(path) and read_file(path).count(
                    b"half") == n + 1, "what was cut")
            say(daemon.port, b"[cut] half\n")
            sock = connect(daemon.port)
            sock.sendall(b"whole\nhalf")
            until(lambda: read_file(path).count(b"whole") == 1, "the line before")
            daemon.end()
        written = read_file(path)
        assert written.count(b" [cut] half") == 3, written
        imitated = rb"\\x5bcut] half" if form == "json" else rb"\x5bcut] half"
        assert written.count(imitated) == 1, written
        if form != "text":
            flags = re.findall(rb'(?:PEER_FLAGS=|"peer_flags":")([a-z,]*)', written)
            assert [b"cut" in f.split(b",") for f in flags] == [True, True, False, True], flags


def every_byte_in_json(scratch):
    with writing(scratch, format="json", buffer_size=8192) as daemon:
        peer = say(daemon.port, spoken(EVERY))
        lines = lines_of(scratch, "log", "all")
    objects = [json.loads(line) for line in lines]
    assert len(objects) == len(EVERY)
    for number, (found, said) in enumerate(zip(objects, EVERY), 1):
        said = said[:-1] if said.endswith(b"\n") else said
        text = found["message"].removeprefix(peer + " ")
        assert text != found["message"]
        assert bytes(found.get("peer_raw", text.encode())) == said, (found, said)
        assert ("peer_raw" in found) == (found.get("peer_flags") == "escaped")
        assert found["peer_sequence"] == number and found["priority"] == 5
        assert f"{found['peer_address']}:{found['peer_port']}" == peer
        assert re.fullmatch(STAMP.decode(), found["timestamp"])
    jq = subprocess.run([tool("jq"), "-c", ".", os.path.join(scratch, "log", "all")],
                        capture_output=True, check=True)
    assert [json.loads(line) for line in jq.stdout.splitlines()] == objects


def every_byte_in_the_journal(scratch):
    """The real systemd-journal-remote takes the file, and journalctl shows what was said."""
    if not os.path.exists(REMOTE):
        raise Skip(f"{REMOTE} is not installed")
    with writing(scratch, format="export", buffer_size=8192) as daemon:
        peer = say(daemon.port, spoken(EVERY))
    journal = os.path.join(scratch, "read.journal")
    subprocess.run([REMOTE, "-o", journal, os.path.join(scratch, "log", "all")], check=True,
                   capture_output=True)
    shown = subprocess.run([tool("journalctl"), "--file", journal, "-o", "json", "--all",
                            "--no-pager"], check=True, capture_output=True).stdout
    entries = sorted((json.loads(line) for line in shown.splitlines()),
                     key=lambda e: int(e["PEER_SEQUENCE"]))
    assert len(entries) == len(EVERY), len(entries)
    for number, (entry, said) in enumerate(zip(entries, EVERY), 1):
        said = said[:-1] if said.endswith(b"\n") else said
        text = entry["MESSAGE"]
        text = (bytes(text) if isinstance(text, list) else text.encode())
        assert text.startswith(peer.encode() + b" ")
        raw = entry.get("PEER_RAW", text[len(peer) + 1:].decode())
        assert (bytes(raw) if isinstance(raw, list) else raw.encode()) == said, (entry, said)
        assert int(entry["PEER_SEQUENCE"]) == number and entry["PRIORITY"] == "5"


def many_peers(scratch):
    """More peers than files may be open, each with a file, and as many again."""
    path = os.path.join(scratch, "log", "%{address}", "%{listener}.log")
    with writing(scratch, path=path, workers=2) as daemon:
        for again in range(2):
            for i in range(1200):
                source = f"127.1.{i // 200}.{i % 200 + 1}"
                say(daemon.port, b"%d of %d\n" % (again, i), source=source)
        assert daemon.descriptors() <= 1024 + 40, daemon.descriptors()
        for i in range(1200):
            lines = lines_of(scratch, "log", f"127.1.{i // 200}.{i % 200 + 1}", "peerlogd.log")
            assert [record_of_line(line).text for line in lines] == [
                b"0 of %d" % i, b"1 of %d" % i], lines


class Talkers:
    """Connections that send numbered lines until a test has seen enough."""

    def __init__(self, port, count=4, pad=2000):
        self.pad = pad
        self.enough = threading.Event()
        self.sent = 0
        self.streams = {}
        self.threads = [threading.Thread(target=self.talk, args=(port, i), daemon=True)
                        for i in range(count)]
        for thread in self.threads:
            thread.start()

    def talk(self, port, number):
        sock = connect(port)
        texts = self.streams[name_of(sock)] = []
        while not self.enough.is_set():
            more = numbered(number, 20, len(texts), self.pad)
            sock.sendall(b"\n".join(more) + b"\n")
            texts += more
            self.sent += len(more)
            self.enough.wait(0.01)  # there is an end to what a slow logrotate has to compress
        finish(sock)

    def end(self):
        self.enough.set()
        for thread in self.threads:
            thread.join(PATIENCE)
            assert not thread.is_alive(), "a client could not finish"
        return self.streams

    def wait_more(self, count=2000):
        wanted = self.sent + count
        until(lambda: self.sent >= wanted, "more to be sent")


def check_files(streams, *files):
    """FILES, the oldest first, have every line of the streams once, whole and in order."""
    records = [record_of_line(line) for file in files for line in lines_of(file)]
    check_streams(records, streams)


def renamed(scratch):
    """By hand, without a word and with one; how soon, is for the unit tests."""
    path = os.path.join(scratch, "log", "all")
    with writing(scratch, workers=2) as daemon:
        talkers = Talkers(daemon.port)
        talkers.wait_more()
        os.rename(path, path + ".a")
        until(lambda: os.path.exists(path), "a new file")
        talkers.wait_more()
        os.rename(path, path + ".b")
        daemon.signal(signal.SIGUSR2)
        until(lambda: os.path.exists(path), "another new file")
        streams = talkers.end()
        check_files(streams, path + ".a", path + ".b", path)


def by_logrotate(scratch):
    """The real one, with the sample, adapted to this daemon; old files become .2 and .1."""
    folder = os.path.join(scratch, "log")
    sample = read_file(os.environ["PEERLOG_SOURCE"], "etc", "logrotate.d", "peerlogd").decode()
    with writing(scratch, path=os.path.join(folder, "all.log"), workers=2) as daemon:
        adapted = re.sub("systemctl kill .*", f"kill -USR2 {daemon.pid}",
                         sample.replace("/var/log/peerlog", folder))
        assert adapted.count(folder) == 1 and "kill -USR2" in adapted
        config = os.path.join(scratch, "rotate.conf")
        with open(config, "w", encoding="utf-8") as file:
            file.write(adapted.replace("notifempty", "notifempty\n    su root root"
                                       if os.getuid() == 0 else "notifempty"))
        talkers = Talkers(daemon.port)
        for _ in range(3):
            talkers.wait_more()
            subprocess.run([tool("logrotate"), "-f", "-s", os.path.join(scratch, "state"), config],
                           check=True)
            until(lambda: os.path.exists(os.path.join(folder, "all.log")), "a new file")
        streams = talkers.end()
        for name in ("all.log.3.gz", "all.log.2.gz"):
            subprocess.run([tool("gzip"), "-d", os.path.join(folder, name)], check=True)
        check_files(streams, *(os.path.join(folder, name) for name in (
            "all.log.3", "all.log.2", "all.log.1", "all.log")))


def by_size(scratch):
    path = os.path.join(scratch, "log", "all")
    with writing(scratch, max_bytes=50000, keep=1000, workers=2) as daemon:
        talkers = Talkers(daemon.port)
        talkers.wait_more(5000)
        streams = talkers.end()
        names = sorted((name for name in os.listdir(os.path.join(scratch, "log")) if "." in name),
                       key=lambda name: -int(name.rpartition(".")[2]))
        assert len(names) > 5, names
        sizes = [os.path.getsize(os.path.join(scratch, "log", name)) for name in names]
        assert all(0 < size <= 50000 for size in sizes), sizes
        check_files(streams, *(os.path.join(scratch, "log", name) for name in names), path)


def symbolic_links(scratch):
    """Neither the folder of a peer nor its file may be one; the fixed folder may."""
    os.mkdir(os.path.join(scratch, "true"))
    os.symlink("true", os.path.join(scratch, "log"))
    os.mkdir(os.path.join(scratch, "away"))
    os.symlink("../away", os.path.join(scratch, "true", "127.0.0.1"))
    path = os.path.join(scratch, "log", "%{address}", "all")
    with writing(scratch, path=path) as daemon:
        sock = connect(daemon.port)
        sock.sendall(b"hello\n")
        daemon.expect(r"file \S+/log/127\.0\.0\.1/all leads through a symbolic link or a file.*"
                      + LOST)
        os.unlink(os.path.join(scratch, "true", "127.0.0.1"))
        daemon.expect(BACK)
        peer = finish(sock)
        record, = map(record_of_line, lines_of(scratch, "true", "127.0.0.1", "all"))
        assert (record.peer, record.text) == (peer, b"hello")
        assert os.listdir(os.path.join(scratch, "away")) == []


def a_folder_that_vanishes(scratch):
    path = os.path.join(scratch, "log", "all")
    with writing(scratch) as daemon:
        say(daemon.port, b"before\n")
        shutil.rmtree(os.path.join(scratch, "log"))
        daemon.signal(signal.SIGUSR2)
        say(daemon.port, b"after\n")
        until(lambda: os.path.exists(path) or not say(daemon.port, b"after\n"), "a new file")
        assert record_of_line(lines_of(path)[-1]).text == b"after"


def full_disk(scratch):
    """A tmpfs of 256 KiB, full again and again while clients talk, of which more is freed."""
    if os.getuid() != 0:
        raise Skip("only root may mount a tmpfs")
    folder = os.path.join(scratch, "log")
    os.mkdir(folder)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder], check=True)
    try:
        path = os.path.join(folder, "all")
        kept = os.path.join(scratch, "kept")
        with writing(scratch, workers=1) as daemon:
            talkers = Talkers(daemon.port, pad=100)
            for i in range(1, 6):
                daemon.expect(r"file \S+/all cannot take anything \(No space left on device\); "
                              + LOST, i)
                move_away(daemon, path, kept)
                daemon.expect(BACK, i)
            talkers.enough.set()
            while any(thread.is_alive() for thread in talkers.threads):
                if daemon.said(LOST) > daemon.said(BACK):
                    move_away(daemon, path, kept)
                talkers.threads[0].join(0.02)
                talkers.threads.sort(key=lambda thread: not thread.is_alive())
            check_files(talkers.end(), kept, path)
            daemon.allow(LOST, BACK)
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def move_away(daemon, path, kept):
    """Make room: what was written goes elsewhere, once nobody writes to it any more."""
    def is_open(fd):
        try:
            return os.readlink(f"/proc/{daemon.pid}/fd/{fd}").endswith(".old")
        except FileNotFoundError:
            return False

    os.rename(path, path + ".old")
    daemon.signal(signal.SIGUSR2)
    until(lambda: not any(map(is_open, os.listdir(f"/proc/{daemon.pid}/fd"))), "its close")
    with open(kept, "ab") as file:
        file.write(read_file(path + ".old"))
    os.unlink(path + ".old")


def durable(scratch):
    """With either way to sync all is written, and the receipt is given."""
    for sync in ("second", "round"):
        where = folder(scratch, sync)
        with writing(where, sync=sync, workers=2) as daemon:
            talkers = Talkers(daemon.port, count=8)
            talkers.wait_more(500)
            streams = talkers.end()
            check_files(streams, os.path.join(where, "log", "all"))


def by_reload(scratch):
    """Another path, another form, and back to none of them."""
    with writing(scratch) as daemon:
        say(daemon.port, b"one\n")
        for form, path in (("json", "other"), ("text", "all")):
            daemon.output.update(format=form, path=os.path.join(scratch, "log", path))
            daemon.write_file()
            daemon.signal(signal.SIGHUP)
            daemon.expect("reloaded", 1 if form == "json" else 2)
            say(daemon.port, b"two\n")
        assert len(lines_of(scratch, "log", "all")) == 2
        line, = lines_of(scratch, "log", "other")
        assert json.loads(line)["message"].endswith(" two")


def check_warns_of_what_cannot_be_written(scratch):
    path = os.path.join(scratch, "check.conf")
    with open(path, "w", encoding="utf-8") as file:
        file.write('output = { type = "file"; path = "/proc/none/%{address}"; };\n')
    status, out, err = run_daemon("-t", "-c", path)
    assert status == 0 and out == f"{path}: good\nlog: file (/proc/none/%{{address}})\n", out
    assert any("output.path: /proc/ cannot be written to" in line for line in err) or \
        os.access("/proc", os.W_OK), err


if __name__ == "__main__":
    main(text, every_byte_in_lines, cut_and_imitated, every_byte_in_json, every_byte_in_the_journal,
         many_peers, renamed, by_logrotate, by_size, symbolic_links, a_folder_that_vanishes,
         full_disk, durable, by_reload, check_warns_of_what_cannot_be_written)
