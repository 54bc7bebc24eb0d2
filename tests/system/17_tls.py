# SPDX-License-Identifier: MIT
"""TLS, with a key that systemd hands over, under restarts, kills and a new certificate.

The service's user owns no file, so certificate and key are credentials, by the drop-in that is
installed as an example. Streams in every version and suite, whose keys change, go on over restarts
and kills: nothing is lost, and no connection closes. systemd copies credentials at a start alone: a
new certificate is shown after a restart, and the streams that are there do not notice that either.
"""

import re
import time

from harness import daemon
from harness.failure import expect
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


def make_certificate(machine, name):
    """As the manual says it."""
    machine.run("mkdir", "-p", FOLDER)
    machine.sh(f"cd {FOLDER} && umask 077 && "
               "openssl ecparam -name prime256v1 -genkey -noout -out tls.key && "
               f"openssl req -new -x509 -key tls.key -out tls.crt -days 90 -subj /CN={name} "
               "-addext subjectAltName=IP:127.0.0.1,DNS:localhost")


def shown(machine):
    """The name in the certificate that a client sees."""
    text = machine.sh("openssl s_client -connect 127.0.0.1:8888 </dev/null 2>/dev/null "
                      "| openssl x509 -noout -subject")
    return re.search(r"CN ?= ?(\S+)", text).group(1)


def set_up(machine):
    """The drop-in, a first certificate, the configuration."""
    make_certificate(machine, "first")
    example = machine.read("/usr/share/doc/peerlog/examples/tls-credentials.conf")
    daemon.add_drop_in(machine, "tls", example.splitlines())
    daemon.add_drop_in(machine, "pace", ["[Service]", "RestartSteps=0"])
    machine.write(daemon.CONFIGURATION, CONFIGURATION)
    machine.run("systemctl", "restart", daemon.SERVICE)
    daemon.wait_active(machine)


def renew(machine):
    """Another certificate, while streams go on that know the old one."""
    machine.run("cp", f"{FOLDER}/tls.crt", f"{FOLDER}/old.crt")
    make_certificate(machine, "second")
    machine.run("systemctl", "restart", daemon.SERVICE)
    daemon.wait_active(machine)
    expect(shown(machine) == "second", f"after a restart it shows {shown(machine)}")


def run(machine, kit):
    """See above."""
    sink = Sink(machine, "journal")
    set_up(machine)
    expect(shown(machine) == "first", "the first certificate")
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
    daemon.expect_said(machine, "the certificate of listener 127.0.0.1:8888 is good until")
    return f"{rounds} deaths and restarts, a new certificate; {verdict}"
