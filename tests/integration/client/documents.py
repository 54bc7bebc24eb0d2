#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# A newcomer reads --help, the manual, or presses TAB, and must find the same options
# everywhere. --help is made from the table that parses, so it is the measure: each option
# stands in the manual and in both completions, and none of them knows one that does not
# exist. Usage errors end with 64 and one line, and output that cannot be written is an error.

import os
import re
import shutil
import subprocess

from peer import PEERLOG, as_at_a_terminal, check, check_in, run, tell_skipped

SOURCE = os.environ.get("PEERLOG_SOURCE", ".")


def read(*path):
    with open(os.path.join(SOURCE, *path), encoding="utf-8") as file:
        return file.read()


def options_of_help():
    status, text, errors = run("--help")
    check("--help", (status, errors), (0, ""))
    letters = re.findall(r"^  -(\w)", text, re.M)
    names = re.findall(r"^  (?:-\w, |    )--([a-z0-9-]+)", text, re.M)
    check("there are options", len(letters) > 10 and len(names) > 15, True)
    return letters, names


def compare_manual(letters, names):
    page = read("man", "peerlog.1")
    # What is said there of logger(1) is not ours.
    items = re.findall(r"^\.It Fl (.*)$", page.split(".Sh COMPATIBILITY")[0], re.M)
    documented = {part.strip().split()[0] for item in items for part in item.split(", Fl ")}
    check("the manual", documented, set(letters) | {"-" + name for name in names})
    for name in ("SERVER", "PORT", "TLS", "TLS_CA", "TLS_CERT", "TLS_KEY", "TLS_NAME",
                 "TLS_INSECURE"):
        check("the manual", bool(re.search(rf"Ev PEERLOG_{name}\b", page)), True)


def compare_completions(letters, names):
    bash = read("etc", "completion", "peerlog.bash")
    known = set(re.findall(r"(?<![\w-])--([a-z0-9-]+)", bash))
    check("bash", known, set(names))
    known = set(re.findall(r"(?<![\w-])-(\w)\b", bash.split("words=")[1].split('"')[1]))
    check("bash, letters", known, set(letters))
    zsh = read("etc", "completion", "_peerlog")
    check("zsh", set(re.findall(r"(?<![\w-])--([a-z0-9-]+)", zsh)), set(names))
    specs = zsh.split("_arguments -s -S")[1]
    check("zsh, letters", set(re.findall(r"(?<![\w-])-(\w)(?!\w)", specs)), set(letters))


def try_bash_completion():
    """Press TAB, as far as that is possible without a keyboard."""
    if shutil.which("bash") is None:
        tell_skipped("try_bash_completion", "bash is not installed")
        return
    script = f"""
        source {SOURCE}/etc/completion/peerlog.bash
        COMP_WORDS=(peerlog --fr); COMP_CWORD=1
        _peerlog peerlog --fr peerlog; echo "${{COMPREPLY[@]}}"
        COMP_WORDS=(peerlog --framing ""); COMP_CWORD=2
        _peerlog peerlog "" --framing; echo "${{COMPREPLY[@]}}"
        COMP_WORDS=(peerlog -p local0.w); COMP_CWORD=2
        _peerlog peerlog local0.w -p; echo "${{COMPREPLY[@]}}"
        COMP_WORDS=(peerlog --rfc5424 = noh); COMP_CWORD=3
        _peerlog peerlog noh =; echo "${{COMPREPLY[@]}}"
        COMP_WORDS=(peerlog --progress = ""); COMP_CWORD=3
        _peerlog peerlog "" =; echo "${{COMPREPLY[@]}}"
    """
    output = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    check("TAB", output.stdout, "--framing\nlf nul octet-counting\nlocal0.warning\nnohost\n"
          "auto always never\n")


def refuse_usage():
    for options in (["--bogus"], ["-P", "0"], ["-f", "x", "y"], ["--timeout"], ["-P", "none"],
                    ["--retry", "2", "-P", "none", "hi"]):
        status, output, errors = run(*options)
        check(f"{options}", (status, output, errors.count("\n")), (64, "", 1))
        check(f"{options}", errors.startswith("peerlog: "), True)
    status, _, errors = run("hi", environment={"PEERLOG_PORT": "none at all"})
    check("a service that does not exist", status, 64)
    check_in("where its name stands", "PEERLOG_PORT: \"none at all\" is no", errors)


def refuse_a_full_disk():
    if not os.path.exists("/dev/full"):
        tell_skipped("refuse_a_full_disk", "no /dev/full here")
        return
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([PEERLOG, "--help"], stdout=full, stderr=subprocess.PIPE, check=False)
    check("a full disk", done.returncode, 74)


def write_to_nobody():
    """A pipe without a reader, and streams that are closed: SIGPIPE never kills, and what
    cannot be written is an error, unless there is a worse one."""
    for option, status in ("-h", 74), ("-V", 74), ("--bogus", 64):
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run([PEERLOG, option], stdout=writer, stderr=writer,
                              preexec_fn=as_at_a_terminal, check=False)
        os.close(writer)
        check(f"{option} to a broken pipe", done.returncode, status)
        done = subprocess.run(["sh", "-c", 'exec "$0" "$1" >&- 2>&-', PEERLOG, option], check=False)
        check(f"{option} to nothing", done.returncode, status)


all_letters, all_names = options_of_help()
compare_manual(all_letters, all_names)
compare_completions(all_letters, all_names)
try_bash_completion()
refuse_usage()
refuse_a_full_disk()
write_to_nobody()
check_in("--version", "peerlog ", run("--version")[1])
