# SPDX-License-Identifier: MIT
"""Memory runs out at the Nth allocation, for every N.

The daemon is started, serves, reloads and stops, and one allocation of its life fails: in its
own code, in libsystemd, in the C library (libconfig alone is spared: it crashes by itself). It
may then refuse to start, with words and a status; but it never crashes, and what was
admitted is logged: by this process or, should it end, by the next one. PEERLOG_LONG=1: also two
and five failures in a row, over as many starts as it takes, and with the other log.

A reload that leads to another log is refused, with words, or leads there: whichever of its
allocations fails.
"""

import os
import signal
import socket

from injecting import (LONG, SANITIZED, Skip, UnluckyService, Unread, connect, folder, main,
                       new_sink, rule, until)


def life(service, sink, begun, most_deaths):
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
            assert deaths <= most_deaths, "it does not come to life"
            service.start()
        return True

    def heard(*texts):
        return alive() and set(texts) <= {r.text for r in sink.records()}

    said = len(service.words.lines)
    service.start()
    until(lambda: alive() and service.manager.count_said("READY", service.since), "a start")
    service.port = int(service.words.wait(r"listening on \S+:(\d+)$")[-1].group(1))
    one = connect(service.port)
    one.sendall(b"one\ntwo\nthr")
    until(lambda: heard(b"one", b"two") or one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR),
          "the first messages, or a refusal")
    admitted = heard(b"one", b"two")
    before = service.manager.mark()
    service.manager.send_signal(signal.SIGHUP)
    until(lambda: alive() and service.manager.count_said("READY", before), "a reload")
    for i, sock in enumerate(begun):
        sock.sendall(b"f %d\n" % i)
    until(lambda: heard(*(b"half %d" % i for i in range(len(begun)))), "the half messages")
    if admitted:
        one.sendall(b"ee\n")
        until(lambda: heard(b"three"), "the third message")
    connect(service.port).sendall(b"another\n")
    until(lambda: heard(b"another"), "the second connection")
    texts = [r.text for r in sink.records() if not is_repeat(r)]
    assert len(texts) == len(set(texts)), f"something came twice: {texts}"
    status = service.manager.kill(signal.SIGTERM)
    assert status >= 0, f"it crashed at its end: {status}"


def is_repeat(record):
    return "repeat" in record.flags if record.fields else record.text.startswith(b"[repeat?] ")


def one_life(scratch, name, rules, how):
    """HOW: the kind of log, is something inherited, and how often an allocation fails.

    Returns: how many allocations there were, and how many failed.
    """
    kind, inherited, times = how
    path = folder(scratch, name)
    with new_sink(kind, path) as sink:
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
                service.luck.reset()
            service.manager.environment["PEERLOG_INJECT"] = ",".join(rules)
            life(service, sink, begun, times + 1)
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
    for kind in ("journal", "syslog") if LONG else ("journal",):
        for times in (1, 2, 5) if LONG else (1,):
            how = (kind, inherited, times)
            sweep(folder(scratch, f"{kind} {times}"), how)


def sweep(scratch, how):
    kind, _, times = how
    count, _ = one_life(scratch, "none", [], how)
    assert count > 20, "hardly anything is allocated"
    for n in range(1, count + 1):
        _, struck = one_life(scratch, f"call {n}", [rule("alloc", "ENOMEM", f"{n}x{times}")], how)
        # A failure makes the rest of a life shorter.
        assert 1 <= struck <= times or n > count - 5, f"allocation {n} of {count} did not fail"
    print(f"  {kind}: {count} allocations failed in turn, each {times} in a row", flush=True)


def every_allocation_of_a_first_process(scratch):
    every_allocation_may_fail(scratch, False)


def every_allocation_of_one_that_inherits(scratch):
    every_allocation_may_fail(scratch, True)


def reload_to_another_log(scratch, name, rules):
    """Returns: how many allocations there were before it and with it; and was it refused?"""
    path = folder(scratch, name)
    with new_sink("syslog", folder(path, "old")) as old, \
            new_sink("syslog", folder(path, "new")) as new, \
            UnluckyService(path, old, rules, workers=1) as service:
        service.allow("reloaded", "emory")
        before = service.luck.called("alloc")
        service.sink = new
        service.write_file()
        service.reload()
        after = service.luck.called("alloc")
        refused = service.words.wait("(not )?reloaded")[-1].group(1) is not None
        connect(service.port).sendall(b"a message\n")
        (old if refused else new).wait_count(1)
        return before, after, refused


def every_allocation_of_a_reload(scratch):
    if SANITIZED:
        raise Skip("a sanitizer has an allocator of its own")
    before, after, _ = reload_to_another_log(scratch, "none", [])
    assert after > before, "nothing is allocated"
    refused = sum(reload_to_another_log(scratch, f"call {n}", [rule("alloc", "ENOMEM", n)])[2]
                  for n in range(before + 1, after + 1))
    print(f"  {after - before} allocations failed in turn, {refused} reloads were refused")


main(every_allocation_of_a_first_process, every_allocation_of_one_that_inherits,
     every_allocation_of_a_reload)
