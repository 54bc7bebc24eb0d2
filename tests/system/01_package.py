# SPDX-License-Identifier: MIT
"""An administrator's first hour: install, look, send, reload, stop, remove, purge.

The package is installed on a machine that has never seen it. The service must run at once,
say what it does, and put a first message into the journal. A good reload is obeyed; a bad
one, or one that wants a port that is taken, changes nothing and fails with the reason.
Removal keeps the configuration, purging leaves nothing.
"""

import os
import signal

from harness import daemon
from harness.failure import expect

INSTALLED = False
OTHER_CONFIGURATION = "/run/peerlog-test/other.conf"
LISTENING_ID = "56f47156116b4582b57a4f6dd4800839"


def install_and_look(machine, kit):
    """The service runs, is enabled, and its status line is a dashboard."""
    daemon.install(machine, kit.deb)
    enabled = machine.out("systemctl", "is-enabled", "peerlogd.service")
    expect(enabled == "enabled", f"after the installation the service is {enabled}")
    enabled = machine.out("systemctl", "is-enabled", "peerlogd.socket", check=False)
    expect(enabled == "disabled", f"after the installation the socket is {enabled}")
    machine.wait(
        "a status line",
        lambda: "0 connections" in machine.property(daemon.SERVICE, "StatusText"),
    )
    status = machine.out("systemctl", "status", "--no-pager", "-l", "peerlogd")
    expect("listening on 127.0.0.1:8888" in status, "systemctl status does not show the address")
    found = machine.journal("-u", "peerlogd", f"MESSAGE_ID={LISTENING_ID}")
    expect("listening on 127.0.0.1:8888" in found, "the message has no MESSAGE_ID")
    explained = machine.out("journalctl", "-x", "-q", "--no-pager", "-u", "peerlogd")
    expect("accepted over TCP" in explained, "journalctl -x does not explain")


def first_messages(machine):
    """One by default, which is the journal here, and one by each output that reaches it."""
    machine.run("peerlog", "first by default")
    machine.wait(
        "the first message, by its peer",
        lambda: machine.journal("PEER_ADDRESS=127.0.0.1").endswith(" first by default"),
    )
    daemon.expect_said(machine, "log: journal (native)")
    daemon.configure(machine, output="syslog")
    machine.run("peerlog", "second by syslog")
    machine.wait(
        "the second message",
        lambda: "second by syslog" in machine.journal("-u", "peerlogd"),
    )
    daemon.configure(machine, output="journal")
    machine.run("peerlog", "third by journal")
    machine.wait(
        "the third message, by its peer",
        lambda: machine.journal("PEER_ADDRESS=127.0.0.1").endswith(" third by journal"),
    )


def reload_well(machine):
    """A second listener appears, and a connection to the first does not notice."""
    old = machine.spawn(
        "bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8888; echo before >&3; sleep 5; echo after >&3"
    )
    machine.wait("a line", lambda: "before" in machine.journal("PEER_ADDRESS=127.0.0.1"))
    text = machine.read(daemon.CONFIGURATION)
    second = '; port = 8888; }, { address = "127.0.0.1"; port = 8889; }'
    machine.write(daemon.CONFIGURATION, text.replace("; port = 8888; }", second))
    machine.run("systemctl", "reload", "peerlogd")
    machine.wait(
        "the second listener",
        lambda: machine.run("peerlog", "-P", "8889", "new", check=False).returncode == 0,
    )
    machine.wait("the old connection", lambda: "after" in machine.journal("PEER_ADDRESS=127.0.0.1"))
    machine.wait("its end", old.ended)


def reload_badly(machine):
    """systemctl fails, the journal has the line, and all goes on as before."""
    good = machine.read(daemon.CONFIGURATION)
    machine.write(daemon.CONFIGURATION, good + "bufer_size = 4096;\n")
    line = len(good.splitlines()) + 1
    pid = daemon.main_pid(machine)
    done = machine.run("systemctl", "reload", "peerlogd", check=False)
    expect(done.returncode != 0, "a reload with a broken file succeeds")
    daemon.expect_said(machine, f"{daemon.CONFIGURATION}:{line}:")
    daemon.expect_said(machine, "buffer_size")
    machine.run("peerlog", "-P", "8889", "still here")
    expect(daemon.main_pid(machine) == pid, "a bad reload has cost the process")
    machine.write(daemon.CONFIGURATION, good)
    machine.run("systemctl", "reload", "peerlogd")


def reload_with_a_taken_port(machine):
    """Nothing is wrong with the file, so only the daemon can know."""
    good = machine.read(daemon.CONFIGURATION)
    machine.write(OTHER_CONFIGURATION, daemon.configuration(output="stdout", port=8890))
    other = machine.spawn("peerlogd", "-c", OTHER_CONFIGURATION)
    machine.wait(
        "another daemon",
        lambda: machine.run("peerlog", "-P", "8890", "other", check=False).returncode == 0,
    )
    third = '; port = 8889; }, { address = "127.0.0.1"; port = 8890; }'
    machine.write(daemon.CONFIGURATION, good.replace("; port = 8889; }", third))
    fault = "cannot listen on 127.0.0.1:8890"
    done = machine.run("systemctl", "reload", "peerlogd", check=False)
    expect(done.returncode != 0, "a reload with a taken port succeeds")
    daemon.expect_said(machine, f"not reloaded: {fault}")
    status = machine.out("systemctl", "status", "--no-pager", "-l", "peerlogd")
    expect(f"not reloaded: {fault}" in status, "systemctl status does not tell")
    by_hand = machine.run("peerlogd", "--reload", check=False)
    expect(by_hand.returncode == 78 and fault in by_hand.stdout, f"by hand: {by_hand.stdout}")
    machine.run("peerlog", "-P", "8889", "here still")
    machine.write(daemon.CONFIGURATION, good)
    machine.run("systemctl", "reload", "peerlogd")
    machine.wait(
        "the status line to forget",
        lambda: "reloaded" not in machine.property(daemon.SERVICE, "StatusText"),
    )
    other.signal(signal.SIGTERM)
    machine.wait("its end", other.ended)


def stop_and_remove(machine, kit):
    """Stopped means stopped; an upgrade of a stopped service does not start it."""
    machine.run("systemctl", "stop", "peerlogd")
    refused = machine.run("peerlog", "-w", "2", "nobody home", check=False)
    expect(refused.returncode != 0, "a message to a stopped service succeeds")
    machine.run("dpkg", "-i", "/root/peerlog.deb", limit_s=120)
    state = machine.property(daemon.SERVICE, "ActiveState")
    expect(state == "inactive", f"an upgrade has made a stopped service {state}")

    machine.run("systemctl", "start", "peerlogd")
    machine.run("dpkg", "-r", "peerlog", limit_s=120)
    state = machine.property(daemon.SERVICE, "ActiveState")
    expect(state == "inactive", f"after the removal the service is {state}")
    expect(os.path.exists(machine.path(daemon.CONFIGURATION)), "the removal took the configuration")

    daemon.install(machine, kit.deb)
    expect("8889" in machine.read(daemon.CONFIGURATION), "the configuration did not survive")
    machine.run("peerlog", "-P", "8889", "here again")
    machine.run("dpkg", "-P", "peerlog", limit_s=120)
    left = machine.sh(
        "find / -xdev \\( -path /proc -o -path /run/peerlog-test -o -path /root"
        " -o -path /usr/local -o -path /tmp \\) -prune -o -name '*peerlog*' -print"
    )
    expect(left == "", f"left after the purge: {left}")


def run(machine, kit):
    """See above."""
    install_and_look(machine, kit)
    first_messages(machine)
    reload_well(machine)
    reload_badly(machine)
    reload_with_a_taken_port(machine)
    stop_and_remove(machine, kit)
    return "installed, seen, reloaded well and badly, stopped, removed, purged"
