# SPDX-License-Identifier: MIT
"""The programs that people send logs with, over TLS: rsyslog, syslog-ng, HAProxy and so on.

SENDERS[name](scratch, port, ca) is a context in which one runs: it has a folder of its own,
connects to the port on localhost, trusts the authority in a file, and yields what makes it send
"number N". A program that is not installed raises Skip.
"""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import time

from survival import PATIENCE, Skip, end_with_test, held_port, until
from tls_programs import TLS_PROGRAMS


def paced(sends, sink, count, deaths, random):
    """Say each number by each of SENDS, while the DEATHS come: once hands were shaken."""
    def say(numbers):
        for number in numbers:
            for send in sends:
                send(number)

    say([0])
    sink.wait(lambda records: sum(b"number 0" in r.text for r in records) >= len(sends),
              "the first of each")
    at = 1
    for i, die in enumerate(deaths):
        upto = max(at, count * (i + 1) // len(deaths))
        say(range(at, upto))
        at = upto
        time.sleep(random.uniform(0, 0.05))
        die()


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
def running(command, **options):
    """A program that ends with the test."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, preexec_fn=end_with_test, **options)
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


def is_open(port):
    with contextlib.suppress(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port)).close()
        return True
    return False


def write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
    return path


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
    @contextlib.contextmanager
    def sender(scratch, port, ca):
        daemon = program("rsyslogd")
        if not [f for f in ("/usr/lib/x86_64-linux-gnu/rsyslog", "/usr/lib64/rsyslog",
                            "/usr/lib/rsyslog", "/usr/lib/aarch64-linux-gnu/rsyslog")
                if os.path.exists(f"{f}/lmnsd_{driver}.so")]:
            raise Skip(f"rsyslog has no driver {driver}")
        file = write(os.path.join(scratch, "rsyslog.conf"), RSYSLOG.format(
            folder=scratch, ca=ca, port=port, driver=driver, framing=framing))
        with running([daemon, "-n", "-f", file, "-i", os.path.join(scratch, "pid")]):
            yield by_datagrams(os.path.join(scratch, "in"))
    return sender


SYSLOG_NG = """@version: {version}
options {{ stats-freq(0); }};
source s {{ unix-dgram("{folder}/in" so-rcvbuf(1048576)); }};
destination d {{ network("127.0.0.1" port({port}) transport("tls")
  tls(ca-file("{ca}") peer-verify(required-trusted)) log-fifo-size(100000)); }};
log {{ source(s); destination(d); flags(flow-control); }};
"""


@contextlib.contextmanager
def syslog_ng(scratch, port, ca):
    """$SYSLOG_NG may name one that is not installed, since it and rsyslog exclude each other."""
    daemon = os.environ.get("SYSLOG_NG") or program("syslog-ng")
    version = subprocess.run([daemon, "-V"], capture_output=True, check=True).stdout.decode()
    version = re.search(r"Config version: (\S+)", version).group(1)
    file = write(os.path.join(scratch, "syslog-ng.conf"), SYSLOG_NG.format(
        version=version, folder=scratch, ca=ca, port=port))
    with running([daemon, "-F", "--no-caps", "-f", file, "-R", os.path.join(scratch, "persist"),
                  "-p", os.path.join(scratch, "pid"), "-c", os.path.join(scratch, "ctl")]):
        yield by_datagrams(os.path.join(scratch, "in"))


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


@contextlib.contextmanager
def haproxy_ring(scratch, port, ca):
    daemon, file = program("haproxy"), os.path.join(scratch, "haproxy.cfg")
    with held_port() as front, running([daemon, "-db", "-q", "-f", write(
            file, HAPROXY.format(port=port, ca=ca, front=front))]):
        until(lambda: is_open(front), "HAProxy to listen")
        with socket.create_connection(("127.0.0.1", front)) as sock:
            answers = sock.makefile("rb")

            def send(number):
                sock.sendall(b"GET /?n=%d HTTP/1.1\r\nHost: h\r\n\r\n" % number)
                while answers.readline() not in (b"\r\n", b""):
                    pass

            yield send


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


@contextlib.contextmanager
def stunnel(scratch, port, ca):
    daemon, file = program("stunnel", "stunnel4"), os.path.join(scratch, "stunnel.conf")
    with held_port() as front, running([daemon, write(
            file, STUNNEL.format(port=port, ca=ca, front=front))]):
        until(lambda: is_open(front), "stunnel to listen")
        with socket.create_connection(("127.0.0.1", front)) as sock:
            yield lambda number: sock.sendall(b"number %d\n" % number)


def by_input(name, version):
    """One of those that send their standard input; at its end it ends well, or the test fails."""
    @contextlib.contextmanager
    def sender(scratch, port, ca):
        command = TLS_PROGRAMS[name](scratch, port, ca, version)
        program(command[0])
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=end_with_test, bufsize=0)
        try:
            yield lambda number: process.stdin.write(b"number %d\n" % number)
            process.stdin.close()
            status = process.wait(PATIENCE)
            assert status == 0, f"{name} ended with {status}"
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    return sender


BY_INPUT = {name: by_input(name, ("1.3", "1.2")[number % 2])
            for number, name in enumerate(TLS_PROGRAMS)}
SENDERS = {
    "rsyslog_gtls_traditional": rsyslog("gtls", "traditional"),
    "rsyslog_ossl_traditional": rsyslog("ossl", "traditional"),
    "rsyslog_gtls_octet_counted": rsyslog("gtls", "octet-counted"),
    "rsyslog_ossl_octet_counted": rsyslog("ossl", "octet-counted"),
    "syslog_ng": syslog_ng, "haproxy_ring": haproxy_ring, "stunnel": stunnel, **BY_INPUT,
}
