# SPDX-License-Identifier: MIT
"""A daemon with an admin socket, and one who asks it."""

import contextlib
import http.client
import json
import os
import random
import re
import socket
import sys

from running import PEERLOGD, serving
from waiting import PATIENCE, until

MODULE = os.path.join(os.environ.get("PEERLOGD_MODULES", os.path.dirname(PEERLOGD)),
                      "peerlogd-admin.so")


def skip_without_module():
    """End the script when the daemon was built without its admin."""
    if not os.path.exists(MODULE):
        print("skipped: there is no " + MODULE)
        sys.exit(77)


class Unix(http.client.HTTPConnection):
    """HTTP over a socket of the file system."""

    def __init__(self, path):
        super().__init__("peerlogd", timeout=PATIENCE)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)  # it waits for its turn, as it could not with a time limit
        self.sock.settimeout(self.timeout)


class Admin:
    """Asks the daemon; what is no answer is an error of the test."""

    def __init__(self, path):
        self.path = path

    def ask(self, what, method="GET", **headers):
        http_connection = Unix(self.path)
        http_connection.request(method, what, headers=headers)
        answer = http_connection.getresponse()
        text = answer.read().decode()
        http_connection.close()
        if text and answer.headers.get_content_type() == "application/json":
            return answer.status, json.loads(text)
        return answer.status, text

    @contextlib.contextmanager
    def stream(self, what):
        """An answer that goes on; its reader can wait for more."""
        http_connection = Unix(self.path)
        http_connection.request("GET", what)
        answer = http_connection.getresponse()
        assert answer.status == 200, (what, answer.read())
        try:
            yield answer
        finally:
            answer.close()
            http_connection.close()

    def get(self, what):
        status, answer = self.ask(what)
        assert status == 200, (what, status, answer)
        return answer

    def connections(self, query=""):
        return self.get("/v1/connections" + query)["connections"]

    def metric(self, name):
        """Its value; of a family with labels, the sum."""
        labels = "" if "{" in name else r"(?:\{.*\})?"
        found = re.findall(rf"^{re.escape(name)}{labels} ([\d.]+)$", self.get("/metrics"), re.M)
        assert found, name
        return sum(map(float, found))


@contextlib.contextmanager
def administered(scratch, group=None, **settings):
    """A daemon with an admin socket, and the log it writes to."""
    path = os.path.join(scratch, f"admin-{random.getrandbits(32):x}")
    settings.setdefault("admin", dict(path=path, **(dict(group=group) if group else {})))
    with serving("syslog", scratch, **settings) as (daemon, sink):
        until(lambda: os.path.exists(path), "the admin socket")
        yield daemon, sink, Admin(path)


def port_of(sock):
    return sock.getsockname()[1]
