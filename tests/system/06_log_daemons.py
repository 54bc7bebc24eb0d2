# SPDX-License-Identifier: MIT
"""The log daemon dies instead: journald restarted and killed, rsyslog restarted.

The records go to journald in its own form, then as syslog datagrams, and each time it is
restarted and killed in mid-stream. With type "auto" rsyslog takes /dev/log over from journald,
which goes on, and gives it back, both in mid-stream. Then rsyslog owns /dev/log: it takes the
socket away with it and makes a new one, and what it did not take must be sent again.

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
SOCKET = 512
UNREAD = RSYSLOG_RESTARTS * SOCKET
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


def prepare_rsyslog(machine):
    """It could own /dev/log, and peerlogd sees who does."""
    machine.run("systemctl", "unmask", "rsyslog.service")
    machine.write("/etc/rsyslog.conf", RSYSLOG)
    # Debian 13's has a private /dev, where /dev/log is a link to journald's socket.
    daemon.add_drop_in(machine, "dev", ["[Service]", "PrivateDevices=no"], "rsyslog.service")
    example = machine.read("/usr/share/doc/peerlog/examples/dev-log.conf")
    daemon.add_drop_in(machine, "dev-log", example.splitlines())


TO_RSYSLOG = ["sh", "-ec", """systemctl mask --now systemd-journald-dev-log.socket
rm -f /dev/log; systemctl restart rsyslog.service"""]
# With its socket, to which journald forwards: that would start it again.
TO_JOURNALD = ["sh", "-ec", """systemctl stop syslog.socket rsyslog.service
ln -sfn /run/systemd/journal/dev-log /dev/log"""]


def wait_said(machine, text, times):
    """Wait until the daemon has said this so many times."""
    machine.wait(text, lambda: daemon.own_words(machine).count(text) >= times)


def whoever_owns_dev_log(machine):
    """Type "auto". Returns: the verdict of both changes."""
    prepare_rsyslog(machine)
    daemon.configure(machine, output="auto")
    pid = daemon.main_pid(machine)
    native = f"journalctl -q --no-pager -o short _PID={pid} PEER_ADDRESS=127.0.0.1"
    before = daemon.own_words(machine).count("log: journal (native)")
    sent = disturb(machine, 2 * CONNECTIONS, TO_RSYSLOG)
    wait_said(machine, "log: syslog (/dev/log)", 1)
    machine.run("journalctl", "--sync")
    first = Verdict([sent], count_log(machine, "syslog", f"({native}; cat /var/log/peers)"))
    first.expect_perfect()
    machine.sh("date +%s > /root/now; sleep 1; : > /var/log/peers")
    sent = disturb(machine, 3 * CONNECTIONS, TO_JOURNALD)
    wait_said(machine, "log: journal (native)", before + 1)
    machine.run("journalctl", "--sync")
    since = f"{native} --since @$(($(cat /root/now) + 1))"
    return Verdict([sent], count_log(machine, "syslog", f"(cat /var/log/peers; {since})"))


def rsyslog(machine):
    """Returns: the verdict."""
    machine.run(*TO_RSYSLOG)
    machine.run("rm", "-f", "/var/log/peers")
    machine.run("systemctl", "restart", "rsyslog.service")
    daemon.configure(machine, output="syslog")
    restarts = [["systemctl", "restart", "rsyslog.service"]] * RSYSLOG_RESTARTS
    sent = disturb(machine, 4 * CONNECTIONS, *restarts)
    time.sleep(PAUSE_S)
    machine.run("systemctl", "stop", "rsyslog.service")
    return Verdict([sent], count_log(machine, "syslog", "cat /var/log/peers"))


def run(machine, _):
    """See above."""
    lines = []
    for scene, unread in [
        (journald_in_its_own_form, ONE_DATAGRAM),
        (journald_by_syslog, ONE_DATAGRAM),
        (whoever_owns_dev_log, SOCKET),
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
