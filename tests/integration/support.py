# SPDX-License-Identifier: MIT
"""What the integration tests share: a daemon to run, logs that listen, clients that speak.

Nothing here sleeps for time. Threads receive and notify; tests wait for a condition and give
up at a deadline. Each room has its own file; the scripts take everything from this one, with
the modules of Python that they need.
"""

import array  # noqa: F401
import contextlib  # noqa: F401
import ctypes  # noqa: F401
import fcntl  # noqa: F401
import os
import re  # noqa: F401
import resource  # noqa: F401
import shutil
import signal  # noqa: F401
import socket  # noqa: F401
import ssl  # noqa: F401
import struct  # noqa: F401
import subprocess  # noqa: F401
import sys
import tempfile
import threading  # noqa: F401
import time
import traceback

from certificates import *  # noqa: F403
from clients import *  # noqa: F403
from kernel import *  # noqa: F403
from records import *  # noqa: F403
from running import *  # noqa: F403
from sinks import *  # noqa: F403
from tls_client import *  # noqa: F403
from waiting import *  # noqa: F403


class Skip(Exception):
    """What is needed is not here."""


def tool(name):
    path = shutil.which(name)
    if path is None:
        raise Skip(f"{name} is not installed")
    return path


def folder(scratch, name):
    """A folder of its own within SCRATCH. Returns: its path."""
    path = os.path.join(scratch, name.replace("/", "_"))
    os.mkdir(path)
    return path


def chosen_of(tests):
    """Those that the command line names, or all. A name that is none of theirs ends it all."""
    unknown = [name for name in sys.argv[1:] if name not in {t.__name__ for t in tests}]
    if unknown:
        sys.stderr.write(f"{os.path.basename(sys.argv[0])}: there is no test {unknown[0]!r}\n")
        sys.exit(64)
    return [t for t in tests if not sys.argv[1:] or t.__name__ in sys.argv[1:]]


def tell_skipped(test, reason):
    """The line by which scripts/check finds what was left out of a file that did not fail."""
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    file = os.path.relpath(os.path.realpath(sys.argv[0]), os.path.realpath(root))
    print(f"SKIP: {file}: {test}: {reason}", flush=True)


def main(*tests):
    """Run tests, each with a scratch directory. Arguments name the ones to run."""
    failed = skipped = 0
    chosen = chosen_of(tests)
    for test in chosen:
        begun = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="peerlog-") as scratch:
            try:
                test(scratch)
                result = "ok"
            except Skip as reason:
                tell_skipped(test.__name__, reason)
                skipped += 1
                continue
            except Exception:
                traceback.print_exc()
                result = "FAILED"
                failed += 1
        print(f"{test.__name__}: {result} ({time.monotonic() - begun:.2f} s)", flush=True)
    if failed:
        sys.exit(1)
    if chosen and skipped == len(chosen):
        sys.exit(77)
