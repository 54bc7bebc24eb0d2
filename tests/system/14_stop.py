# SPDX-License-Identifier: MIT
"""`systemctl stop`: what it does with messages that have no end yet.

A restart leaves them to the next process. A stop or a reboot is not followed by any, so they are
logged as far as they came, marked, and their clients told that all was read. With the drop-in
keep-connections.conf, from systemd 254 on, a stop is like a restart that takes its time:
clients stay connected and go on writing, and a start finds it all. Only cleaning the
store, or the package's removal, ends them then. A store that keeps nothing is noticed.
"""

import re

from harness import daemon
from harness.failure import expect
from harness.traffic import FOLDER, Sink, Streams, prepare, stop_load

EXAMPLE = "/usr/share/doc/peerlog/examples/keep-connections.conf"
CLIENTS = 3
CONNECTIONS = 16
PACE = 20000


def version(machine):
    """systemd's."""
    return int(re.search(r"systemd (\d+)", machine.out("systemctl", "--version")).group(1))


def begin(machine, name):
    """Clients that stop in the middle of a message, until the file NAME says go on."""
    script = (
        "exec 3<>/dev/tcp/127.0.0.1/8888; printf 'whole\\n{0}-%d begun' $1 >&3;"
        f" until [ -e {FOLDER}/{{0}} ]; do sleep 0.05; done;"
        " if [ -s {1}/{0} ]; then echo ' and ended' >&3; exec 3>&-; else cat <&3; fi"
    ).format(name, FOLDER)
    clients = [machine.spawn("bash", "-c", script, "-", str(i)) for i in range(CLIENTS)]
    machine.wait(
        "the clients",
        lambda: f"{CLIENTS} connections" in machine.property(daemon.SERVICE, "StatusText"),
    )
    return clients


def go_on(machine, name, clients, text=""):
    """Let them: with a TEXT they end their message, without one they read until the end."""
    machine.write(f"{FOLDER}/{name}", text)
    machine.wait("the clients' end", lambda: all(client.ended() for client in clients))
    return [client.process.returncode for client in clients]


def messages(machine, name):
    """What is logged of them, in order, without the peers and the marks in front."""
    lines = machine.journal("-u", "peerlogd", "PEER_ADDRESS=127.0.0.1").splitlines()
    texts = [re.sub(r"^\S+ (\[[^]]*\] )*", "", line) for line in lines]
    return sorted(text for text in texts if text.startswith(name))


def restart_and_stop(machine):
    """A restart keeps beginnings, a stop delivers them."""
    clients = begin(machine, "restart")
    machine.run("systemctl", "restart", daemon.SERVICE)
    expect(messages(machine, "restart") == [], "a restart has ended messages")
    go_on(machine, "restart", clients, "more")
    wanted = [f"restart-{i} begun and ended" for i in range(CLIENTS)]
    machine.wait("the whole messages", lambda: messages(machine, "restart") == wanted)

    clients = begin(machine, "stop")
    machine.run("systemctl", "stop", daemon.SERVICE)
    wanted = [f"stop-{i} begun" for i in range(CLIENTS)]
    found = messages(machine, "stop")
    expect(found == wanted, f"a stop has left {found}")
    lines = machine.journal("-u", "peerlogd", "PEER_ADDRESS=127.0.0.1").splitlines()
    marked = [line for line in lines if " [cut] stop-" in line]
    expect(len(marked) == CLIENTS, f"{len(marked)} are marked as cut: {lines}")
    ends = go_on(machine, "stop", clients)
    expect(ends == [0] * CLIENTS, f"the clients were not told that all was read: {ends}")
    daemon.expect_said(machine, f"delivered {CLIENTS} messages as far as they had come")
    machine.run("systemctl", "start", daemon.SERVICE)


def reboot(machine, kit):
    """A reboot is a stop, too."""
    begin(machine, "reboot")
    machine.reboot()
    prepare(machine, kit.programs)
    daemon.wait_active(machine)
    wanted = [f"reboot-{i} begun" for i in range(CLIENTS)]
    found = messages(machine, "reboot")
    expect(found == wanted, f"a reboot has left {found}")
    said = daemon.own_words(machine).count("as far as they had come")
    expect(said == 2, f"that messages had no end is said {said} times, not at stop and reboot")


def refuse(machine):
    """systemd refuses in silence; the daemon does not."""
    daemon.add_drop_in(machine, "no-store", ["[Service]", "FileDescriptorStoreMax=0"])
    machine.run("systemctl", "restart", daemon.SERVICE)
    machine.wait(
        "the daemon to notice",
        lambda: "FileDescriptorStoreMax=" in machine.property(daemon.SERVICE, "StatusText"),
    )
    daemon.expect_said(machine, "refuses to keep descriptors")
    machine.run("rm", f"/etc/systemd/system/{daemon.SERVICE}.d/no-store.conf")
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "restart", daemon.SERVICE)
    machine.wait(
        "the daemon to be content",
        lambda: ", log ok" in machine.property(daemon.SERVICE, "StatusText"),
    )


def keep(machine):
    """With the drop-in: a stop under load, and a start. Returns: the verdict."""
    machine.run("mkdir", "-p", f"/etc/systemd/system/{daemon.SERVICE}.d")
    machine.run("cp", EXAMPLE, f"/etc/systemd/system/{daemon.SERVICE}.d/")
    machine.run("systemctl", "daemon-reload")
    clients = begin(machine, "kept")
    machine.run("systemctl", "stop", daemon.SERVICE)
    expect(messages(machine, "kept") == [], "a stop has ended messages in spite of the drop-in")
    machine.run("systemctl", "start", daemon.SERVICE)
    go_on(machine, "kept", clients, "more")
    wanted = [f"kept-{i} begun and ended" for i in range(CLIENTS)]
    machine.wait("the whole messages", lambda: messages(machine, "kept") == wanted)

    sink = Sink(machine, "journal", "--pace", str(PACE))
    daemon.configure_for_sink(machine, "journal")
    streams = Streams(machine, CONNECTIONS)
    for _ in range(5):
        streams.wait_until_sent(streams.sent() + 2000)
        machine.run("systemctl", "stop", daemon.SERVICE)
        # The port is open while nobody is there.
        machine.run("bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8888")
        machine.run("systemctl", "start", daemon.SERVICE)
    verdict = stop_load([streams], sink)
    verdict.expect_perfect()
    return verdict


def is_open(machine):
    """Whether somebody, or nobody but the store, listens."""
    done = machine.run("bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8888", check=False)
    return done.returncode == 0


def clean(machine):
    """What ends a store that is kept."""
    machine.run("systemctl", "stop", daemon.SERVICE)
    machine.run("systemctl", "clean", "--what=fdstore", daemon.SERVICE)
    expect(not is_open(machine), "the port outlives a store that was cleaned")
    machine.run("systemctl", "start", daemon.SERVICE)
    expect(is_open(machine), "it does not start after cleaning")
    machine.run("dpkg", "-r", "peerlog", limit_s=120)
    expect(not is_open(machine), "the port outlives the package")


def run(machine, kit):
    """See above."""
    daemon.configure(machine, output="journal")
    restart_and_stop(machine)
    reboot(machine, kit)
    refuse(machine)
    if version(machine) < 254:
        return "messages without an end kept by a restart and delivered by a stop"
    verdict = keep(machine)
    clean(machine)
    return f"the same, and five stops that kept {CONNECTIONS} connections; {verdict}"
