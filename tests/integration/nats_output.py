#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# peerlogd writes to a stream of NATS JetStream, on a server of Debian's that the test starts.
# Messages come back as they were said, under subjects that are made of safe tokens, in packs or
# alone, each with an identity. The server may be away, gone in the middle, without the stream, or
# full: messages wait, and come once and in order when it takes them again. What cannot be right is
# said by --check, and at the start.

import collections
import json

import jetstream
from support import *

SAID = r"NATS stream LOGS|log: NATS"


def nats(cluster, **more):
    return dict(type="nats", servers=cluster.urls, **more)


def start(scratch, cluster, listeners=None, **output):
    daemon = Daemon(scratch, listeners=listeners or [LOOPBACK], output=nats(cluster, **output))
    daemon.allow(SAID)
    return daemon


def send(port, texts):
    with connect(port) as sock:
        sock.sendall(b"".join(text.encode() + b"\n" for text in texts))
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(1) == b""


def records(cluster, stream="LOGS"):
    for _, body in cluster.read(stream):
        for line in body.splitlines():
            yield json.loads(line)


def headers(head):
    return dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:] if line)


def assert_numbered(cluster, connections, count):
    """Each connection's messages are there once and in order."""
    seen = collections.defaultdict(list)
    for record in records(cluster):
        seen[record["peer_connection"]].append(record["peer_sequence"])
    assert len(seen) == connections, len(seen)
    for connection, sequences in seen.items():
        assert sequences == list(range(1, count + 1)), (connection, sequences[:20])


def messages_come_back_as_they_were_said(scratch):
    listeners = [dict(LOOPBACK, tag="core.switches")]
    with jetstream.Cluster(scratch) as cluster:
        cluster.make("LOGS")
        with start(scratch, cluster, listeners) as daemon:
            daemon.expect(r"NATS stream LOGS: 1 replica; .* duplicate window, 120 s")
            send(daemon.port, ["first", "<11>second", "bell\a"])
            found = list(cluster.read("LOGS"))
        first, second, third = (json.loads(body) for _, body in found)
        assert first["message"].endswith(" first") and second["priority"] == 3
        assert third["peer_flags"] == "escaped" and bytes(third["peer_raw"]) == b"bell\a"
        assert [r["peer_sequence"] for r in (first, second, third)] == [1, 2, 3]
        head = headers(found[0][0])
        assert head[b"Nats-Msg-Id"].decode() == first["peer_connection"] + "-1", head
        assert head[b"Peer"].startswith(b"127.0.0.1:") and head[b"Peer-Sequence"] == b"1"
        state = cluster.ask("STREAM.INFO.LOGS", subjects_filter=">")["state"]
        assert list(state["subjects"]) == ["logs.core_switches.127_0_0_1"], state


def packs_hold_many_records(scratch):
    with jetstream.Cluster(scratch) as cluster:
        cluster.make("LOGS")
        with start(scratch, cluster, pack=100) as daemon:
            send(daemon.port, [f"m{i}" for i in range(5000)])
            assert cluster.count("LOGS") < 500, cluster.state("LOGS")
            assert_numbered(cluster, 1, 5000)
            head = headers(next(cluster.read("LOGS"))[0])
            assert int(head[b"Peer-Records"]) > 1, head
            assert head[b"Nats-Msg-Id"].count(b"-") == 3, head


def a_stream_is_made_when_asked_for(scratch):
    with jetstream.Cluster(scratch) as cluster:
        with start(scratch, cluster, create_stream=dict(replicas=1, max_messages=64)) as daemon:
            daemon.expect("NATS stream LOGS was made: 1 replica; .* duplicate window, 600 s")
            send(daemon.port, ["a"])
            config = cluster.ask("STREAM.INFO.LOGS")["config"]
        assert config["discard"] == "new" and config["max_msgs"] == 64, config
        assert config["subjects"] == ["logs.*.*"], config


def messages_wait_for_server_and_stream(scratch):
    with jetstream.Cluster(scratch) as cluster:
        server = cluster.servers[0]
        server.kill()
        with start(scratch, cluster) as daemon:
            daemon.expect("NATS stream LOGS: .*(No server|refused)")
            with connect(daemon.port) as sock:
                sock.sendall(b"".join(b"m%d\n" % i for i in range(300)))
                daemon.expect("NATS stream LOGS is not there")
                server.start()
                cluster.wait_ready()
                daemon.expect("NATS stream LOGS: there is no such stream; make it")
                cluster.make("LOGS")
                daemon.expect("NATS stream LOGS is back after")
                until(lambda: cluster.count("LOGS") == 300, "all of them")
            assert_numbered(cluster, 1, 300)


def a_server_may_die_again_and_again(scratch):
    with jetstream.Cluster(scratch) as cluster:
        cluster.make("LOGS")
        server = cluster.servers[0]
        with start(scratch, cluster) as daemon:
            with contextlib.ExitStack() as stack:
                socks = [stack.enter_context(connect(daemon.port)) for _ in range(8)]
                for part in range(6):
                    for sock in socks:
                        sock.sendall(b"".join(b"m%d\n" % i for i in range(250)))
                    until(lambda: cluster.count("LOGS") > 2000 * part, "some of them")
                    server.kill()
                    server.start()
                    cluster.wait_ready()
            until(lambda: cluster.count("LOGS") == 12000, "all of them")
            assert_numbered(cluster, 8, 1500)


def a_full_stream_keeps_its_clients_waiting(scratch):
    with jetstream.Cluster(scratch) as cluster:
        cluster.make("LOGS", max_msgs=1500)
        with start(scratch, cluster, in_flight=64) as daemon:
            with contextlib.ExitStack() as stack:
                for _ in range(4):
                    sock = stack.enter_context(connect(daemon.port))
                    sock.sendall(b"".join(b"m%04d %s\n" % (i, b"x" * 200) for i in range(1000)))
                daemon.expect("NATS stream LOGS: maximum messages exceeded")
                daemon.expect(r"NATS stream LOGS cannot take anything \(No space left")
                full = cluster.count("LOGS")
                assert full == 1500
                assert cluster.ask("STREAM.UPDATE.LOGS", name="LOGS", subjects=["logs.>"],
                                   storage="file", discard="new", num_replicas=1,
                                   max_msgs=64000)
                daemon.expect("NATS stream LOGS is back after")
                until(lambda: cluster.count("LOGS") == 4000, "all of them")
            assert_numbered(cluster, 4, 1000)


def what_would_lose_messages_is_said(scratch):
    with jetstream.Cluster(scratch) as cluster:
        cluster.make("LOGS", discard="old", max_bytes=1 << 20)
        with start(scratch, cluster) as daemon:
            daemon.expect('NATS stream LOGS has discard "old" and a limit')
        status, _, errors = run_daemon("--check", "-c", daemon.file)
        assert status == 0 and any('has discard "old"' in line for line in errors), errors
        assert cluster.ask("STREAM.DELETE.LOGS")
        cluster.make("LOGS", max_bytes=1 << 20)
        status, _, errors = run_daemon("--check", "-c", daemon.file)
        assert status == 0 and any("has a limit in bytes" in line for line in errors), errors
        cluster.servers[0].kill()
        status, _, errors = run_daemon("--check", "-c", daemon.file)
        assert status == 0 and any("NATS stream LOGS: " in line for line in errors), errors


def a_message_that_can_never_be_stored_is_said_at_the_start(scratch):
    with jetstream.Cluster(scratch, options="max_payload: 16384") as cluster:
        cluster.make("LOGS")
        with start(scratch, cluster) as daemon:
            daemon.expect("NATS stream LOGS: max_payload of 16384 bytes is less than")


def reload_moves_to_another_stream(scratch):
    with jetstream.Cluster(scratch) as cluster, new_sink("syslog", scratch) as sink:
        cluster.make("LOGS")
        with Daemon(scratch, sink) as daemon:
            daemon.allow(SAID)
            syslog = daemon.output
            for turn in range(3):
                daemon.output = nats(cluster)
                daemon.write_file()
                daemon.signal(signal.SIGHUP)
                daemon.expect("reloaded", 2 * turn + 1)
                send(daemon.port, ["to NATS"])
                daemon.output = syslog
                daemon.write_file()
                daemon.signal(signal.SIGHUP)
                daemon.expect("reloaded", 2 * turn + 2)
                send(daemon.port, ["to syslog"])
            sink.wait_count(3)
        assert cluster.count("LOGS") == 3


def who_is_silent_is_missed_under_load(scratch):
    """A log that always has something on its way takes it all the same."""
    listeners = [dict(LOOPBACK, silent_after=1)]
    with jetstream.Cluster(scratch) as cluster:
        cluster.make("LOGS")
        with start(scratch, cluster, listeners, pack=1) as daemon:
            busy, silent = (connect(daemon.port, source=f"127.0.0.{i}") for i in (5, 6))
            silent.sendall(b"x\n")
            daemon.allow(": 127.0.0.5: ")  # on a machine that is slower than a second
            stopped = threading.Event()

            def talk():
                said = 0
                while not stopped.is_set():
                    busy.sendall(1000 * b"again and again\n")
                    said += 1000
                    until(lambda: cluster.count("LOGS") > said - 500, "half of it to be stored")

            thread = threading.Thread(target=talk)
            thread.start()
            try:
                daemon.expect(r": 127.0.0.6: has said nothing for \d+ s")
            finally:
                stopped.set()
                thread.join()
            for sock in busy, silent:
                finish(sock)


def settings_that_are_wrong_are_refused(scratch):
    wrong = [
        (dict(servers=[]), r"output.servers: is missing"),
        (dict(servers=["a b"]), r"output.servers: has a text that is no server"),
        (dict(subject="logs..%{address}"), r"output.subject: has an empty token"),
        (dict(subject="logs.%{host}"), r"output.subject: may have %\{listener\} and"),
        (dict(stream="a.b"), r"output.stream: is no name of a stream"),
        (dict(tls_key="/k"), r"output.tls_key: and tls_certificate go together"),
        (dict(tls_ca="/ca"), r"output.tls_ca: has no effect without tls"),
        (dict(create_stream=dict(replicas=1, max_age=5)), "output.create_stream: has a dup"),
    ]
    for i, (settings, words) in enumerate(wrong):
        file = os.path.join(scratch, f"wrong{i}.conf")
        output = dict(dict(type="nats", servers=["nats://127.0.0.1:1"]), **settings)
        with open(file, "w", encoding="utf-8") as out:
            out.write(settings_text(dict(output=output)))
        status, _, errors = run_daemon("--check", "-c", file)
        assert status == 78 and len(errors) == 1 and re.search(words, errors[0]), errors


def main_with_server(*tests):
    if not jetstream.is_there():
        print("SKIP: there is no nats-server, or no output to it")
        sys.exit(77)
    main(*tests)


main_with_server(
    messages_come_back_as_they_were_said, packs_hold_many_records,
    a_stream_is_made_when_asked_for, messages_wait_for_server_and_stream,
    a_server_may_die_again_and_again, a_full_stream_keeps_its_clients_waiting,
    what_would_lose_messages_is_said, a_message_that_can_never_be_stored_is_said_at_the_start,
    reload_moves_to_another_stream, who_is_silent_is_missed_under_load,
    settings_that_are_wrong_are_refused)
