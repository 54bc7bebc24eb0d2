# SPDX-License-Identifier: MIT
"""How tests wait: for a condition, with a limit, and never for time to pass."""

import os
import threading
import time

PATIENCE = float(os.environ.get("PEERLOG_PATIENCE", "60"))
LONG = os.environ.get("PEERLOG_LONG", "") not in ("", "0")


class Late(AssertionError):
    """What was waited for did not come in time."""


def deadline(seconds=None):
    return time.monotonic() + (PATIENCE if seconds is None else seconds)


def until(answer, what, seconds=None):
    """Ask again until ANSWER() is true, for what the kernel shows but does not announce."""
    end = deadline(seconds)
    pause = threading.Event()
    while True:
        value = answer()
        if value:
            return value
        if time.monotonic() >= end:
            raise Late(f"waited too long for {what}")
        pause.wait(0.002)


def until_still(value, what, looks=50):
    """Wait until VALUE() has been the same for so many looks in a row."""
    last, seen = None, 0

    def is_still():
        nonlocal last, seen
        now = value()
        seen = seen + 1 if now == last else 0
        last = now
        return seen >= looks

    until(is_still, what)
