#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# Who may not come in over TLS. Each kind of bad certificate is refused with words that name what
# to do, here and at the client; so is who speaks in clear, too old a version, or no common suite;
# and a client that does not trust our certificate is told apart from one that we do not trust.
# Files that cannot be used are refused before they are in force, and --check says what will be
# wrong soon.

from support import *

REFUSED = r"refus|TLS handshake|not .*TLS"


def refused_by(daemon, context, words, alert=None, name="localhost"):
    """Shake hands and be refused: WORDS on our side, ALERT at the client's."""
    before = daemon.said(words)
    client = connect(daemon.port)
    reason = None
    try:
        with context.wrap_socket(client, server_hostname=name) as tls:
            tls.settimeout(PATIENCE)
            tls.recv(1)  # in TLS 1.3 the client learns it only now
    except ssl.SSLError as error:
        reason = error.reason
    except ConnectionResetError:
        reason = "reset"
    assert reason is not None, f"it was let in instead of: {words}"
    assert alert is None or reason == alert, f"{words}: {reason} instead of {alert}"
    daemon.words.wait(words, before + 1)
    daemon.allow(words, REFUSED)


@contextlib.contextmanager
def asking(scratch, authority, **settings):
    own = authority.issue("localhost")
    listener = own.settings(client_ca=authority.file, **{"client_certificate": "required",
                                                         **settings})
    with serving("syslog", scratch, listeners=[listener]) as (daemon, sink):
        yield daemon, sink


# One peer's refusals are said once an hour: so each has a daemon of its own.
def bad_certificates(scratch):
    authority = Authority(scratch)
    foreign = Authority(scratch, "foreign")
    good = authority.issue("good", "DNS:good.example.net")
    rows = [
        # What is wrong, our words, and the alert that the client hears.
        (None, "client sent no certificate; the listener requires one",
         "TLSV13_ALERT_CERTIFICATE_REQUIRED"),
        (authority.issue("old", "DNS:old.example.net", ends=-3600),
         "client's certificate CN=old for old.example.net has expired; renew it",
         "SSLV3_ALERT_CERTIFICATE_EXPIRED"),
        (authority.issue("young", "DNS:young.example.net", begins=DAY),
         "client's certificate CN=young for young.example.net is not valid yet",
         "SSLV3_ALERT_BAD_CERTIFICATE"),
        (authority.issue("other", "DNS:other.example.com"),
         "client's certificate CN=other for other.example.com has no name that client_names "
         "allows", None),
        (authority.issue("good.example.net", None),
         "client's certificate CN=good.example.net has no name that client_names allows", None),
        (foreign.issue("stranger", "DNS:good.example.net"),
         "client's certificate CN=stranger for good.example.net is signed by somebody who is not "
         "in client_ca", "TLSV1_ALERT_UNKNOWN_CA"),
        (foreign, "is signed by itself, and is not in client_ca", "TLSV1_ALERT_UNKNOWN_CA"),
        (authority.issue("server", "DNS:good.example.net", usage="serverAuth"),
         "is not for clients; its extended key usage lacks clientAuth", None),
    ]
    for number, (certificate, words, alert) in enumerate(rows):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            with asking(folder(scratch, f"{number}-{version.name}"), authority,
                        client_names=["*.example.net"]) as (daemon, sink):
                without = certificate is None and version is ssl.TLSVersion.TLSv1_2
                refused_by(daemon, context_for(authority, certificate, version), re.escape(words),
                           "SSLV3_ALERT_HANDSHAKE_FAILURE" if without else alert)
                sock = tls_connect(daemon.port, context_for(authority, good, version))
                sock.sendall(b"let in\n")
                tls_finish(sock)
                assert [r.text for r in sink.wait_count(1)] == [b"let in"]


def peerlog_says(daemon, *options):
    """Let peerlog send one line. Returns: its exit status, and its words."""
    done = subprocess.run(
        [os.environ["PEERLOG"], "-n", "localhost", "-P", str(daemon.port), *options, "secret"],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False,
        env=clean_environment())
    return done.returncode, done.stderr.decode()


def both_sides_of_a_bad_listener(scratch):
    """peerlog does not take the listener's certificate: it says why, and the daemon what it can."""
    authority, foreign = Authority(scratch), Authority(scratch, "foreign")
    late = authority.issue("late", None, signs=True, ends=-3600)
    rows = [
        # What the listener shows, peerlog's words, the daemon's.
        (authority.issue("old", ends=-3600), "has expired",
         "client says that the listener's certificate has expired; renew it"),
        (authority.issue("young", begins=DAY), "is not valid yet",
         "is it for the name that the client connects to, and valid already?"),
        (authority.issue("elsewhere", "DNS:elsewhere.example.net"),
         'is not for "localhost" (--tls-name)', "is it for the name that the client connects to"),
        (authority.issue("localhost", None), 'is not for "localhost" (--tls-name)',
         "is it for the name that the client connects to"),
        (foreign.issue("stranger"), "signed by somebody who is not trusted (--tls-ca)",
         "client does not trust who signed the listener's certificate; give the client that CA"),
        (foreign, "is signed by itself, and not trusted (--tls-ca)",
         "client does not trust who signed the listener's certificate"),
        (authority.issue("client", usage="clientAuth"), "is not meant for servers",
         "client cannot use the listener's kind of certificate"),
        (late.as_authority().issue("late-one").behind(late), "or one that signs it, has expired",
         "client says that the listener's certificate has expired"),
    ]
    for number, (certificate, words, ours) in enumerate(rows):
        with serving("syslog", folder(scratch, str(number)),
                     listeners=[certificate.settings()]) as (daemon, sink):
            daemon.allow("expire", "not valid before", "is neither for", "is not for servers",
                         REFUSED)
            status, said = peerlog_says(daemon, "--tls-ca", authority.file)
            assert status == 76 and words in said, (status, words, said)
            daemon.expect(re.escape(ours))
            assert sink.count() == 0


def both_sides_of_a_bad_client(scratch):
    """The daemon does not take peerlog's certificate: both say why, and nothing counts as read."""
    authority, foreign = Authority(scratch), Authority(scratch, "foreign")
    late = authority.issue("late", None, signs=True, ends=-3600)
    name = "DNS:good.example.net"
    between = authority.issue("between", None, signs=True)
    rows = [
        # What peerlog shows, the daemon's words, peerlog's.
        (None, "client sent no certificate; the listener requires one", "(--tls-cert)"),
        (authority.issue("old", name, ends=-3600), "CN=old for good.example.net has expired; renew",
         "it does not take our certificate: it has expired"),
        (authority.issue("young", name, begins=DAY), "CN=young for good.example.net is not valid "
         "yet; is a clock wrong?", "it does not take our certificate"),
        (authority.issue("other", "DNS:other.example.com"), "CN=other for other.example.com has no "
         "name that client_names allows", "it does not take our certificate"),
        (authority.issue("nameless", None), "CN=nameless has no name that client_names allows",
         "it does not take our certificate"),
        (foreign.issue("stranger", name), "is signed by somebody who is not in client_ca",
         "it does not trust the one who signs our certificate"),
        (foreign, "CN=foreign is signed by itself, and is not in client_ca",
         "it does not trust the one who signs our certificate"),
        (between.as_authority().issue("below", name), "add that CA, or send the certificates "
         "between as well", "it does not trust the one who signs our certificate"),
        (authority.issue("server", name, usage="serverAuth"), "is not for clients; its extended "
         "key usage lacks clientAuth", "it does not take our certificate"),
        (late.as_authority().issue("late-one", name).behind(late), "CN=late has expired; renew it",
         "it does not take our certificate: it has expired"),
    ]
    for number, (certificate, words, theirs) in enumerate(rows):
        with asking(folder(scratch, str(number)), authority, client_names=["*.example.net"]) as (
                daemon, sink):
            daemon.allow("expire", REFUSED)
            own = ["--tls-cert", certificate.file, "--tls-key", certificate.key] if certificate \
                else []
            status, said = peerlog_says(daemon, "--tls-ca", authority.file, *own)
            daemon.expect(re.escape(words))
            assert status == 76 and theirs in said, (words, status, said)
            assert sink.count() == 0


def clients_that_speak_otherwise(scratch):
    authority = Authority(scratch)
    foreign = Authority(scratch, "foreign")
    own = authority.issue("localhost")
    old = context_for(authority, version=ssl.TLSVersion.TLSv1_2)
    rows = [
        (dict(tls_min="1.3"), old, "client speaks no version of TLS that the listener does",
         "TLSV1_ALERT_PROTOCOL_VERSION", "localhost"),
        (dict(tls_ciphers=["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"]), old,
         "client and listener have no cipher suite in common", "SSLV3_ALERT_HANDSHAKE_FAILURE",
         "localhost"),
        ({}, context_for(foreign), "client does not trust who signed the listener's certificate",
         None, "localhost"),
        ({}, context_for(authority), "client does not accept the listener's certificate", None,
         "elsewhere"),
    ]
    for number, (settings, context, words, alert, name) in enumerate(rows):
        with serving("syslog", folder(scratch, str(number)),
                     listeners=[own.settings(**settings)]) as (daemon, _):
            refused_by(daemon, context, words, alert, name)
    with serving("syslog", folder(scratch, "clear"), listeners=[own.settings()]) as (daemon, sink):
        for data in (b"<13>hello\n", b"GET / HTTP/1.1\r\n\r\n", b"5 <13>a", b"\x16\x02\0\0\0"):
            sock = connect(daemon.port)
            sock.sendall(data)
            assert is_reset(sock)
        assert len(daemon.expect(r"127\.0\.0\.1.*TLS")) >= 1
        daemon.allow(REFUSED)
        assert sink.count() == 0


def who_leaves_without_a_word(scratch):
    """Who shakes hands, sees our certificate and goes is named; who has said something is not."""
    authority = Authority(scratch)
    words = r"it left after the handshake of TLS and said nothing; rsyslog by GnuTLS"
    for number, (leave, told) in enumerate((
            (tls_finish, 1), (lambda tls: tls.close(), 1), (reset, 1),
            (lambda tls: (tls.sendall(b"something\n"), tls_finish(tls)), 0),
            (lambda tls: (tls.sendall(b"1 open 30 relp_version=0\ncommands=syslog\n"
                                      b"2 close 0\n"), tls.close()), 0))):
        with serving("syslog", folder(scratch, str(number)),
                     listeners=[authority.issue(f"own{number}").settings()]) as (daemon, _):
            leave(tls_connect(daemon.port, context_for(authority)))
            daemon.wait_closed()
            if told:
                daemon.expect(r"127\.0\.0\.1:\d+: " + words)
            assert daemon.said(words) == told, number


def files_that_cannot_be_used(scratch):
    authority = Authority(scratch)
    own, other = authority.issue("own"), authority.issue("other")
    sealed = os.path.join(scratch, "sealed.key")
    openssl("pkey", "-in", own.key, "-out", sealed, "-aes128", "-passout", "pass:secret")
    small = authority.issue("small", kind="1024")
    rows = [
        (dict(certificate=small.file, key=small.key), r"key is too small; 2048 bits of RSA"),
        (dict(certificate="/run/credentials/none"), r"listeners\[0\]\.certificate.*No such file"),
        (dict(certificate="/nonexistent"), r"listeners\[0\]\.certificate.*No such file"),
        (dict(key=other.key), r"listeners\[0\]\.key.* is not the key of the certificate in "),
        (dict(key=sealed), r"listeners\[0\]\.key.*passphrase"),
        (dict(certificate=own.key), r"listeners\[0\]\.certificate.*PEM"),
        (dict(client_certificate="required"), r"client_ca.*is missing"),
        (dict(client_names=["*.*.net"]), r"client_names"),
        (dict(tls_ciphers=["RC4"]), r"tls_ciphers.*'RC4'"),
        (dict(tls="off"), r"has no effect without tls"),
    ]
    for number, (change, words) in enumerate(rows):
        path = os.path.join(scratch, f"{number}.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(settings_text({"listeners": [dict(own.settings(), **change)]}))
        status, _, said = run_daemon("-t", "-c", path)
        assert status == 78 and any(re.search(words, line) for line in said), (words, said)


def what_check_warns_of(scratch):
    authority = Authority(scratch)
    rows = [
        (authority.issue("good"), {}, None),
        (authority.issue("soon", ends=29 * DAY), {}, r"expires on \d{4}-\d\d-\d\d, in 2[89] days"),
        (authority.issue("gone", ends=-DAY), {}, r"has expired on \d{4}-\d\d-\d\d"),
        (authority.issue("young", begins=DAY), {}, r"is not valid before \d{4}-\d\d-\d\d"),
        (authority.issue("elsewhere", "DNS:elsewhere.example.net"), {}, "127.0.0.1"),
        (authority.issue("server", usage="serverAuth", key_usage="digitalSignature"), {}, None),
        (authority.issue("any", usage="anyExtendedKeyUsage"), {},
         r"any\.crt is not for servers.* its extended key usage lacks serverAuth"),
        (authority.issue("client", usage="clientAuth"), {},
         r"client\.crt is not for servers.* its extended key usage lacks serverAuth"),
        (authority.issue("mute", key_usage="critical,keyEncipherment"), {},
         r"mute\.crt is not for signing.* its key usage lacks digitalSignature"),
    ]
    loose = authority.issue("loose")
    os.chmod(loose.key, 0o644)
    rows.append((loose, {}, r"loose\.key can be read by everybody"))
    for number, (certificate, change, words) in enumerate(rows):
        path = os.path.join(scratch, f"{number}.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(settings_text({
                "listeners": [dict(certificate.settings(), **change)],
                "output": {"path": "/nonexistent"}}))
        status, said, warned = run_daemon("-t", "-c", path)
        assert status == 0 and ": good\n" in said, (status, said, warned)
        assert len(warned) == (words is not None), (words, warned)
        assert words is None or re.search("warning: .*" + words, warned[0]), (words, warned)


if __name__ == "__main__":
    main(bad_certificates, both_sides_of_a_bad_listener, both_sides_of_a_bad_client,
         clients_that_speak_otherwise, who_leaves_without_a_word, files_that_cannot_be_used,
         what_check_warns_of)
