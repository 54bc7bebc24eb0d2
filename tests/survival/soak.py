# SPDX-License-Identifier: MIT
"""A long day in short: for PEERLOG_SOAK_S seconds everything that wears a daemon out.

Sixteen streams at a steady rate all the while; beside them connections that come and go, that
send halves, that reset, that say nothing. In the first third of the time a restart, a kill or a
reload now and then; then one process has to bear the rest, and reloads. At the end its memory
is what it was after that third, within 10 % and 1 MiB, its descriptors are those that it had
then, and nothing was lost.
"""

import os
import random
import threading
import time

from survival import (Service, Streams, Tally, Verdict, connect, main, memory_bytes, most_repeats,
                      reporters, reset, tcp_sockets, until)

SECONDS = float(os.environ.get("PEERLOG_SOAK_S", "10"))
STREAMS = 16
CHURN = 300  # connections in a round of churn


def measure(service):
    """Memory of its own and with what it shares, in bytes; open descriptors; those kept.

    Copies of sockets are kept by the hundred in lots, which come and go; one of them is a
    descriptor here and one there, and is counted there.
    """
    pid = service.manager.pid
    kept = service.manager.stored()
    return (*memory_bytes(pid), len(os.listdir(f"/proc/{pid}/fd")) - kept, kept)


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


def wear_out(service, chance, until_s, choices):
    """Rounds of churn, one at least, each followed by one of the CHOICES: what it does, or None.

    Returns: how often each was made.
    """
    made = dict.fromkeys(choices, 0)
    while not any(made.values()) or time.monotonic() < until_s:
        hands = [threading.Thread(target=churn, args=(service.port, random.Random(seed)))
                 for seed in (chance.random(), chance.random())]
        for hand in hands:
            hand.start()
        for hand in hands:
            hand.join()
        settle(service)
        choice = chance.choice(choices)
        made[choice] += 1
        if choice is not None:
            choice(service)
    churn(service.port, random.Random(0))
    settle(service)
    return made


def nothing_grows(scratch):
    chance = random.Random(1122)
    calm = (Service.reload, None, None, None, None, None)
    rough = (Service.restart, Service.die, Service.reload, None, None, None)
    with reporters() as running:
        tally = Tally(scratch, "syslog")
        running.append(tally)
        with Service(scratch, tally) as service:
            service.allow("died .* times in a row", ": reloaded ", "is not there", "is back after")
            streams = Streams(scratch, service.port, STREAMS, "--rate", 20000)
            running.append(streams)
            streams.wait_sent(10000)
            begun = time.monotonic()
            before = wear_out(service, chance, begun + SECONDS / 3, rough)
            first = measure(service)
            after = wear_out(service, chance, begun + SECONDS, calm)
            until(lambda: measure(service)[2] == first[2],
                  f"descriptors to be {first}, not {measure(service)}")
            last = measure(service)
            deaths = before[Service.die]
            print(f"  {sum(before.values())} rounds, {deaths} deaths, {sum(after.values())} rounds "
                  f"more: memory {first[0]} -> {last[0]}, with what is shared {first[1]} -> "
                  f"{last[1]}, descriptors {first[2]} -> {last[2]}, kept {first[3]} -> {last[3]}")
            for old, new in zip(first[:2], last[:2]):
                assert new <= old * 1.1 + (1 << 20), "memory grew"
            assert last[3] <= first[3] + 2, "what the manager keeps grew"
            sent = streams.end(tally.moves)
            arrived = tally.end()
            verdict = Verdict([sent], arrived)
            print(f"  {verdict}")
            # The churn is foreign to the tally; everything else must be perfect.
            assert verdict.lost == verdict.broken == verdict.unanswered == 0, verdict.details()
            assert arrived["reordered"] == arrived["repeated_unmarked"] == 0, verdict.details()
            assert verdict.repeated <= most_repeats(deaths), verdict.details()


main(nothing_grows)
