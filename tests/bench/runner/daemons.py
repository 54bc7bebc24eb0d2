# SPDX-License-Identifier: MIT
"""The programs that are measured, each with the configuration its manual advises."""

import glob
import os
import re
import shutil
import subprocess

from . import kept, process, space
from .tools import Failure

START_SECONDS = 10.0

# A cell that does not care how many connections a program is ready for: peerlogd then
# runs with its default.
USUAL_CONNECTIONS = 1024
# And one that wants to know what a program occupies that is ready for hardly any.
FEWEST_CONNECTIONS = 64


class Daemon:
    """One program; start() makes a running process of it."""

    name = ""
    special = False  # only for the cells that name it

    def __init__(self, bench, binary):
        self.bench = bench
        self.binary = binary
        self.base = type(self).name  # the program, whichever build of it this is

    def version(self):
        return ""

    def command(self, port, target, connections):
        """Write what it needs to run, and return its command line."""
        raise NotImplementedError

    def environment(self):
        return None

    def start(self, target, connections=USUAL_CONNECTIONS, **popen_args):
        """Start it; TARGET is where its output goes. Returns a Running."""
        port = space.free_port()
        log = self.bench.scratch(self.name + ".err")
        running = process.start(self.command(port, target, connections), log,
                                env=popen_args.pop("env", self.environment()),
                                stdin=subprocess.DEVNULL, **popen_args)
        if not process.wait_until(lambda: process.listens(port) or running.poll() is not None,
                                  START_SECONDS, 0.002) or running.poll() is not None:
            process.stop(running)
            raise Failure(f"{self.name} does not listen; see {log}")
        return Running(running, port)


class Running:
    """A program that runs and listens."""

    def __init__(self, started, port):
        self.process = started
        self.port = port

    @property
    def pid(self):
        return self.process.pid

    def cpu_ns(self):
        return process.cpu_ns(self.pid)

    def memory(self):
        return process.memory(self.pid)

    def stop(self):
        process.stop(self.process)


class Target:
    """Where a daemon's output goes."""

    def __init__(self, kind="syslog", path="", more="", many=False, tls=None):
        self.kind = kind  # syslog, journal, stdout or file
        self.path = path  # of files: a folder
        self.more = more  # other settings of peerlogd's output
        self.many = many  # a file for each peer
        self.tls = tls    # None, or the files of a certificate and its key: peers speak TLS


class Floor(Daemon):
    name = "floor"

    def version(self):
        return "built with this tree"

    def command(self, port, target, connections):
        return [self.binary, "-o", target.path, "-p", str(port)]


class Peerlogd(Daemon):
    name = "peerlogd"

    def version(self):
        out = subprocess.run([self.binary, "-V"], capture_output=True, text=True, timeout=5)
        return out.stdout.split("\n")[0]

    def settings(self, connections):
        """What differs from the defaults, beside listener and output."""
        limit = f"limits = {{ connections = {connections}; }};\n"
        return (limit if connections != USUAL_CONNECTIONS else ""
                ) + self.bench.options.peerlogd_settings

    def command(self, port, target, connections):
        config = self.bench.scratch("peerlogd.conf")
        path = "" if target.kind == "stdout" else f' path = "{target.path}";'
        if target.kind == "file":
            name = "%{address}.log" if target.many else "all.log"
            path = f' path = "{target.path}/{name}"; {target.more}'
        with open(config, "w", encoding="ascii") as file:
            tls = (' tls = "required"; certificate = "{}"; key = "{}";'.format(*target.tls)
                   if target.tls else "")
            file.write(f'listeners = ( {{ address = "127.0.0.1"; port = {port};{tls} }} );\n'
                       f'output = {{ type = "{target.kind}";{path} }};\n')
            file.write(self.settings(connections))
        return [self.binary, "-c", config]


class KeptPeerlogd(Peerlogd):
    """peerlogd under a service manager that keeps what it stores: connections are parked."""

    name = "peerlogd, kept"
    special = True

    def version(self):
        return ""

    def start(self, target, connections=USUAL_CONNECTIONS, **popen_args):
        port = space.free_port()
        return Running(kept.Kept(self.bench, self.command(port, target, connections)), port)


class Rsyslog(Daemon):
    """imptcp with a thread for each CPU, a large queue in memory emptied in large batches.
    TLS is imtcp's, by OpenSSL.
    """

    name = "rsyslog"
    driver = "ossl"
    driver_settings = ""

    def version(self):
        out = subprocess.run([self.binary, "-v"], capture_output=True, text=True, timeout=5)
        return " ".join(out.stdout.split()[:2])

    def command(self, port, target, connections):
        config = self.bench.scratch("rsyslog.conf")
        pid_file = self.bench.scratch("rsyslog.pid")
        if os.path.exists(pid_file):
            os.unlink(pid_file)
        cpus = len(os.sched_getaffinity(0))
        if target.kind == "file":
            output = self.files(target)
        else:
            output = (f'module(load="omuxsock")\n$OMUxSockSocket {target.path}\n'
                      "*.* :omuxsock:;peer")
        receiver = f"""module(load="imptcp" threads="{cpus}" processOnPoller="on")
input(type="imptcp" address="127.0.0.1" port="{port}" socketBacklog="4096")"""
        if target.tls:
            receiver = self.tls(port, *target.tls)
        with open(config, "w", encoding="ascii") as file:
            file.write(f"""
template(name="peer" type="string"
         string="<%PRI%>%TIMESTAMP% peerlogd[1]: %FROMHOST-IP% %rawmsg%")
main_queue(queue.type="FixedArray" queue.size="250000" queue.dequeueBatchSize="1024"
           queue.workerThreads="1")
{receiver}
{output}
""")
        return [self.binary, "-n", "-f", config, "-i", pid_file]

    def tls(self, port, certificate, key):
        return f"""global(defaultNetstreamDriverCAFile="{certificate}"
       defaultNetstreamDriverCertFile="{certificate}" defaultNetstreamDriverKeyFile="{key}")
module(load="imtcp" streamDriver.name="{self.driver}" streamDriver.mode="1"
       streamDriver.authMode="anon" {self.driver_settings} maxSessions="2000")
input(type="imtcp" address="127.0.0.1" port="{port}")"""

    def files(self, target):
        """One file, or one for each peer; large buffers, written at the end of each batch."""
        line = ('template(name="line" type="string" string="%TIMESTAMP:::date-rfc3339% '
                '%syslogseverity-text% %FROMHOST-IP% %rawmsg%\\n")\n')
        name = 'file="all.log"' if not target.many else 'dynaFile="each" dynaFileCacheSize="2000"'
        each = f'template(name="each" type="string" string="{target.path}/%FROMHOST-IP%.log")\n'
        return (line + (each if target.many else "") +
                f'action(type="omfile" {name.replace("all.log", target.path + "/all.log")} '
                'template="line" ioBufferSize="256k" flushOnTXEnd="on")')


class RsyslogGtls(Rsyslog):
    """The same, with TLS by GnuTLS."""

    name = "rsyslog, gtls"
    special = True
    driver = "gtls"
    # Without it "anon" speaks TLS 1.2 at most.
    driver_settings = 'gnutlsPriorityString="NORMAL"'


class SyslogNg(Daemon):
    """Threaded, with flow control, and a window for each connection as the manual computes it."""

    name = "syslog-ng"

    def __init__(self, bench, binary, root):
        super().__init__(bench, binary)
        self.root = root  # where its package was unpacked, or ""

    def environment(self):
        if not self.root:
            return None
        libraries = [self.root + "/usr/lib/syslog-ng"] + glob.glob(self.root + "/usr/lib/*-gnu*")
        return dict(os.environ, LD_LIBRARY_PATH=":".join(libraries))

    def module_path(self):
        modules = sorted(glob.glob(self.root + "/usr/lib/syslog-ng/[0-9]*/libafsocket.so"))
        return ["--module-path", os.path.dirname(modules[-1])] if self.root and modules else []

    def version(self):
        out = subprocess.run([self.binary, "--version"], env=self.environment(),
                             capture_output=True, text=True, timeout=5)
        match = re.search(r"\((\d[\d.]*)\)", out.stdout)
        return "syslog-ng " + (match[1] if match else "?")

    def transport(self, tls):
        if tls is None:
            return 'transport("tcp")'
        return ('transport("tls") tls(cert-file("{}") key-file("{}") peer-verify(no))'
                .format(*tls))

    def command(self, port, target, connections):
        config = self.bench.scratch("syslog-ng.conf")
        version = ".".join(self.version().split()[1].split(".")[:2])
        window = max(100, 100000 // connections)
        destination = f"""unix-dgram("{target.path}"
                  template("<30>$DATE peerlogd[1]: $SOURCEIP $MSG\\n")"""
        if target.kind == "file":
            name = "$SOURCEIP.log" if target.many else "all.log"
            destination = f"""file("{target.path}/{name}" create-dirs(yes) flush-lines(1000)
                  template("$ISODATE $LEVEL $SOURCEIP $MSG\\n")"""
        with open(config, "w", encoding="ascii") as file:
            file.write(f"""@version: {version}
options {{ threaded(yes); use-dns(no); dns-cache(no); stats-freq(0); log-msg-size(16384);
          flush-lines(1000); }};
source peers {{ network(ip("127.0.0.1") port({port}) {self.transport(target.tls)}
                max-connections({connections}) log-iw-size({window * connections})
                log-fetch-limit({window}) listen-backlog(4096) flags(no-parse)); }};
destination out {{ {destination}
                  log-fifo-size({window * connections + 1000})); }};
log {{ source(peers); destination(out); flags(flow-control); }};
""")
        scratch = self.bench.scratch
        return [self.binary, "-F", "--no-caps", "-f", config, "-p", scratch("syslog-ng.pid"),
                "-c", scratch("syslog-ng.ctl"), "-R", scratch("syslog-ng.persist")
                ] + self.module_path()


def find(bench):
    """All programs that can be measured here, the floor first; and notes about the others."""
    daemons, notes = [Floor(bench, bench.tool("floor"))], []
    options = bench.options
    if os.access(options.peerlogd, os.X_OK):
        daemons.append(Peerlogd(bench, options.peerlogd))
        if kept.available():
            daemons.append(KeptPeerlogd(bench, options.peerlogd))
        else:
            notes.append("parking: tests/survival/service_manager.py is not there")
    else:
        notes.append(f"peerlogd: there is no {options.peerlogd}")
    for also in options.also:
        name, _, binary = also.partition("=")
        kind = Floor if name.startswith("floor") else Peerlogd
        daemons.append(kind(bench, os.path.abspath(binary)))
        daemons[-1].name = name
    rsyslogd = shutil.which("rsyslogd", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if rsyslogd:
        daemons += [Rsyslog(bench, rsyslogd), RsyslogGtls(bench, rsyslogd)]
    else:
        notes.append("rsyslog: not installed")
    root = options.syslog_ng_root
    binary = root + "/usr/sbin/syslog-ng" if root else shutil.which(
        "syslog-ng", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if binary and os.access(binary, os.X_OK):
        daemons.append(SyslogNg(bench, binary, root))
    else:
        notes.append("syslog-ng: not installed (or unpacked: --syslog-ng-root)")
    return daemons, notes
