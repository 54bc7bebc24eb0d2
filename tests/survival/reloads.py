# SPDX-License-Identifier: MIT
"""Reloads under the service manager.

SIGHUP is answered by RELOADING=1 with the time, and by READY=1 when it is done. A listener
that did not change keeps its very socket, a new one is opened and stored, one that is gone
is closed and forgotten, and connections live on. A file that is wrong changes nothing.
What a reload has brought is what the next process starts from.
"""

import os
import re
import signal

from survival import LOOPBACK, Service, SyslogSink, connect, main


def reload(service):
    """SIGHUP, and both answers. Returns: number of the first message."""
    mark = service.manager.mark()
    service.manager.send_signal(signal.SIGHUP)
    begun = service.manager.wait_said("RELOADING=1", lambda f: f.get("RELOADING") == "1", mark)
    assert re.fullmatch(r"\d+", service.manager.said[begun][1]["MONOTONIC_USEC"])
    service.manager.wait_ready(begun)
    return mark


def listening_inodes(service):
    """The inodes of the sockets on which the process listens."""
    with open("/proc/net/tcp", encoding="ascii") as file:
        listening = {line.split()[9] for line in file.readlines()[1:] if line.split()[3] == "0A"}
    folder = f"/proc/{service.manager.pid}/fd"
    names = [os.readlink(os.path.join(folder, fd)) for fd in os.listdir(folder)
             if os.path.islink(os.path.join(folder, fd))]
    return {n[8:-1] for n in names if n.startswith("socket:[")} & listening


def listeners_that_did_not_change_are_kept(scratch):
    sink = SyslogSink(os.path.join(scratch, "log"))
    with Service(scratch, sink) as service:
        service.allow(": reloaded ")
        sock = connect(service.port)
        sock.sendall(b"before\n")
        sink.wait_count(1)
        before = listening_inodes(service)
        assert len(before) == 1

        service.write_file(listeners=[LOOPBACK, dict(LOOPBACK, address="127.0.0.2")])
        reload(service)
        port = int(service.words.wait(r"listening on 127.0.0.2:(\d+)$")[0].group(1))
        both = listening_inodes(service)
        assert len(both) == 2 and before < both
        assert len(service.manager.descriptors("listener-")) == 2
        new = connect(port, host="127.0.0.2")
        new.sendall(b"new\n")
        sink.wait_count(2)

        service.write_file(listeners=[LOOPBACK])
        reload(service)
        new.sendall(b"lives on\n")
        sock.sendall(b"after\n")
        sink.wait_count(4)
        assert listening_inodes(service) == before
        assert len(service.manager.descriptors("listener-")) == 1
        service.kill()
        service.begin()
        assert listening_inodes(service) == before
        sock.sendall(b"after a kill\n")
        sink.wait_count(5)


def a_wrong_file_changes_nothing(scratch):
    sink = SyslogSink(os.path.join(scratch, "log"))
    with Service(scratch, sink) as service:
        before = listening_inodes(service)
        service.write_file("listeners = ( { port = 99999; } );\n")
        reload(service)
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


def what_was_reloaded_is_the_last_good_one(scratch):
    sink = SyslogSink(os.path.join(scratch, "log"))
    with Service(scratch, sink) as service:
        service.allow(": reloaded ")
        service.write_file(output={"tag": "another"})
        reload(service)
        service.write_file("nonsense")
        service.kill()
        service.begin()
        service.expect("nonsense|syntax")
        service.expect("going on with the last good configuration")
        connect(service.port).sendall(b"by its new name\n")
        assert sink.wait_count(1)[0].tag == "another"


main(listeners_that_did_not_change_are_kept, a_wrong_file_changes_nothing,
     what_was_reloaded_is_the_last_good_one)
