# SPDX-License-Identifier: MIT
"""Reloads under the service manager.

SIGHUP is answered by RELOADING=1 with the time, and by READY=1 when it is done. A listener
that did not change keeps its very socket, a new one is opened and stored, one that is gone
is closed and forgotten, and connections live on. A file that is wrong changes nothing.
What a reload has brought is what the next process starts from. And whoever asks for a
reload instead of sending a signal learns how it went, whatever happens to the daemon.
"""

import os
import re
import signal
import socket
import subprocess

from survival import LOOPBACK, PATIENCE, PEERLOGD, connect, main, surviving, until


def listening_inodes(service):
    """The inodes of the sockets on which the process listens."""
    with open("/proc/net/tcp", encoding="ascii") as file:
        listening = {line.split()[9] for line in file.readlines()[1:] if line.split()[3] == "0A"}
    folder = f"/proc/{service.manager.pid}/fd"
    names = [os.readlink(os.path.join(folder, fd)) for fd in os.listdir(folder)
             if os.path.islink(os.path.join(folder, fd))]
    return {n[8:-1] for n in names if n.startswith("socket:[")} & listening


def listeners_that_did_not_change_are_kept(scratch):
    with surviving(scratch) as (service, sink):
        service.allow(": reloaded ")
        sock = connect(service.port)
        sock.sendall(b"before\n")
        sink.wait_count(1)
        before = listening_inodes(service)
        assert len(before) == 1

        service.write_file(listeners=[LOOPBACK, dict(LOOPBACK, address="127.0.0.2")])
        service.reload()
        port = int(service.words.wait(r"listening on 127.0.0.2:(\d+)$")[0].group(1))
        both = listening_inodes(service)
        assert len(both) == 2 and before < both
        assert len(service.manager.descriptors("listener[")) == 2
        new = connect(port, host="127.0.0.2")
        new.sendall(b"new\n")
        sink.wait_count(2)

        service.write_file(listeners=[LOOPBACK])
        service.reload()
        new.sendall(b"lives on\n")
        sock.sendall(b"after\n")
        sink.wait_count(4)
        assert listening_inodes(service) == before
        assert len(service.manager.descriptors("listener[")) == 1
        service.kill()
        service.begin()
        assert listening_inodes(service) == before
        sock.sendall(b"after a kill\n")
        sink.wait_count(5)


def a_wrong_file_changes_nothing(scratch):
    with surviving(scratch) as (service, sink):
        before = listening_inodes(service)
        service.write_file("listeners = ( { port = 99999; } );\n")
        service.reload()
        service.expect("99999|port")
        service.expect("not reloaded: the configuration in force goes on")
        assert listening_inodes(service) == before
        sock = connect(service.port)
        sock.sendall(b"served\n")
        sink.wait_count(1)
        # And its successor starts from what is in force.
        service.kill()
        service.begin()
        service.expect("going on with the last good configuration")
        sock.sendall(b"still served\n")
        sink.wait_count(2)


def starts_from_the_last_good_one(service):
    """A death, and the next process finds a file that it cannot read."""
    service.write_file("nonsense")
    service.kill()
    service.begin()
    service.expect("nonsense|syntax")
    service.expect("going on with the last good configuration")


def what_was_reloaded_is_the_last_good_one(scratch):
    with surviving(scratch) as (service, sink):
        service.allow(": reloaded ")
        service.write_file(output={"tag": "another"})
        service.reload()
        starts_from_the_last_good_one(service)
        connect(service.port).sendall(b"by its new name\n")
        assert sink.wait_count(1)[0].tag == "another"


def more_listeners_than_places(scratch):
    """The places of those that are gone are used again; those of living connections are not."""
    with surviving(scratch) as (service, sink):
        service.allow(": reloaded ")
        kept = []
        for i in range(150):
            service.write_file(listeners=[LOOPBACK, dict(LOOPBACK, address=f"127.0.1.{i + 1}",
                                                         tag=f"number-{i}")])
            service.reload()
            if i % 50 == 0:
                port = int(service.words.wait(rf"listening on 127.0.1.{i + 1}:(\d+)$")[0].group(1))
                kept.append(connect(port, host=f"127.0.1.{i + 1}"))
                kept[-1].sendall(b"first\n")
        assert len(service.manager.descriptors("listener[")) == 2
        sink.wait_count(len(kept))
        for sock in kept:
            sock.sendall(b"second\n")
        records = sink.wait_count(2 * len(kept))
        # Their listeners are gone, and nobody else's tag is theirs.
        assert {r.tag for r in records if r.text == b"second"} == {"peerlogd"}


def a_listener_that_comes_back_finds_its_connections(scratch):
    with surviving(scratch) as (service, sink):
        service.allow(": reloaded ")
        both = [LOOPBACK, dict(LOOPBACK, address="127.0.0.2", tag="second")]
        service.write_file(listeners=both)
        service.reload()
        port = int(service.words.wait(r"listening on 127.0.0.2:(\d+)$")[0].group(1))
        sock = connect(port, host="127.0.0.2")
        sock.sendall(b"one\n")
        sink.wait_count(1)
        for listeners in ([LOOPBACK], [LOOPBACK, dict(LOOPBACK, address="127.0.0.3")], both):
            service.write_file(listeners=listeners)
            service.reload()
        sock.sendall(b"two\n")
        assert [r.tag for r in sink.wait_count(2)] == ["second"] * 2
        # So a restart does not tell it goodbye.
        service.restart()
        sock.sendall(b"three\n")
        assert [r.tag for r in sink.wait_count(3)] == ["second"] * 3


def a_long_file_is_kept_too(scratch):
    with surviving(scratch) as (service, sink):
        service.allow(": reloaded ")
        with open(service.file, "a", encoding="utf-8") as file:
            file.write("# So much was to be said.\n" * 39000 + 'priority = "ignore";\n')
        assert 1000000 < os.path.getsize(service.file) < 1 << 20
        service.reload()
        starts_from_the_last_good_one(service)
        connect(service.port).sendall(b"<13>priority\n")
        assert sink.wait_count(1)[0].text == b"<13>priority"


def ask(directory):
    """peerlogd --reload, which goes on meanwhile."""
    return subprocess.Popen([PEERLOGD, "--reload"], stdin=subprocess.DEVNULL,
                            stderr=subprocess.PIPE, text=True,
                            env={**os.environ, "RUNTIME_DIRECTORY": directory})


def hear(asker):
    """Returns: its exit status, and what it says."""
    said = asker.communicate(timeout=PATIENCE)[1]
    return asker.returncode, said.strip()


def answering(scratch):
    return surviving(scratch, environment={"RUNTIME_DIRECTORY": f"{scratch}:/nowhere"})


def who_asks_is_told(scratch):
    with answering(scratch) as (service, sink):
        service.allow(": reloaded ", "not reloaded: ")
        mark = service.manager.mark()
        assert hear(ask(scratch)) == (0, "")
        service.manager.wait_ready(mark)
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = other.getsockname()[1]
            service.write_file(listeners=[LOOPBACK, dict(LOOPBACK, port=port)])
            mark = service.manager.mark()
            status, said = hear(ask(scratch))
            assert status == 78, status
            fault = rf"cannot listen on 127\.0\.0\.1:{port}: .* listens there already"
            assert re.fullmatch(f"peerlogd: not reloaded: {fault}", said), said
            service.expect(f"^peerlogd: {fault}$")
            # The manager was told that it is over before who asked was, though it may read later.
            service.manager.wait_ready(mark)
            assert service.manager.count_said("READY", mark) == 1
            until(lambda: "not reloaded: cannot listen on" in service.manager.status(),
                  "the status line to tell")
        service.write_file("nonsense = 1;\nnonesense = 2;\n")
        status, said = hear(ask(scratch))
        assert status == 78 and re.search(r"conf:1: nonsense: .* \(and 1 more\)$", said), said
        service.expect(r"conf:\d: none?sense", 2)
        service.write_file(listeners=[LOOPBACK])
        assert hear(ask(scratch)) == (0, "")
        until(lambda: "not reloaded" not in service.manager.status(), "the status line to forget")
        # A successor answers in its place.
        service.die()
        assert hear(ask(scratch)) == (0, "")
        connect(service.port).sendall(b"served\n")
        sink.wait_count(1)


def many_ask_at_once(scratch):
    with answering(scratch) as (service, _):
        service.allow(": reloaded ")
        assert [hear(asker) for asker in [ask(scratch) for _ in range(20)]] == [(0, "")] * 20
        assert service.said(": reloaded ") == 20


def who_asks_a_dead_one_is_told_too(scratch):
    def sockets():
        with open("/proc/net/unix", encoding="ascii") as file:
            return sum(line.rstrip().endswith(f" {scratch}/reload") for line in file)

    path = f"peerlogd: not known to have reloaded: {scratch}/reload: "
    assert hear(ask(scratch)) == (69, path + "no peerlogd runs there")
    with answering(scratch) as (service, _):
        service.manager.send_signal(signal.SIGSTOP)
        before = sockets()
        asker = ask(scratch)
        until(lambda: sockets() > before, "the question to wait")
        service.kill()
        assert hear(asker) == (69, path + "peerlogd ended before it answered")
        assert hear(ask(scratch)) == (69, path + "no peerlogd runs there")
        service.begin()


main(who_asks_is_told, many_ask_at_once, who_asks_a_dead_one_is_told_too,
     more_listeners_than_places, a_listener_that_comes_back_finds_its_connections,
     a_long_file_is_kept_too, listeners_that_did_not_change_are_kept, a_wrong_file_changes_nothing,
     what_was_reloaded_is_the_last_good_one)
