# SPDX-License-Identifier: MIT
"""The socket-activated form: systemd binds, the daemon sees no network, all else holds.

One command changes over from the plain form. The first connection starts the daemon,
connections survive a restart and a SIGKILL as ever, and after a reboot, with both forms
enabled, the socket wins.
"""

from harness import daemon
from harness.failure import expect
from harness.traffic import SINK_SOCKET, Sink, Streams, most_repeats, prepare, stop_load

UNIT = "peerlogd-activated.service"
CONNECTIONS = 64
PACE = 100000
ROUNDS = 10


def change_over(machine):
    """From the plain form to this one."""
    machine.write(
        daemon.CONFIGURATION, daemon.configuration("syslog", SINK_SOCKET, port=7777)
    )
    machine.run("systemctl", "enable", "--now", "peerlogd.socket")
    state = machine.property(daemon.SERVICE, "ActiveState")
    expect(state == "inactive", f"beside the socket the plain service is {state}")
    state = machine.property(UNIT, "ActiveState")
    expect(state == "inactive", f"before the first connection the service is {state}")


def sees_no_network(machine):
    """It has a network namespace of its own, and the listeners of the file are not bound."""
    pid = daemon.main_pid(machine, UNIT)
    own = machine.out("readlink", f"/proc/{pid}/ns/net")
    expect(own != machine.out("readlink", "/proc/1/ns/net"), "it sees the machine's network")
    refused = machine.run("bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/7777", check=False)
    expect(refused.returncode != 0, "a listener of the file is bound beside the socket")


def under_load(machine, kit):
    """Restarts and kills. Returns: the verdict."""
    sink = Sink(machine, "syslog", "--pace", str(PACE))
    streams = Streams(machine, CONNECTIONS)
    streams.wait_until_sent(1000)
    daemon.wait_active(machine, UNIT)
    sees_no_network(machine)
    machine.run("systemctl", "reload", UNIT)
    for _ in range(ROUNDS):
        machine.run("systemctl", "restart", UNIT)
        streams.wait_until_sent(streams.sent() + kit.random.randrange(5000, 20000))
        daemon.kill_and_wait(machine, UNIT)
        streams.wait_until_sent(streams.sent() + kit.random.randrange(5000, 20000))
    verdict = stop_load([streams], sink)
    verdict.expect_perfect(repeats=most_repeats(ROUNDS))
    return verdict


def after_reboot(machine, kit):
    """Both forms are enabled; the socket wins."""
    machine.reboot()
    prepare(machine, kit.programs)
    state = machine.property("peerlogd.socket", "ActiveState")
    plain = machine.property(daemon.SERVICE, "ActiveState")
    expect((state, plain) == ("active", "inactive"), f"after a reboot: {state}, {plain}")
    sink = Sink(machine, "syslog")
    machine.run("bash", "-c", "echo after the reboot > /dev/tcp/127.0.0.1/8888")
    machine.wait("the message", lambda: sink.records() == 1)
    machine.run("systemctl", "disable", "--now", "peerlogd.socket")
    state = machine.property(UNIT, "ActiveState")
    expect(state == "inactive", f"without its socket the service is {state}")


def run(machine, kit):
    """See above."""
    change_over(machine)
    verdict = under_load(machine, kit)
    after_reboot(machine, kit)
    return f"{ROUNDS} restarts and {ROUNDS} kills without a network; {verdict}; won after a reboot"
