# SPDX-License-Identifier: MIT
"""Two thousand connections come and go in waves, and what is kept of them stays bounded.

Copies of accepted sockets are parked with the service manager, a few hundred in a lot. The
copy of one that has ended must not keep the daemon busy; lots in which all are dead are
dropped, those in which most are dead are rewritten; and whoever lives through it all is
still there after SIGKILL. When everything is closed, next to nothing is kept.
"""

import re
import socket

from survival import (LONG, connect, cpu_ticks, main, more_descriptors, name_of, new_random, say,
                      surviving, until)

WAVE = 500
WAVES = 40 if LONG else 8
LOT = 278  # sockets that fit in a lot


def what_has_ended_is_gone(scratch):
    with surviving(scratch) as (service, sink):
        for i in range(5):
            say(service.port, b"hello %d\n" % i)
        sink.wait_count(5)
        stay = connect(service.port)
        stay.sendall(b"I stay\n")
        sink.wait_count(6)
        service.wait_connections(1)
        # A busy moment and an idle one, by its own measure: it must not turn in circles.
        ticks = cpu_ticks(service.manager.pid)
        mark = service.manager.mark()
        stay.sendall(b"still here\n" * 100)
        for rate in (r", [1-9]", r", 0"):
            mark = service.manager.wait_said(
                "STATUS", lambda f, r=rate: re.search(r + r"\d* msg/s", f.get("STATUS", "")), mark)
        used = cpu_ticks(service.manager.pid) - ticks
        assert used < 20, f"{used} ticks of CPU time for a hundred messages"
        assert service.manager.status().startswith("1 connection,"), service.manager.status()


def waves_leave_no_descriptors_behind(scratch):
    more_descriptors()
    with surviving(scratch, limits={"connections": 4000}) as (service, sink):
        survivors, wave = [], []
        for i in range(WAVES):
            wave = [connect(service.port) for _ in range(WAVE)]
            wave[-1].sendall(b"wave %d\n" % i)
            sink.wait(lambda r, n=i: any(x.text == b"wave %d" % n for x in r), "the wave")
            survivors.append(wave.pop(WAVE // 2))
            for sock in wave:
                sock.close()
            until(lambda n=i: service.manager.stored() <= 2 + 2 * WAVE // LOT + 2 + n + 1,
                  "lots to be dropped")
        assert service.manager.most <= 2 + 3 * WAVE // LOT + WAVES + 2, service.manager.most
        kept = service.manager.stored()
        # The lots of the first waves held one survivor each: they were rewritten.
        assert kept <= 8, f"{kept} descriptors for {WAVES} connections"

        service.kill()
        service.begin()
        service.expect(r"took over \d+ connections, .* after SIGKILL")
        for i, sock in enumerate(survivors):
            sock.sendall(b"survivor %d\n" % i)
        records = sink.wait(lambda r: sum(b"survivor" in x.text for x in r) == WAVES, "survivors")
        said = {r.peer: r.text for r in records if b"survivor" in r.text}
        assert said == {name_of(s): b"survivor %d" % i for i, s in enumerate(survivors)}

        for sock in survivors:
            sock.shutdown(socket.SHUT_WR)
        for sock in survivors:
            assert sock.recv(1) == b""
        for _ in range(300):  # enough deaths for a last look
            say(service.port, b"")
        until(lambda: service.manager.stored() <= 5, "lots to be dropped at the end")


def the_dead_do_not_crowd_out_the_living(scratch):
    """As many as the descriptors allow, and each lives as long as it happens to."""
    files, alive = 1600, 950
    chance = new_random()
    with surviving(scratch) as (service, sink):
        service.stop()
        service.manager.files = files
        service.begin()
        service.allow("limits.connections .* using 1008", "limits.connections .* is reached",
                      "below limits.connections again")
        socks, most = [], 0
        for i in range(8 * alive if LONG else 4 * alive):
            if len(socks) == alive:
                at = chance.randrange(alive)
                socks[at], socks[-1] = socks[-1], socks[at]
                socks.pop().close()
            socks.append(connect(service.port))
            if i % 100 == 0:
                socks[-1].sendall(b"number %d\n" % i)
                sink.wait(lambda r, n=i: any(x.text == b"number %d" % n for x in r), "a message")
                most = max(most, len(service.manager.descriptors("lot-")))
        assert most <= files // LOT + 1, f"{most} lots: more copies than the kernel allows"
        for sock in socks:
            sock.sendall(b"still here\n")
        sink.wait(lambda r: sum(x.text == b"still here" for x in r) == alive, "the living")
        service.wait_connections(alive)
        service.kill()
        service.begin()
        service.expect(f"took over {alive} connections, .* after SIGKILL")


main(what_has_ended_is_gone, waves_leave_no_descriptors_behind,
     the_dead_do_not_crowd_out_the_living)
