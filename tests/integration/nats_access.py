#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# Servers of NATS that do not let everybody in. Through TLS, with a name, a password and our own
# certificate, or with a credentials file, records come into the stream as without; a server that
# shows another's certificate learns nothing, and who is not let in is told why and waits.

import json
import ssl

import certificates
import jetstream
import nats_keys
from support import *

TEXTS = [f"m{i}" for i in range(500)]


class Login:
    """A name and a password, as the test's own client says them."""

    def answer(self, _):
        return {"user": "logs", "pass": "s3cret"}


class SecureCluster(jetstream.Cluster):
    """One server that wants TLS, a certificate and a password."""

    def __init__(self, scratch, authority, names="DNS:localhost,IP:127.0.0.1"):
        server = authority.issue("server", names)
        self.certificate = authority.issue("peerlogd", None)
        context = ssl.create_default_context(cafile=authority.file)
        context.check_hostname = False
        context.load_cert_chain(self.certificate.file, self.certificate.key)
        super().__init__(scratch, options=(
            f'tls {{ cert_file: "{server.file}", key_file: "{server.key}", '
            f'ca_file: "{authority.file}", verify: true }}\n'
            'authorization { user: logs, password: s3cret }'), tls=context, user=Login())

    def output(self, authority, password="s3cret", **more):
        url = f"nats://logs:{password}@localhost:{self.servers[0].port}"
        return dict(type="nats", servers=[url], tls=True, tls_ca=authority.file,
                    tls_certificate=self.certificate.file, tls_key=self.certificate.key, **more)


def start(scratch, output):
    daemon = Daemon(scratch, listeners=[LOOPBACK], output=output)
    daemon.allow(r"NATS stream LOGS|log: NATS")
    return daemon


def as_lines(texts):
    return "".join(text + "\n" for text in texts).encode()


def end(sock):
    """Nothing follows; wait for the receipt."""
    sock.shutdown(socket.SHUT_WR)
    assert sock.recv(1) == b""


def assert_stored(cluster):
    said = [json.loads(body)["message"].rpartition(" ")[2] for _, body in cluster.read("LOGS")]
    assert said == TEXTS, said[:20]


def through_tls_with_a_password(scratch):
    authority = certificates.Authority(scratch)
    with SecureCluster(scratch, authority) as cluster:
        cluster.make("LOGS")
        with start(scratch, cluster.output(authority)) as daemon:
            with connect(daemon.port) as sock:
                sock.sendall(as_lines(TEXTS[:200]))
                until(lambda: cluster.count("LOGS") > 0, "the first of them")
                cluster.servers[0].kill()
                sock.sendall(as_lines(TEXTS[200:]))
                daemon.expect("NATS stream LOGS: ")
                cluster.servers[0].start()
                end(sock)
        assert_stored(cluster)


def what_a_check_says(scratch, output):
    """The words about a server that is not content, or that we are not content with."""
    file = os.path.join(scratch, "checked.conf")
    with open(file, "w", encoding="utf-8") as out:
        out.write(settings_text(dict(output=output)))
    status, said, errors = run_daemon("--check", "-c", file)
    assert status == 0 and len(errors) <= 1 and "s3cret" not in said + "".join(errors), errors
    return "".join(errors)


def who_is_not_let_in_is_told_why(scratch):
    authority = certificates.Authority(scratch)
    stranger = certificates.Authority(scratch, "stranger")
    with SecureCluster(scratch, authority) as cluster:
        cluster.make("LOGS")
        good = cluster.output(authority)
        assert what_a_check_says(scratch, good) == ""
        for output, words in [
            (cluster.output(authority, password="wrong"), "Authorization Violation"),
            (cluster.output(stranger), "unable to get local issuer certificate"),
            (dict(good, tls_ca=""), "unable to get local issuer certificate"),
            (dict(good, tls_certificate="", tls_key=""), "wants a certificate: tls_certificate"),
        ]:
            said = what_a_check_says(scratch, output)
            assert words in said, (words, said)
        with start(scratch, cluster.output(authority, password="wrong")) as daemon:
            daemon.expect("NATS stream LOGS: Authorization Violation")
            with connect(daemon.port) as sock:
                sock.sendall(as_lines(TEXTS))
                daemon.output = good
                daemon.write_file()
                daemon.signal(signal.SIGHUP)
                daemon.expect("reloaded")
                end(sock)
        assert_stored(cluster)


def a_server_with_anothers_name_learns_nothing(scratch):
    authority = certificates.Authority(scratch)
    with SecureCluster(scratch, authority, names="DNS:example.com") as cluster:
        said = what_a_check_says(scratch, cluster.output(authority))
        assert "hostname mismatch" in said, said


def with_a_credentials_file(scratch):
    house = nats_keys.House(scratch)
    stranger = nats_keys.House(scratch, "stranger").user("stranger")
    with jetstream.Cluster(scratch, options=house.options(), user=house.user("reader")) as cluster:
        output = dict(type="nats", servers=cluster.urls, create_stream=dict(replicas=1))
        said = what_a_check_says(scratch, dict(output, credentials=stranger.file))
        assert "Authorization Violation" in said, said
        with start(scratch, dict(output, credentials=house.user("peerlogd").file)) as daemon:
            daemon.expect("NATS stream LOGS was made")
            with connect(daemon.port) as sock:
                sock.sendall(as_lines(TEXTS))
                end(sock)
        assert_stored(cluster)


if not jetstream.is_there():
    print("SKIP: nats-server is not installed")
    sys.exit(77)
main(through_tls_with_a_password, who_is_not_let_in_is_told_why,
     a_server_with_anothers_name_learns_nothing, with_a_credentials_file)
