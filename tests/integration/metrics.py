#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# The daemon counts: for Prometheus, whose own tools read it, over the admin socket, and over a port
# of its own, where those who scrape get counters and nothing else.

import http.client
import json

from administered import administered, port_of, skip_without_module
from support import *


def prometheus_reads_it(scratch):
    with administered(scratch) as (daemon, sink, admin):
        sock = connect(daemon.port)
        sock.sendall(b"a\nb\n")
        sink.wait_count(2)
        until(lambda: admin.metric("peerlogd_messages_total") == 2, "two to be counted")
        assert admin.metric("peerlogd_connections") == 1
        assert admin.metric("peerlogd_received_bytes_total") == 4
        assert admin.metric('peerlogd_connections_refused_total{reason="denied"}') == 0
        _, text = admin.ask("/metrics", Accept="application/openmetrics-text;version=1.0.0")
        assert text.endswith("\n# EOF\n") and "# TYPE peerlogd_messages counter" in text
        done = subprocess.run([tool("promtool"), "check", "metrics"], check=False,
                              input=admin.get("/metrics").encode(), capture_output=True)
        assert done.returncode == 0 and not done.stderr, done.stderr.decode()


def each_kind_of_trouble_is_counted(scratch):
    listeners = [LOOPBACK, dict(LOOPBACK, session="relp")]
    with administered(scratch, listeners=listeners, buffer_size=256) as (daemon, sink, admin):
        daemon.allow("sent ", "longer than", "too few|too many")
        relp = daemon.listeners[1][1]
        for text in (b"GET / HTTP/1.1\r\n\r\n", 300 * b"x" + b"\n", b"6 <13>one\n",
                     b"5 <13>o\n7 <13>two"):
            sock = connect(daemon.port)
            sock.sendall(text)
            sock.close()
        sock = connect(relp)
        sock.sendall(b"1 open 0\n2 syslog 5 hello\n")
        assert sock.recv(100)
        wanted = {
            'peerlogd_protocol_hints_total{protocol="http"}': 1,
            'peerlogd_messages_too_long_total{became="split"}': 1,
            'peerlogd_parse_trouble_total{kind="count"}': 1,
            f'peerlogd_messages_total{{listener="127.0.0.1:{relp}",session="relp"}}': 1,
            f'peerlogd_received_bytes_total{{listener="127.0.0.1:{relp}"}}': 26,
        }
        for name, count in wanted.items():
            until(lambda n=name, c=count: admin.metric(n) >= c, name)
        until(lambda: admin.metric("peerlogd_delivery_seconds_count") ==
              admin.metric("peerlogd_messages_total"), "all to be in the histogram")
        assert admin.metric("peerlogd_output_batches_total") > 0
        assert admin.metric("peerlogd_output_losses_total") == 0
        sock.close()
        # What is away is counted while it is, and when it is back.
        sink.unlink()
        sink.close()
        daemon.allow("log socket|syslog socket")
        waits = connect(daemon.port)
        waits.sendall(b"waits\n")
        until(lambda: admin.metric("peerlogd_output_losses_total") == 1, "the loss")
        until(lambda: admin.metric("peerlogd_output_retries_total") > 1, "a second attempt")
        sink.bind()
        sink.wait(lambda records: any("waits" in str(r) for r in records), "what has waited")
        until(lambda: admin.metric("peerlogd_output_up") == 1, "it to be back")
        assert admin.metric("peerlogd_output_away_seconds_total") > 0


PROMETHEUS = """
global: {{ scrape_interval: 200ms, scrape_timeout: 200ms }}
scrape_configs:
  - job_name: peerlogd
    static_configs: [ {{ targets: [ "127.0.0.1:{port}" ] }} ]
"""


@contextlib.contextmanager
def prometheus(scratch, port):
    """A real one that scrapes this port. Yields a function to query it with."""
    config = os.path.join(scratch, "prometheus.yml")
    with open(config, "w", encoding="ascii") as file:
        file.write(PROMETHEUS.format(port=port))
    with held_port() as own:
        pass  # its sockets do not share a port
    process = subprocess.Popen(
        [tool("prometheus"), "--config.file=" + config, "--web.listen-address=127.0.0.1:%d" % own,
         "--storage.tsdb.path=" + os.path.join(scratch, "tsdb")],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=end_with_test)

    def query(what):
        with contextlib.suppress(ConnectionRefusedError):
            web = http.client.HTTPConnection("127.0.0.1", own, timeout=PATIENCE)
            web.request("GET", "/api/v1/query?query=" + what)
            answer = web.getresponse()
            text = answer.read()
            web.close()
            if answer.status == 200:
                return [float(r["value"][1]) for r in json.loads(text)["data"]["result"]]
        return None  # it is not ready yet

    try:
        yield query
    finally:
        process.kill()
        process.wait()


def a_real_prometheus_scrapes_it(scratch):
    tool("prometheus")
    with held_port() as port, administered(scratch, metrics=dict(port=port)) as (daemon, sink, _):
        sock = connect(daemon.port)
        sock.sendall(b"a\nb\nc\n")
        sink.wait_count(3)
        with prometheus(scratch, port) as query:
            until(lambda: query("up") == [1], "a scrape")
            until(lambda: query("sum(peerlogd_messages_total)") == [3], "three messages")
            assert query("peerlogd_output_up") == [1]


def scrapers_get_counters_alone(scratch):
    begun = time.time()
    with held_port() as port, administered(
            scratch, metrics=dict(port=port, deny=["127.0.0.2"]), workers=1) as (daemon, _, admin):
        def scrape(what, method="GET"):
            web = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
            web.request(method, what)
            answer = web.getresponse()
            text = answer.read().decode()
            web.close()
            return answer.status, text

        found, = re.findall(r"^peerlogd_start_time_seconds (\d+)$", scrape("/metrics")[1], re.M)
        assert abs(int(found) - time.time()) < PATIENCE, "not that of the machine"
        assert scrape("/metrics")[0] == 200 and scrape("/metrics", "HEAD")[0] == 200
        assert "peerlogd_connections 0\n" in scrape("/metrics")[1]
        # Two numbers that are rounded make it, so it may be some seconds off.
        assert admin.metric("peerlogd_start_time_seconds") >= begun - 3
        assert scrape("/metrics", "POST")[0] == 405
        for what in "/", "/v1/status", "/v1/connections", "/metrics/x":
            assert scrape(what)[0] == 404, what
        assert scrape("/v1/reload", "POST")[0] == 404
        denied = socket.create_connection(("127.0.0.1", port), PATIENCE, ("127.0.0.2", 0))
        with contextlib.suppress(ConnectionResetError):
            denied.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            assert denied.recv(1) == b""
        denied.close()
        assert admin.get("/v1/status")
        daemon.allow("reloaded")
        daemon.write_file(metrics=dict(port=port))
        assert admin.ask("/v1/reload", "POST")[0] == 200
        daemon.expect("metrics takes effect at the next restart")


def a_port_that_is_taken_does_not_keep_it_from_serving(scratch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        with serving("syslog", scratch, metrics=dict(port=port_of(taken))) as (daemon, sink):
            daemon.expect(r"no counters for scrapers: cannot listen on 127.0.0.1:\d+: ")
            connect(daemon.port).sendall(b"a message\n")
            sink.wait_count(1)


skip_without_module()
main(prometheus_reads_it,
     each_kind_of_trouble_is_counted,
     a_real_prometheus_scrapes_it,
     scrapers_get_counters_alone,
     a_port_that_is_taken_does_not_keep_it_from_serving)
