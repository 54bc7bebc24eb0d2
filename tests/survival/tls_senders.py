# SPDX-License-Identifier: MIT
"""The programs that people send logs with, over TLS, while the service is restarted and killed.

rsyslog by GnuTLS and by OpenSSL, syslog-ng, HAProxy's ring, stunnel, and programs that send their
standard input each deliver a numbered stream over one connection. They do not notice: nothing is
lost, nothing is reordered, and there is one peer from the beginning to the end. A program that is
not installed is skipped.
"""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import time

from survival import (LONG, PATIENCE, Authority, Service, Skip, end_with_test, held_port, main,
                      new_random, new_sink, tell_skipped, until)
from tls_programs import TLS_PROGRAMS

COUNT = 20000 if LONG else 6000
KILLS = 200 if LONG else 12


@contextlib.contextmanager
def running(command, **options):
    """A program that ends with the test."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, preexec_fn=end_with_test, **options)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def program(*names):
    for name in names:
        for folder in (None, "/usr/sbin"):
            path = shutil.which(name, path=folder)
            if path:
                return path
    raise Skip(f"{names[0]} is not installed")


def write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
    return path


def paced(send, service, sink, senders=1, count=COUNT):
    """SEND each number, while the service dies again and again: once hands were shaken."""
    chance = new_random()
    send(0)
    sink.wait(lambda records: sum(b"number 0" in r.text for r in records) >= senders, "the first")
    at = 1
    for number in range(KILLS):
        upto = count * (number + 1) // KILLS
        for i in range(at, upto):
            send(i)
        at = upto
        time.sleep(chance.uniform(0, 0.05))
        if number % 4 == 3:
            service.restart()
        else:
            service.die()


def check(sink, wanted, senders=1):
    """Of each sender every number once, or again and marked, in order, and from one peer."""
    pattern = re.compile(rb"number (\d+)\b")

    def numbers():
        return [(r.peer, int(m.group(1)), r) for r in sink.records()
                for m in [pattern.search(r.text)] if m]

    until(lambda: len({(peer, n) for peer, n, _ in numbers()}) >= senders * wanted,
          f"{senders} x {wanted} numbers")
    seen = {}
    for peer, number, record in numbers():
        stream = seen.setdefault(peer, [])
        if not (record.text.startswith(b"[repeat?] ") and number in stream[-5000:]):
            stream.append(number)
    assert len(seen) == senders, f"{len(seen)} connections"
    for peer, stream in seen.items():
        assert stream == list(range(wanted)), (
            f"{peer}: {len(stream)} of {wanted}, {len(set(stream))} different, "
            f"in order: {sorted(stream) == stream}")


@contextlib.contextmanager
def scene(scratch):
    authority = Authority(scratch)
    own = authority.issue("localhost")
    with new_sink("syslog", scratch) as sink, \
            Service(scratch, sink, listeners=[own.settings()]) as service:
        service.allow(r"died \d+ times in a row soon after its start")
        yield service, sink, authority


def by_datagrams(path):
    """What says a line to a program with a socket of datagrams; it waits for room."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    until(lambda: os.path.exists(path), f"{path} to be there")
    sock.connect(path)

    def send(number):
        sock.send(b"<13>Nov 22 08:12:14 here test: number %d" % number)

    return send


RSYSLOG = """
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="{folder}/in" RateLimit.Interval="0" CreatePath="off"
      UseSysTimeStamp="off")
global(DefaultNetstreamDriverCAFile="{ca}" workDirectory="{folder}")
action(type="omfwd" target="127.0.0.1" port="{port}" protocol="tcp"
       StreamDriver="{driver}" StreamDriverMode="1" StreamDriverAuthMode="x509/certvalid"
       TCP_Framing="{framing}" queue.type="LinkedList" queue.size="100000"
       action.resumeRetryCount="-1")
"""


def rsyslog(driver, framing):
    def test(scratch):
        daemon = program("rsyslogd")
        if not [f for f in ("/usr/lib/x86_64-linux-gnu/rsyslog", "/usr/lib64/rsyslog",
                            "/usr/lib/rsyslog", "/usr/lib/aarch64-linux-gnu/rsyslog")
                if os.path.exists(f"{f}/lmnsd_{driver}.so")]:
            raise Skip(f"rsyslog has no driver {driver}")
        with scene(scratch) as (service, sink, authority):
            file = write(os.path.join(scratch, "rsyslog.conf"), RSYSLOG.format(
                folder=scratch, ca=authority.file, port=service.port, driver=driver,
                framing=framing))
            with running([daemon, "-n", "-f", file, "-i", os.path.join(scratch, "pid")]):
                paced(by_datagrams(os.path.join(scratch, "in")), service, sink)
                check(sink, COUNT)
    test.__name__ = f"rsyslog_{driver}_{framing.replace('-', '_')}"
    return test


SYSLOG_NG = """@version: {version}
options {{ stats-freq(0); }};
source s {{ unix-dgram("{folder}/in" so-rcvbuf(1048576)); }};
destination d {{ network("127.0.0.1" port({port}) transport("tls")
  tls(ca-file("{ca}") peer-verify(required-trusted)) log-fifo-size(100000)); }};
log {{ source(s); destination(d); flags(flow-control); }};
"""


def syslog_ng(scratch):
    """$SYSLOG_NG may name one that is not installed, since it and rsyslog exclude each other."""
    daemon = os.environ.get("SYSLOG_NG") or program("syslog-ng")
    version = subprocess.run([daemon, "-V"], capture_output=True, check=True).stdout.decode()
    version = re.search(r"Config version: (\S+)", version).group(1)
    with scene(scratch) as (service, sink, authority):
        file = write(os.path.join(scratch, "syslog-ng.conf"), SYSLOG_NG.format(
            version=version, folder=scratch, ca=authority.file, port=service.port))
        with running([daemon, "-F", "--no-caps", "-f", file, "-R", os.path.join(scratch, "persist"),
                      "-p", os.path.join(scratch, "pid"), "-c", os.path.join(scratch, "ctl")]):
            paced(by_datagrams(os.path.join(scratch, "in")), service, sink)
            check(sink, COUNT)


HAPROXY = """
global
 log ring@out format raw daemon
ring out
 format raw
 size 10000000
 maxlen 1200
 timeout connect 5s
 timeout server 600s
 server s 127.0.0.1:{port} ssl verify required ca-file {ca} log-proto octet-count
defaults
 mode http
 timeout client 60s
 timeout connect 5s
 timeout server 60s
frontend f
 bind 127.0.0.1:{front}
 log global
 http-request set-var(txn.n) urlp(n)
 log-format "number %[var(txn.n)]"
 http-request return status 200
"""


def haproxy_ring(scratch):
    daemon = program("haproxy")
    with held_port() as front, scene(scratch) as (service, sink, authority):
        file = write(os.path.join(scratch, "haproxy.cfg"), HAPROXY.format(
            port=service.port, ca=authority.file, front=front))
        with running([daemon, "-db", "-q", "-f", file]):
            until(lambda: is_open(front), "HAProxy to listen")
            sock = socket.create_connection(("127.0.0.1", front))
            answers = sock.makefile("rb")

            def send(number):
                sock.sendall(b"GET /?n=%d HTTP/1.1\r\nHost: h\r\n\r\n" % number)
                while answers.readline() not in (b"\r\n", b""):
                    pass

            paced(send, service, sink)
            check(sink, COUNT)
            sock.close()


def is_open(port):
    with contextlib.suppress(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port)).close()
        return True
    return False


STUNNEL = """
foreground = yes
pid =
syslog = no
[out]
client = yes
accept = 127.0.0.1:{front}
connect = 127.0.0.1:{port}
verifyChain = yes
CAfile = {ca}
"""


def stunnel(scratch):
    daemon = program("stunnel", "stunnel4")
    with held_port() as front, scene(scratch) as (service, sink, authority):
        file = write(os.path.join(scratch, "stunnel.conf"), STUNNEL.format(
            port=service.port, ca=authority.file, front=front))
        with running([daemon, file]):
            until(lambda: is_open(front), "stunnel to listen")
            sock = socket.create_connection(("127.0.0.1", front))
            paced(lambda number: sock.sendall(b"number %d\n" % number), service, sink)
            check(sink, COUNT)
            sock.close()


def programs_that_send_their_input(scratch):
    """s_client, gnutls-cli, ncat, socat, node, Python and Java at once; they end as they do."""
    count = COUNT // 4
    with scene(scratch) as (service, sink, authority):
        senders = {}
        for number, (name, command_of) in enumerate(TLS_PROGRAMS.items()):
            command = command_of(scratch, service.port, authority.file, ("1.3", "1.2")[number % 2])
            try:
                program(command[0])
            except Skip as reason:
                tell_skipped(name, reason)
                continue
            senders[name] = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, preexec_fn=end_with_test, bufsize=0)
        if not senders:
            raise Skip("none of them is installed")

        def send(number):
            for sender in senders.values():
                sender.stdin.write(b"number %d\n" % number)

        paced(send, service, sink, len(senders), count)
        for sender in senders.values():
            sender.stdin.close()
        for name, sender in senders.items():
            assert sender.wait(PATIENCE) == 0, (name, sender.returncode)
        check(sink, count, len(senders))


if __name__ == "__main__":
    main(rsyslog("gtls", "traditional"), rsyslog("ossl", "traditional"),
         rsyslog("gtls", "octet-counted"), rsyslog("ossl", "octet-counted"), syslog_ng,
         haproxy_ring, stunnel, programs_that_send_their_input)
