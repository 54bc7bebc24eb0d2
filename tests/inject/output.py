# SPDX-License-Identifier: MIT
"""The log refuses, for every reason there is.

Each error of send(2) strikes at the first, second and fiftieth call and at every seventh, and
whole batches are taken a few records at a time. Whatever is said meanwhile: nothing is
lost, nothing comes twice, and the order of each connection is kept. An error that never ends
is waited out: no spinning, and a stop in good order.
"""

from injecting import (LONG, UnluckyService, check_streams, connect, finish, folder, main, new_sink,
                       numbered, rule, until)

ERRORS = ("EAGAIN", "ENOBUFS", "ECONNREFUSED", "ENOTCONN", "ENOENT", "EPIPE", "EMSGSIZE", "EINTR",
          "EACCES")
# When they strike, and which of the first N calls that are.
MOMENTS = {
    "1": lambda n: {1},
    "2": lambda n: {2},
    "50": lambda n: {50},
    "7+7": lambda n: set(range(7, n + 1, 7)),
}
STREAMS, MESSAGES = 4, 600
PORTION = 10  # of each stream, and the log has it before the next: so there are 60 calls at least


def bare(record):
    """The text without the mark of a piece that is all there is."""
    if record.text.startswith(b"[piece 1, last] "):
        record.text = record.text[16:]
    return record


def deliver(scratch, kind, rules, portion=PORTION):
    """Streams through a log with bad luck. Returns: calls of send, and how many were struck."""
    with new_sink(kind, scratch) as sink, \
            UnluckyService(scratch, sink, rules, workers=2) as service:
        service.allow("is not there", "refuses us", "is back after", "has taken nothing",
                      "cannot take anything")
        socks = [connect(service.port) for _ in range(STREAMS)]
        streams = [numbered(i, MESSAGES) for i in range(STREAMS)]
        for at in range(0, MESSAGES, portion):
            for sock, messages in zip(socks, streams):
                sock.sendall(b"".join(m + b"\n" for m in messages[at:at + portion]))
            sink.wait_count(STREAMS * (at + portion))
        names = [finish(sock) for sock in socks]
        records = sink.wait(lambda r: len(r) >= STREAMS * MESSAGES, "all messages")
        check_streams([bare(r) for r in records], dict(zip(names, streams)))
        service.stop()
        assert len(sink.records()) == STREAMS * MESSAGES, "more came at the end"
        return service.luck("send")


def errors(scratch, kind):
    """All moments together; with PEERLOG_LONG each by itself, too."""
    for error in ERRORS:
        for moments in [list(MOMENTS)] + [[m] for m in MOMENTS if LONG]:
            called, struck = deliver(folder(scratch, f"{error}-{len(moments)}-{moments[0]}"), kind,
                                     [rule("send", error, m) for m in moments])
            wanted = set.union(*(MOMENTS[m](called) for m in moments))
            assert called >= 50 and struck == len(wanted), (
                f"{error}: {struck} of {called} calls were struck, not {len(wanted)}")


def errors_of_the_log_socket(scratch):
    errors(scratch, "syslog")


def errors_of_the_journal(scratch):
    errors(scratch, "journal")


def several_in_a_row(scratch):
    for error in ("EAGAIN", "ENOBUFS", "ECONNREFUSED"):
        _, struck = deliver(folder(scratch, error), "syslog", [rule("send", error, "5x5")])
        assert struck == 5, f"{struck} x {error}"


def batches_taken_in_part(scratch):
    for kind in ("syslog", "journal"):
        for limit in (1, 2, 7, 1000):
            for portion in (MESSAGES, PORTION):
                called, struck = deliver(folder(scratch, f"{kind}-{limit}-{portion}"), kind,
                                         [rule("send", f"limit{limit}", "1+1")], portion)
                assert struck == called >= STREAMS * MESSAGES // limit, (
                    f"{kind}: {struck} of {called} calls")


def batches_taken_in_part_and_then_refused(scratch):
    for kind in ("syslog", "journal"):
        _, struck = deliver(folder(scratch, kind), kind, [
            rule("send", "EAGAIN", "3+5"), rule("send", "limit13", "1+1")], MESSAGES)
        assert struck > STREAMS * MESSAGES // 13, kind


def errors_without_end(scratch, kind):
    """The worst of all logs: it is there, and refuses everything, large and small, for ever."""
    # Not EAGAIN and EINTR: these the kernel says of a full log, or for a moment.
    some, all_of_them = ("ENOBUFS", "ECONNREFUSED", "EMSGSIZE"), set(ERRORS) - {"EAGAIN", "EINTR"}
    for error in sorted(all_of_them) if LONG else some:
        path = folder(scratch, error)
        with new_sink(kind, path) as sink, UnluckyService(
                path, sink, [rule("send", error, "1+1")], workers=1,
                buffer_size=131072) as service:
            sock = connect(service.port)
            sock.sendall(b"small\n" + b"\1" * 131072 + b"\nsmall\n")
            service.expect("is not there|cannot take anything")
            calls = service.luck.called("send")
            assert calls < 100, f"{error}: {calls} calls before a word was said"
            until(lambda: service.luck.called("send") >= calls + 3, f"attempts after {error}")
            service.stop()
            calls = service.luck.called("send")
            assert calls < 200, f"{error}: {calls} calls"
            assert not sink.records()
            service.since = service.manager.mark()
            service.manager.environment["PEERLOG_INJECT"] = ""
            service.begin()
            service.allow("is back after", "took over")
            finish(sock)
            records = sink.wait(lambda r: sum(bare(x).text == b"small" for x in r) == 2, "all")
            texts = [bare(r).text for r in records]
            assert texts[0] == texts[-1] == b"small" and len(texts) >= 3, len(texts)


def errors_without_end_of_the_log_socket(scratch):
    errors_without_end(scratch, "syslog")


def errors_without_end_of_the_journal(scratch):
    errors_without_end(scratch, "journal")


main(errors_of_the_log_socket, errors_of_the_journal, several_in_a_row, batches_taken_in_part,
     batches_taken_in_part_and_then_refused, errors_without_end_of_the_log_socket,
     errors_without_end_of_the_journal)
