# SPDX-License-Identifier: MIT
"""Memory runs out at the Nth allocation, for every N.

The daemon is started, serves, reloads and stops, and one allocation of its life fails: in its
own code, in libsystemd, in the C library (libconfig alone is spared: it crashes by itself). It
may then refuse to start, with words and a status; but it never crashes, and what was
admitted is logged: by this process or, should it end, by the next one.
"""

import os
import signal
import socket

from injecting import (SANITIZED, Skip, UnluckyService, Unread, connect, folder, log, main, rule,
                       until)

def life(service, sink, begun):
    """A short life with everything in it. Restarted when it ends before its time.

    BEGUN: connections of the process before, that have said "zero" and half of "half".
    """
    deaths = 0

    def alive():
        nonlocal deaths, said
        if not service.manager.alive():
            status = service.manager.wait()
            assert status > 0, f"it crashed: {status}"
            assert status in (70, 71, 74), f"status {status}"
            until(lambda: len(service.words.lines) > said, "a last word")
            said = len(service.words.lines)
            deaths += 1
            assert deaths < 3, "it does not come to life"
            service.start()
        return True

    def heard(*texts):
        return alive() and set(texts) <= {r.text for r in sink.records()}

    said = len(service.words.lines)
    service.start()
    until(lambda: alive() and service.manager.count_said("READY", service.since), "a start")
    service.port = int(service.words.wait(r"listening on \S+:(\d+)$")[-1].group(1))
    one = connect(service.port)
    one.sendall(b"one\ntwo\n")
    until(lambda: heard(b"one", b"two") or one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR),
          "the first messages, or a refusal")
    before = service.manager.mark()
    service.manager.send_signal(signal.SIGHUP)
    until(lambda: alive() and service.manager.count_said("READY", before), "a reload")
    for i, sock in enumerate(begun):
        sock.sendall(b"f %d\n" % i)
    until(lambda: heard(*(b"half %d" % i for i in range(len(begun)))), "the half messages")
    connect(service.port).sendall(b"another\n")
    until(lambda: heard(b"another"), "the second connection")
    texts = [r.text for r in sink.records() if "repeat" not in r.flags]
    assert len(texts) == len(set(texts)), f"something came twice: {texts}"
    status = service.manager.kill(signal.SIGTERM)
    assert status >= 0, f"it crashed at its end: {status}"


def one_life(scratch, name, rules, inherited):
    """Returns: how many allocations there were, and how many failed."""
    path = folder(scratch, name)
    with log(path, "journal") as sink:
        service = UnluckyService(path, sink, [], limits={"connections": 50})
        begun = []
        try:
            if inherited:
                service.begin()
                port = int(service.words.wait(r"listening on \S+:(\d+)$")[-1].group(1))
                begun = [connect(port) for _ in range(3)]
                for i, sock in enumerate(begun):
                    sock.sendall(b"zero %d\nhal" % i)
                sink.wait_count(1)
                Unread(begun).wait()
                service.kill()
                with sink.changed:
                    sink.records()
                    sink.parsed.clear()
                service.luck.__init__(path)
            service.manager.environment["PEERLOG_INJECT"] = ",".join(rules)
            life(service, sink, begun)
            return service.luck("alloc")
        except BaseException:
            print(name, *service.words.lines, sep="\n  ")
            raise
        finally:
            service.manager.close()
            os.close(service.stderr)


def every_allocation_may_fail(scratch, inherited):
    if SANITIZED:
        raise Skip("a sanitizer has an allocator of its own")
    count, _ = one_life(scratch, "none", [], inherited)
    assert count > 20, "hardly anything is allocated"
    for n in range(1, count + 1):
        _, struck = one_life(scratch, f"call {n}", [rule("alloc", "ENOMEM", str(n))], inherited)
        assert struck == 1 or n > count - 5, f"allocation {n} of {count} did not fail"
    print(f"  {count} allocations failed in turn")


def every_allocation_of_a_first_process(scratch):
    every_allocation_may_fail(scratch, False)


def every_allocation_of_one_that_inherits(scratch):
    every_allocation_may_fail(scratch, True)


main(every_allocation_of_a_first_process, every_allocation_of_one_that_inherits)
