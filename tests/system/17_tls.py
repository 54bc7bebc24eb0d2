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
import time

from harness import daemon
from harness.traffic import SINK_SOCKET, Sink, Streams, most_repeats, stop_load

LIMIT_S = 300
CONNECTIONS = 24
ROUNDS = 30
OUTPUT = f'output = {{ type = "journal"; path = "{SINK_SOCKET}"; }};'


class Files:
    """A certificate and its key."""

    def __init__(self, place):
        self.file, self.key = os.path.join(place, "tls.crt"), os.path.join(place, "tls.key")


def make_certificate(place, days):
    """As the manual says it. Returns: its files, and the day on which it ends."""
    script = ("openssl ecparam -name prime256v1 -genkey -noout -out tls.key && "
              f"openssl req -new -x509 -key tls.key -out tls.crt -days {days} "
              "-subj /CN=localhost -addext subjectAltName=IP:127.0.0.1,DNS:localhost && "
              "openssl x509 -in tls.crt -noout -enddate -dateopt iso_8601")
    text = subprocess.run(["sh", "-ec", script], cwd=place, check=True, text=True,
                          capture_output=True).stdout
    return Files(place), re.search(r"notAfter=(\S+)", text).group(1)


def expect_shown(machine, day):
    """The certificate in force is the one that ends on this day."""
    daemon.expect_said(
        machine, f"the certificate of listener 127.0.0.1:{daemon.TLS_PORT} is good until {day}")


def set_up(machine, place):
    """The drop-in, a first certificate, the configuration."""
    certificate, day = make_certificate(place, 90)
    daemon.use_tls(machine, certificate, OUTPUT)
    expect_shown(machine, day)


def renew(machine, place):
    """Another certificate, while streams go on that know the old one."""
    certificate, day = make_certificate(place, 60)
    daemon.put_certificate(machine, certificate)
    machine.run("systemctl", "restart", daemon.SERVICE)
    daemon.wait_active(machine)
    expect_shown(machine, day)


def run(machine, kit):
    """See above."""
    sink = Sink(machine, "journal")
    set_up(machine, kit.folder)
    streams = Streams(machine, CONNECTIONS, "--tls", f"{daemon.TLS_FOLDER}/tls.crt",
                      "--port", str(daemon.TLS_PORT), "--updates", "100000")
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
            renew(machine, kit.folder)
    before = sink.records()
    machine.wait("records after the last death", lambda: sink.records() > before)
    verdict = stop_load([streams], sink)
    verdict.expect_perfect(repeats=most_repeats(rounds))
    return f"{rounds} deaths and restarts, a new certificate; {verdict}"
