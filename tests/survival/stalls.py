# SPDX-License-Identifier: MIT
"""The log's process is stopped while a thousand clients send as fast as they can.

SIGSTOP leaves its socket in place, full: every client has to wait, and the daemon with them, in a
memory that does not grow and without turning in circles. Who comes then is let in and waits
too. When the log goes on, all of it is there: once, in order. The stop lasts until the daemon
has said that the log is stalled; with PEERLOG_LONG a minute.
"""

import threading

from survival import (LONG, SANITIZED, Service, Streams, Tally, cpu_ticks, judge, main, reporters,
                      rss_bytes, until_still)

SENDERS = 100 if SANITIZED else 1000  # there the senders are too slow themselves
STALL_S = 60 if LONG else 0
STALLED = r"has taken nothing for a while \(it is full\); waiting for it, clients wait too"
BACK = r"is back after \d+\.\d\d\d s$"


def stalled(scratch, kind):
    with reporters() as running:
        tally = Tally(scratch, kind)
        running.append(tally)
        with Service(scratch, tally, workers=2) as service:
            streams = Streams(scratch, service.port, SENDERS, "--padding", 4000)
            running.append(streams)
            tally.wait_records(5 * SENDERS)
            tally.stall()
            until_still(streams.sent_anew, "the senders to wait", 3)
            pid = service.manager.pid
            before = rss_bytes(pid), cpu_ticks(pid)
            service.expect(STALLED)
            late = Streams(scratch, service.port, 1, "--first", SENDERS, "--count", 5)
            running.append(late)
            service.wait_connections(SENDERS + 1)
            threading.Event().wait(STALL_S)
            assert service.said(STALLED) == 1, "said once"
            assert rss_bytes(pid) <= before[0] + (1 << 20), "memory grew"
            assert cpu_ticks(pid) - before[1] <= 20 + 2 * STALL_S, "it turned in circles"
            stuck = streams.sent()
            tally.resume()
            service.expect(BACK)
            streams.wait_sent(stuck + 5 * SENDERS)
            assert service.said(STALLED) == service.said(BACK) == 1, "said once, and once"
            judge([streams, late], tally)


def stopped_syslog(scratch):
    stalled(scratch, "syslog")


def stopped_journal(scratch):
    stalled(scratch, "journal")


main(stopped_syslog, stopped_journal)
