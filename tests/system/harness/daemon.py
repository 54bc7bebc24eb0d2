# SPDX-License-Identifier: MIT
"""peerlogd within a machine: installed from the package, configured, asked how it is."""

import json
import re

from harness.failure import expect
from harness.traffic import SINK_SOCKET

CONFIGURATION = "/etc/peerlogd.conf"
SERVICE = "peerlogd.service"
TLS_FOLDER = "/etc/peerlogd"
TLS_PORT = 6514
CREDENTIALS = "/run/credentials/peerlogd.service"
# The most that `systemd-analyze security` may say of each unit.
MOST_EXPOSURE = {"peerlogd.service": 1.0, "peerlogd-activated.service": 0.3}


def install(machine, deb):
    """Install the package, as an administrator would without a network."""
    machine.copy_in(deb, "/root/peerlog.deb")
    machine.run("dpkg", "-i", "/root/peerlog.deb", limit_s=120)
    wait_active(machine)


def wait_active(machine, unit=SERVICE, limit_s=15):
    """Wait until the unit is up (READY=1 was said)."""
    machine.wait(
        f"{unit} active",
        lambda: machine.property(unit, "ActiveState") == "active",
        limit_s,
    )


def configuration(output="syslog", path="", port=8888, extra=""):
    """The text of a configuration file; all else is default."""
    where = f' path = "{path}";' if path else ""
    return (
        f'listeners = ( {{ address = "127.0.0.1"; port = {port}; }} );\n'
        f'output = {{ type = "{output}";{where} }};\n' + extra
    )


def configure(machine, **settings):
    """Write a configuration and restart with it."""
    machine.write(CONFIGURATION, configuration(**settings))
    machine.run("systemctl", "restart", SERVICE)


def configure_for_sink(machine, form, extra=""):
    """Let the records go to the sink, in the form of one of the outputs."""
    configure(machine, output=form, path=SINK_SOCKET, extra=extra)


def add_drop_in(machine, name, lines, unit=SERVICE):
    """A drop-in file for a unit, in force at its next start."""
    machine.write(f"/etc/systemd/system/{unit}.d/{name}.conf", "\n".join(lines) + "\n")
    machine.run("systemctl", "daemon-reload")


def put_certificate(machine, certificate):
    """Put two files, .file and .key, where the drop-in for credentials looks for them."""
    machine.run("mkdir", "-p", TLS_FOLDER)
    for source, name in ((certificate.file, "tls.crt"), (certificate.key, "tls.key")):
        machine.copy_in(source, f"{TLS_FOLDER}/{name}")
        machine.run("chmod", "600", f"{TLS_FOLDER}/{name}")


def use_tls(machine, certificate, output):
    """Restart with a listener on TLS_PORT whose key systemd hands over. OUTPUT: a group."""
    put_certificate(machine, certificate)
    example = machine.read("/usr/share/doc/peerlog/examples/tls-credentials.conf")
    add_drop_in(machine, "tls", example.splitlines())
    add_drop_in(machine, "pace", ["[Service]", "RestartSteps=0"])
    machine.write(CONFIGURATION, f"""
listeners = ( {{ address = "127.0.0.1"; port = {TLS_PORT}; tls = "required";
    certificate = "{CREDENTIALS}/tls.crt"; key = "{CREDENTIALS}/tls.key"; }} );
{output}
""")
    machine.run("systemctl", "restart", SERVICE)
    wait_active(machine)


def main_pid(machine, unit=SERVICE):
    """The daemon's process, in the machine's own numbers; 0 if there is none."""
    return int(machine.property(unit, "MainPID") or 0)


def kill(machine, unit=SERVICE):
    """SIGKILL for every process of the unit. Returns: whether there was one."""
    return (
        machine.run(
            "systemctl", "kill", "--signal=KILL", "--kill-whom=all", unit, check=False
        ).returncode
        == 0
    )


def kill_and_wait(machine, unit=SERVICE):
    """SIGKILL, and wait until systemd has started another process."""
    pid = main_pid(machine, unit)
    expect(pid != 0 and kill(machine, unit), f"{unit} does not run")
    machine.wait("another process", lambda: main_pid(machine, unit) not in (0, pid))


def restarts(machine, unit=SERVICE):
    """How often systemd has restarted it by itself."""
    return int(machine.property(unit, "NRestarts"))


def own_words(machine, unit=SERVICE):
    """What the daemon itself has said, not its peers: a line each."""
    fields = "--output-fields=MESSAGE,PEER_ADDRESS,_TRANSPORT"
    machine.run("journalctl", "--sync", check=False)
    text = machine.out("journalctl", "--no-pager", "-q", "-o", "json", fields, "-u", unit)
    entries = [json.loads(line) for line in text.splitlines()]
    return "\n".join(
        str(entry["MESSAGE"])
        for entry in entries
        if entry["_TRANSPORT"] in ("stdout", "journal") and "PEER_ADDRESS" not in entry
    )


def taken_over(machine, unit=SERVICE):
    """The announcements of takeovers: a list of (connections, messages in hand)."""
    words = own_words(machine, unit)
    return [
        (int(m.group(1).replace(",", "")), int(m.group(2).replace(",", "")))
        for m in re.finditer(r"took over ([\d,]+) connections?, ([\d,]+) messages? in hand", words)
    ]


def expect_said(machine, text, unit=SERVICE):
    """The daemon has said this."""
    words = own_words(machine, unit)
    expect(text in words, f"not said: {text!r}; but: {words[-800:]}")
