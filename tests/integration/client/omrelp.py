# SPDX-License-Identifier: MIT
"""rsyslog's omrelp as a sender: a real rsyslogd with a log socket of its own."""

import os
import socket
import subprocess
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from relp_server import Rsyslog  # noqa: E402
from support import PATIENCE, Skip, until  # noqa: E402


class Omrelp:
    """rsyslogd in FOLDER that sends to PORT of this machine what is put into its log socket.

    OPTIONS: more of its action; MODULE: how it is loaded. It has one worker, since each one has a
    connection of its own; and it waits for room in its queue, where it would throw messages away
    after two seconds.
    """

    def __init__(self, folder, port, options="", module='module(load="omrelp")'):
        if not Rsyslog.has("omrelp"):
            raise Skip("rsyslog's omrelp is not installed")
        self.folder = os.path.join(folder, "omrelp")
        os.makedirs(self.folder, exist_ok=True)
        self.input = os.path.join(self.folder, "input")
        self.process = None
        with open(os.path.join(self.folder, "rsyslog.conf"), "w", encoding="ascii") as file:
            file.write(f"""
global(workDirectory="{self.folder}")
main_queue(queue.workerThreads="1" queue.timeoutEnqueue="600000")
{module}
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="{self.input}" RateLimit.Interval="0" ruleset="out")
template(name="plain" type="string" string="<%pri%>%msg%")
ruleset(name="out") {{
    action(type="omrelp" target="127.0.0.1" port="{port}" template="plain" {options})
}}
""")

    def __enter__(self):
        words = open(os.path.join(self.folder, "words"), "ab")
        with words:
            self.process = subprocess.Popen(
                [Rsyslog.PROGRAM, "-n", "-f", os.path.join(self.folder, "rsyslog.conf"),
                 "-i", os.path.join(self.folder, "pid")], stdout=words, stderr=words)
        until(lambda: os.path.exists(self.input), "rsyslogd to take messages")
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            self.process.kill()
            sys.stderr.write(self.words())
        self.process.terminate()
        self.process.wait(PATIENCE)

    def log(self, *texts):
        """Put texts into its log socket, one a message; waits while it is full."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.connect(self.input)
            for text in texts:
                sock.send(b"<13>" + text)

    def words(self):
        """What it said of itself, in trouble."""
        with open(os.path.join(self.folder, "words"), encoding="utf-8", errors="replace") as file:
            return file.read()
