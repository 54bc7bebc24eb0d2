# SPDX-License-Identifier: MIT
"""Clients that come and go while no process lives.

The service is dead, by a kill or between stop and start of a restart. Clients connect and
send; some close, some reset, some wait. Others were connected before, and do the same.
Nobody reads, nobody accepts: the kernel keeps it all. The next process finds every line,
each by its own peer and in order.
"""

import signal

from survival import check_streams, connect, main, name_of, numbered, reset, surviving

CLIENTS = 40


def speak(sock, stream, ending):
    """Say something and take leave. Returns: the peer's name, what it said, and the socket."""
    messages = numbered(stream, 25)
    sock.sendall(b"".join(m + b"\n" for m in messages))
    name = name_of(sock)
    if ending == "close":
        sock.close()
    elif ending == "reset":
        reset(sock)
    elif ending == "half":
        sock.shutdown(1)
    return name, messages, sock


def lines_wait(scratch, number):
    with surviving(scratch) as (service, sink):
        before = [connect(service.port) for _ in range(CLIENTS)]
        for i, sock in enumerate(before):
            sock.sendall(b"here is client %d\n" % i)
        sink.wait_count(CLIENTS)
        spoken = {name_of(sock): [b"here is client %d" % i] for i, sock in enumerate(before)}
        service.manager.kill(number)

        held = []
        endings = ["close", "reset", "half", "stay"]
        for i, sock in enumerate(before + [None] * CLIENTS):
            name, messages, sock = speak(sock or connect(service.port), i, endings[i % 4])
            held.append(sock)
            spoken.setdefault(name, []).extend(messages)
        service.begin()
        service.expect(f"took over {CLIENTS} connections")
        records = sink.wait_count(CLIENTS + 25 * 2 * CLIENTS)
        check_streams(records, spoken)
        for sock in held[2::4]:
            assert sock.recv(1) == b"", "who said goodbye is told goodbye"
        for sock in held[3::4]:
            sock.sendall(b"I am still here\n")
        sink.wait_count(CLIENTS + 25 * 2 * CLIENTS + len(held[3::4]))


def lines_wait_for_the_next_process_after_a_kill(scratch):
    lines_wait(scratch, signal.SIGKILL)


def lines_wait_for_the_next_process_within_a_restart(scratch):
    lines_wait(scratch, signal.SIGTERM)


main(lines_wait_for_the_next_process_after_a_kill,
     lines_wait_for_the_next_process_within_a_restart)
