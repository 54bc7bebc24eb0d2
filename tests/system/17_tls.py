# SPDX-License-Identifier: MIT
"""TLS, with a key that systemd hands over, under restarts, kills and a new certificate.

The service's user owns no file, so certificate and key are credentials, by the drop-in that is
installed as an example. Streams in every version and suite, whose keys change, go on over restarts
and kills: nothing is lost, and no connection closes. systemd copies credentials at a start alone: a
new certificate is shown after a restart, and the streams that are there do not notice that either.
"""

import os
import re
import subprocess
import tempfile
import time

from harness import daemon
from harness.traffic import SINK_SOCKET, Sink, Streams, most_repeats, stop_load

LIMIT_S = 300
CONNECTIONS = 24
ROUNDS = 30
FOLDER = "/etc/peerlogd"
CREDENTIALS = "/run/credentials/peerlogd.service"
CONFIGURATION = f"""
listeners = ( {{ address = "127.0.0.1"; port = 8888; tls = "required";
    certificate = "{CREDENTIALS}/tls.crt"; key = "{CREDENTIALS}/tls.key"; }} );
output = {{ type = "journal"; path = "{SINK_SOCKET}"; }};
"""


def make_certificate(machine, days):
    """As the manual says it. Returns: the day on which it ends."""
    with tempfile.TemporaryDirectory() as place:
        script = ("openssl ecparam -name prime256v1 -genkey -noout -out tls.key && "
                  f"openssl req -new -x509 -key tls.key -out tls.crt -days {days} "
                  "-subj /CN=localhost -addext subjectAltName=IP:127.0.0.1,DNS:localhost && "
                  "openssl x509 -in tls.crt -noout -enddate -dateopt iso_8601")
        text = subprocess.run(["sh", "-ec", script], cwd=place, check=True, text=True,
                              capture_output=True).stdout
        machine.run("mkdir", "-p", FOLDER)
        for name in ("tls.key", "tls.crt"):
            machine.copy_in(os.path.join(place, name), f"{FOLDER}/{name}")
            machine.run("chmod", "600", f"{FOLDER}/{name}")
    return re.search(r"notAfter=(\S+)", text).group(1)


def expect_shown(machine, day):
    """The certificate in force is the one that ends on this day."""
    daemon.expect_said(machine, f"the certificate of listener 127.0.0.1:8888 is good until {day}")


def set_up(machine):
    """The drop-in, a first certificate, the configuration."""
    day = make_certificate(machine, 90)
    example = machine.read("/usr/share/doc/peerlog/examples/tls-credentials.conf")
    daemon.add_drop_in(machine, "tls", example.splitlines())
    daemon.add_drop_in(machine, "pace", ["[Service]", "RestartSteps=0"])
    machine.write(daemon.CONFIGURATION, CONFIGURATION)
    machine.run("systemctl", "restart", daemon.SERVICE)
    daemon.wait_active(machine)
    expect_shown(machine, day)


def renew(machine):
    """Another certificate, while streams go on that know the old one."""
    day = make_certificate(machine, 60)
    machine.run("systemctl", "restart", daemon.SERVICE)
    daemon.wait_active(machine)
    expect_shown(machine, day)


def run(machine, kit):
    """See above."""
    sink = Sink(machine, "journal")
    set_up(machine)
    streams = Streams(machine, CONNECTIONS, "--tls", f"{FOLDER}/tls.crt", "--updates", "100000")
    streams.wait_until_sent(10000)
    rounds = kit.share_of(ROUNDS)
    for i in range(rounds):
        time.sleep(kit.random.uniform(0.05, 0.4))
        if i % 3:
            daemon.kill_and_wait(machine)
        else:
            machine.run("systemctl", "restart", daemon.SERVICE)
        daemon.wait_active(machine)
        if i == rounds // 2:
            renew(machine)
    before = sink.records()
    machine.wait("records after the last death", lambda: sink.records() > before)
    verdict = stop_load([streams], sink)
    verdict.expect_perfect(repeats=most_repeats(rounds))
    return f"{rounds} deaths and restarts, a new certificate; {verdict}"
