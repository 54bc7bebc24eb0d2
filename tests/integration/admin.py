#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# The admin socket, as a person or a program sees it. It tells who is connected and what each has
# sent, cuts one off in good order or at once, reloads and says why not. Clients that hang, vanish,
# say half a request or nonsense get nothing and cost nothing: messages go on, and the next one is
# answered.

import grp
import json
import random

from administered import administered, port_of, skip_without_module
from support import *

def nothing_is_loaded_before_it_is_asked(scratch):
    def mapped(daemon):
        with open(f"/proc/{daemon.pid}/maps", encoding="utf-8") as file:
            return re.findall(r"/(peerlogd-admin|libmicrohttpd|libjansson)", file.read())

    with administered(scratch) as (daemon, _, admin):
        assert not mapped(daemon)
        threads = daemon.threads()
        assert admin.get("/v1/status")["pid"] == daemon.pid
        assert set(mapped(daemon)) == {"peerlogd-admin", "libmicrohttpd", "libjansson"}
        assert daemon.threads() == threads + 1
        assert os.stat(admin.path).st_mode & 0o777 == 0o660


def it_can_be_switched_off(scratch):
    path = os.path.join(scratch, "off")
    with serving("syslog", scratch, admin=dict(enabled=False, path=path)) as (daemon, _):
        daemon.wait_workers()
        connect(daemon.port).close()
        assert not os.path.exists(path)


def a_group_may_be_let_in(scratch):
    mine = grp.getgrgid(os.getegid())
    others = [4711] if os.geteuid() == 0 else []
    for group in mine.gr_name, *(str(g) for g in [mine.gr_gid, *others]):
        with administered(scratch, group=group) as (_, _, admin):
            assert admin.get("/v1/status")
            wanted = mine.gr_gid if group == mine.gr_name else int(group)
            until(lambda a=admin, w=wanted: os.stat(a.path).st_gid == w, "its group")
    with administered(scratch, group="no-such-group") as (daemon, _, admin):
        daemon.expect("is not for the group no-such-group .admin.group.: there is no such group")
        assert admin.get("/v1/status")


def it_tells_who_is_connected(scratch):
    listeners = [LOOPBACK, dict(LOOPBACK, tag="other", framing="lf")]
    with administered(scratch, listeners=listeners) as (daemon, sink, admin):
        first = connect(daemon.port)
        first.sendall(b"one\ntwo\nunfinished")
        second = connect(daemon.listeners[1][1])
        second.sendall(b"three\n")
        sink.wait_count(3)
        until(lambda: sum(c["bytes"] for c in admin.connections()) == 24, "all bytes")
        by_port = {c["port"]: c for c in admin.connections()}
        assert by_port.keys() == {port_of(first), port_of(second)}
        one = by_port[port_of(first)]
        assert one["address"] == "127.0.0.1" and one["tag"] == "peerlogd"
        assert (one["messages"], one["bytes"], one["tail"]) == (2, 18, 10)
        assert one["listener"] == f"127.0.0.1:{daemon.port}" and one["framing"] == "auto"
        assert (one["transport"], one["session"]) == ("plain", "syslog")
        assert not one["slowed"] and not one["leaving"] and one["problem"] is None
        assert one["ends"] == ["lf"] and one["waits"] == "end"
        assert abs(one["since"] - time.time()) < PATIENCE
        first.sendall(b"\n7 <13>four\n7 <13>five\n")
        daemon.expect("the count before a message is 7")
        until(lambda: admin.get(f"/v1/connections/{one['id']}")["problem"] == "count",
              "what is wrong to be told")
        assert "octet-counting" in admin.get(f"/v1/connections/{one['id']}")["ends"]


def connections_are_sorted_and_chosen(scratch):
    listeners = [LOOPBACK, dict(LOOPBACK, tag="other", framing="lf")]
    with administered(scratch, listeners=listeners) as (daemon, sink, admin):
        first, second = connect(daemon.port), connect(daemon.listeners[1][1])
        first.sendall(b"one\ntwo\nunfinished")
        second.sendall(b"three\n")
        sink.wait_count(3)
        until(lambda: sum(c["bytes"] for c in admin.connections()) == 24, "all bytes")
        one = next(c for c in admin.connections() if c["port"] == port_of(first))
        assert admin.get(f"/v1/connections/{one['id']}")["port"] == port_of(first)
        assert [c["port"] for c in admin.connections("?sort=bytes")] == [
            port_of(first), port_of(second)]
        assert [c["port"] for c in admin.connections("?listener=other")] == [port_of(second)]
        assert len(admin.connections("?sort=bytes&limit=1")) == 1
        assert len(admin.connections("?peer=127.0.0.0/8")) == 2
        assert not admin.connections("?peer=192.0.2.0/24") and not admin.connections("?peer=::/0")
        status = admin.get("/v1/status")
        assert status["connections"]["open"] == 2 and status["messages"]["logged"] == 3
        assert status["output"]["up"] and status["output"]["path"] == sink.path
        assert status["busiest"] == [dict(address="127.0.0.1", connections=2, messages=3, bytes=24,
                                          rate=0.0)]
        told = admin.get("/v1/listeners")["listeners"]
        assert [(t["tag"], t["framing"]) for t in told] == [("peerlogd", "auto"), ("other", "lf")]


def the_busiest_peers_are_named(scratch):
    with administered(scratch) as (daemon, sink, admin):
        hosts = [f"127.0.0.{i}" for i in range(1, 15)]
        socks = {host: [connect(daemon.port, source=host) for _ in range(2)] for host in hosts}
        for i, host in enumerate(hosts):
            for sock in socks[host]:
                sock.sendall((i + 1) * b"x\n")
        sink.wait_count(sum(2 * (i + 1) for i in range(14)))
        until(lambda: admin.get("/v1/status")["busiest"][0]["bytes"] == 14 * 4, "the last bytes")
        busiest = admin.get("/v1/status")["busiest"]
        assert [b["address"] for b in busiest] == hosts[:3:-1], busiest
        assert all(b["connections"] == 2 for b in busiest)
        assert admin.get("/v1/status?busiest=2")["busiest"] == busiest[:2]
        assert not admin.get("/v1/status?busiest=0")["busiest"]
        socks[hosts[0]][0].sendall(10000 * b"x\n")
        until(lambda: admin.get("/v1/status")["busiest"][0]["address"] == hosts[0],
              "the one that sends now to be the first")


def many_connections_are_all_listed(scratch):
    with administered(scratch, workers=3) as (daemon, sink, admin):
        socks = [connect(daemon.port) for _ in range(900)]
        for i, sock in enumerate(socks):
            sock.sendall(b"x%d\n" % i)
        sink.wait_count(900)
        listed = admin.connections("?sort=idle")
        assert {c["port"] for c in listed} == {port_of(sock) for sock in socks}
        assert len({c["id"] for c in listed}) == 900


def lines_of(answer, count, wanted="text"):
    """So many lines of a stream that have what is wanted."""
    lines = []
    while len(lines) < count:
        line = json.loads(answer.readline())
        if wanted in line:
            lines.append(line)
    return lines


def count_told(answer, count):
    """Read a stream until so many messages were told, or counted as missed."""
    told = missed = 0
    while told + missed < count:
        line = json.loads(answer.readline())
        told += "text" in line
        missed += line.get("missed", 0)
    assert told + missed == count
    return told


def a_trace_has_the_very_bytes(scratch):
    with administered(scratch, workers=2) as (daemon, sink, admin):
        assert admin.ask("/v1/trace")[0] == 400
        with admin.stream("/v1/trace?peer=127.0.0.1") as answer:
            sock = connect(daemon.port)
            sock.sendall("grüß <dich>\n".encode() + b"\xff\x80\n")
            first, second = lines_of(answer, 2)
            assert first["text"] == "grüß <dich>" and "base64" not in first, first
            assert first["port"] == port_of(sock) and first["sequence"] == 1 and not first["notes"]
            assert second["text"] == "\ufffd\ufffd" and second["base64"] == "/4A="
            # What waits for its end is told, once.
            sock.sendall(b"half")
            waiting, = lines_of(answer, 1, "waits")
            assert (waiting["port"], waiting["waits"], waiting["tail"]) == (
                port_of(sock), "end", 4), waiting
            sock.sendall(b" and half\n")
            assert lines_of(answer, 1)[0]["text"] == "half and half"
            # More than there is room for is counted, and logged all the same.
            sock.sendall(b"".join(b"%0100d\n" % i for i in range(2000)))
            sink.wait_count(2003)
            assert 0 < count_told(answer, 2000) < 2000


def several_look_on(scratch):
    with administered(scratch) as (daemon, sink, admin):
        one, other = (connect(daemon.port, source=f"127.0.0.{i}") for i in (2, 3))
        with contextlib.ExitStack() as onlookers:
            def begin(peer):
                return onlookers.enter_context(admin.stream(f"/v1/trace?peer={peer}"))
            of_one, of_other, of_both = map(begin, ("127.0.0.2", "127.0.0.3", "127.0.0.2/31"))
            for _ in range(4):
                begin("::1")
            with admin.stream("/v1/trace?peer=::1"):
                assert admin.ask("/v1/trace?peer=::1")[0] == 503
            # Who goes away makes room, although its peer says nothing.
            until(lambda: admin.ask("/v1/trace?peer=::1", "HEAD")[0] == 200, "a place")
            one.sendall(b"first\n")
            sink.wait_count(1)
            other.sendall(b"second\n")
            for answer, texts in ((of_one, ["first"]), (of_other, ["second"]),
                                  (of_both, ["first", "second"])):
                assert [line["text"] for line in lines_of(answer, len(texts))] == texts
            one.sendall(b"third\n")
            assert lines_of(of_one, 1)[0]["text"] == "third"
            # A stop ends the streams.
            daemon.end()
            assert of_one.read() == b""


def one_that_looks_on_and_reads_late(scratch):
    with administered(scratch) as (daemon, sink, admin):
        with admin.stream("/v1/trace?peer=127.0.0.1") as late, \
                admin.stream("/v1/trace?peer=127.0.0.1") as prompt:
            sock = connect(daemon.port)
            for _ in range(5):  # each becomes nearly 256 KiB of JSON
                sock.sendall(14 * (3999 * b"\xff" + b"\n"))
                assert count_told(prompt, 14) == 14
            sink.wait_count(70)
            assert 14 <= count_told(late, 70) < 70


def connections_end_when_told(scratch):
    with administered(scratch) as (daemon, sink, admin):
        here, there, third = (connect(daemon.port) for _ in range(3))
        for sock in here, there, third:
            sock.sendall(b"hello\n")
        sink.wait_count(3)
        by_port = {c["port"]: c["id"] for c in admin.connections()}
        # In good order: a FIN.
        assert admin.ask(f"/v1/connections/{by_port[port_of(here)]}", "DELETE") == (
            200, {"ended": 1})
        assert here.recv(1) == b""
        # At once: a reset.
        assert admin.ask(f"/v1/connections/{by_port[port_of(there)]}?now=1", "DELETE") == (
            200, {"ended": 1})
        wait_reset(there)
        until(lambda: len(admin.connections()) == 1, "two to be gone")
        assert admin.ask(f"/v1/connections/{by_port[port_of(here)]}", "DELETE")[0] == 404
        # None by mistake.
        for query in "", "?pear=127.0.0.1", "?peer=", "?listener=peerlogd":
            assert admin.ask("/v1/connections" + query, "DELETE")[0] == 400, query
        assert admin.ask("/v1/connections?peer=192.0.2.1", "DELETE") == (200, {"ended": 0})
        assert len(admin.connections()) == 1
        third.sendall(b"sent before the end\n")
        assert admin.ask("/v1/connections?peer=127.0.0.1", "DELETE") == (200, {"ended": 1})
        sink.wait_count(4)
        assert third.recv(1) == b""
        until(lambda: not admin.connections(), "the last one to be gone")


def what_was_sent_is_logged_before_the_end(scratch):
    """Of RELP and of TLS, too; an end is a FIN, behind the answers and behind close_notify."""
    authority = Authority(scratch)
    own = authority.issue("localhost")
    listeners = [dict(LOOPBACK, session="relp"), own.settings()]
    with administered(scratch, listeners=listeners) as (daemon, sink, admin):
        relp = connect(daemon.port)
        relp.sendall(b"1 open 0\n")
        relp.recv(1000)
        context = ssl.create_default_context(cafile=authority.file)
        tls = context.wrap_socket(connect(daemon.listeners[1][1]), server_hostname="localhost")
        tls.sendall(b"the first\n")
        sink.wait_count(1)
        until(lambda: len(admin.connections()) == 2, "both")
        assert {(c["transport"], c["session"]) for c in admin.connections()} == {
            ("plain", "relp"), ("tls", "syslog")}
        relp.sendall(b"".join(b"%d syslog 5 m%04d\n" % (i + 2, i) for i in range(100)))
        tls.sendall(b"".join(b"t%04d\n" % i for i in range(100)))
        assert admin.ask("/v1/connections?peer=127.0.0.1", "DELETE") == (200, {"ended": 2})
        heard = b""
        while piece := relp.recv(65536):
            heard += piece
        assert b"101 rsp 6 200 OK\n" in heard and heard.endswith(b"0 serverclose 0\n"), heard
        assert tls.recv(1) == b""
        tls.close()
        sink.wait_count(201)
        until(lambda: not admin.connections(), "both to be gone")


def wait_reset(sock):
    try:
        while sock.recv(1):
            pass
    except ConnectionResetError:
        return
    # The FIN came first; what is written now meets the reset.
    def is_reset():
        try:
            sock.sendall(b"x")
        except (ConnectionResetError, BrokenPipeError):
            return True
        return False

    until(is_reset, "the reset")


def one_that_never_stops_sending_is_ended(scratch):
    with administered(scratch) as (daemon, _, admin):
        flood = connect(daemon.port)
        stopped = threading.Event()

        def send():
            with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                while not stopped.is_set():
                    flood.sendall(100 * b"again and again\n")
            stopped.set()

        thread = threading.Thread(target=send)
        thread.start()
        until(lambda: any(c["bytes"] > 10000 for c in admin.connections()), "the flood")
        assert admin.ask("/v1/connections?peer=127.0.0.1&now=1", "DELETE")[1] == {"ended": 1}
        try:
            assert stopped.wait(PATIENCE), "it still sends"
        finally:
            stopped.set()
            thread.join()


def one_that_is_slowed_is_ended(scratch):
    """By its rate it would be read again in more than half an hour."""
    with administered(scratch, limits=dict(messages_per_second=1)) as (daemon, sink, admin):
        flood, other = connect(daemon.port), connect(daemon.port)
        for sock in flood, other:
            sock.sendall(4096 * b"x\n")
        sink.wait_count(4096)
        until(lambda: all(c["slowed"] for c in admin.connections()), "both to be slowed")
        mine = {c["port"]: c["id"] for c in admin.connections()}[port_of(flood)]
        assert admin.ask(f"/v1/connections/{mine}?now=1", "DELETE") == (200, {"ended": 1})
        wait_reset(flood)
        until(lambda: len(admin.connections()) == 1, "it to be gone")
        assert admin.connections()[0]["slowed"]


def a_reload_is_answered(scratch):
    with administered(scratch) as (daemon, _, admin):
        daemon.allow("not reloaded", "buffer_size", "takes effect at the next restart")
        daemon.write_file(oversize="truncate")
        assert admin.ask("/v1/reload", "POST") == (200, {"reloaded": "reloaded " + daemon.file})
        daemon.expect(": reloaded ")
        daemon.write_file(buffer_size=1)
        status, answer = admin.ask("/v1/reload", "POST")
        assert status == 409 and "buffer_size" in answer["error"], answer
        daemon.write_file(buffer_size=8192, admin=dict(enabled=False))
        assert admin.ask("/v1/reload", "POST")[0] == 200
        daemon.expect("admin takes effect at the next restart")
        assert "trouble" not in admin.get("/v1/status")


def wrong_requests_are_refused(scratch):
    with administered(scratch) as (_, _, admin):
        for what, method, status in (
                ("/", "GET", 404), ("/v1", "GET", 404), ("/metrics/", "GET", 404),
                ("/v1/connections/", "GET", 404), ("/v1/connections/1/2", "GET", 404),
                ("/v1/connections/x", "GET", 400), ("/v1/connections/7", "GET", 404),
                ("/v1/connections?limit=0", "GET", 400), ("/v1/connections?sort=x", "GET", 400),
                ("/v1/status", "DELETE", 405), ("/v1/reload", "GET", 405),
                ("/metrics", "POST", 405), ("/metrics", "HEAD", 200)):
            assert admin.ask(what, method)[0] == status, (what, method)
        assert admin.ask("/v1/reload", "POST", **{"Content-Length": "3"})[0] == 413
        assert raw(admin.path, b"GET /" + 20000 * b"x" + b" HTTP/1.1\r\n\r\n")[:9] == b"HTTP/1.1 "
        assert admin.get("/v1/status")


def raw(path, request):
    """Say REQUEST, and hear what comes before the end."""
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(PATIENCE)
    sock.connect(path)
    heard = b""
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        sock.sendall(request)
        sock.shutdown(socket.SHUT_WR)
        while piece := sock.recv(65536):
            heard += piece
    sock.close()
    return heard


def nonsense_costs_nothing(scratch):
    chance = random.Random(16)
    with administered(scratch) as (daemon, sink, admin):
        assert admin.get("/v1/status")
        descriptors = daemon.descriptors()
        for _ in range(400):
            line = bytearray(b"GET /v1/connections?peer=127.0.0.0/8&sort=idle HTTP/1.1\r\n"
                             b"Host: peerlogd\r\nAccept: */*\r\n\r\n")
            for _ in range(chance.randrange(1, 6)):
                at = chance.randrange(len(line))
                line[at:at + chance.randrange(3)] = chance.randbytes(chance.randrange(4))
            raw(admin.path, bytes(line[:chance.randrange(len(line) + 1)]))
        assert admin.get("/v1/status")
        until(lambda: daemon.descriptors() <= descriptors, "all clients to be gone")
        sock = connect(daemon.port)
        sock.sendall(b"and messages go on\n")
        sink.wait_count(1)


def clients_that_hang_or_vanish_do_not_matter(scratch):
    with administered(scratch) as (daemon, sink, admin):
        assert admin.get("/v1/status")
        hanging = []
        for i in range(100):
            sock = socket.socket(socket.AF_UNIX)
            sock.settimeout(PATIENCE)
            # Some find no place even in the kernel's queue: they do not block us here.
            sock.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                sock.connect(admin.path)
                sock.send([b"", b"GET /v1/st", b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"][i % 3])
            hanging.append(sock)
        sender = connect(daemon.port)
        sender.sendall(b"a message\n")
        sink.wait_count(1)
        for sock in hanging[::2]:
            sock.close()  # it vanishes
        # The others are dropped after a while, and so the next one is answered.
        assert admin.get("/v1/status")["messages"]["logged"] == 1
        for sock in hanging:
            sock.close()


def a_stop_does_not_wait_for_it(scratch):
    with administered(scratch) as (daemon, _, admin):
        assert admin.get("/v1/status")
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(admin.path)
        sock.sendall(b"GET /half")
        began = time.monotonic()
        daemon.end()
        assert time.monotonic() - began < PATIENCE / 4
        sock.close()


skip_without_module()

main(nothing_is_loaded_before_it_is_asked,
     it_can_be_switched_off,
     a_group_may_be_let_in,
     it_tells_who_is_connected,
     connections_are_sorted_and_chosen,
     the_busiest_peers_are_named,
     many_connections_are_all_listed,
     a_trace_has_the_very_bytes,
     several_look_on,
     one_that_looks_on_and_reads_late,
     connections_end_when_told,
     what_was_sent_is_logged_before_the_end,
     one_that_never_stops_sending_is_ended,
     one_that_is_slowed_is_ended,
     a_reload_is_answered,
     wrong_requests_are_refused,
     nonsense_costs_nothing,
     clients_that_hang_or_vanish_do_not_matter,
     a_stop_does_not_wait_for_it)
