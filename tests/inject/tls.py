# SPDX-License-Identifier: MIT
"""Memory is short when a TLS connection that was taken over is heard for the first time.

Its new worker has no ciphers yet, and one allocation after the other fails on the way to them, or
many in a row. What has come waits until there is memory again, and the connection goes on: nothing
is lost, and the client notices nothing. PEERLOG_LONG=1: many in a row from each of them on.
"""

import os

from injecting import (LONG, SANITIZED, Authority, Skip, UnluckyService, folder, main, new_sink,
                       rule, until)
from survival import context_for, tls_connect, tls_finish

IN_A_ROW = 25
STEP = 1 if LONG else 5


def texts(sink):
    return [r.text for r in sink.records()]


def say(tls, sink, text):
    tls.sendall(text + b"\n")
    until(lambda: text in texts(sink), f"{text} in the log")


def one_life(scratch, authority, listener, rules):
    """Returns: allocations until the successor is ready, and until it has opened what came, and
    whether that had to wait."""
    with new_sink("syslog", scratch) as sink:
        service = UnluckyService(scratch, sink, [], listeners=[listener])
        try:
            service.begin()
            port = int(service.words.wait(r"listening on \S+:(\d+)$")[-1].group(1))
            tls = tls_connect(port, context_for(authority))
            say(tls, sink, b"one")
            service.stop()  # nothing is in hand then
            service.luck.reset()
            service.manager.environment["PEERLOG_INJECT"] = ",".join(rules)
            service.begin()
            ready = service.luck.called("alloc")
            say(tls, sink, b"two")
            opened = service.luck.called("alloc")
            say(tls, sink, b"three")
            tls_finish(tls)
            assert texts(sink) == [b"one", b"two", b"three"], texts(sink)
            service.stop()
            return ready, opened, len(service.words.matching("what came over TLS waits")) > 0
        except BaseException:
            print(rules, *service.words.lines, sep="\n  ")
            raise
        finally:
            service.manager.close()
            os.close(service.stderr)


def every_allocation_of_the_first_record(scratch):
    if SANITIZED:
        raise Skip("a sanitizer has an allocator of its own")
    authority = Authority(scratch)
    listener = authority.issue("localhost").settings()
    ready, opened, waited = one_life(folder(scratch, "none"), authority, listener, [])
    assert opened > ready + 10, "hardly anything is allocated"
    assert not waited
    lives = waits = 0
    for times in (1, IN_A_ROW):
        for n in range(ready + 1, opened + 1, STEP if times > 1 else 1):
            rules = [rule("alloc", "ENOMEM", f"{n}x{times}")]
            waits += one_life(folder(scratch, f"{n} {times}"), authority, listener, rules)[2]
            lives += 1
    assert waits >= 5, f"of {lives} lives only {waits} had to wait"
    print(f"  {opened - ready} allocations failed in turn; what came waited in {waits} of {lives} "
          "lives", flush=True)


main(every_allocation_of_the_first_record)
