# SPDX-License-Identifier: MIT
"""TLS, with a key that systemd hands over, under restarts, kills and a new certificate.

The service's user owns no file, so certificate and key are credentials, by the drop-in that is
installed as an example. Streams in every version and suite, whose keys change, go on over restarts
and kills: nothing is lost, and no connection closes. A reload goes well, although systemd shows
credentials to nothing of it but the daemon, and a restart brings a new certificate, as certbot's
hook asks for it in the manual; the streams that are there do not notice either.
"""

import os
import re
import subprocess
import time

from harness import daemon
from harness.failure import expect
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


def by_the_manual(source):
    """The lines of the drop-in and of the hook for certbot."""
    with open(os.path.join(source, "man", "peerlogd.conf.5"), encoding="utf-8") as page:
        found = re.search(r"^# cat /etc/systemd/\S+/tls-credentials.conf\n(.*?)"
                          r"^# cat /etc/letsencrypt/\S+\n(.*?)^\.Ed", page.read(), re.M | re.S)
    return found.group(1).splitlines(), found.group(2)


def put_as_certbot(machine, certificate, number):
    """Into its archive, and then the names that everybody uses lead there."""
    archive, live = "/etc/letsencrypt/archive", "/etc/letsencrypt/live"
    for name, source in (("fullchain", certificate.file), ("privkey", certificate.key)):
        with open(source, encoding="ascii") as text:
            machine.write(f"{archive}/logs.example.net/{name}{number}.pem", text.read())
        machine.sh(f"mkdir -p {live}/logs.example.net && cd {live}/logs.example.net && ln -sf "
                   f"../../archive/logs.example.net/{name}{number}.pem {name}.pem && "
                   f"chmod 600 {name}.pem && chmod 700 {archive} {live}")


def renew(machine, kit, number):
    """Another certificate by certbot, while streams go on that know the old one.

    Returns: whether the reload was enough, which depends on the version of systemd.
    """
    drop_in, hook = by_the_manual(kit.options.source)
    certificate, day = make_certificate(kit.folder, 60 - number)
    put_as_certbot(machine, certificate, number)
    if number == 1:
        daemon.add_drop_in(machine, "tls", drop_in)
    machine.write("/root/hook", hook)
    machine.run("chmod", "755", "/root/hook")
    before = daemon.own_words(machine).count("reloaded ")
    machine.run("systemctl", "reload", daemon.SERVICE)
    expect(daemon.own_words(machine).count("reloaded ") == before + 1, "it has not reloaded")
    was_enough = day in daemon.own_words(machine)
    machine.run("/root/hook")
    daemon.wait_active(machine)
    expect_shown(machine, day)
    return was_enough


def run(machine, kit):
    """See above."""
    sink = Sink(machine, "journal")
    set_up(machine, kit.folder)
    streams = Streams(machine, CONNECTIONS, "--tls", f"{daemon.TLS_FOLDER}/tls.crt",
                      "--port", str(daemon.TLS_PORT), "--updates", "100000")
    streams.wait_until_sent(10000)
    rounds = kit.share_of(ROUNDS)
    by_reload = []
    for i in range(rounds):
        time.sleep(kit.random.uniform(0.05, 0.4))
        if i % 3:
            daemon.kill_and_wait(machine)
        else:
            machine.run("systemctl", "restart", daemon.SERVICE)
        daemon.wait_active(machine)
        if i in (rounds // 3, rounds // 2):
            by_reload.append(renew(machine, kit, 1 if i == rounds // 3 else 2))
    before = sink.records()
    machine.wait("records after the last death", lambda: sink.records() > before)
    verdict = stop_load([streams], sink)
    verdict.expect_perfect(repeats=most_repeats(rounds))
    return (f"{rounds} deaths and restarts, new certificates (shown by a reload already: "
            f"{by_reload}); {verdict}")
