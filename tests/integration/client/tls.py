#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# peerlog --tls meets servers of every kind: Python's ssl, openssl s_server, rsyslog with its two
# libraries; with good certificates and every bad one; servers that end with close_notify,
# without, or with a reset; that want a certificate, that change keys, read slowly, stay
# silent, or speak no TLS at all. Exit status 0 must mean that everything was read, and each
# refusal must say in words what to do.

import os
import re
import socket
import ssl
import subprocess
import sys
import tempfile
import threading

from peer import (PATIENCE, Listener, check, check_in, feed, finish, own_port, read_all, reset, run,
                  start, tell_skipped, until)
from relp_server import Rsyslog, Session
from tls_files import OPENSSL, Authority

MEGABYTES = b"".join(b"line %07d of a file that is long enough\n" % n for n in range(200000))


def server_context(files, version=None, client_ca=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    if version is not None:
        context.minimum_version = context.maximum_version = version
    if client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_ca)
    return context


class Server(Listener):
    """A listening socket whose connections speak TLS."""

    def __init__(self, files, **options):
        super().__init__()
        self.context = server_context(files, **options)

    def accept(self):
        return self.context.wrap_socket(super().accept(), server_side=True,
                                        suppress_ragged_eofs=False)

    def refuse(self):
        """Accept a client that does not get through the handshake, or not much further."""
        try:
            connection = self.accept()
            try:
                connection.recv(1000)
            finally:
                connection.close()
        except OSError:
            pass


def by_close_notify(connection):
    connection.unwrap().close()


def by_end(connection):
    connection.close()


def read_to_the_end(connection):
    """Everything until the client's close_notify, which has to come."""
    pieces = []
    while True:
        piece = connection.recv(1 << 16)
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)


def send_and_be_read(ca, files):
    for version in ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3:
        for ending in by_close_notify, by_end:
            server = Server(files, version=version)
            process = start(server.port, "--tls-ca", ca, "--ack", "-v")
            feed(process, MEGABYTES)
            connection = server.accept()
            check("the file", read_to_the_end(connection) == MEGABYTES, True)
            check("nothing is promised before the end", process.poll(), None)
            ending(connection)
            output = process.stdout.read()
            status, errors = finish(process)
            check(f"{version.name} {ending.__name__}", (status, output),
                  (0, b"200000 messages, all logged\n"))
            check_in("what was agreed on", ", " + version.name.replace("_", ".") + ", ", errors)
            server.close()


def notice_a_reset(ca, files):
    server = Server(files)
    process = start(server.port, "--tls-ca", ca)
    feed(process, b"a\nb\n")
    connection = server.accept()
    connection.recv(1)
    reset(connection)
    check("a reset", finish(process)[0], 74)
    server.close()


def send_lines_at_once(ca, files):
    server = Server(files)
    process = start(server.port, "--tls-ca", ca, "-w", "0.5")
    process.stdin.write(b"a\n")
    process.stdin.flush()
    connection = server.accept()
    for n in range(3):
        line = b"line %d\n" % n
        process.stdin.write(line)
        process.stdin.flush()
        got = b""
        while not got.endswith(line):
            got += connection.recv(100)
    process.stdin.close()
    check("the end", read_to_the_end(connection), b"")
    by_close_notify(connection)
    check("exit status", finish(process), (0, ""))
    server.close()


def try_again(ca, files):
    server = Server(files)
    process = start(server.port, "--tls-ca", ca, "--retry", "3")
    feed(process, b"a\nb\n")
    connection = Listener.accept(server)
    connection.recv(1)
    reset(connection)
    connection = server.accept()
    check("all of it", read_to_the_end(connection), b"a\nb\n")
    by_close_notify(connection)
    status, errors = finish(process)
    check("a broken handshake", status, 0)
    check_in("a broken handshake", "TLS: it has reset the connection", errors)
    server.close()


def refuse_bad_certificates(authority, folder):
    other = Authority(os.path.join(folder, "other"))
    ca = authority.path("ca.pem")
    cases = (
        (authority.sign("expired", last="20200201000000Z"), [], "has expired"),
        (authority.sign("early", first="20980101000000Z"), [], "is not valid yet"),
        (authority.sign("elsewhere", names="DNS:other.example"), [],
         "is not for \"127.0.0.1\" (--tls-name)"),
        (authority.sign("nameless", names=""), ["--tls-name", "localhost"],
         "is not for \"localhost\""),
        (authority.sign("client", usage="clientAuth"), [], "is not meant for servers"),
        (other.sign("foreign"), [], "signed by somebody who is not trusted (--tls-ca)"),
        ((other.path("ca.pem"), other.path("ca.key")), [],
         "is signed by itself, and not trusted (--tls-ca)"),
        (authority.sign("partly", names="DNS:*.example.net"),
         ["--tls-name", "a.b.example.net"], "is not for \"a.b.example.net\""),
        (authority.sign("partial", names="DNS:w*.example.net"), ["--tls-name", "www.example.net"],
         "is not for \"www.example.net\""),
    )
    for files, options, words in cases:
        server = Server(files)
        process = start(server.port, "--tls-ca", ca, *options, "secret")
        server.refuse()
        status, errors = finish(process)
        check(f"{files[0]}", status, 76)
        check_in(f"{files[0]}", words, errors)
        server.close()
    files = cases[0][0]
    server = Server(files)
    process = start(server.port, "--tls", "secret")
    server.refuse()
    check("not one that the system knows", finish(process)[0], 76)
    process = start(server.port, "--tls-insecure", "said")
    connection = server.accept()
    check("insecure", read_to_the_end(connection), b"said\n")
    connection.close()
    check("insecure", finish(process), (0, "peerlog: --tls-insecure: anybody on the way may read "
                                        "and change what is sent\n"))
    server.close()


def be_content_with_good_names(authority):
    ca = authority.path("ca.pem")
    files = authority.sign("names", names="DNS:*.example.net,IP:192.0.2.7,IP:2001:db8::7")
    for name in "www.example.net", "192.0.2.7", "2001:db8::7":
        server = Server(files)
        asked = []
        server.context.sni_callback = lambda _, host, __, asked=asked: asked.append(host)
        process = start(server.port, "--tls-ca", ca, "--tls-name", name, "x")
        connection = server.accept()
        check(name, read_to_the_end(connection), b"x\n")
        connection.close()
        check(name, finish(process), (0, ""))
        check(f"{name}: a name is asked for, an address is not", asked,
              ["www.example.net"] if "w" in name else [None])
        server.close()


def show_a_certificate(authority, files):
    ca = authority.path("ca.pem")
    mine = authority.sign("mine")
    late = authority.sign("late", last="20200201000000Z")
    for version in ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3:
        server = Server(files, version=version, client_ca=ca)
        process = start(server.port, "--tls-ca", ca, "--tls-cert", mine[0], "--tls-key", mine[1],
                        "x")
        connection = server.accept()
        check("with a certificate", read_to_the_end(connection), b"x\n")
        connection.close()
        check("with a certificate", finish(process), (0, ""))
        for options, words in (([], "(--tls-cert)"),
                               (["--tls-cert", late[0], "--tls-key", late[1]], "it has expired")):
            for data in b"x\n", MEGABYTES:
                process = start(server.port, "--tls-ca", ca, *options)
                feed(process, data)
                server.refuse()
                status, errors = finish(process)
                check(f"{version.name} {options}", status, 76)
                check_in(f"{version.name} {options}", words, errors)
        server.close()


def read_the_environment(authority, files):
    mine = authority.sign("both")
    with open(authority.path("together.pem"), "wb") as together:
        for name in mine:
            with open(name, "rb") as file:
                together.write(file.read())
    environment = {"PEERLOG_TLS": "yes", "PEERLOG_TLS_CA": authority.path("ca.pem"),
                   "PEERLOG_TLS_CERT": together.name, "PEERLOG_TLS_NAME": "localhost"}
    server = Server(files, client_ca=authority.path("ca.pem"))
    process = start(server.port, "x", environment=environment)
    connection = server.accept()
    check("the environment", read_to_the_end(connection), b"x\n")
    connection.close()
    check("the environment", finish(process), (0, ""))
    process = start(server.port, "--tls-name", "other.example", "x", environment=environment)
    server.refuse()
    check_in("the command line counts more", "is not for \"other.example\"", finish(process)[1])
    server.close()
    plain = Listener()
    environment["PEERLOG_TLS"] = "no"
    process = start(plain.port, "x", environment=environment)
    connection = plain.accept()
    check("no is no", read_all(connection), b"x\n")
    connection.close()
    check("no is no", finish(process), (0, ""))
    plain.close()
    check("neither", run("x", environment={"PEERLOG_TLS": "maybe"})[::2],
          (64, "peerlog: PEERLOG_TLS: \"maybe\" is neither yes nor no\n"))


def meet_no_tls(ca):
    # Who closes with something unread resets the connection.
    for words, read in ((b"220 mail.example.net\r\n", 4000), (b"", 4000), (b"", 1)):
        listener = Listener()
        process = start(listener.port, "--tls-ca", ca, "x")
        connection = listener.accept()
        connection.recv(read)
        connection.sendall(words)
        connection.close()
        status, errors = finish(process)
        check(f"{words!r}", status, 76)
        check_in(f"{words!r}", "does this port take TLS?", errors)
        listener.close()
    listener = Listener()
    process = start(listener.port, "--tls-ca", ca, "-w", "0.3", "x")
    connection = listener.accept()
    status, errors = finish(process)
    check("a silent one", status, 76)
    check_in("a silent one", "TLS: no answer in time; does this port take TLS?", errors)
    connection.close()
    listener.close()


def refuse_bad_files(authority):
    good = authority.path("ca.pem")
    for options, status, words in (
            (["--tls-ca", "/none"], 66, "No such file"),
            (["--tls-ca", authority.path("conf")], 66, "holds no certificate"),
            (["--tls-cert", good, "--tls-key", authority.path("server.key")], 66,
             "does not belong to the certificate"),
            (["--tls-cert", good], 66, "holds nothing of that kind"),
            (["--tls-key", authority.path("ca.key")], 64, "--tls-key needs --tls-cert"),
            (["--tls-ca", ""], 64, "a name is needed")):
        got, _, errors = run(*options, "x")
        check(f"{options}", got, status)
        check_in(f"{options}", words, errors)


def speak_relp(ca, files):
    server = Server(files)
    process = start(server.port, "--relp", "--tls-ca", ca, "--ack", "--retry", "2")
    feed(process, b"a\nb\nc\n")
    session = Session(server.accept())
    session.open()
    check("three", session.messages(3), ([2, 3, 4], [b"a", b"b", b"c"]))
    session.answer(3)
    check("heard", session.is_silent(), True)
    reset(session.connection)
    session = Session(server.accept())
    session.open()
    check("two again", session.messages(2), ([2, 3], [b"a", b"c"]))
    session.answer(3, 2)
    check("goodbye", session.frame()[:2], (4, b"close"))
    session.send(b"4 rsp 0\n0 serverclose 0\n")
    check("its close_notify", session.connection.recv(10), b"")
    session.connection.close()
    output = process.stdout.read()
    check("RELP", (finish(process)[0], output), (0, b"3 messages, all confirmed\n"))
    server.close()


def send_long_messages_by_relp(ca, files):
    """More than the kernel takes at once and growing, so that what is left moves in memory."""
    server = Server(files)
    server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
    process = start(server.port, "--relp", "--window", "300", "--tls-ca", ca)
    lines = [b"%09d " % n * (40 * n) for n in range(1, 301)]
    feed(process, b"\n".join(lines))
    session = Session(server.accept())
    session.open()
    check("long ones", session.messages(300)[1] == lines, True)
    session.answer(*range(2, 302))
    check("goodbye", session.frame()[1], b"close")
    session.connection.close()
    check("the end", finish(process), (0, ""))
    server.close()


def meet_s_server(ca, files):
    """It changes its keys whenever it is told to, while the file comes."""
    port = own_port()
    part = MEGABYTES[:MEGABYTES.index(b"line 0005000")]
    with tempfile.TemporaryFile() as output:
        server = subprocess.Popen([OPENSSL, "s_server", "-accept", f"127.0.0.1:{port}", "-cert",
                                   files[0], "-key", files[1], "-naccept", "1"],
                                  stdin=subprocess.PIPE, stdout=output, stderr=output)

        def said(size=1 << 24):
            return os.pread(output.fileno(), size, 0)  # where it writes is its own

        try:
            until(lambda: b"ACCEPT" in said(1000), "s_server to listen")
            process = start(port, "--tls-ca", ca)

            def press_keys():
                for times in range(30):
                    process.stdin.write(part)
                    process.stdin.flush()
                    # It takes all keys that wait for one.
                    until(lambda n=times: os.fstat(output.fileno()).st_size > n * len(part),
                          "s_server to read", 5 * PATIENCE)
                    server.stdin.write(b"K\n")
                    server.stdin.flush()
                process.stdin.close()
            presser = threading.Thread(target=press_keys, daemon=True)
            presser.start()
            check("s_server", finish(process), (0, ""))
            presser.join(PATIENCE)
            server.stdin.close()
            server.wait(PATIENCE)
            check("s_server has changed its keys",
                  said().count(b"SSL_do_handshake -> 1\n") > 5, True)
            # Its own words may stand in the middle of a line.
            lines = re.sub(rb"(SSL_do_handshake -> 1|Read BLOCK)\n", b"", said())
            check("s_server, lines", lines.count(part), 30)
        finally:
            server.kill()


def send_to_rsyslog(rsyslog, what, *options):
    """Twenty thousand lines, of which none is missing. Returns: the receipt."""
    rsyslog.start()
    try:
        process = start(rsyslog.port, "--ack", *options)
        feed(process, b"".join(b"<13>line %06d\n" % n for n in range(20000)))
        output = process.stdout.read()
        status, errors = finish(process)
        rsyslog.stop()
        check(f"{what}: {errors}", status, 0)
        lines = [line for line in rsyslog.lines() if b"line " in line]
        check(f"{what}: the lines", lines == [b"<13>line %06d" % n for n in range(20000)], True)
        return output
    finally:
        rsyslog.kill()


def meet_imtcp(folder, driver, ca, files):
    os.mkdir(folder)
    rsyslog = Rsyslog(folder, "imtcp", own_port(),
                      tls=f'defaultNetstreamDriver="{driver}" '
                      f'defaultNetstreamDriverCAFile="{ca}" '
                      f'defaultNetstreamDriverCertFile="{files[0]}" '
                      f'defaultNetstreamDriverKeyFile="{files[1]}"',
                      options=f'StreamDriver.Name="{driver}" StreamDriver.Mode="1" '
                      'StreamDriver.AuthMode="anon"')
    check(driver, send_to_rsyslog(rsyslog, driver, "--tls-ca", ca), b"20000 messages, all logged\n")


def meet_imrelp(folder, library, ca, files):
    os.mkdir(folder)
    rsyslog = Rsyslog(folder, "imrelp", own_port(), options=f'tls.tlslib="{library}"',
                      input='tls="on" tls.authmode="certvalid" tls.permittedpeer=["*"] '
                      f'tls.cacert="{ca}" tls.mycert="{files[0]}" tls.myprivkey="{files[1]}"')
    check(library, send_to_rsyslog(rsyslog, library, "--relp", "--tls-ca", ca, "--tls-cert",
                                   files[0], "--tls-key", files[1]),
          b"20000 messages, all confirmed\n")


def is_built_without():
    status, _, errors = run("--tls", "x")
    if "was built without TLS" not in errors:
        return False
    check("without TLS", status, 64)
    return True


if OPENSSL is None:
    print("openssl is not here to make certificates")
    sys.exit(77)
if is_built_without():
    print("this is a build without TLS")
    sys.exit(77)
with tempfile.TemporaryDirectory(prefix="peerlog-") as scratch:
    main_authority = Authority(os.path.join(scratch, "ca"))
    its_ca = main_authority.path("ca.pem")
    its_files = main_authority.sign("server")
    send_and_be_read(its_ca, its_files)
    notice_a_reset(its_ca, its_files)
    send_lines_at_once(its_ca, its_files)
    try_again(its_ca, its_files)
    refuse_bad_certificates(main_authority, scratch)
    be_content_with_good_names(main_authority)
    show_a_certificate(main_authority, its_files)
    read_the_environment(main_authority, its_files)
    meet_no_tls(its_ca)
    refuse_bad_files(main_authority)
    speak_relp(its_ca, its_files)
    send_long_messages_by_relp(its_ca, its_files)
    meet_s_server(its_ca, its_files)
    for its_driver in "ossl", "gtls":
        if Rsyslog.has("lmnsd_" + its_driver):
            meet_imtcp(os.path.join(scratch, its_driver), its_driver, its_ca, its_files)
        else:
            tell_skipped("meet_imtcp", f"rsyslog's {its_driver} is not installed")
    for its_library in "openssl", "gnutls":
        if Rsyslog.has("imrelp"):
            meet_imrelp(os.path.join(scratch, its_library), its_library, its_ca, its_files)
        else:
            tell_skipped("meet_imrelp", "rsyslog's imrelp is not installed")
