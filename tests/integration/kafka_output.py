#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# peerlogd writes to a topic of Kafka, on a mock cluster of librdkafka's that the test starts.
# Messages come back as they were said: keyed by the peer, in the order of their connection, with
# headers that tell whose they are. Brokers may be away, die, be slow, or refuse: messages wait,
# and come once and in order when they are taken again; what may be there twice is marked. What
# cannot be right is said by --check, and at the start.

import kafka_cluster
from kafka_cluster import FORBIDDEN, NOT_LEADER, OUT_OF_ORDER, TOO_LARGE, Mock, Reader, body_of
from support import *

SAID = r"Kafka topic \S+: \d+ partitions?, \d+ replicas?; what may be in it twice is marked"


def start(scratch, mock, listeners=None, **output):
    daemon = Daemon(scratch, listeners=listeners or [LOOPBACK],
                    output=dict(type="kafka", brokers=mock.brokers, **output))
    daemon.allow(SAID)
    return daemon


def lines(texts):
    return b"".join(text.encode() + b"\n" for text in texts)


def send(port, texts):
    with connect(port) as sock:
        sock.sendall(lines(texts))
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(1) == b""


def peers_of(stack, port, count):
    """Connections from so many addresses."""
    def peer(number):
        sock = stack.enter_context(socket.socket())
        sock.settimeout(PATIENCE)
        sock.bind((f"127.0.0.{number + 2}", 0))
        sock.connect(("127.0.0.1", port))
        return sock

    return [peer(number) for number in range(count)]


def messages_come_back_as_they_were_said(scratch):
    listeners = [dict(LOOPBACK, tag="switches")]
    with Mock() as mock, start(scratch, mock, listeners) as daemon, Reader(mock.brokers) as reader:
        daemon.expect(r"Kafka topic logs: 6 partitions, 3 replicas; what may be in it twice")
        send(daemon.port, ["first", "<11>second", "bell\a"])
        found = reader.wait_count(3)
    first, second, third = map(body_of, found)
    assert first["message"].endswith(" first") and second["priority"] == 3
    assert third["peer_flags"] == "escaped" and bytes(third["peer_raw"]) == b"bell\a"
    assert [m.key for m in found] == ["127.0.0.1"] * 3
    for number, message in enumerate(found, 1):
        body, head = body_of(message), message.headers
        assert head["Peer"] == f"127.0.0.1:{body['peer_port']}"
        assert head["Peer-Listener"] == body["peer_listener"] == f"127.0.0.1:{daemon.port}"
        assert head["Peer-Connection"] == body["peer_connection"]
        assert head["Peer-Sequence"] == str(body["peer_sequence"]) == str(number)
        assert "Peer-Flags" not in head, head


def each_listener_has_its_topic(scratch):
    listeners = [dict(LOOPBACK, tag="core.routers"), dict(LOOPBACK, tag="doors")]
    with Mock(None) as mock:
        for topic in "logs.core_routers", "logs.doors":
            mock.say("topic", topic, 1, 1)
        with start(scratch, mock, listeners, topic="logs.%{listener}", format="text") as daemon:
            for number, (_, port) in enumerate(daemon.listeners):
                send(port, [f"to {number}"])
        for number, topic in enumerate(("logs.core_routers", "logs.doors")):
            with Reader(mock.brokers, topic) as reader:
                found, = reader.wait_count(1)
                assert found.body.endswith(f" to {number}"), found


def a_peer_is_in_one_partition_and_peers_in_many(scratch):
    with Mock() as mock, start(scratch, mock) as daemon, Reader(mock.brokers) as reader:
        with contextlib.ExitStack() as stack:
            for sock in peers_of(stack, daemon.port, 16):
                sock.sendall(lines(f"m{i}" for i in range(200)))
            order = kafka_cluster.wait_ordered(reader, 16, 200)
    assert order.marked == 0
    # murmur2_random, as Java's client has it.
    assert len(set.union(*order.partitions.values())) > 2, order.partitions
    assert order.partitions["127.0.0.2"] == {murmur2(b"127.0.0.2") % 6}, order.partitions


def murmur2(data):
    """Kafka's hash of a key, as its clients in Java compute it; positive."""
    m, mask = 0x5bd1e995, 0xffffffff
    h = (0x9747b28c ^ len(data)) & mask
    whole = len(data) - len(data) % 4
    for i in range(0, whole, 4):
        k = int.from_bytes(data[i:i + 4], "little") * m & mask
        k = (k ^ k >> 24) * m & mask
        h = (h * m & mask) ^ k
    if len(data) > whole:
        h = (h ^ int.from_bytes(data[whole:], "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return (h ^ h >> 15) & 0x7fffffff


def messages_wait_for_brokers_and_topic(scratch):
    with Mock() as mock:
        mock.each("down")
        with start(scratch, mock) as daemon:
            daemon.expect("Kafka topic logs: .*(Connect|down)")
            with connect(daemon.port) as sock:
                sock.sendall(lines(f"m{i}" for i in range(300)))
                daemon.expect(r"Kafka topic logs is not there \(Connection refused\); waiting")
                mock.say("refuse", "logs", 3)
                mock.each("up")
                daemon.expect("Kafka topic logs: there is no such topic; make it")
                mock.say("refuse", "logs", 0)
                daemon.expect("Kafka topic logs is back after")
                with Reader(mock.brokers) as reader:
                    assert kafka_cluster.wait_ordered(reader, 1, 300).marked == 0


def brokers_may_die_again_and_again(scratch):
    with Mock() as mock, start(scratch, mock) as daemon, Reader(mock.brokers) as reader:
        daemon.allow("Kafka topic logs")
        order = kafka_cluster.Order()
        with contextlib.ExitStack() as stack:
            socks = peers_of(stack, daemon.port, 8)
            for part in range(1, 7):
                mock.say("down", part % 3 + 1)
                for sock in socks:
                    sock.sendall(lines(f"m{i}" for i in range(100)))
                mock.say("up", part % 3 + 1)
                if part == 3:
                    mock.say("rtt", 50)  # slow from now on
                reader.wait(lambda found: order.all_of(found) > 800 * part - 400, "some of them")
            reader.wait(lambda found: order.all_of(found) == 4800, "all of them")
        order.judge(8, 600)
        assert order.marked == 0, order.marked


def what_is_refused_is_sent_again(scratch):
    with Mock() as mock, start(scratch, mock) as daemon, Reader(mock.brokers) as reader:
        with contextlib.ExitStack() as stack:
            socks = peers_of(stack, daemon.port, 4)
            for turn, code in enumerate((NOT_LEADER, FORBIDDEN, TOO_LARGE), 1):
                mock.each("error", code, 2)
                for sock in socks:
                    sock.sendall(lines(f"m{i}" for i in range(100)))
                order = kafka_cluster.wait_ordered(reader, 4, 100 * turn)
                assert order.marked == 0, (code, order.marked)
        daemon.expect("Kafka topic logs: .*authorization failed")
        daemon.expect("Kafka topic logs: .*too large")
        daemon.allow(r"Kafka topic logs (refuses us|cannot take anything|is back after)")


def what_may_be_there_twice_is_marked(scratch):
    with Mock() as mock, start(scratch, mock) as daemon, Reader(mock.brokers) as reader:
        with connect(daemon.port) as sock:
            sock.sendall(lines(f"a{i}" for i in range(50)))
            kafka_cluster.wait_ordered(reader, 1, 50)
            mock.each("error", OUT_OF_ORDER, 1)
            sock.sendall(lines(f"b{i}" for i in range(50)))
            order = kafka_cluster.wait_ordered(reader, 1, 100)
            assert order.marked == 50, order.marked
        daemon.expect("Kafka topic logs: .*sequence desynchronization")
        daemon.allow("Kafka topic logs")
        last = reader.messages[-1]
        assert body_of(last)["peer_flags"] == last.headers["Peer-Flags"] == "repeat", last


def reload_moves_to_another_topic(scratch):
    with Mock() as mock:
        mock.say("topic", "others", 2, 1)
        with start(scratch, mock) as daemon:
            send(daemon.port, ["to logs"])
            for turn, topic in enumerate(("others", "logs"), 1):
                daemon.output.update(topic=topic)
                daemon.write_file()
                daemon.signal(signal.SIGHUP)
                daemon.expect("reloaded", turn)
                send(daemon.port, [f"to {topic}"])
        for topic, count in ("logs", 2), ("others", 1):
            with Reader(mock.brokers, topic) as reader:
                found = reader.wait_count(count)
                assert all(body_of(m)["message"].endswith(f"to {topic}") for m in found), found


def a_full_queue_keeps_its_clients_waiting(scratch):
    small = ["queue.buffering.max.messages=10", "linger.ms=0"]
    with Mock() as mock, start(scratch, mock, properties=small) as daemon:
        with Reader(mock.brokers) as reader:
            with connect(daemon.port) as sock:
                sock.sendall(lines(f"m{i}" for i in range(300)))
                assert kafka_cluster.wait_ordered(reader, 1, 300).marked == 0


def check_warns_of_what_would_wait(scratch):
    with Mock(None) as mock:
        mock.say("refuse", "nowhere", 3)
        with start(scratch, mock, topic="nowhere") as daemon:
            daemon.expect("Kafka topic nowhere: there is no such topic")
        for changes, words in (
                ({}, "there is no such topic"),
                (dict(buffer_size=131072), "message.max.bytes of 1000000 is less than"),
                (dict(buffer_size=8192, output=dict(daemon.output, brokers=["127.0.0.1:1"])),
                 "Connect")):
            daemon.settings.update(changes)
            daemon.write_file(settings_text(dict(dict(output=daemon.output), **daemon.settings)))
            status, _, errors = run_daemon("--check", "-c", daemon.file)
            assert status == 0 and any(re.search("Kafka topic nowhere: .*" + words, line)
                                       for line in errors), errors


def settings_that_are_wrong_are_refused(scratch):
    wrong = [
        (dict(brokers=[]), r"output.brokers: is missing; wanted: such as"),
        (dict(brokers=["a b"]), r"output.brokers: has a text that is no server"),
        (dict(topic="logs..x"), r"output.topic: has an empty token"),
        (dict(topic="logs.%{address}"), r"output.topic: may have %\{listener\}, but not"),
        (dict(servers=["nats://a"]), r'output.servers: has no effect .* not of type "nats"'),
        (dict(pack=2), r'output.pack: has no effect'),
        (dict(path="/dev/log"), r'output.path: has no effect on an output of type "kafka"'),
        (dict(properties=["acks"]), r'output.properties: "acks" is no property; wanted: "NAME='),
        (dict(properties=["acks=1"]), r'output.properties: "acks" stays "all"'),
        (dict(properties=["enable.idempotence=false"]), r'"enable.idempotence" stays true'),
        (dict(properties=["max.in.flight=6"]), r'"max.in.flight" is 1 to 5'),
        (dict(properties=["message.timeout.ms=1000"]), r'"message.timeout.ms" stays 0'),
        (dict(properties=["no.such=x"]), r'"no.such" No such configuration property'),
        (dict(properties=["linger.ms=soon"]), r'"linger.ms" Invalid value'),
        (dict(properties=["sasl.password=secret", "security.protocol=x"]),
         r'"security.protocol" Invalid value'),
    ]
    for i, (settings, words) in enumerate(wrong):
        file = os.path.join(scratch, f"wrong{i}.conf")
        output = dict(dict(type="kafka", brokers=["127.0.0.1:1"]), **settings)
        with open(file, "w", encoding="utf-8") as out:
            out.write("\n" + settings_text(dict(output=output)))
        status, _, errors = run_daemon("--check", "-c", file)
        assert status == 78 and len(errors) == 1, errors
        assert re.search(re.escape(file) + ":2: " + words, errors[0]) or re.search(
            re.escape(file) + r":2: output.properties: " + words, errors[0]), errors
        assert "secret" not in errors[0], errors


def secrets_are_not_shown(scratch):
    path = os.path.join(scratch, "admin")
    properties = ["sasl.password=open=sesame", "ssl.key.pem=open", "linger.ms=7"]
    ctl = os.environ.get("PEERLOGCTL", "peerlogctl")
    if shutil.which(ctl) is None:
        raise Skip("built without peerlogctl")
    with Mock() as mock, Daemon(scratch, admin=dict(path=path), output=dict(
            type="kafka", brokers=mock.brokers, properties=properties)) as daemon:
        daemon.allow(SAID, "Kafka topic logs")
        until(lambda: os.path.exists(path), "the admin socket")
        said = subprocess.run([ctl, "-s", path, "settings"], stdout=subprocess.PIPE, text=True,
                              timeout=PATIENCE, check=True).stdout
    assert "sasl.password=***" in said and "ssl.key.pem=***" in said, said
    assert "linger.ms=7" in said and "open" not in said, said


def only_those_who_use_it_load_it(scratch):
    with Mock() as mock, start(scratch, mock) as daemon, new_sink("syslog", scratch) as sink:
        daemon.expect(SAID)
        with Daemon(scratch, sink) as other:
            for process, is_wanted in (daemon, True), (other, False):
                with open(f"/proc/{process.pid}/maps", encoding="ascii") as maps:
                    assert ("librdkafka" in maps.read()) == is_wanted


def main_with_brokers(*tests):
    if kafka_cluster.why_not():
        print("SKIP: " + kafka_cluster.why_not())
        sys.exit(77)
    main(*tests)


main_with_brokers(
    messages_come_back_as_they_were_said, each_listener_has_its_topic,
    a_peer_is_in_one_partition_and_peers_in_many, messages_wait_for_brokers_and_topic,
    brokers_may_die_again_and_again, what_is_refused_is_sent_again,
    what_may_be_there_twice_is_marked, reload_moves_to_another_topic,
    a_full_queue_keeps_its_clients_waiting, check_warns_of_what_would_wait,
    settings_that_are_wrong_are_refused, secrets_are_not_shown, only_those_who_use_it_load_it)
