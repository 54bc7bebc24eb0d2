# SPDX-License-Identifier: MIT
"""The log daemon dies instead: journald restarted and killed, rsyslog restarted.

The records go to journald in its own form, then as syslog datagrams, and each time it is
restarted and killed in mid-stream. Then rsyslog owns /dev/log: it takes the socket away
with it and makes a new one, and what it did not take must be sent again.

Two losses are not peerlogd's to prevent, and are bounded here: the one datagram that a killed
journald had read but not written, and what lay unread in rsyslog's socket when it closed it.
"""

import time

from harness import daemon
from harness.failure import expect
from harness.traffic import Streams, Verdict, count_journal, count_log

LIMIT_S = 240
CONNECTIONS = 16
RATE = 6000
PAUSE_S = 1.5
RSYSLOG_RESTARTS = 2
# What may be lost: see above.  A socket holds net.unix.max_dgram_qlen datagrams, 512.
ONE_DATAGRAM = 1
UNREAD = RSYSLOG_RESTARTS * 512
JOURNALD = "systemd-journald.service"
RSYSLOG = """module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="/dev/log" CreatePath="on" RateLimit.Interval="0")
global(maxMessageSize="64k")
template(name="plain" type="string" string="%timestamp% %syslogtag%%msg%\\n")
:programname, isequal, "peerlogd" action(type="omfile" file="/var/log/peers" template="plain")
"""


def disturb(machine, first, *actions):
    """Streams for some seconds, with ACTIONS in between. Returns: their report."""
    streams = Streams(
        machine, CONNECTIONS, "--first", str(first), "--rate", str(RATE), "--padding", "100"
    )
    time.sleep(PAUSE_S)
    for action in actions:
        machine.run(*action)
        time.sleep(PAUSE_S)
    return streams.finish()


def disturb_journald(machine, first):
    """Restart it and kill it in mid-stream. Returns: the streams' report."""
    return disturb(
        machine,
        first,
        ["systemctl", "restart", JOURNALD],
        ["systemctl", "kill", "--signal=KILL", JOURNALD],
    )


def journald_in_its_own_form(machine):
    """Returns: the verdict."""
    daemon.configure(machine, output="journal")
    sent = disturb_journald(machine, 0)
    return Verdict([sent], count_journal(machine, "PEER_ADDRESS=127.0.0.1"))


def journald_by_syslog(machine):
    """Returns: the verdict."""
    daemon.configure(machine, output="syslog")
    sent = disturb_journald(machine, CONNECTIONS)
    machine.run("journalctl", "--sync")
    command = "journalctl -q --no-pager -o short -t peerlogd _TRANSPORT=syslog"
    return Verdict([sent], count_log(machine, "syslog", command))


def give_dev_log_to_rsyslog(machine):
    """As on a machine where journald does not own it."""
    machine.run("systemctl", "mask", "--now", "systemd-journald-dev-log.socket")
    machine.run("systemctl", "unmask", "rsyslog.service")
    machine.write("/etc/rsyslog.conf", RSYSLOG)
    # Debian 13's has a private /dev, where /dev/log is a link to journald's socket.
    daemon.add_drop_in(machine, "dev", ["[Service]", "PrivateDevices=no"], "rsyslog.service")
    machine.run("rm", "-f", "/dev/log")
    machine.run("systemctl", "restart", "rsyslog.service")
    example = machine.read("/usr/share/doc/peerlog/examples/dev-log.conf")
    daemon.add_drop_in(machine, "dev-log", example.splitlines())


def rsyslog(machine):
    """Returns: the verdict."""
    give_dev_log_to_rsyslog(machine)
    daemon.configure(machine, output="syslog")
    restarts = [["systemctl", "restart", "rsyslog.service"]] * RSYSLOG_RESTARTS
    sent = disturb(machine, 2 * CONNECTIONS, *restarts)
    time.sleep(PAUSE_S)
    machine.run("systemctl", "stop", "rsyslog.service")
    return Verdict([sent], count_log(machine, "syslog", "cat /var/log/peers"))


def run(machine, _):
    """See above."""
    lines = []
    for scene, unread in [
        (journald_in_its_own_form, ONE_DATAGRAM),
        (journald_by_syslog, ONE_DATAGRAM),
        (rsyslog, UNREAD),
    ]:
        verdict = scene(machine)
        try:
            verdict.expect_perfect(unread=unread)
        except Exception as fault:
            raise type(fault)(f"{scene.__name__}: {fault}") from fault
        lines.append(f"{scene.__name__.replace('_', ' ')}: {verdict}")
    expect(daemon.restarts(machine) == 0, "the daemon died with the log")
    return "; ".join(lines)
