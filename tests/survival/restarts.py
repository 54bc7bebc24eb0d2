# SPDX-License-Identifier: MIT
"""Thirty restarts under full load.

Sixteen connections send as fast as they are served while the service is restarted by SIGTERM
again and again, into the log socket and into the journal. No message may be lost or come
twice or out of its order, no connection may break, and PEER_SEQUENCE and PEER_CONNECTION
go on as if nothing had happened: nobody out there notices.
"""

from survival import Service, Streams, Tally, judge, main, reporters

CONNECTIONS = 16
RESTARTS = 15


def restart_under_load(scratch, kind):
    with reporters() as running:
        tally = Tally(scratch, kind)
        running.append(tally)
        with Service(scratch, tally) as service:
            streams = Streams(scratch, service.port, CONNECTIONS)
            running.append(streams)
            for i in range(RESTARTS):
                before = tally.records()
                tally.wait_records(before + 2000)
                service.restart()
                service.expect(rf"took over {CONNECTIONS} connections, \d+ messages in hand, "
                               "after a restart in good order", i + 1)
            verdict = judge([streams], tally)
        assert verdict.messages > 2000 * RESTARTS


def restarts_lose_nothing_in_the_log(scratch):
    restart_under_load(scratch, "syslog")


def restarts_lose_nothing_in_the_journal(scratch):
    restart_under_load(scratch, "journal")


main(restarts_lose_nothing_in_the_log, restarts_lose_nothing_in_the_journal)
