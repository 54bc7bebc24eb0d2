# SPDX-License-Identifier: MIT
"""The daemon's own words reach the journal, even if it was started while there was none.

systemd gives a service that it starts without a journal /dev/null for its words, for as long as it
lives. As soon as the journal is back, what the daemon says must be in it. Told to be silent
by the unit, it is silent.
"""

from harness import daemon
from harness.failure import expect
from harness.traffic import Sink

SOCKETS = [
    "systemd-journald.socket",
    "systemd-journald-dev-log.socket",
    "systemd-journald-audit.socket",
]
JOURNALD = "systemd-journald.service"
RELOADED = f"reloaded {daemon.CONFIGURATION}"


def standard_error(machine):
    """What it is connected to."""
    return machine.out("readlink", f"/proc/{daemon.main_pid(machine)}/fd/2")


def start_without_journal(machine):
    """The journal and its sockets are gone when the daemon starts, and come back."""
    machine.run("systemctl", "stop", *SOCKETS, JOURNALD, check=False)
    machine.run("systemctl", "restart", daemon.SERVICE)
    found = standard_error(machine)
    expect(found == "/dev/null", f"without a journal standard error is {found}")
    machine.run("systemctl", "start", *SOCKETS, JOURNALD, check=False)
    machine.wait(
        "journald", lambda: machine.property(JOURNALD, "ActiveState") == "active"
    )
    machine.run("systemctl", "reload", daemon.SERVICE)
    daemon.expect_said(machine, RELOADED)
    before = daemon.own_words(machine).count("since the start")
    machine.run("systemctl", "kill", "--signal=USR1", daemon.SERVICE)
    machine.wait(
        "a line without an identifier",
        lambda: daemon.own_words(machine).count("since the start") > before,
    )


def told_to_be_silent(machine):
    """The unit says null, and means it."""
    daemon.add_drop_in(
        machine, "silent", ["[Service]", "StandardOutput=null", "StandardError=null"]
    )
    machine.run("systemctl", "restart", daemon.SERVICE)
    before = daemon.own_words(machine).count(RELOADED)
    machine.run("systemctl", "reload", daemon.SERVICE)
    after = daemon.own_words(machine).count(RELOADED)
    expect(after == before, "it speaks although it was told to be silent")


def run(machine, _):
    """See above."""
    Sink(machine, "syslog")
    daemon.configure_for_sink(machine, "syslog")
    start_without_journal(machine)
    told_to_be_silent(machine)
    return "heard after a start without a journal, silent when told so"
