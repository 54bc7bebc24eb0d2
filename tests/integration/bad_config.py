#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# The administrator makes every mistake a configuration file allows, and is told the file,
# the line, the setting, the value and what is allowed: all of it by -t, before anything is
# bound, with exit status 78. Files that are not there, addresses that are taken, and
# options that do not exist have their own exit statuses and one clear line each. What
# is asked for help says so on standard output.

from support import *

USAGE, UNAVAILABLE, NOPERM, CONFIG = 64, 69, 77, 78


def write(scratch, text):
    path = os.path.join(scratch, "bad.conf")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


FAULTS = [
    ('buffer_sise = 8192;', r'buffer_sise: .*did you mean buffer_size'),
    ('buffer_size = 255;', r'buffer_size: 255 is out of range; .*256.*131072'),
    ('buffer_size = 131073;', r'buffer_size: 131073 is out of range; .*256.*131072'),
    ('buffer_size = "8192";', r'buffer_size: "8192" .*wanted: .*256.*131072'),
    ('workers = -1;', r'workers: -1 is out of range'),
    ('workers = 1.5;', r'workers: 1.5'),
    ('oversize = "splitt";', r'oversize: "splitt" .*did you mean "split"'),
    ('oversize = 1;', r'oversize: 1 .*"split"'),
    ('priority = "facility";', r'priority: "facility" .*"severity", "full"'),
    ('highest_severity = "worst";', r'highest_severity: "worst" '),
    ('log_level = "loud";', r'log_level: "loud" '),
    ('listeners = ( { address = "localhost"; } );', r'address: "localhost"'),
    ('listeners = ( { address = "1.2.3"; } );', r'address: "1.2.3"'),
    ('listeners = ( { port = 65536; } );', r'port: 65536 is out of range'),
    ('listeners = ( { framing = "octets"; } );', r'framing: "octets"'),
    ('listeners = ( { prot = 1; } );', r'prot: .*did you mean port'),
    ('listeners = ( { tag = "a b"; } );', r'tag: "a b"'),
    ('listeners = ( { port = 1; }, { port = 1; } );', r'listeners.* is taken by'),
    ('listeners = ( { address = "0.0.0.0"; port = 5; }, { port = 5; } );', r'is taken by'),
    ('listeners = ();', r'listeners: is empty'),
    ('output = { type = "file"; };', r'type: "file" .*"syslog"'),
    ('output = { path = "relative"; };', r'path: "relative"'),
    ('output = { facility = "local8"; };', r'facility: "local8" '),
    ('output = "syslog";', r'output: "syslog" '),
    ('limits = { connections = 0; };', r'connections: 0 is out of range'),
    ('port = 8888;', r'port: '),
]


def each_fault(scratch):
    for text, wanted in FAULTS:
        path = write(scratch, "\n\n" + text + "\n")
        for arguments in (["-t", "-c", path], ["-c", path]):
            status, out, err = run_daemon(*arguments)
            assert status == CONFIG, (text, status, err)
            assert len(err) == 1 and not out, (text, out, err)
            assert re.search(rf"^peerlogd: {re.escape(path)}:3: .*{wanted}", err[0]), (text, err)


def all_faults_at_once(scratch):
    settings = [(t, w) for t, w in FAULTS if not t.startswith(("listeners", "output", "limits"))]
    seen, text, lines = set(), "", []
    for setting, wanted in settings:
        name = setting.split()[0]
        if name not in seen:
            seen.add(name)
            text += setting + "\n"
            lines.append(wanted)
    path = write(scratch, text)
    for option in ("-t", "--check"):
        status, _, err = run_daemon(option, "--config", path)
        assert status == CONFIG
        assert len(err) == len(lines), err
        for number, (line, wanted) in enumerate(zip(err, lines), 1):
            assert re.search(rf":{number}: {wanted}", line), (line, wanted)


def syntax(scratch):
    path = write(scratch, "workers = 1;\nlisteners = ( {\n")
    status, _, err = run_daemon("-t", "-c", path)
    assert status == CONFIG and re.search(r"bad\.conf:[23]: ", err[0]), err


def log_here():
    """What type "auto" has to find on this machine."""
    native = "/run/systemd/journal/socket"
    leads = os.path.realpath("/dev/log").startswith("/run/systemd/journal/")
    if os.path.exists(native) and (leads or not os.path.exists("/dev/log")):
        return "journal (native)"
    return "syslog (/dev/log)"


def good_file(scratch):
    path = write(scratch, settings_text(dict(listeners=[LOOPBACK], workers=1)))
    assert run_daemon("-t", "-c", path) == (
        0, f"{path}: good\nlog: {log_here()}\n", [])


def missing_files(scratch):
    path = os.path.join(scratch, "no.conf")
    for arguments in (["-c", path], ["-t", "-c", path]):
        status, _, err = run_daemon(*arguments)
        assert status == CONFIG, (status, err)
        assert len(err) == 1 and path in err[0] and "No such file" in err[0], err
    status, _, err = run_daemon("-c", scratch)
    assert status == CONFIG and "Is a directory" in err[0], (status, err)


def missing_default_file(scratch):
    """No file at the default place, and none was named: defaults, and a line says so."""
    help_text = run_daemon("--help")[1]
    default = re.search(r"default (\S+)\)", help_text).group(1)
    if os.path.exists(default):
        raise Skip(f"{default} exists here")
    status, out, err = run_daemon("-t")
    assert status == 0 and len(err) == 1, (status, err)
    assert re.search(rf"{re.escape(default)} does not exist: using the built-in defaults", err[0])


def unreadable_file(scratch):
    if os.geteuid() == 0:
        raise Skip("root may read everything")
    path = write(scratch, "")
    os.chmod(path, 0)
    status, _, err = run_daemon("-c", path)
    assert status == CONFIG and "Permission denied" in err[0]


def address_in_use(scratch):
    with new_sink("syslog", scratch) as sink, Daemon(scratch, sink) as first:
        path = write(scratch, settings_text(dict(
            listeners=[LOOPBACK, dict(LOOPBACK, port=first.port)],
            output=dict(type="syslog", path=sink.path))))
        status, _, err = run_daemon("-c", path)
        assert status == UNAVAILABLE, (status, err)
        assert err == [f"peerlogd: cannot listen on 127.0.0.1:{first.port}: "
                       f"peerlogd (process {first.pid}) listens there already"], err
        say(first.port, b"still here\n")
        assert sink.wait_count(1)[0].text == b"still here"


def address_of_another_machine(scratch):
    path = write(scratch, settings_text(dict(listeners=[dict(address="192.0.2.1", port=0)])))
    status, _, err = run_daemon("-c", path)
    assert status == UNAVAILABLE and "192.0.2.1" in err[-1], (status, err)


def usage(scratch):
    for arguments in (["-x"], ["--nonsense"], ["argument"], ["-c"], ["-t", "more"]):
        status, out, err = run_daemon(*arguments)
        assert status == USAGE and not out and "--help" in err[-1], (arguments, status, err)


def help_and_version(scratch):
    for option in ("-h", "--help"):
        status, out, err = run_daemon(option)
        assert status == 0 and not err and out.startswith("Usage: peerlogd")
        assert all(o in out for o in ("--config", "--check", "--help", "--version"))
    for option in ("-V", "--version"):
        status, out, err = run_daemon(option)
        assert status == 0 and not err and re.fullmatch(r"peerlogd \d+\.\d+\.\d+\S*\n", out)


if __name__ == "__main__":
    main(each_fault, all_faults_at_once, syntax, good_file, missing_files,
         missing_default_file, unreadable_file, address_in_use, address_of_another_machine,
         usage, help_and_version)
