# SPDX-License-Identifier: MIT
"""The log refuses, for every reason there is.

Each error of send(2) strikes at the first, second and fiftieth call and at every seventh, and
whole batches are taken a few records at a time. Whatever is said meanwhile: nothing is
lost, nothing comes twice, and the order of each connection is kept.
"""

from injecting import (LONG, UnluckyService, check_streams, connect, finish, folder, log, main,
                       numbered, rule)

ERRORS = ("EAGAIN", "ENOBUFS", "ECONNREFUSED", "ENOTCONN", "ENOENT", "EPIPE", "EMSGSIZE", "EINTR",
          "EACCES")
MOMENTS = ("1", "2", "50", "7+7")
STREAMS, MESSAGES = 4, 600
PORTION = 10 if LONG else 100


def bare(record):
    """The text without the mark of a piece that is all there is."""
    if record.text.startswith(b"[piece 1, last] "):
        record.text = record.text[16:]
    return record


def deliver(scratch, kind, rules, least):
    """Streams through a log with bad luck. LEAST: how often it must have struck."""
    with log(scratch, kind) as sink, UnluckyService(scratch, sink, rules, workers=2) as service:
        service.allow("is not there", "is back after", "has taken nothing", "cannot take anything")
        socks = [connect(service.port) for _ in range(STREAMS)]
        streams = [numbered(i, MESSAGES) for i in range(STREAMS)]
        for at in range(0, MESSAGES, PORTION):
            for sock, messages in zip(socks, streams):
                sock.sendall(b"".join(m + b"\n" for m in messages[at:at + PORTION]))
            sink.wait_count(STREAMS * (at + PORTION) if LONG else 1)  # many calls, or few
        names = [finish(sock) for sock in socks]
        records = sink.wait(lambda r: len(r) >= STREAMS * MESSAGES, "all messages")
        check_streams([bare(r) for r in records], dict(zip(names, streams)))
        assert service.luck.struck("send") >= least, "the log had no bad luck"
        service.stop()
        assert len(sink.records()) == STREAMS * MESSAGES, "more came at the end"


def errors(scratch, kind):
    for error in ERRORS:
        moments = [(m,) for m in MOMENTS] if LONG else [MOMENTS]
        for when in moments:
            deliver(folder(scratch, f"{error}-{len(when)}-{when[0]}"), kind,
                    [rule("send", error, m) for m in when], 1 if LONG else 2)


def errors_of_the_log_socket(scratch):
    errors(scratch, "syslog")


def errors_of_the_journal(scratch):
    errors(scratch, "journal")


def several_in_a_row(scratch):
    for error in ("EAGAIN", "ENOBUFS", "ECONNREFUSED"):
        deliver(folder(scratch, error), "syslog", [rule("send", error, "5x5")], 5)


def batches_taken_in_part(scratch):
    for limit in (1, 2, 7, 1000):
        deliver(folder(scratch, str(limit)), "syslog", [rule("send", f"limit{limit}", "1+1")], 2)


def batches_taken_in_part_and_then_refused(scratch):
    deliver(scratch, "syslog", [rule("send", "EAGAIN", "3+5"), rule("send", "limit13", "1+1")], 20)


main(errors_of_the_log_socket, errors_of_the_journal, several_in_a_row, batches_taken_in_part,
     batches_taken_in_part_and_then_refused)
