# SPDX-License-Identifier: MIT
"""A package upgrade under full load is a restart: nothing is lost, nobody notices.

While 64 connections send as fast as they are taken, dpkg installs this package over that of
the version before, whose ledger has another layout; then the same package with a higher version,
and then itself again.
"""

from harness import daemon
from harness.failure import expect
from harness.traffic import Sink, Streams, stop_load

CONNECTIONS = 64
PACE = 100000
INSTALLED = False
LIMIT_S = 600  # the version before may have to be built


def version(machine):
    """Of the package that is installed."""
    return machine.out("dpkg-query", "-W", "-f", "${Version}", "peerlog")


def change_version(machine, streams, deb):
    """Install another version, and see that the daemon is another process."""
    machine.copy_in(deb, "/root/other.deb")
    pid = daemon.main_pid(machine)
    machine.run("dpkg", "--force-confold", "-i", "/root/other.deb", limit_s=120)
    daemon.wait_active(machine)
    expect(daemon.main_pid(machine) not in (0, pid), "dpkg did not restart the daemon")
    streams.wait_until_sent(streams.sent() + 10000)


def run(machine, kit):
    """See above."""
    before = kit.deb_before()
    changes = ([kit.deb] if before else []) + [kit.newer_deb(), kit.deb]
    daemon.install(machine, before or kit.deb)
    versions = [version(machine)]
    # Not in the journal's form: 0.1.0 has sent many entries in one datagram.
    sink = Sink(machine, "syslog", "--pace", str(PACE))
    daemon.configure_for_sink(machine, "syslog")
    streams = Streams(machine, CONNECTIONS)
    streams.wait_until_sent(10000)
    for deb in changes:
        change_version(machine, streams, deb)
        versions.append(version(machine))
    taken = [connections for connections, _ in daemon.taken_over(machine) if connections]
    expect(taken == [CONNECTIONS] * len(changes), f"taken over: {taken} connections")
    verdict = stop_load([streams], sink)
    verdict.expect_perfect()
    return f"{' to '.join(versions)}; {verdict}"
