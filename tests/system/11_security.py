# SPDX-License-Identifier: MIT
"""The scores of `systemd-analyze security` for both forms, with the service running.

At most 1.0 for the unit that binds its own ports, and 0.3 for the one that sees no network.
A port below 1024 is refused to the first, and granted with the drop-in file for it. Files may be
written where the unit says, and elsewhere with ReadWritePaths=; --check tells which it is.
Administrators are root alone, until a drop-in file lets a group in; the score stays.
"""

import re

from harness import daemon
from harness.failure import expect

LOW_PORT = 514

# Exit status of peerlogctl, after sysexits.h.
NO_PERMISSION = 77


def bind_low_port(machine):
    """Without the drop-in file and with it."""
    machine.write(daemon.CONFIGURATION, daemon.configuration("journal", port=LOW_PORT))
    machine.run("systemctl", "restart", daemon.SERVICE, check=False)
    daemon.expect_said(machine, "CAP_NET_BIND_SERVICE")
    example = machine.read("/usr/share/doc/peerlog/examples/low-ports.conf")
    daemon.add_drop_in(machine, "low-ports", example.splitlines())
    machine.run("systemctl", "restart", daemon.SERVICE)
    machine.run("peerlog", "-P", str(LOW_PORT), "by a low port")
    machine.wait("the message", lambda: machine.journal("PEER_ADDRESS=127.0.0.1"), 5)


def files_at(machine, folder):
    """A configuration with files there. Returns: what --check says of it."""
    path = f"{folder}/%{{address}}/all.log"
    machine.write(daemon.CONFIGURATION, daemon.configuration("file", path))
    return machine.out("sh", "-c", "peerlogd --check 2>&1")


def write_to(machine, folder):
    """One message, which is in its file."""
    machine.run("systemctl", "restart", daemon.SERVICE)
    daemon.wait_active(machine)
    machine.run("peerlog", "into a file")
    said = machine.read(f"{folder}/127.0.0.1/all.log")
    expect(said.endswith(" into a file\n"), f"{folder}: {said!r}")


def write_files(machine):
    """Where the unit lets them be, and elsewhere."""
    warning = "is not below /var/log/peerlog/, where peerlogd.service may write"
    expect(warning not in files_at(machine, "/var/log/peerlog"), "it warns of its own folder")
    write_to(machine, "/var/log/peerlog")
    expect(warning in files_at(machine, "/srv/logs"), "it does not warn of another folder")
    daemon.add_drop_in(machine, "files", ["[Service]", "ReadWritePaths=/srv/logs"])
    machine.run("mkdir", "-m", "1777", "/srv/logs")
    expect(warning not in files_at(machine, "/srv/logs"), "it warns of what a drop-in allows")
    write_to(machine, "/srv/logs")


def ask_as(machine, groups):
    """Exit status of peerlogctl for a user in these groups."""
    return machine.run("setpriv", "--reuid=nobody", "--regid=nogroup", groups, "peerlogctl",
                       "status", check=False).returncode


def let_a_group_ask(machine):
    """As peerlogd.conf(5) says, under admin.group."""
    in_adm, in_none = "--groups=adm", "--clear-groups"
    machine.run("peerlogctl", "status")
    expect(ask_as(machine, in_adm) == NO_PERMISSION, "it answers anybody")
    daemon.add_drop_in(machine, "group", ["[Service]", "Group=adm", "RuntimeDirectoryMode=0750"])
    machine.run("systemctl", "restart", daemon.SERVICE)
    machine.run("peerlogctl", "status")
    expect(ask_as(machine, in_adm) == 0, "it does not answer its group")
    expect(ask_as(machine, in_none) == NO_PERMISSION, "it answers others, too")


def score(machine, unit, limit):
    """What systemd thinks of a unit, when that is not more than LIMIT."""
    text = machine.out("systemd-analyze", "security", "--no-pager", unit)
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", text)
    expect(found, f"no score for {unit}: {text[-300:]}")
    expect(float(found.group(1)) <= limit, f"{unit}: {found.group(1)} is more than {limit}")
    return f"{unit} {found.group(1)}"


def run(machine, _):
    """See above."""
    scores = [score(machine, *one) for one in daemon.MOST_EXPOSURE.items()]
    write_files(machine)
    let_a_group_ask(machine)
    scores.append("with a group " + score(machine, daemon.SERVICE,
                                          daemon.MOST_EXPOSURE[daemon.SERVICE]))
    bind_low_port(machine)
    return ", ".join(scores) + f"; port {LOW_PORT} only with its drop-in"
