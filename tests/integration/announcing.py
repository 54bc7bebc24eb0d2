#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# A listener may tell of its connections: when one begins, and when it ends, with what it sent and
# why. A storm of them is told as a number. And a peer that has spoken is missed when it says
# nothing for silent_after, connected or not, once, and is told of again when it is back.

from administered import MODULE, Admin
from support import *


PEERLOGCTL = os.environ.get("PEERLOGCTL", "peerlogctl")


def port_of(sock):
    return sock.getsockname()[1]


def begins_and_ends_are_told(scratch):
    listeners = [dict(LOOPBACK, announce="all"), dict(LOOPBACK, announce="ends"), LOOPBACK]
    with serving("syslog", scratch, listeners=listeners) as (daemon, sink):
        ports = [port for _, port in daemon.listeners]
        for port in ports:
            sock = connect(port)
            sock.sendall(b"one\ntwo\n")
            mine = port_of(sock)
            sock.close()
            daemon.allow(f"127.0.0.1:{mine}: (connected|ended)")
            if port != ports[2]:
                daemon.expect(rf"127\.0\.0\.1:{mine}: ended after \d+ s, with 2 messages in "
                              r"8 bytes: it said goodbye$")
            lines = daemon.words.matching(f"127.0.0.1:{mine}: ")
            assert len(lines) == {ports[0]: 2, ports[1]: 1, ports[2]: 0}[port], lines
        sink.wait_count(6)
        assert daemon.words.matching(rf": connected to 127\.0\.0\.1:{ports[0]}$")


def the_reason_is_told(scratch):
    listeners = [dict(LOOPBACK, announce="ends")]
    with serving("syslog", scratch, listeners=listeners) as (daemon, sink):
        sock = connect(daemon.port)
        sock.sendall(b"half")
        reset(sock)
        daemon.allow(": ended after ", "sent ")
        daemon.expect(r": ended after \d+ s, with \d messages in \d+ bytes: it was reset")
        sock = connect(daemon.port)
        sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
        daemon.expect(r": ended after .*: it speaks another protocol$")
        sock.close()
        sock = connect(daemon.port)
        sock.sendall(b"a message\n")
        until(lambda: any("a message" in str(r) for r in sink.records()), "the message")
        daemon.signal(signal.SIGTERM)
        assert daemon.wait() == 0
        daemon.expect(r": ended after .*, with 1 messages in 10 bytes: peerlogd stops$")
        sock.close()


def a_storm_is_counted(scratch):
    listeners = [dict(LOOPBACK, announce="all")]
    with serving("syslog", scratch, listeners=listeners) as (daemon, _):
        daemon.allow(": connected to ", ": ended after ", "more connections began")
        for _ in range(100):
            connect(daemon.port).close()
        line, = daemon.expect(r"in 10 seconds (\d+) more connections began, and (\d+) more ended$")
        lines = daemon.words.matching(r"127\.0\.0\.1:\d+: (connected|ended)")
        assert len(lines) + int(line[1]) + int(line[2]) == 200, (len(lines), line[0])


def one_that_spoke_is_missed(scratch):
    listeners = [dict(LOOPBACK, silent_after=1), LOOPBACK]
    path = os.path.join(scratch, "admin")
    with serving("syslog", scratch, listeners=listeners,
                 admin=dict(path=path)) as (daemon, sink):
        connect(daemon.port, source="127.0.0.3")  # it never says anything
        unwatched = connect(daemon.listeners[1][1], source="127.0.0.4")
        unwatched.sendall(b"x\n")
        gone, here = (connect(daemon.port, source=f"127.0.0.{i}") for i in (5, 6))
        for sock in gone, here:
            sock.sendall(b"x\n")
        sink.wait_count(3)
        gone.close()
        daemon.allow("has said nothing for", "says something again")
        for host in "127.0.0.5", "127.0.0.6":
            daemon.expect(rf": {host}: has said nothing for \d+ s, and spoke before \(to ")
        if shutil.which(PEERLOGCTL):
            done = subprocess.run([PEERLOGCTL, "-s", path, "status"], capture_output=True,
                                  timeout=PATIENCE, check=True)
            for host in "127.0.0.5", "127.0.0.6":
                assert re.search(rf"(?s)is silent:.* \d+s {host}, to ", done.stdout.decode()), done
        here.sendall(b"y\n")
        daemon.expect(r": 127.0.0.6: says something again, after \d+ s \(to ")
        back = connect(daemon.port, source="127.0.0.5")
        back.sendall(b"z\n")
        daemon.expect(r": 127.0.0.5: says something again, after \d+ s \(to ")
        assert not daemon.words.matching(r"127\.0\.0\.[34]: ")


def who_is_not_missed(scratch):
    """One that has to wait by its rate, for half an hour; and nobody when no listener wants it."""
    path = os.path.join(scratch, "admin")
    with serving("syslog", scratch, listeners=[dict(LOOPBACK, silent_after=1)],
                 limits=dict(messages_per_second=1), admin=dict(path=path)) as (daemon, sink):
        fast, other = (connect(daemon.port, source=f"127.0.0.{i}") for i in (7, 8))
        fast.sendall(4096 * b"x\n")
        sink.wait_count(2048)
        other.sendall(b"x\n")
        daemon.expect(r": 127\.0\.0\.8: has said nothing for ")
        assert not daemon.words.matching(r"127\.0\.0\.7: ")
        daemon.write_file(listeners=[dict(LOOPBACK, silent_after=0)])
        daemon.signal(signal.SIGHUP)
        daemon.expect("reloaded ")
        daemon.allow("listening on ")
        if os.path.exists(MODULE):
            admin = Admin(path)
            until(lambda: admin.metric("peerlogd_peers_silent") == 0, "nobody to be silent")
        until_still(lambda: cpu_ticks(daemon.pid), "it to have nothing to do")
        for sock in fast, other:
            sock.close()


main(begins_and_ends_are_told,
     the_reason_is_told,
     one_that_spoke_is_missed,
     who_is_not_missed,
     *([a_storm_is_counted] if os.environ.get("PEERLOG_LONG") else []))  # it takes its interval
