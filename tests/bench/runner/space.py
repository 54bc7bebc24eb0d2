# SPDX-License-Identifier: MIT
"""The space the benchmark runs in: namespaces of its own where it may have them.

As root it gets private network, process and mount namespaces: traffic meets no packet
filter, the log sockets' queue has the length that systemd gives it, and when the
runner ends the kernel ends all that it started.
"""

import fcntl
import os
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile

# Set inside; it names the scratch directory, which is removed outside.
INSIDE = "PEERLOG_BENCH_INSIDE"

# Of a booted system with systemd; and for many connections.
SYSCTLS = {
    "net/unix/max_dgram_qlen": "512",
    "net/core/somaxconn": "4096",
    "net/ipv4/tcp_rmem": "4096 131072 6291456",
    "net/ipv4/tcp_wmem": "4096 16384 4194304",
    "net/ipv4/ip_local_port_range": "10000 65000",
    "net/ipv4/tcp_max_syn_backlog": "8192",
}

_UNSHARE = ["unshare", "--net", "--pid", "--mount-proc", "--fork", "--kill-child"]
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1


def _may_unshare():
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        return False
    return subprocess.run(_UNSHARE + ["true"], stderr=subprocess.DEVNULL).returncode == 0


def run_inside(argv):
    """Run the runner again in a space of its own.

    Returns its exit status, or None when this is that space already, or none can be had.
    """
    if INSIDE in os.environ:
        return None
    if not _may_unshare():
        print("bench: not root: this runs in the machine's own network namespace, with "
              f"net.unix.max_dgram_qlen={read_sysctl('net/unix/max_dgram_qlen')}",
              file=sys.stderr)
        return None
    directory = tempfile.mkdtemp(prefix="peerlog-bench-")
    try:
        child = subprocess.Popen(_UNSHARE + [sys.executable] + argv,
                                 env=dict(os.environ, **{INSIDE: directory}))
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the child gets it, too
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: child.kill())
        return child.wait()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def read_sysctl(name):
    try:
        with open(f"/proc/sys/{name}", encoding="ascii") as file:
            return " ".join(file.read().split())
    except OSError:
        return "?"


def _bring_up_loopback():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(sock, _SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(sock, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP))


def prepare():
    """Make the namespace usable, and raise the limit of descriptors as far as allowed."""
    if INSIDE in os.environ:
        _bring_up_loopback()
        for name, value in SYSCTLS.items():
            try:
                with open(f"/proc/sys/{name}", "w", encoding="ascii") as file:
                    file.write(value)
            except OSError as error:
                print(f"bench: {name}: {error.strerror}", file=sys.stderr)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    for wanted in (1048576, 262144, hard):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(wanted, hard)))
            break
        except (ValueError, OSError):
            continue


def descriptors():
    """How many descriptors a process may have here."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def free_port():
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]
