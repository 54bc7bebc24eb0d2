# SPDX-License-Identifier: MIT
"""A long day in short: for PEERLOG_SOAK_S seconds everything that wears a daemon out.

Sixteen streams at a steady rate all the while; beside them connections that come and go, that
send halves, that reset, that say nothing; now and then a restart, a kill, a reload. At the
end memory and descriptors are what they were after a third of the time, and nothing was lost.
"""

import os
import random
import signal
import threading
import time

from survival import (Service, Streams, Tally, Verdict, connect, main, most_repeats, reporters,
                      reset, tcp_sockets, until)

SECONDS = float(os.environ.get("PEERLOG_SOAK_S", "10"))
STREAMS = 16
CHURN = 300  # connections in a round of churn
PAGE = os.sysconf("SC_PAGE_SIZE")


def measure(service):
    """Memory of its own and with what it shares, in bytes; open descriptors; those kept.

    Copies of sockets are kept by the hundred in lots, which come and go; one of them is a
    descriptor here and one there, and is counted there.
    """
    pid = service.manager.pid
    kept = service.manager.stored()
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        _, resident, shared = file.read().split()[:3]
    return ((int(resident) - int(shared)) * PAGE, int(resident) * PAGE,
            len(os.listdir(f"/proc/{pid}/fd")) - kept, kept)


def churn(port, chance):
    """Connections of every unpleasant kind. They are no numbered messages."""
    for _ in range(CHURN):
        sock = connect(port)
        kind = chance.randrange(5)
        if kind < 3:
            sock.sendall((b"churn\n" * 20, b"churn, unterminated", b"<13>churn\n99 half")[kind])
        if kind == 2:
            reset(sock)
        else:
            sock.close()


def settle(service):
    """All that churned is gone: on the daemon's side the streams alone are left."""
    until(lambda: [port for _, port in tcp_sockets()].count(service.port) == STREAMS,
          "connections to end")


def nothing_grows(scratch):
    chance = random.Random(1122)
    deaths = 0
    with reporters() as running:
        tally = Tally(scratch, "syslog")
        running.append(tally)
        with Service(scratch, tally) as service:
            service.allow("died .* times in a row", ": reloaded ", "is not there", "is back after")
            streams = Streams(scratch, service.port, STREAMS, "--rate", 20000)
            running.append(streams)
            streams.wait_sent(10000)
            first, rounds = None, 0
            begun = time.monotonic()
            while time.monotonic() < begun + SECONDS:
                rounds += 1
                hands = [threading.Thread(target=churn, args=(service.port, random.Random(n)))
                         for n in (2 * rounds, 2 * rounds + 1)]
                for hand in hands:
                    hand.start()
                for hand in hands:
                    hand.join()
                settle(service)
                what = chance.choice(("restart", "kill", "reload", None, None, None))
                if what == "reload":
                    mark = service.manager.mark()
                    service.manager.send_signal(signal.SIGHUP)
                    service.manager.wait_ready(mark)
                elif time.monotonic() < begun + SECONDS / 3:
                    deaths += what == "kill"
                    {"restart": service.restart, "kill": service.die}.get(what, int)()
                elif first is None:  # from here on one process has to bear it all
                    churn(service.port, random.Random(0))
                    settle(service)
                    first = measure(service)
            churn(service.port, random.Random(0))
            settle(service)
            until(lambda: measure(service)[2] == first[2],
                  f"descriptors to be {first}, not {measure(service)}")
            last = measure(service)
            print(f"  {rounds} rounds, {deaths} deaths: memory {first[0]} -> {last[0]}, with what "
                  f"is shared {first[1]} -> {last[1]}, descriptors {first[2]} -> {last[2]}, "
                  f"kept {first[3]} -> {last[3]}")
            for before, after in zip(first[:2], last[:2]):
                assert after <= before * 1.1 + (1 << 20), "memory grew"
            assert last[3] <= first[3] + 2, "what the manager keeps grew"
            sent = streams.end()
            arrived = tally.end()
            verdict = Verdict([sent], arrived)
            print(f"  {verdict}")
            # The churn is foreign to the tally; everything else must be perfect.
            assert verdict.lost == verdict.broken == verdict.unanswered == 0, verdict.details()
            assert arrived["reordered"] == arrived["repeated_unmarked"] == 0, verdict.details()
            assert verdict.repeated <= most_repeats(deaths), verdict.details()


main(nothing_grows)
