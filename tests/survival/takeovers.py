# SPDX-License-Identifier: MIT
"""Deaths in the middle of a takeover.

A hundred times the new process is killed within its first milliseconds: before it has looked
at anything, while it copies the ledger, while it stores its own, while it repeats what
was in hand. The old ledger is only read until the new one is stored, so that whoever comes
next starts from the same truth: nothing is lost, and nothing comes twice unmarked.
"""

import time

from survival import (LONG, Service, Streams, Tally, judge, main, most_repeats, new_random,
                      reporters)

CONNECTIONS = 24
KILLS = 1000 if LONG else 100


def deaths_in_a_takeover_lose_nothing(scratch):
    chance = new_random()
    young = 0
    with reporters() as running:
        tally = Tally(scratch, "journal")
        running.append(tally)
        begun = time.monotonic()
        with Service(scratch, tally) as service:
            most_s = max(0.02, 2 * (time.monotonic() - begun))  # a sanitizer makes it long
            streams = Streams(scratch, service.port, CONNECTIONS)
            running.append(streams)
            streams.wait_sent(1000)
            tally.wait_heard(CONNECTIONS)
            for i in range(KILLS):
                # Under way the sink is stalled at times, so that there is something in hand.
                if i % 10 == 3:
                    tally.stall()
                if i % 10 == 8:
                    tally.resume()
                time.sleep(chance.uniform(0, most_s))
                ready = service.manager.count_said("READY", service.since)
                young += not ready
                # About half are to die before they are ready, however busy the machine is.
                most_s *= 0.9 if ready else 1.1
                service.kill()
                service.start()
            tally.resume()
            service.manager.wait_ready(service.since)
            tally.wait_records(tally.records() + 1000)
            assert young > KILLS // 10, f"only {young} died before they were ready"
            print(f"  {young} of {KILLS} died before they were ready")
            service.allow(r"died \d+ times in a row soon after its start, the last time of SIGKILL")
            if service.said("took over") > 3:  # else none of them got so far
                service.expect("died .* times in a row")
            judge([streams], tally, most_repeats(KILLS))
            assert service.manager.stored() < 10


main(deaths_in_a_takeover_lose_nothing)
