#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# peerlogctl, as the person on call uses it: is it up, who talks, who floods, who is silent, is the
# log the bottleneck, and cut that one off. Each is one command. top runs on a real terminal, of
# tmux, whose screen is read: it sorts, asks before it cuts, and fits when the window shrinks.

import json

from support import *

PEERLOGCTL = os.environ.get("PEERLOGCTL", "peerlogctl")
SOURCE = os.environ.get("PEERLOG_SOURCE", os.path.join(os.path.dirname(__file__), "..", ".."))


class Ctl:
    """Runs it against a daemon."""

    def __init__(self, path):
        self.path = path

    def run(self, *words):
        done = subprocess.run([PEERLOGCTL, "-s", self.path, *words], stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=PATIENCE, check=False)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def good(self, *words):
        status, said, complaint = self.run(*words)
        assert status == 0 and not complaint, (words, status, complaint)
        return said

    def ports(self, *words):
        return [c["port"]
                for c in json.loads(self.good("connections", "-o", "json", *words))["connections"]]


@contextlib.contextmanager
def controlled(scratch, **settings):
    path = os.path.join(scratch, "admin")
    with serving("syslog", scratch, admin=dict(path=path), **settings) as (daemon, sink):
        until(lambda: os.path.exists(path), "the admin socket")
        yield daemon, sink, Ctl(path)


def port_of(sock):
    return sock.getsockname()[1]


def questions_of_the_person_on_call(scratch):
    listeners = [LOOPBACK, dict(LOOPBACK, tag="switches")]
    with controlled(scratch, listeners=listeners) as (daemon, sink, ctl):
        busy, quiet = connect(daemon.port), connect(daemon.listeners[1][1])
        quiet.sendall(b"one\n")
        busy.sendall(b"a longer message\n" * 100)
        sink.wait_count(101)
        until(lambda: "101 messages" in ctl.good("status"), "all to be counted")
        # Is it up, and the log?
        lines = ctl.good("status").splitlines()
        assert lines[0] == f"log: syslog {sink.path}, up, 0 messages waiting", lines
        assert lines[1] == "2 of 8192 connections, 101 messages, 1.7k bytes", lines
        assert lines[2].startswith(f"peerlogd ") and f"process {daemon.pid}," in lines[2], lines
        assert lines[4] == "who sends most:" and lines[5].endswith("2 connections 127.0.0.1"), lines
        assert json.loads(ctl.good("status", "-o", "json"))["pid"] == daemon.pid
        # Who talks, who is silent?
        table = ctl.good("connections").splitlines()
        assert table[0].split() == (
            "ID PEER TAG MESSAGES BYTES B/S IDLE WAITING STATE AGE HOW PROBLEM".split())
        assert all(" plain/syslog" in line for line in table[1:]), table
        assert any(line.endswith(" plain/syslog lf") for line in table[1:]), table
        assert {line.split()[1] for line in table[1:]} == {
            f"127.0.0.1:{port_of(busy)}", f"127.0.0.1:{port_of(quiet)}"}
        assert ctl.ports("-S", "bytes") == [port_of(busy), port_of(quiet)]
        assert ctl.ports("-S", "bytes", "-n", "1") == [port_of(busy)]
        assert ctl.ports("-l", "switches") == [port_of(quiet)]
        assert ctl.ports("-p", "127.0.0.0/8") and not ctl.ports("-p", "192.0.2.0/24")
        # Is the log the bottleneck?
        sink.unlink()
        sink.close()
        daemon.allow("log|socket")
        busy.sendall(b"waits\n")
        until(lambda: re.match(r"log: .* LOST for \d+s, 1 message waiting", ctl.good("status")),
              "the loss to be told")
        daemon.process.kill()
        daemon.status_wanted = daemon.wait()


def connections_are_killed(scratch):
    with controlled(scratch) as (daemon, sink, ctl):
        socks = [connect(daemon.port) for _ in range(3)]
        for sock in socks:
            sock.sendall(b"x\n")
        sink.wait_count(3)
        listed = json.loads(ctl.good("connections", "-o", "json"))["connections"]
        one = next(c for c in listed if c["port"] == port_of(socks[0]))
        assert ctl.good("kill", str(one["id"])) == "told 1 connection to end\n"
        assert socks[0].recv(1) == b""
        until(lambda: len(ctl.ports()) == 2, "it to be gone")
        assert ctl.run("kill", str(one["id"]))[0] == 65
        assert ctl.run("kill", "192.0.2.1")[:2] == (65, "told 0 connections to end\n")
        assert ctl.run("kill", "no address")[0] == 64
        assert ctl.good("kill", "-f", "127.0.0.1") == "told 2 connections to end\n"
        until(lambda: not ctl.ports(), "all to be gone")


def what_a_device_really_sends(scratch):
    with controlled(scratch) as (daemon, sink, ctl):
        device, other = connect(daemon.port, source="127.0.0.2"), connect(daemon.port)
        process = subprocess.Popen([PEERLOGCTL, "-s", ctl.path, "trace", "127.0.0.2"],
                                   stdout=subprocess.PIPE, preexec_fn=end_with_test)
        words = Words(process.stdout)
        count = 0

        def say_until_traced():
            nonlocal count
            count += 1
            device.sendall(b"<11>is anybody there?\n")
            sink.wait_count(count)
            return words.lines

        until(say_until_traced, "the trace to begin")
        other.sendall(b"not of interest\n")
        device.sendall(b"a\x1b[2J\xff\n50 <13>short")
        device.close()
        daemon.allow("the count before a message")
        peer = r"^127\.0\.0\.2:\d+ "
        words.wait(peer + r"\w+\.err: is anybody there\? \[LF, 17 bytes, priority \d+\]$")
        words.wait(peer + r"\w+\.\w+: a\\x1b\[2J\\xff \[LF, 6 bytes, priority \d+\]$")
        words.wait(peer + r"\w+\.notice: short \[counted, 5 bytes, priority \d+, incomplete, "
                          r"9 bytes of 50\]$")
        # What the framer decides of counts, and that something waits.
        device = connect(daemon.port, source="127.0.0.2")
        device.sendall(b"7 <13>one7 <13>two7 <13>six\n6 <13>bad\n")
        words.wait(peer + r"\w+\.notice: two \[counted, 3 bytes, priority \d+\]$")
        words.wait(peer + r"\w+\.notice: d \[LF, 1 byte, .*, 1 byte too few was counted\]$")
        # Why does nothing arrive from it?
        line = ctl.good("connections", "-p", "127.0.0.2").splitlines()[1]
        assert line.endswith(" count") and "octet-counting" in line, line
        device.sendall(b"<13>no end")
        words.wait(peer + r"waits for an end since \d+ s \[10 bytes so far\]$")
        assert not words.matching("not of interest")
        process.kill()
        process.wait()
        words.thread.join()
        assert ctl.run("trace", "no address")[0] == 64


def a_reload_says_how_it_went(scratch):
    with controlled(scratch) as (daemon, _, ctl):
        daemon.allow("reloaded", "buffer_size")
        assert ctl.good("reload") == f"reloaded {daemon.file}\n"
        daemon.write_file(buffer_size=1)
        status, _, complaint = ctl.run("reload")
        assert status == 78 and "buffer_size" in complaint, (status, complaint)


def settings_are_those_in_force(scratch):
    with controlled(scratch, limits=dict(connections=99), workers=2) as (daemon, _, ctl):
        daemon.allow("reloaded", "takes effect at the next restart")
        with open(daemon.file, encoding="utf-8") as file:
            lines = file.read().splitlines()
        said = ctl.good("settings")
        at, = (n for n, line in enumerate(lines, 1) if re.search(r"\bconnections = 99", line))
        assert re.search(rf"^limits\.connections = 99 +# {re.escape(daemon.file)}:{at}$", said,
                         re.M), said
        assert re.search(r"^limits\.keepalive = 120 +# default$", said, re.M), said
        assert re.search(r'^listeners\[0\]\.tag = "peerlogd" +# output\.tag$', said, re.M), said
        daemon.write_file(limits=dict(connections=98), workers=3)
        ctl.good("reload")
        said = ctl.good("settings")
        assert re.search(r"^limits\.connections = 98 ", said, re.M), said
        assert re.search(r"^workers = 2 +# an earlier configuration; another value waits", said,
                         re.M), said
        assert all(s["value"] == 2 and s["restart"]
                   for s in json.loads(ctl.good("settings", "-o", "json"))["settings"]
                   if s["name"] == "workers")


def a_log_that_was_moved_is_made_anew(scratch):
    path, log = os.path.join(scratch, "admin"), os.path.join(scratch, "messages.log")
    output = dict(type="file", path=log)
    with Daemon(scratch, output=output, admin=dict(path=path)) as daemon:
        connect(daemon.port).sendall(b"one\n")
        until(lambda: os.path.exists(log) and os.path.getsize(log) > 0, "the first message")
        os.rename(log, log + ".1")
        assert Ctl(path).good("reopen").startswith("what is written to")
        connect(daemon.port).sendall(b"two\n")
        until(lambda: os.path.exists(log) and b"two" in open(log, "rb").read(), "the second")
        assert b"two" not in open(log + ".1", "rb").read()


def metrics_are_prometheus_text(scratch):
    with controlled(scratch) as (_, _, ctl):
        assert re.search(r"^peerlogd_connections 0$", ctl.good("metrics"), re.M)


def faults_have_their_statuses(scratch):
    with controlled(scratch) as (_, _, ctl):
        assert Ctl(os.path.join(scratch, "nobody")).run("status")[0] == 69
        for words in (), ("what",), ("status", "-f"), ("kill",), ("connections", "-o", "xml"):
            assert ctl.run(*words)[0] == 64, words
        assert ctl.run("top")[0] == 64
        assert ctl.run("connections", "-S", "name")[0] == 64
        with open("/dev/full", "w", encoding="ascii") as full:
            done = subprocess.run([PEERLOGCTL, "-s", ctl.path, "status"], stdout=full,
                                  stderr=subprocess.PIPE, check=False)
        assert done.returncode == 74


def read(*path):
    with open(os.path.join(SOURCE, *path), encoding="utf-8") as file:
        return file.read()


def documents_have_every_option_and_command(_):
    help_text = subprocess.run([PEERLOGCTL, "-h"], capture_output=True, check=True).stdout.decode()
    letters = set(re.findall(r"^  -(\w),", help_text, re.M))
    names = set(re.findall(r"^  -\w, --([a-z]+)", help_text, re.M))
    commands = set(re.findall(r"^  ([a-z]+) ", help_text, re.M))
    assert len(letters) == len(names) == 9 and len(commands) == 9, help_text
    manual = read("man", "peerlogctl.1")
    items = re.findall(r"^\.It Fl (\w) , -([a-z]+)", manual, re.M)
    assert {i[0] for i in items} == letters and {i[1] for i in items} == names, items
    assert set(re.findall(r"^\.It Cm ([a-z]+)", manual, re.M)) == commands
    for name in "peerlogctl.bash", "_peerlogctl":
        text = read("etc", "completion", name)
        assert set(re.findall(r"(?<![\w-])--([a-z]+)", text)) == names, name
        assert commands <= set(re.findall(r"\w+", text)), name
    script = """
        source "$0"
        _peerlogctl peerlogctl st peerlogctl; echo "${COMPREPLY[@]}"
        _peerlogctl peerlogctl w -S; echo "${COMPREPLY[@]}"
        _peerlogctl peerlogctl --li peerlogctl; echo "${COMPREPLY[@]}"
    """
    path = os.path.join(SOURCE, "etc", "completion", "peerlogctl.bash")
    done = subprocess.run([tool("bash"), "-c", script, path], capture_output=True, check=True)
    assert done.stdout.decode() == "status\nwaiting\n--listener --limit\n", done.stdout


def examples_of_the_manual_are_commands(scratch):
    examples = re.findall(r"^\.Dl peerlogctl (.*)$", read("man", "peerlogctl.1"), re.M)
    assert len(examples) >= 9, examples
    nobody = Ctl(os.path.join(scratch, "nobody"))
    for words in map(str.split, examples):
        if words != ["top"]:  # it would want a terminal
            assert nobody.run(*words)[0] == 69, words


class Screen:
    """A terminal of 80 columns, with a program in it."""

    def __init__(self, scratch, *command):
        self.server = ["tmux", "-S", os.path.join(scratch, "tmux"), "-f", "/dev/null"]
        env = clean_environment(LC_ALL="C.UTF-8")
        env.pop("TMUX", None)
        subprocess.run([*self.server, "new-session", "-d", "-x", "80", "-y", "24", *command],
                       check=True, env=env, timeout=PATIENCE)

    def tmux(self, *words):
        return subprocess.run([*self.server, *words], capture_output=True, timeout=PATIENCE,
                              check=False).stdout.decode()

    def lines(self):
        return self.tmux("capture-pane", "-p").splitlines()

    def wait(self, pattern):
        """Wait until a line of the screen is like this."""
        until(lambda: any(re.search(pattern, line) for line in self.lines()),
              f"{pattern!r} on the screen")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.tmux("kill-server")


def top_is_live(scratch):
    tool("tmux")
    with controlled(scratch) as (daemon, sink, ctl):
        busy, quiet = connect(daemon.port), connect(daemon.port)
        quiet.sendall(b"one\n")
        busy.sendall(b"many\n" * 10)
        sink.wait_count(11)
        with Screen(scratch, PEERLOGCTL, "-s", ctl.path, "top", "-S", "bytes") as screen:
            screen.wait(r"^ *\d+ 127.0.0.1:")
            lines = screen.lines()
            assert lines[0].startswith(f"log: syslog {sink.path}"[:80]), lines
            assert lines[1] == "2 of 8192 connections, 11 messages, 54 bytes", lines
            assert lines[6].split()[:3] == ["ID", "PEER", "TAG"], lines
            assert lines[6].split()[-1] == "STATE", lines
            assert [line.split()[1] for line in lines[7:9]] == [
                f"127.0.0.1:{port_of(busy)}", f"127.0.0.1:{port_of(quiet)}"], lines
            assert lines[23].startswith("by bytes; sort:") and max(map(len, lines)) <= 80, lines
            # It goes on by itself.
            busy.sendall(b"more\n" * 5)
            screen.wait(r"^2 of 8192 connections, 16 messages")
            screen.wait(r"msg/s \|.*[▁-█]")
            screen.wait(r"B/s   \|.*[▁-█]")
            # The quiet one is second: nothing is cut before a yes.
            screen.tmux("send-keys", "Down", "k")
            screen.wait(rf"^cut off 127\.0\.0\.1:{port_of(quiet)}\?")
            screen.tmux("send-keys", "n")
            screen.wait("^by bytes")
            assert len(ctl.ports()) == 2
            screen.tmux("send-keys", "k")
            screen.wait("^cut off ")
            screen.tmux("send-keys", "y")
            screen.wait("was told to end")
            assert quiet.recv(1) == b""
            screen.wait("^1 of 8192 connections")
            screen.tmux("send-keys", "i")
            screen.wait("^by idle")
            screen.tmux("resize-window", "-x", "130", "-y", "24")
            screen.wait("^ID PEER .* STATE +AGE HOW +PROBLEM$")
            screen.tmux("resize-window", "-x", "50", "-y", "10")
            until(lambda: len(screen.lines()) == 10 and
                  screen.lines()[9].startswith("by idle; sort:"), "the smaller screen")
            assert max(map(len, screen.lines())) <= 50, screen.lines()
            screen.tmux("send-keys", "q")
            until(lambda: not screen.lines(), "it to end")


if shutil.which(PEERLOGCTL) is None:
    print("skipped: there is no peerlogctl")
    sys.exit(77)

main(questions_of_the_person_on_call,
     connections_are_killed,
     what_a_device_really_sends,
     a_reload_says_how_it_went,
     settings_are_those_in_force,
     a_log_that_was_moved_is_made_anew,
     metrics_are_prometheus_text,
     faults_have_their_statuses,
     documents_have_every_option_and_command,
     examples_of_the_manual_are_commands,
     top_is_live)
