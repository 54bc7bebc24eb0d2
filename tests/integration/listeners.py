#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# One daemon listens in many places: on several ports, on IPv4 and IPv6, on both
# through one socket. Ports left to the kernel are told on standard error. Whoever
# connects is named by its numeric address, IPv6 in brackets, and one that came by IPv4
# to a socket for both is named as the IPv4 address it has.

import errno

from support import *

SIX = {"address": "::1", "port": 0}
BOTH = {"address": "::", "port": 0}
ANY = {"address": "0.0.0.0", "port": 0}


def need_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError as error:
        raise Skip(f"no IPv6 here: {error}")


def several(scratch):
    with serving("journal", scratch, listeners=[LOOPBACK] * 8 + [ANY]) as (daemon, sink):
        ports = [port for _, port in daemon.listeners]
        assert len(set(ports)) == 9 and 0 not in ports
        peers = {say(port, b"to %d\n" % port): port for port in ports}
        for record in sink.wait_count(9):
            port = peers.pop(record.peer)
            assert record.text == b"to %d" % port
            host = b"0.0.0.0" if port == ports[-1] else b"127.0.0.1"
            assert record.fields[b"PEER_LISTENER"] == b"%s:%d" % (host, port)


def six(scratch):
    need_ipv6()
    with serving("syslog", scratch, listeners=[SIX, LOOPBACK]) as (daemon, sink):
        assert daemon.said(r"listening on \[::1\]:%d$" % daemon.port) == 1
        six_peer = say(daemon.port, b"six\n", host="::1")
        four_peer = say(daemon.listeners[1][1], b"four\n")
        assert six_peer.startswith("[::1]:")
        got = {r.peer: r.text for r in sink.wait_count(2)}
        assert got == {six_peer: b"six", four_peer: b"four"}, got


def both(scratch):
    need_ipv6()
    for kind in ("syslog", "stdout", "journal"):
        with serving(kind, scratch, listeners=[BOTH]) as (daemon, sink):
            peers = [say(daemon.port, b"x\n", host=host) for host in ("::1", "127.0.0.1")]
            assert sorted(r.peer for r in sink.wait_count(2)) == sorted(peers)
            assert peers[1].startswith("127.0.0.1:")


def four_beside_six_on_a_port(scratch):
    """[::1]:P and 127.0.0.1:P are different addresses."""
    need_ipv6()
    with held_port("127.0.0.1", "::1") as port, \
            serving("syslog", scratch, listeners=[dict(LOOPBACK, port=port),
                                                  dict(SIX, port=port)]) as (_, sink):
        peers = {say(port, b"x\n", host=host) for host in ("::1", "127.0.0.1")}
        assert {r.peer for r in sink.wait_count(2)} == peers


def who_is_in_the_way(scratch):
    """Two daemons on one port of two addresses: a third one names the right one of them."""
    hosts = ("127.0.0.1", "127.0.0.2")
    with held_port(*hosts) as port, contextlib.ExitStack() as running:
        listeners = [dict(LOOPBACK, address=host, port=port) for host in hosts]
        holders = [running.enter_context(serving("syslog", folder(scratch, listener["address"]),
                                                 listeners=[listener]))[0]
                   for listener in listeners]
        for listener, holder in zip(listeners, holders):
            path = os.path.join(scratch, "late.conf")
            with open(path, "w", encoding="utf-8") as file:
                file.write(settings_text(dict(listeners=[listener], output=dict(type="stdout"))))
            status, _, words = run_daemon("-c", path)
            assert status == 69 and words == [
                f"peerlogd: cannot listen on {listener['address']}:{port}: "
                f"{os.path.basename(PEERLOGD)} (process {holder.pid}) listens there already"], words


def other_loopback_addresses(scratch):
    with serving("syslog", scratch, listeners=[ANY]) as (daemon, sink):
        sources = ["127.0.0.2", "127.1.2.3", "127.255.255.254"]
        peers = [say(daemon.port, b"x\n", source=source) for source in sources]
        assert [p.rpartition(":")[0] for p in peers] == sources
        assert {r.peer for r in sink.wait_count(3)} == set(peers)


def without_ipv6():
    """For a child: from here on socket() behaves as on a kernel that has no IPv6."""
    numbers = {"x86_64": 41, "aarch64": 198, "riscv64": 198, "ppc64le": 326, "s390x": 359}
    machine = os.uname().machine
    if machine not in numbers:
        raise Skip(f"the number of socket() is not known for {machine}")
    steps = [(0x20, 0, 0, 0),                         # load the number of the call
             (0x15, 0, 3, numbers[machine]),
             (0x20, 0, 0, 16 + 4 * (sys.byteorder == "big")),  # load its first argument
             (0x15, 0, 1, socket.AF_INET6),
             (0x06, 0, 0, 0x00050000 | errno.EAFNOSUPPORT),
             (0x06, 0, 0, 0x7fff0000)]                # allow
    program = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))

    class Filter(ctypes.Structure):
        _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_void_p)]

    def before():
        prctl = ctypes.CDLL(None, use_errno=True).prctl
        whole = Filter(len(steps), ctypes.addressof(program))
        assert prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
        assert prctl(22, 2, ctypes.byref(whole), 0, 0) == 0  # PR_SET_SECCOMP, by a filter

    return before


def a_kernel_without_ipv6(scratch):
    """:: is IPv4 alone, other addresses of IPv6 are left out, and nothing left is a failure."""
    before = without_ipv6()
    with new_sink("syslog", scratch) as sink, \
            Daemon(scratch, sink, before=before, listeners=[BOTH]) as daemon:
        daemon.expect(r"\[::\]:0: this kernel has no IPv6; it is listened on IPv4 alone")
        assert daemon.listeners[0][0] == "0.0.0.0"
        assert say(daemon.port, b"one\n") == sink.wait_count(1)[0].peer
        daemon.write_file(listeners=[SIX, LOOPBACK])
        daemon.signal(signal.SIGHUP)
        daemon.expect(r"\[::1\]:0: this kernel has no IPv6; it is left out")
        port = int(daemon.expect(r"listening on 127\.0\.0\.1:(\d+)")[0].group(1))
        assert say(port, b"two\n") == sink.wait_count(2)[1].peer
        daemon.write_file(listeners=[SIX])
        daemon.expect("reloaded")
        status, _, words = run_daemon("-c", daemon.file, before=before)
        assert status == 71 and any("cannot listen on [::1]:0" in line for line in words), words


if __name__ == "__main__":
    main(several, six, both, four_beside_six_on_a_port, who_is_in_the_way,
         other_loopback_addresses, a_kernel_without_ipv6)
