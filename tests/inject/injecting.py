# SPDX-License-Identifier: MIT
"""What the tests with injected faults share: a service whose calls fail by rules."""

import errno
import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "survival"))

from survival import (  # noqa: E402, F401
    BUILD, LONG, LOOPBACK, PATIENCE, PATIENT, SANITIZED, Authority, Service, Skip, Unread,
    build_program, check_streams, connect, cpu_seconds, finish, folder, held_port, main, name_of,
    new_sink, numbered, refused, say, until)

CALLS = ("send", "accept4", "epoll_ctl", "pthread_create", "alloc", "recv", "write", "fdatasync",
         "close")


def rule(call, fault, when):
    """FAULT: an errno's name, limitN, dieN or hangN."""
    return f"{call}={getattr(errno, fault, fault)}@{when}"


class Luck:
    """How often calls were made, and struck, over all processes of a service."""

    def __init__(self, scratch):
        self.file = os.path.join(scratch, "counts")
        self.reset()

    def reset(self):
        with open(self.file, "wb") as file:
            file.write(bytes(16 * len(CALLS)))

    def __call__(self, call):
        with open(self.file, "rb") as file:
            return struct.unpack_from("=QQ", file.read(), 16 * CALLS.index(call))

    def struck(self, call):
        return self(call)[1]

    def called(self, call):
        return self(call)[0]


class Clocks:
    """How wrong the daemon's clocks are, in seconds, and whether its threads seem to work."""

    WORK = (None, True, False)

    def __init__(self, scratch):
        self.file = os.path.join(scratch, "clocks")
        self.set()

    def set(self, wall=0, monotonic=0, busy=None):
        with open(self.file, "r+b" if os.path.exists(self.file) else "wb") as file:
            file.write(struct.pack("=qqq", wall, monotonic, self.WORK.index(busy)))


class UnluckyService(Service):
    """A service with the library preloaded."""

    def __init__(self, scratch, sink, rules, **settings):
        self.library = build_program("inject/inject.so")
        self.luck = Luck(scratch)
        self.clocks = Clocks(scratch)
        environment = {"PEERLOG_INJECT": ",".join(rules), "PEERLOG_INJECT_OUTPUT": sink.path,
                       "PEERLOG_INJECT_COUNTS": self.luck.file,
                       "PEERLOG_INJECT_CLOCKS": self.clocks.file}
        super().__init__(scratch, sink, environment=environment, **settings)

    def start(self, **how):
        super().start(preload=self.library, **how)
