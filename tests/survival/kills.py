# SPDX-License-Identifier: MIT
"""Sixty times SIGKILL at random instants under full load.

Sixteen connections send as fast as they are served while the service is killed, whatever it
is doing: receiving, delivering, starting, taking over. Nothing may be lost and no connection
may break. What was being delivered may come again: at most one batch for each worker, and
every such record says so. In the journal PEER_SEQUENCE has no gap and PEER_CONNECTION stays.
"""

import time

from survival import (LONG, Service, Streams, Tally, judge, main, most_repeats, new_random,
                      reporters)

CONNECTIONS = 16
KILLS = 300 if LONG else 30


def kill_under_load(scratch, kind):
    chance = new_random()
    with reporters() as running:
        tally = Tally(scratch, kind)
        running.append(tally)
        with Service(scratch, tally) as service:
            streams = Streams(scratch, service.port, CONNECTIONS)
            running.append(streams)
            streams.wait_sent(1000)
            for _ in range(KILLS):
                time.sleep(chance.uniform(0, 0.12))
                service.kill()
                service.start()
            service.manager.wait_ready(service.since)
            tally.wait_records(tally.records() + 1000)
            verdict = judge([streams], tally, most_repeats(KILLS))
            assert service.said("after SIGKILL") > 0, "nothing was taken over"
            assert service.said(r" [1-9]\d* messages in hand.* after SIGKILL") > 0
            service.allow(r"died \d+ times in a row soon after its start, the last time of SIGKILL")
        print(f"  {verdict.arrived['marked']} marked as possible repeats")


def kills_lose_nothing_in_the_log(scratch):
    kill_under_load(scratch, "syslog")


def kills_lose_nothing_in_the_journal(scratch):
    kill_under_load(scratch, "journal")


main(kills_lose_nothing_in_the_log, kills_lose_nothing_in_the_journal)
