# SPDX-License-Identifier: MIT
"""pthread_create(3) and epoll_ctl(2) fail, at a start and later.

Without its first worker or its listener the daemon cannot be: it says so and ends with status
71, and what it had inherited is there for the next one. With fewer workers than it
wanted it goes on, and without those who answer administrators. A connection that cannot be watched
is closed, and no other.
"""

import os

from injecting import (BUILD, UnluckyService, connect, finish, folder, held_port, main, new_sink,
                       refused, rule, say)

MODULE = os.path.join(os.environ.get("PEERLOGD_MODULES", BUILD), "peerlogd-admin.so")
WORKERS = 3


def unlucky(scratch, name, rules):
    path = folder(scratch, name)
    return path, [rule(*r) for r in rules]


def fewer_workers(scratch):
    path, rules = unlucky(scratch, "second", [("pthread_create", "EAGAIN", "2")])
    with new_sink("syslog", path) as sink, \
            UnluckyService(path, sink, rules, workers=WORKERS) as service:
        service.expect(f"only 1 of {WORKERS} workers could be started")
        for i in range(4):
            sock = connect(service.port)
            sock.sendall(b"message %d\n" % i)
            finish(sock)
        sink.wait_count(4)


def no_thread_no_service(scratch):
    """The first worker, or the listener: it must end, and lose nothing that was inherited."""
    for call, moments in (("pthread_create", (1, WORKERS + 1)), ("epoll_ctl", (1, 2, 3, 4))):
        for when in moments:
            path, rules = unlucky(scratch, f"{call}-{when}", [(call, "EAGAIN", str(when))])
            with new_sink("syslog", path) as sink, \
                    UnluckyService(path, sink, [], workers=WORKERS) as service:
                sock = connect(service.port)
                sock.sendall(b"half a ")
                first = connect(service.port)
                first.sendall(b"first\n")
                sink.wait_count(1)
                service.stop()
                service.luck.reset()
                service.manager.environment["PEERLOG_INJECT"] = ",".join(rules)
                service.start()
                status = service.manager.wait()
                assert status == 71, f"{call} {when}: it ended with {status}"
                assert service.luck.struck(call) == 1
                service.expect("cannot start: Resource temporarily unavailable")
                service.manager.environment["PEERLOG_INJECT"] = ""
                service.begin()
                sock.sendall(b"message\n")
                assert sink.wait_count(2)[1].text == b"half a message"
                assert first.send(b"second\n")
                sink.wait_count(3)


def a_connection_that_cannot_be_watched(scratch):
    # What is added before: three of main's, two of each worker's, the acceptor's bell and socket.
    before = 3 + 2 * WORKERS + 2
    path, rules = unlucky(scratch, "one", [("epoll_ctl", "ENOMEM", str(before + 2))])
    with new_sink("syslog", path) as sink, \
            UnluckyService(path, sink, rules, workers=WORKERS) as service:
        socks = []
        for i in range(4):
            if i == 1:
                assert refused(service.port)
                service.expect("a connection could not be served: Cannot allocate memory")
                continue
            socks.append(connect(service.port))
            socks[-1].sendall(b"message %d\n" % i)
            sink.wait(lambda r, n=i: r and r[-1].text == b"message %d" % n, "the others")
        assert service.luck.struck("epoll_ctl") == 1


def nobody_answers_administrators(scratch):
    """Of the sockets none is closed twice: by then its number may be that of a connection."""
    for when in WORKERS + 2, WORKERS + 3:
        path, rules = unlucky(scratch, f"admin-{when}", [("pthread_create", "EAGAIN", str(when))])
        with new_sink("syslog", path) as sink, held_port() as port, UnluckyService(
                path, sink, rules, workers=WORKERS, admin=dict(path=os.path.join(path, "admin")),
                metrics=dict(address="127.0.0.1", port=port)) as service:
            # libmicrohttpd 1.0 closes a socket twice itself, and thereby forgets why.
            service.expect("administrators cannot be answered: "
                           "(Resource temporarily unavailable|Input/output error)")
            say(service.port, b"hello\n")
            sink.wait_count(1)
            assert service.luck.struck("pthread_create") == 1
            assert service.luck.struck("close") == service.said("Input/output error")


main(fewer_workers, no_thread_no_service, a_connection_that_cannot_be_watched,
     *([nobody_answers_administrators] if os.path.exists(MODULE) else []))
