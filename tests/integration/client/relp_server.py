# SPDX-License-Identifier: MIT
"""What the client's RELP tests share: a server that does what it is told and nothing else,
and rsyslog's own, each on a free port."""

import os
import select
import shutil
import socket
import subprocess

from peer import PATIENCE, read_exactly, until

OFFERS = b"relp_version=0\nrelp_software=test,1,http://localhost\ncommands=syslog"


class Session:
    """One accepted connection, frame by frame."""

    def __init__(self, connection):
        self.connection = connection

    def frame(self):
        """Returns: transaction number, command, data; None at the end of the stream."""
        head = self.connection.recv(1)
        if not head:
            return None
        while head.count(b" ") < 3 and not head.endswith(b"\n"):
            head += read_exactly(self.connection, 1)
        txnr, command, length = head.split()
        data = read_exactly(self.connection, int(length)) if head.endswith(b" ") else b""
        if head.endswith(b" "):
            assert read_exactly(self.connection, 1) == b"\n"
        return int(txnr), command, data

    def send(self, data):
        self.connection.sendall(data)

    def answer(self, *txnrs, data=b"200 OK"):
        self.send(b"".join(b"%d rsp %d %s\n" % (txnr, len(data), data) for txnr in txnrs))

    def open(self):
        txnr, command, data = self.frame()
        assert (txnr, command) == (1, b"open"), (txnr, command)
        self.answer(1, data=b"200 OK\n" + OFFERS)
        return data

    def messages(self, count):
        """The next COUNT messages. Returns: their transaction numbers, and their texts."""
        frames = [self.frame() for _ in range(count)]
        assert all(command == b"syslog" for _, command, _ in frames), frames
        return [f[0] for f in frames], [f[2] for f in frames]

    def is_silent(self, seconds=0.2):
        """Nothing comes: the only thing that has to be waited for."""
        return not select.select([self.connection], [], [], seconds)[0]

    def close(self):
        """The client's goodbye, as librelp answers it."""
        frame = self.frame()
        assert frame is not None and frame[1] == b"close", frame
        self.send(b"%d rsp 0\n0 serverclose 0\n" % frame[0])
        assert self.connection.recv(1) == b"", "the client closes"
        self.connection.close()


class Rsyslog:
    """A real rsyslogd in FOLDER, with a file of lines as its log."""

    PROGRAM = shutil.which("rsyslogd", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")

    def __init__(self, folder, module, port, tls="", options="", input=""):
        self.folder = folder
        self.port = port
        self.path = os.path.join(folder, "rsyslog.conf")
        self.process = None
        with open(self.path, "w", encoding="ascii") as file:
            file.write(f"""
global(workDirectory="{folder}" maxMessageSize="128k" {tls})
module(load="{module}" {options})
template(name="line" type="string" string="%rawmsg%\\n")
input(type="{module}" address="127.0.0.1" port="{port}" ruleset="lines" {input})
ruleset(name="lines") {{
    action(type="omfile" file="{folder}/out" template="line")
}}
""")

    @classmethod
    def has(cls, module):
        """Is a module of that name there?"""
        folders = "/usr/lib/x86_64-linux-gnu/rsyslog", "/usr/lib/aarch64-linux-gnu/rsyslog", \
            "/usr/lib64/rsyslog", "/usr/lib/rsyslog"
        return cls.PROGRAM is not None and any(
            os.path.exists(os.path.join(folder, module + ".so")) for folder in folders)

    def start(self):
        """It listens when this is over."""
        with open(os.path.join(self.folder, "words"), "ab") as words:
            self.process = subprocess.Popen(
                [self.PROGRAM, "-n", "-f", self.path, "-i", os.path.join(self.folder, "pid")],
                stdout=words, stderr=words)
        until(self.listens, "rsyslogd to listen")

    def listens(self):
        assert self.process.poll() is None, self.words()
        try:
            socket.create_connection(("127.0.0.1", self.port)).close()
            return True
        except ConnectionRefusedError:
            return False

    def words(self):
        with open(os.path.join(self.folder, "words"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def size(self):
        """Bytes of its log so far."""
        try:
            return os.path.getsize(os.path.join(self.folder, "out"))
        except FileNotFoundError:
            return 0

    def lines(self):
        """What it has logged; complete after stop()."""
        with open(os.path.join(self.folder, "out"), "rb") as file:
            return file.read().split(b"\n")[:-1]

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait(PATIENCE)

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE)
