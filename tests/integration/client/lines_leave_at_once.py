#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# An operator follows a log: tail -f app.log | peerlog. Every line must be on the wire before
# the next one is written, however long the silence between them; so here the next
# line is written only after the one before has arrived. Silence on standard input never
# runs into the timeout, and at its end peerlog says goodbye and waits for the answer.

import select

from peer import Listener, check, finish, read_exactly, start


def follow(*options, answer):
    listener = Listener()
    process = start(listener.port, "-w", "0.2", *options)
    connection = listener.accept()
    for number in range(20):
        line = f"line {number}".encode()
        process.stdin.write(line + b"\n")
        process.stdin.flush()
        wanted = answer(line)
        check("a line", read_exactly(connection, len(wanted)), wanted)
        if number == 10:  # a silence of more than the timeout: nothing may come
            quiet = select.select([connection], [], [], 0.5)[0]
            check("in the silence", quiet, [])
    process.stdin.close()
    check("the end", connection.recv(1), b"")
    connection.close()
    check("peerlog", finish(process), (0, ""))


follow(answer=lambda line: line + b"\n")
follow("-p", "local0.info", answer=lambda line: b"<134>" + line + b"\n")
follow("--octet-count", answer=lambda line: b"%d <13>%b" % (len(line) + 4, line))
