# SPDX-License-Identifier: MIT
"""Counters go on over deaths, as connections do.

Prometheus must see no reset where nothing was lost: what was counted before a restart, a kill or
two of them in a row is in the sum. And administrators reach each process in turn by one path.
"""

import re

from survival import PEERLOGD, Skip, connect, main, os, subprocess, surviving, until

PEERLOGCTL = os.environ.get("PEERLOGCTL", os.path.join(os.path.dirname(PEERLOGD), "peerlogctl"))


def counters_go_on(scratch):
    if not os.path.exists(PEERLOGCTL):
        raise Skip("there is no peerlogctl")
    path = os.path.join(scratch, "admin")

    def metric(name):
        done = subprocess.run([PEERLOGCTL, "-s", path, "metrics"], capture_output=True, check=True)
        found = re.findall(rf"^{name}(?:\{{.*\}})? (\d+)$", done.stdout.decode(), re.M)
        assert found, name
        return sum(map(int, found))

    with surviving(scratch, admin=dict(path=path)) as (service, sink):
        sock = connect(service.port)
        logged = ends = 0
        for end in (service.restart, service.die, service.die, service.restart, lambda: None):
            until(lambda: os.path.exists(path), "the admin socket")
            sock.sendall(b"one\ntwo\n")
            logged += 2
            sink.wait_count(logged)
            until(lambda n=logged: metric("peerlogd_messages_total") == n, "both to be counted")
            assert metric("peerlogd_received_bytes_total") == 4 * logged
            assert metric("peerlogd_connections_accepted_total") == 1
            assert metric("peerlogd_connections") == 1
            assert metric("peerlogd_delivery_seconds_count") == logged
            assert metric("peerlogd_parked_sockets") == 1
            assert metric("peerlogd_takeovers_total") == ends
            ends += 1
            end()


main(counters_go_on)
