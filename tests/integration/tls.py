#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# Log messages over TLS, from the programs that people really use: s_client, gnutls-cli, ncat,
# socat, stunnel, node, Java and Python. Each sends a numbered stream through a listener that
# requires TLS, and through one that takes what comes; as lines and by octet counting, in TLS 1.2
# and 1.3. A PROXY header may stand before the handshake, keys may be changed at any moment, and
# the journal learns what protected the connection and whose certificate was shown.

import warnings

from support import *
from tls_programs import TLS_PROGRAMS

COUNT = 2000


def counted(texts):
    return b"".join(b"%d <13>%s" % (len(text) + 4, text) for text in texts)


def lines(texts):
    return b"\n".join(texts) + b"\n"


def send_by(command, data):
    """Let a client send DATA from its standard input."""
    done = subprocess.run(command, input=data, capture_output=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, (command, done.returncode, done.stderr[-2000:])


def through(name, command_of):
    """A test of one client. COMMAND_OF(scratch, port, ca, version): its command line."""
    def test(scratch):
        tool(command_of(scratch, 1, "", "1.3")[0])
        authority = Authority(scratch)
        own = authority.issue("localhost")
        listeners = [own.settings(), dict(own.settings(), tls="auto")]
        with serving("syslog", scratch, listeners=listeners) as (daemon, sink):
            seen = 0
            for _, port in daemon.listeners:
                for version in ("1.2", "1.3"):
                    for form in (lines, counted):
                        texts = numbered(seen, COUNT)
                        send_by(command_of(scratch, port, authority.file, version), form(texts))
                        records = sink.wait_count(seen + COUNT)[seen:]
                        seen += COUNT
                        assert [r.text for r in records] == texts, f"{version}, {form.__name__}"
                        assert len({r.peer for r in records}) == 1, "one connection"
            daemon.wait_closed()
    test.__name__ = name
    return test


s_client, gnutls_cli, ncat, socat, node, python, java = (
    through(name, TLS_PROGRAMS[name]) for name in (
        "s_client", "gnutls_cli", "ncat", "socat", "node", "python", "java"))


def plain_and_tls_on_one_port(scratch):
    """tls = "auto": who speaks in clear is read in clear, the first byte may come alone."""
    authority = Authority(scratch)
    own = authority.issue("localhost")
    with serving("syslog", scratch, listeners=[own.settings() | {"tls": "auto"}]) as (daemon, sink):
        context = context_for(authority)
        streams = {}
        for i in range(20):
            texts = numbered(i, 50)
            if i % 2:
                sock = tls_connect(daemon.port, context)
                sock.sendall(lines(texts))
                streams[tls_finish(sock)] = texts
            else:
                sock = connect(daemon.port)
                for byte in lines(texts[:1]):
                    sock.sendall(bytes([byte]))
                sock.sendall(lines(texts[1:]))
                streams[finish(sock)] = texts
        check_streams(sink.wait_count(1000), streams)


def say_behind(port, authority, header, cut, text):
    """Over TLS, behind a header of which CUT bytes come first."""
    sock = connect(port)
    if cut:
        sock.sendall(header[:cut])
        until(lambda: fcntl.ioctl(sock, 0x5411, b"\0" * 4) == b"\0" * 4,
              "its acknowledgement")  # SIOCOUTQ
    client = ByHand(port, context_for(authority), sock)
    sock.sendall(header[cut:] + client.hello())
    client.hear()
    client.shake().say(text)
    client.end()
    assert client.read() == b""


def a_header_before_the_handshake(scratch):
    """A balancer names the true peer in clear, and then its client shakes hands."""
    authority = Authority(scratch)
    listener = dict(authority.issue("localhost").settings(), proxy_protocol=True)
    v2 = (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + socket.inet_aton("192.0.2.8") +
          socket.inet_aton("192.0.2.1") + struct.pack(">HH", 5678, 6514))
    for mode in ("required", "auto"):
        with serving("syslog", folder(scratch, mode),
                     listeners=[dict(listener, tls=mode)]) as (daemon, sink):
            for number, header in enumerate((b"PROXY TCP4 192.0.2.7 192.0.2.1 1234 6514\r\n", v2)):
                for cut in (0, 1, 10, len(header)):
                    say_behind(daemon.port, authority, header, cut, b"behind a balancer\n")
                    record = sink.wait_count(sink.count() or 1)[-1]
                    until(lambda n=4 * number: sink.count() > n, "a record")
                    record = sink.records()[-1]
                    assert record.peer == ("192.0.2.7:1234", "192.0.2.8:5678")[number], record
            assert {r.text for r in sink.wait_count(8)} == {b"behind a balancer"}


def a_long_header_before_the_handshake(scratch):
    """As long as one can be, in any pieces: its extensions are skipped, and its end is found."""
    authority = Authority(scratch)
    listener = dict(authority.issue("localhost").settings(), proxy_protocol=True)
    rest = (socket.inet_aton("192.0.2.8") + socket.inet_aton("192.0.2.1") +
            struct.pack(">HH", 5678, 6514))
    for mode in ("required", "auto"):
        with serving("syslog", folder(scratch, mode),
                     listeners=[dict(listener, tls=mode)]) as (daemon, sink):
            for filling in (2100, 4096 - 16 - len(rest) - 3, 9000, 65535 - len(rest) - 3):
                header = (b"\r\n\r\n\0\r\nQUIT\n\x21\x11" +
                          struct.pack(">H", len(rest) + 3 + filling) + rest +
                          b"\x04" + struct.pack(">H", filling) + b"\0" * filling)
                for cut in (0, 20, 4096, len(header) - 1):
                    say_behind(daemon.port, authority, header, cut, b"behind a long header\n")
            if mode == "auto":
                say(daemon.port, header + b"behind a long header\n")
            records = sink.wait_count(16 + (mode == "auto"))
            assert {r.peer for r in records} == {"192.0.2.8:5678"}, records
            assert {r.text for r in records} == {b"behind a long header"}, records


def a_header_that_is_cut(scratch):
    """A stream that ends inside of its header has no receipt, and is named; silence is neither."""
    authority = Authority(scratch)
    listener = dict(authority.issue("localhost").settings(), proxy_protocol=True)
    for mode in ("required", "auto"):
        with serving("syslog", folder(scratch, mode),
                     listeners=[dict(listener, tls=mode)]) as (daemon, sink):
            finish(connect(daemon.port))
            assert daemon.said("PROXY") == 0
            for begin in (b"PROXY TCP4 192.0.2.7 192.", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0"):
                sock = connect(daemon.port)
                sock.sendall(begin)
                sock.shutdown(socket.SHUT_WR)
                assert is_reset(sock), "it looks like a receipt"
            daemon.expect(r"refusing 127\.0\.0\.1: its PROXY header is faulty", 1)
            daemon.allow("its PROXY header is faulty: ")
            assert sink.count() == 0


def changed_keys(scratch):
    """s_client changes its keys, and asks for ours, between any two messages."""
    authority = Authority(scratch)
    with serving("syslog", scratch, listeners=[authority.issue("localhost").settings()]) as (
            daemon, sink):
        client = subprocess.Popen(
            ["openssl", "s_client", "-msg", "-CAfile", authority.file, "-tls1_3", "-connect",
             f"127.0.0.1:{daemon.port}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, preexec_fn=end_with_test)
        words = Words(client.stdout)
        words.wait(r"Verify return code: 0")
        for i in range(30):
            client.stdin.write(b"message %d\n" % i)
            client.stdin.flush()
            sink.wait_count(i + 1)
            client.stdin.write(b"K\n" if i % 2 else b"k\n")
            client.stdin.flush()
            words.wait(r">>> TLS 1\.3, Handshake .*KeyUpdate", i + 1)
            words.wait(r"<<< TLS 1\.3, Handshake .*KeyUpdate", (i + 1) // 2)
        client.stdin.close()
        assert client.wait(PATIENCE) == 0
        words.thread.join()
        daemon.wait_closed()
        assert [r.text for r in sink.records()] == [b"message %d" % i for i in range(30)]


def keys_changed_by_one_who_does_not_read(scratch):
    """Our answers to changes of keys find no room: it is heard all the same, and answered later."""
    authority = Authority(scratch)
    with serving("syslog", scratch, listeners=[authority.issue("localhost").settings()]) as (
            daemon, sink):
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        sock.connect(("127.0.0.1", daemon.port))
        client = ByHand(daemon.port, context_for(authority), sock).shake()
        for i in range(500):
            client.say(b"message %d\n" % i)
        sink.wait_count(500)
        client.end()
        assert client.read() == b""


def fields_of_the_journal(scratch):
    """What protected a connection, and whose certificate was shown, are fields; not of others."""
    authority = Authority(scratch)
    own = authority.issue("localhost")
    web = authority.issue("web-7", "DNS:web-7.example.net", usage="clientAuth")
    listeners = [own.settings(client_certificate="optional", client_ca=authority.file,
                              client_names=["*.example.net"]), LOOPBACK]
    with serving("journal", scratch, listeners=listeners) as (daemon, sink):
        for version, suite in ((ssl.TLSVersion.TLSv1_2, b"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
                               (ssl.TLSVersion.TLSv1_3, b"TLS_AES_256_GCM_SHA384")):
            for certificate in (web, None):
                before = sink.count()
                sock = tls_connect(daemon.port, context_for(authority, certificate, version))
                sock.sendall(b"hello\n")
                tls_finish(sock)
                fields = sink.wait_count(before + 1)[-1].fields
                assert fields[b"PEER_TLS_VERSION"] == version.name.replace("_", ".").encode()
                assert fields[b"PEER_TLS_CIPHER"] in (suite, suite.replace(b"256", b"128")
                                                      .replace(b"384", b"256")), fields
                shown = [fields.get(b"PEER_TLS_SUBJECT"), fields.get(b"PEER_TLS_NAME")]
                assert shown == ([b"CN=web-7", b"web-7.example.net"] if certificate else
                                 [None, None]), shown
        say(daemon.listeners[1][1], b"in clear\n")
        fields = sink.wait_count(5)[-1].fields
        assert not [name for name in fields if b"TLS" in name], fields


def agreed(port, context):
    """Shake hands. Returns: the suite; None: nothing was agreed on."""
    sock = connect(port)
    try:
        with context.wrap_socket(sock, server_hostname="localhost") as tls:
            return tls.cipher()[0]
    except (ssl.SSLError, ConnectionResetError):
        return None
    finally:
        sock.close()


def context_of(version, suites):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    context.set_ciphers(suites + ":@SECLEVEL=0")
    return context


def newer_suite(port, suite):
    """The same in TLS 1.3, whose suites Python does not let one choose."""
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-tls1_3",
                           "-ciphersuites", suite], stdin=subprocess.DEVNULL,
                          capture_output=True, check=False)
    return suite if done.returncode == 0 and b"Cipher is " + suite.encode() in done.stdout else None


def what_is_offered(scratch):
    """Versions and suites, one by one: what is meant to be offered, and nothing else."""
    authority = Authority(scratch)
    for kind, named in (("ec", "ECDSA"), ("2048", "RSA")):
        wanted = {f"ECDHE-{named}-AES128-GCM-SHA256", f"ECDHE-{named}-AES256-GCM-SHA384",
                  f"ECDHE-{named}-CHACHA20-POLY1305", "TLS_AES_128_GCM_SHA256",
                  "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}
        with serving("syslog", folder(scratch, kind),
                     listeners=[authority.issue("own" + kind, kind=kind).settings()]) as (
                         daemon, _):
            daemon.allow(r"in common|no version of TLS|refusing 127\.0\.0\.1|said nothing")
            listed = [suite["name"] for suite in context_of(
                ssl.TLSVersion.TLSv1_2, "ALL:COMPLEMENTOFALL").get_ciphers()]
            older = {agreed(daemon.port, context_of(ssl.TLSVersion.TLSv1_2, name))
                     for name in listed if not name.startswith("TLS_")}
            newer = {newer_suite(daemon.port, name) for name in (
                "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
                "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_CCM_SHA256",
                "TLS_AES_128_CCM_8_SHA256")}
            assert (older | newer) - {None} == wanted, (older | newer) ^ wanted
            for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
                assert agreed(daemon.port, context_of(version, "ALL")) is None, version


NMAP = """\
  TLSv1.2:
    ciphers:
      TLS_ECDHE_{0}_WITH_AES_256_GCM_SHA384 A
      TLS_ECDHE_{0}_WITH_AES_128_GCM_SHA256 A
      TLS_ECDHE_{0}_WITH_CHACHA20_POLY1305_SHA256 A
    compressors:
      NULL
    cipher preference: server
  TLSv1.3:
    ciphers:
      TLS_AKE_WITH_AES_256_GCM_SHA384 A
      TLS_AKE_WITH_AES_128_GCM_SHA256 A
      TLS_AKE_WITH_CHACHA20_POLY1305_SHA256 A
    cipher preference: server
  least strength: A"""


def what_nmap_sees(scratch):
    """Its list of versions and suites, by an eye that is not ours."""
    nmap = tool("nmap")
    authority = Authority(scratch)
    for kind, named in (("ec", "ECDSA"), ("2048", "RSA")):
        with serving("syslog", folder(scratch, kind),
                     listeners=[authority.issue("own" + kind, kind=kind).settings()]) as (
                         daemon, _):
            daemon.allow(r"in common|no version of TLS|refus|said nothing")
            seen = subprocess.run(
                [nmap, "--unprivileged", "-n", "-Pn", "-sT", "-p", str(daemon.port), "--script",
                 "ssl-enum-ciphers", "127.0.0.1"], check=True, capture_output=True,
                stdin=subprocess.DEVNULL, timeout=PATIENCE).stdout.decode()
            listed = [line[2:].rstrip() for line in seen.splitlines() if line.startswith("|")]
            # Which curve, and its older name for the strength, are nmap's own.
            text = re.sub(r" \(\S+( \d+)?\) - ", " ", "\n".join(listed[1:]))
            assert text == NMAP.format(named), text


def nothing_is_resumed(scratch):
    """No tickets, no session identifiers, no renegotiation, no compression, no early data."""
    authority = Authority(scratch)
    with serving("syslog", scratch, listeners=[authority.issue("localhost").settings()]) as (
            daemon, _):
        for version in ("-tls1_2", "-tls1_3"):
            shown = subprocess.run(
                ["openssl", "s_client", "-reconnect", "-connect", f"127.0.0.1:{daemon.port}",
                 version], stdin=subprocess.DEVNULL, capture_output=True, check=False,
                timeout=PATIENCE).stdout.decode()
            assert shown.count("\nNew, TLSv1.") == 6 and "Reused" not in shown, shown
            assert "ticket:" not in shown and "Compression: NONE" in shown, shown
            assert version == "-tls1_2" or "Early data was not sent" in shown, shown
        daemon.allow("refus|renegotiat|cut inside a record|said nothing")
        client = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{daemon.port}", "-tls1_2"],
            input=b"R\n", capture_output=True, check=False, timeout=PATIENCE)
        assert b"no renegotiation" in client.stderr, client.stderr
        daemon.wait_closed()


def certificates_are_swapped(scratch):
    """A reload brings another certificate to those that come; those that are there stay."""
    authority = Authority(scratch)
    first, second = authority.issue("first"), authority.issue("second", kind="2048")
    context = context_for(authority)
    context.check_hostname = False
    with serving("syslog", scratch, listeners=[first.settings()]) as (daemon, sink):
        # The port is the kernel's choice, and stays what the configuration says: 0.
        old = tls_connect(daemon.port, context)
        shown = old.getpeercert()["subject"]
        for source, target in ((second.file, first.file), (second.key, first.key)):
            shutil.copy(source, target)
        daemon.signal(signal.SIGHUP)
        daemon.expect("reloaded ")
        new = tls_connect(daemon.port, context)
        assert (shown, new.getpeercert()["subject"]) == (
            ((("commonName", "first"),),), ((("commonName", "second"),),))
        # A key of another certificate changes nothing.
        with open(first.key, "w", encoding="ascii") as file:
            file.write(open(authority.key, encoding="ascii").read())
        daemon.signal(signal.SIGHUP)
        daemon.expect("is not the key of the certificate in ")
        daemon.expect("not reloaded: the configuration in force goes on")
        newest = tls_connect(daemon.port, context)
        assert newest.getpeercert()["subject"] == ((("commonName", "second"),),)
        streams = {}
        for i, sock in enumerate((old, new, newest)):
            texts = numbered(i, 100)
            sock.sendall(lines(texts))
            streams[tls_finish(sock)] = texts
        check_streams(sink.wait_count(300), streams)


def commands_of(file, before):
    """The commands of a document that begin with openssl, as one script; BEFORE: what precedes."""
    with open(os.path.join(os.environ["PEERLOG_SOURCE"], file), encoding="utf-8") as text:
        lines = text.read().replace("\\e\n", "\\\n").split("\n")
    script, goes_on = [], False
    for line in lines:
        if goes_on or line.startswith(before + "openssl "):
            script.append(line.removeprefix(before))
            goes_on = line.endswith("\\")
    return "\n".join(script)


def a_first_try_as_in_the_manual(scratch):
    """The commands of the manual and of the README make a certificate that works."""
    for file, before in (("man/peerlogd.conf.5", ""), ("README.md", "    sudo ")):
        place = folder(scratch, file)
        script = commands_of(file, before)
        assert script.count("openssl ") >= 2, script
        subprocess.run(["sh", "-ec", script], check=True, cwd=place, capture_output=True)
        made = Certificate(place, "tls")
        context = context_for(made)
        with serving("syslog", place, listeners=[made.settings()]) as (daemon, sink):
            daemon.allow(r"is neither for localhost nor for 127\.0\.0\.1")
            sock = tls_connect(daemon.port, context, "logs.example.net")
            sock.sendall(b"hello\n")
            tls_finish(sock)
            assert [r.text for r in sink.wait_count(1)] == [b"hello"]


if __name__ == "__main__":
    main(s_client, gnutls_cli, ncat, socat, node, python, java, plain_and_tls_on_one_port,
         a_header_before_the_handshake, a_long_header_before_the_handshake, a_header_that_is_cut,
         changed_keys, keys_changed_by_one_who_does_not_read, fields_of_the_journal,
         what_is_offered, what_nmap_sees, nothing_is_resumed, certificates_are_swapped,
         a_first_try_as_in_the_manual)
