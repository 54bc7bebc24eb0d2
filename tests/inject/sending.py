# SPDX-License-Identifier: MIT
"""The machine is busy, and the client comes late: longer than its patience lasts, it is held up
between sending a message and looking for the answer. The answer was there in time, so it counts.
"""

import os
import sys

from injecting import SANITIZED, Skip, build_program, main

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration",
                                "client"))

from peer import Listener, check, feed, finish, start  # noqa: E402
from relp_server import Session  # noqa: E402


def answers_that_were_there_in_time(_):
    if SANITIZED:
        raise Skip("a sanitizer wants to be loaded first")
    late = {"LD_PRELOAD": build_program("inject/late.so"), "PEERLOG_LATE_MS": "400"}
    listener = Listener()
    process = start(listener.port, "--relp", "-w", "0.3", environment=late)
    session = Session(listener.accept())
    feed(process, b"one\n")
    session.open()
    check("the message", session.messages(1), ([2], [b"one"]))
    session.answer(2)
    session.close()
    check("the end", finish(process), (0, ""))
    listener.close()


main(answers_that_were_there_in_time)
