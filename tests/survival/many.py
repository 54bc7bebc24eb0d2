# SPDX-License-Identifier: MIT
"""Five thousand idle connections through a restart and a SIGKILL.

All of them come back, each with its own peer: everyone sends one line before, one line
between and one line after, and gets it into the log. The manager is not burdened: what it
keeps for them is a few dozen descriptors.
"""

from survival import (PATIENCE, Service, Streams, Tally, judge, main, more_descriptors, reporters,
                      until)

WANTED = 5000
LOT = 278


def idle_ones_survive(scratch):
    # Each costs one here, one there, and one in its lot.
    connections = min(WANTED, more_descriptors() // 2 - 600)
    with reporters() as running:
        tally = Tally(scratch, "syslog")
        running.append(tally)
        with Service(scratch, tally, limits={"connections": connections + 100}) as service:
            streams = Streams(scratch, service.port, connections, "--count", 1, "--padding", 0)
            running.append(streams)
            for i, how in enumerate(("stop", "kill", None)):
                until(lambda n=i: tally.records() >= (n + 1) * connections,
                      f"{i + 1} lines of each of {connections}", 2 * PATIENCE)
                if how is not None:
                    getattr(service, how)()
                    streams.more()  # half of them while nobody lives
                    service.begin()
                    service.expect(f"took over {connections} connections", i + 1)
            kept = service.manager.stored()
            assert kept <= 4 + 2 * connections // LOT, f"{kept} descriptors are kept"
            print(f"  {connections} connections, {kept} descriptors kept")
            judge([streams], tally)


main(idle_ones_survive)
