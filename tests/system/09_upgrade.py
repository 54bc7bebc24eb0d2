# SPDX-License-Identifier: MIT
"""A package upgrade under full load is a restart: nothing is lost, nobody notices.

dpkg installs the same package with a higher version, and then the old one again, while
64 connections send as fast as they are taken.
"""

from harness import daemon
from harness.failure import expect
from harness.traffic import Sink, Streams, stop_load

CONNECTIONS = 64
PACE = 100000


def change_version(machine, streams, deb):
    """Install another version, and see that the daemon is another process."""
    machine.copy_in(deb, "/root/other.deb")
    pid = daemon.main_pid(machine)
    machine.run("dpkg", "-i", "/root/other.deb", limit_s=120)
    daemon.wait_active(machine)
    expect(daemon.main_pid(machine) not in (0, pid), "dpkg did not restart the daemon")
    streams.wait_until_sent(streams.sent() + 10000)


def run(machine, kit):
    """See above."""
    newer = kit.newer_deb()
    sink = Sink(machine, "journal", "--pace", str(PACE))
    daemon.configure_for_sink(machine, "journal")
    streams = Streams(machine, CONNECTIONS)
    streams.wait_until_sent(10000)
    change_version(machine, streams, newer)
    version = machine.out("dpkg-query", "-W", "-f", "${Version}", "peerlog")
    expect(version.endswith("+newer1"), f"after the upgrade the version is {version}")
    change_version(machine, streams, kit.deb)
    verdict = stop_load([streams], sink)
    verdict.expect_perfect()
    return f"upgraded and downgraded; {verdict}"
