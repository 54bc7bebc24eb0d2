#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# The programs that people really use talk to the daemon: logger in all its forms, the
# netcats, socat, the shell, curl, the syslog clients of Python and Perl, node, telnet, and
# the first client of every textbook, which connects, sends a line without an end and closes.
# Number, order and bytes of what is logged are compared with what was said. The loggers of
# programs, which keep their connections, are heard while these are open, whether they end their
# messages or not. A program that is not installed is skipped; modules of node are looked for where
# $NODE_PATH says.

import logging
import logging.handlers

from support import *

TEXTS = ["first", "grüße 日本 🚀", "  spaces  inside  ", "404 <b>not</b> a count", "last"]
LINES = [t.encode() for t in TEXTS]


def run(command, data=b"", **options):
    done = subprocess.run(command, input=data, capture_output=True, timeout=PATIENCE,
                          check=False, **options)
    assert done.returncode == 0, (command, done.returncode, done.stderr)
    return done.stdout


def expect(sink, texts, priority=None):
    """Exactly these, in this order, from one peer."""
    before = getattr(sink, "seen", 0)
    records = sink.wait_count(before + len(texts))[before:]
    sink.seen = before + len(records)
    got = [r.text for r in records]
    assert got == texts, f"{got} instead of {texts}"
    assert len({r.peer for r in records}) == 1, "from one peer"
    if priority is not None:
        assert [r.priority for r in records] == [priority] * len(records), records


def strip(pattern, sink, texts, priority):
    """The same behind a header of the client's own, which is kept as it is."""
    before = getattr(sink, "seen", 0)
    records = sink.wait_count(before + len(texts))[before:]
    sink.seen = before + len(records)
    matches = [re.fullmatch(pattern, r.text, re.DOTALL) for r in records]
    assert all(matches), [r.text for r in records]
    assert [m.group(1) for m in matches] == texts
    assert {r.priority for r in records} == {priority}, records


RFC5424 = (rb"1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+\S+ \S+ tagged - - "
           rb"(?:- |\[timeQuality [^]]*\] )(.*)")
RFC3164 = rb"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ tagged: (.*)"


def logger(scratch):
    program = tool("logger")
    # logger drops spaces at the start of its lines and cannot be told not to.
    lines = [line for line in LINES if not line.startswith(b" ")]
    with serving("syslog", scratch) as (daemon, sink):
        base = [program, "-T", "-n", "127.0.0.1", "-P", str(daemon.port), "-t", "tagged",
                "-p", "local3.notice"]
        for counting in ([], ["--octet-count"]):
            for form, pattern in (([], RFC5424), (["--rfc5424"], RFC5424),
                                  (["--rfc3164"], RFC3164)):
                command = base + form + counting
                strip_with = (pattern, sink)
                run(command, b"\n".join(lines) + b"\n")
                strip(*strip_with, lines, 29)
                run(command + ["--"] + ["a", "message", "of", "arguments"])
                strip(*strip_with, [b"a message of arguments"], 29)


def lines_through(name, command):
    def test(scratch):
        program = tool(name)
        with serving("syslog", scratch) as (daemon, sink):
            full = [part.replace("PORT", str(daemon.port)) for part in [program] + command]
            for data, texts in ((b"\n".join(LINES) + b"\n", LINES),
                                (b"\n".join(LINES), LINES),
                                (b"\r\n".join(LINES) + b"\r\n", LINES),
                                (b"x" * 20000 + b"\n", None),
                                (b"\n".join(numbered(1, 5000)) + b"\n", numbered(1, 5000))):
                run(full, data)
                if texts is None:
                    texts = [b"[part 1] " + b"x" * 8192, b"[part 2] " + b"x" * 8192,
                             b"[part 3, last] " + b"x" * 3616]
                    daemon.expect("is split", 1)
                expect(sink, texts, 30)
    test.__name__ = name
    return test


ncat = lines_through("ncat", ["127.0.0.1", "PORT"])
openbsd_nc = lines_through("nc", ["-N", "127.0.0.1", "PORT"])
socat = lines_through("socat", ["-u", "STDIN", "TCP:127.0.0.1:PORT"])
socat_both_ways = lines_through("socat", ["STDIO", "TCP:127.0.0.1:PORT"])


def nc(scratch):
    """OpenBSD's: where it is not installed, ncat may go by this name."""
    done = subprocess.run([tool("nc"), "-h"], capture_output=True, check=False)
    if b"OpenBSD" not in done.stdout + done.stderr:
        raise Skip("nc is not OpenBSD's")
    openbsd_nc(scratch)
bash = lines_through("bash", ["-c", "exec cat > /dev/tcp/127.0.0.1/PORT"])
python_raw = lines_through("python3", ["-c", """
import socket, sys
sock = socket.create_connection(('127.0.0.1', PORT))
sock.sendall(sys.stdin.buffer.read())
"""])
perl_raw = lines_through("perl", ["-MIO::Socket::INET", "-e", """
my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1:PORT') or die;
local $/; print $s <STDIN>; close $s or die;
"""])
node = lines_through("node", ["-e", """
const net = require('net');
process.stdin.pipe(net.connect(PORT, '127.0.0.1'));
"""])
socat_both_ways.__name__ = "socat_both_ways"
python_raw.__name__ = "python_raw"
perl_raw.__name__ = "perl_raw"


def curl(scratch):
    """curl telnet:// stays when its input ends: until it is stopped, or the daemon closes."""
    program = tool("curl")
    with serving("syslog", scratch) as (daemon, sink):
        def start(data):
            process = subprocess.Popen(
                [program, "-s", "-N", f"telnet://127.0.0.1:{daemon.port}"],
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            process.stdin.write(data)
            process.stdin.close()
            return process

        stopped = start(b"\n".join(LINES))
        assert [r.text for r in sink.wait_count(len(LINES) - 1)] == LINES[:-1]
        stopped.terminate()
        stopped.wait(PATIENCE)
        expect(sink, LINES, 30)
        stays = start(b"\n".join(LINES))
        sink.wait_count(2 * len(LINES) - 1)
        daemon.end()
        assert stays.wait(PATIENCE) == 0, "it sees the daemon close"
        expect(sink, LINES[:-1] + [b"[cut] " + LINES[-1]], 30)


def textbook_client(scratch):
    """connect, send, close; and the daemon says who it was."""
    source = """
import socket
sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
sock.connect(('127.0.0.1', %d))
print('%%s:%%d' %% sock.getsockname())
sock.send(b'hello my name is tony')
sock.close()
"""
    for kind in ("syslog", "stdout", "journal"):
        with serving(kind, scratch) as (daemon, sink):
            printed = run([sys.executable, "-c", source % daemon.port]).decode().strip()
            record, = sink.wait_count(1)
            assert (record.peer, record.text) == (printed, b"hello my name is tony")
            if kind == "syslog":
                assert re.fullmatch(
                    rb"<30>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d peerlogd\[%d\]: %s "
                    rb"hello my name is tony" % (daemon.pid, printed.encode()), sink.raw[0])
            elif kind == "stdout":
                assert sink.raw == [printed.encode() + b" hello my name is tony"]


def python_handler(scratch):
    """logging.handlers.SysLogHandler over TCP: NUL behind each, tracebacks inside."""
    with serving("syslog", scratch) as (daemon, sink):
        handler = logging.handlers.SysLogHandler(("127.0.0.1", daemon.port),
                                                 socktype=socket.SOCK_STREAM)
        log = logging.Logger("test")
        log.addHandler(handler)
        for text in TEXTS:
            log.warning("%s", text)
        try:
            raise ValueError("two\nlines")
        except ValueError:
            log.exception("it broke")
        log.info("after")
        handler.close()
        records = sink.wait_count(len(TEXTS) + 2)
        assert [r.text for r in records[:len(TEXTS)]] == LINES
        assert [r.severity for r in records] == [WARNING] * len(TEXTS) + [ERR, INFO]
        broke, after = records[-2:]
        assert broke.text.startswith(rb"it broke\nTraceback (most recent call last):\n  File ")
        assert broke.text.endswith(rb"ValueError: two\nlines")
        assert after.text == b"after"


def perl_syslog(scratch):
    """Sys::Syslog over TCP: LF NUL behind each message."""
    program = perl_module("Sys::Syslog")
    with serving("syslog", scratch) as (daemon, sink):
        run([program, "-MSys::Syslog=:standard,:macros,:extended", "-e", """
            setlogsock({ type => 'tcp', host => '127.0.0.1', port => %d }) or die;
            openlog('tagged', 'ndelay', 'local3');
            while (my $line = <STDIN>) { chomp $line; syslog('warning', '%%s', $line) or die; }
            closelog();
        """ % daemon.port], b"\n".join(LINES) + b"\n")
        pattern = rb"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d (?:\S+ )?tagged: (.*)"
        strip(pattern, sink, LINES, 28)


def telnet(scratch):
    """A person at telnet: CR LF at the end of each line."""
    program = tool("telnet")
    with serving("syslog", scratch) as (daemon, sink):
        process = subprocess.Popen([program, "127.0.0.1", str(daemon.port)],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT)
        words = Words(process.stdout)
        words.wait("Escape character")
        for i, line in enumerate((b"hello", b"world")):
            process.stdin.write(line + b"\n")
            process.stdin.flush()
            assert sink.wait_count(i + 1)[i].text == line
        process.stdin.close()
        process.wait(PATIENCE)
        words.thread.join()
        process.stdout.close()


def perl_module(name):
    program = tool("perl")
    if subprocess.run([program, f"-M{name}", "-e", "1"], check=False,
                      capture_output=True).returncode:
        raise Skip(f"{name} is not installed")
    return program


def node_module(*names):
    program = tool("node")
    for name in names:
        if subprocess.run([program, "-e", f"require.resolve('{name}')"], check=False,
                          capture_output=True).returncode:
            raise Skip(f"the module {name} of node is not installed")
    return program


@contextlib.contextmanager
def speaking(command, port):
    """A program that logs, and then keeps its connection until it is ended."""
    process = subprocess.Popen(command, env=clean_environment(PORT=str(port)),
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, preexec_fn=end_with_test)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def hear(sink, *wanted, order=lambda record: 0):
    """While the client is connected: severities, and what texts are like, one for each."""
    records = sink.wait_count(len(wanted))
    got = [(r.severity, r.text) for r in sorted(records, key=order)]
    assert len(got) == len(wanted) and all(
        severity == level and re.fullmatch(pattern, text, re.DOTALL)
        for (severity, text), (level, pattern) in zip(got, wanted)), got


KEEP_OPEN = "; setInterval(() => {}, 1000);"
ENDLESS = "its messages have no end, so each is logged when it pauses"

WINSTON = """
const winston = require('winston'); require('winston-syslog');
const log = winston.createLogger({ levels: winston.config.syslog.levels, transports: [
  new winston.transports.Syslog({ host: '127.0.0.1', port: +process.env.PORT, protocol: 'tcp4',
                                  app_name: 'app', EOL })] });
log.error('first'); log.info('second'); log.warning('third')""" + KEEP_OPEN


def winston_syslog(scratch):
    """No end unless it is told to, so the next message ends the one before, or a pause does."""
    program = node_module("winston", "winston-syslog")
    head = rb"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ app\[\d+\]: "
    for eol, mark in (("", rb"\[unfinished\] "), (r"eol: '\n'", b"")):
        with serving("syslog", scratch) as (daemon, sink), \
                speaking([program, "-e", WINSTON.replace("EOL", eol)], daemon.port):
            hear(sink, (ERR, head + rb"\{.*first.*\}"), (INFO, head + rb"\{.*second.*\}"),
                 (WARNING, mark + head + rb"\{.*third.*\}"))
            if mark:
                daemon.expect(ENDLESS)


def log4js_tcp(scratch):
    """__LOG4JS__ between messages, without priorities."""
    program = node_module("log4js")
    script = """
const log4js = require('log4js');
log4js.configure({ appenders: { net: { type: 'tcp', host: '127.0.0.1', port: +process.env.PORT,
                                       layout: { type: 'messagePassThrough' } } },
                   categories: { default: { appenders: ['net'], level: 'info' } } });
const log = log4js.getLogger();
log.error('first'); log.info('second'); log.warn('third')""" + KEEP_OPEN
    with serving("syslog", scratch) as (daemon, sink), \
            speaking([program, "-e", script], daemon.port):
        hear(sink, (INFO, b"first"), (INFO, b"second"), (INFO, b"third"))
        daemon.expect(ENDLESS)


def pino_syslog(scratch):
    """Through pino-socket; with newline = true each message is heard at once."""
    program = node_module("pino-syslog/package.json", "pino-socket/package.json")
    lines = "".join(r'{"level":%d,"time":1700000000000,"pid":1,"hostname":"h","msg":"%s"}\n' % item
                    for item in ((50, "first"), (30, "second")))
    config = os.path.join(scratch, "pino.json")
    path = f"""$({program} -p "require.resolve('%s/package.json').replace('package.json', '%s')")"""
    for newline, mark in (("false", rb"\[unfinished\] "), ("true", b"")):
        with open(config, "w", encoding="ascii") as file:
            file.write('{ "newline": %s }' % newline)
        command = (f"""(printf '{lines}'; exec sleep 1000) |
                       {program} "{path % ('pino-syslog', 'psyslog.js')}" -c {config} |
                       exec {program} "{path % ('pino-socket', 'psock.js')}" -a 127.0.0.1 \
                                      -p $PORT -m tcp""")
        with serving("syslog", scratch) as (daemon, sink):
            with speaking(["setsid", "sh", "-c", command], daemon.port) as process:
                hear(sink, (ERR, rb"1 2023\S+ h .*first.*"),
                     (INFO, mark + rb"1 2023\S+ h .*second.*"))
                os.killpg(process.pid, signal.SIGKILL)
            if mark:
                daemon.expect(ENDLESS)


def syslog_client(scratch):
    """Lines of a stack trace behind their head have its severity."""
    program = node_module("syslog-client")
    script = r"""
const syslog = require('syslog-client');
const c = syslog.createClient('127.0.0.1', { transport: syslog.Transport.Tcp,
                                             port: +process.env.PORT, syslogHostname: 'host' });
c.log('Error: first\n    at one (a.js:1:2)\n    at two (b.js:3:4)',
      { severity: syslog.Severity.Error },
      () => c.log('second', { severity: syslog.Severity.Informational }))""" + KEEP_OPEN
    with serving("syslog", scratch) as (daemon, sink), \
            speaking([program, "-e", script], daemon.port):
        hear(sink, (ERR, rb".* host Error: first"), (ERR, rb"    at one \(a\.js:1:2\)"),
             (ERR, rb"    at two \(b\.js:3:4\)"), (INFO, rb".* host second"))


def logtape(scratch):
    program = node_module("@logtape/logtape", "@logtape/syslog")
    script = """
const { configure, getLogger } = require('@logtape/logtape');
const { getSyslogSink } = require('@logtape/syslog');
configure({ sinks: { s: getSyslogSink({ hostname: '127.0.0.1', port: +process.env.PORT,
                                        protocol: 'tcp' }) },
            loggers: [{ category: 'a', sinks: ['s'], lowestLevel: 'debug' }] }).then(() => {
  const log = getLogger(['a']); log.error('first'); log.info('second'); log.warn('third'); })
""" + KEEP_OPEN
    head = rb"1 \d{4}-\S+ \S+ \S+ \d+ - - "
    with serving("syslog", scratch) as (daemon, sink), \
            speaking([program, "-e", script], daemon.port):
        hear(sink, (ERR, head + b"first"), (INFO, head + b"second"), (WARNING, head + b"third"))


def log_dispatch(scratch):
    """A connection for each message, with LF inside and a NUL behind: the first is whole."""
    program = perl_module("Log::Dispatch::Syslog")
    script = r"""
        my $log = Log::Dispatch->new(outputs => [[ 'Syslog', min_level => 'debug', ident => 'app',
            socket => { type => 'tcp', host => '127.0.0.1', port => $ENV{PORT} } ]]);
        $log->error("first\nof two lines"); $log->info("second"); sleep 1000;"""
    head = rb"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d (?:\S+ )?app: "
    with serving("syslog", scratch) as (daemon, sink), \
            speaking([program, "-MLog::Dispatch", "-e", script], daemon.port):
        # One connection may be heard before another.
        hear(sink, (ERR, head + rb"first\\nof two lines"), (INFO, head + b"second"),
             order=lambda record: record.severity)


def log4perl(scratch):
    """Neither end nor priority, unless its layout has one: what comes before a pause is one."""
    program = perl_module("Log::Log4perl")
    script = r"""
        my $c = "log4perl.rootLogger=INFO, S
            log4perl.appender.S=Log::Log4perl::Appender::Socket
            log4perl.appender.S.PeerAddr=127.0.0.1
            log4perl.appender.S.PeerPort=$ENV{PORT}
            log4perl.appender.S.layout=Log::Log4perl::Layout::PatternLayout
            log4perl.appender.S.layout.ConversionPattern=PATTERN\n";
        Log::Log4perl->init(\$c); my $l = Log::Log4perl->get_logger();
        $l->error("first"); $l->info("second"); sleep 1000;"""
    for pattern, wanted in (("%m", [(INFO, rb"\[unfinished\] firstsecond")]),
                            ("%m%n", [(INFO, b"first"), (INFO, b"second")])):
        with serving("syslog", scratch) as (daemon, sink), \
                speaking([program, "-MLog::Log4perl", "-e", script.replace("PATTERN", pattern)],
                         daemon.port):
            hear(sink, *wanted)
            daemon.allow(ENDLESS)


LOG4J = """
import org.apache.logging.log4j.*;
public class Speak {
    public static void main(String[] none) throws Exception {
        Logger log = LogManager.getLogger("app");
        log.error("first");
        log.info("second");
        Thread.sleep(1000000);
    }
}
"""
LOG4J_CONFIG = """
<Configuration><Appenders><Syslog name="S" host="127.0.0.1" port="PORT" protocol="TCP"
facility="LOCAL0" newLine="NEWLINE"/></Appenders>
<Loggers><Root level="info"><AppenderRef ref="S"/></Root></Loggers></Configuration>
"""


def log4j(scratch):
    """SyslogAppender of Log4j 2: no end, unless newLine is true."""
    program, compiler = tool("java"), tool("javac")
    jars = [f"/usr/share/java/log4j-{part}.jar" for part in ("api", "core")]
    if not all(map(os.path.exists, jars)):
        raise Skip("Log4j 2 is not installed")
    source, config = (os.path.join(scratch, name) for name in ("Speak.java", "log4j2.xml"))
    with open(source, "w", encoding="ascii") as file:
        file.write(LOG4J)
    subprocess.run([compiler, "-cp", ":".join(jars), "-d", scratch, source], check=True,
                   timeout=PATIENCE)
    for newline, mark in (("false", rb"\[unfinished\] "), ("true", b"")):
        with serving("syslog", scratch) as (daemon, sink):
            with open(config, "w", encoding="ascii") as file:
                file.write(LOG4J_CONFIG.replace("PORT", str(daemon.port))
                           .replace("NEWLINE", newline))
            with speaking([program, "-cp", ":".join(jars + [scratch]),
                           f"-Dlog4j2.configurationFile={config}", "Speak"], daemon.port):
                head = rb"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ "
                hear(sink, (ERR, head + b"first"), (INFO, mark + head + b"second"))
            if mark:
                daemon.expect(ENDLESS)


def python_traceback_first(scratch):
    """SysLogHandler whose very first message has lines: one message."""
    with serving("syslog", scratch) as (daemon, sink):
        handler = logging.handlers.SysLogHandler(("127.0.0.1", daemon.port),
                                                 socktype=socket.SOCK_STREAM)
        log = logging.Logger("test")
        log.addHandler(handler)
        try:
            raise ValueError("two\nlines")
        except ValueError:
            log.exception("it broke")
        log.info("after")
        hear(sink, (ERR, rb"it broke\\nTraceback .*ValueError: two\\nlines"), (INFO, b"after"))
        handler.close()


if __name__ == "__main__":
    main(logger, ncat, nc, socat, socat_both_ways, curl, bash, python_raw, perl_raw, node,
         textbook_client, python_handler, python_traceback_first, perl_syslog, telnet, log_dispatch,
         log4j, log4perl, winston_syslog, log4js_tcp, pino_syslog, syslog_client, logtape)
