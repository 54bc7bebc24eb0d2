#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the system tests: each scenario on a freshly booted machine with a real systemd.

A scenario is a file NN_name.py beside this one with a function run(machine, kit), which
returns a line about what it has seen or raises Failed. Ends with 0 if all went well, 1 if
one failed, 64 if one was asked for that does not exist, 77 if none could be run.
"""

import argparse
import importlib.util
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, HERE)

from harness import base, daemon, package, traffic  # noqa: E402
from harness.failure import Failed, Skipped  # noqa: E402
from harness.machine import Machine  # noqa: E402

USAGE, SKIP = 64, 77
DEFAULT_LIMIT_S = 180
OWN_NAMESPACE = "PEERLOG_SYSTEM_TESTS_UNSHARED"


class Kit:
    """What a scenario may want to know beyond its machine."""

    def __init__(self, options, deb, folder):
        self.options = options
        self.programs = options.programs
        self.deb = deb
        self.folder = folder
        self.random = random.Random(options.seed)
        self.percent = options.percent
        self.left_out = []

    def share_of(self, rounds):
        """Of so many ROUNDS, those that are wanted; one at least."""
        return max(1, rounds * self.percent // 100)

    def newer_deb(self):
        """A package to upgrade to."""
        return package.make_newer(self.deb, self.folder)

    def deb_before(self):
        """The version before, with another layout of the ledger; None, which is said: no way."""
        try:
            return package.build_before(self.options.source, self.options.suite, self.folder)
        except Skipped as reason:
            self.left_out.append(f"from the version before: {reason}")
            return None


class Late(Failed):
    """A scenario took longer than it may."""


def is_meant(name, word):
    """WORD: a number or a part of a name."""
    return word.zfill(2) == name[:2] or word in name[3:]


def find_scenarios(wanted):
    """The names of scenarios, in order. Returns: them, and the words that mean none."""
    files = sorted(name for name in os.listdir(HERE) if re.fullmatch(r"\d\d_\w+\.py", name))
    names = [name[:-3] for name in files]
    unknown = [word for word in wanted if not any(is_meant(name, word) for name in names)]
    chosen = [name for name in names if not wanted or any(is_meant(name, w) for w in wanted)]
    return chosen, unknown


def load_scenario(name):
    """Import a scenario; its name begins with a digit, so `import` cannot."""
    spec = importlib.util.spec_from_file_location("scenario_" + name, f"{HERE}/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def keep_evidence(machine, logs, name):
    """The machine's journal, for whoever looks into a failure."""
    try:
        text = machine.out("journalctl", "-q", "--no-pager", "-n", "3000", limit_s=30, check=False)
        status = machine.out("systemctl", "status", "--no-pager", "peerlogd*", check=False)
    except (Failed, OSError):
        return ""
    os.makedirs(logs, exist_ok=True)
    with open(f"{logs}/{name}.log", "w", encoding="utf-8") as log:
        log.write(status + "\n\n" + text + "\n")
    return f" [see {logs}/{name}.log]"


def play(name, options, kit, base_root):
    """Run one scenario. Returns: its outcome and a line about it."""
    scenario = load_scenario(name)
    folder = tempfile.mkdtemp(prefix=name[:2] + "-", dir=kit.folder)

    def too_late(*_):
        raise Late(f"not finished within {limit_s} s")

    limit_s = getattr(scenario, "LIMIT_S", DEFAULT_LIMIT_S)
    signal.signal(signal.SIGALRM, too_late)
    signal.alarm(limit_s)
    try:
        with Machine(base_root, folder) as machine:
            traffic.prepare(machine, options.programs)
            try:
                if getattr(scenario, "INSTALLED", True):
                    daemon.install(machine, kit.deb)
                return "ok", scenario.run(machine, kit)
            except (Failed, OSError, ValueError, KeyError) as fault:
                signal.alarm(60)
                raise Failed(f"{fault}{keep_evidence(machine, options.logs, name)}") from fault
    except Skipped as reason:
        return "skip", str(reason)
    except Failed as fault:
        return "FAIL", str(fault)
    finally:
        signal.alarm(0)


def parse_options():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scenario", nargs="*", help="numbers or parts of names; none: all")
    parser.add_argument("--source", default=os.path.dirname(os.path.dirname(HERE)))
    parser.add_argument("--programs", required=True, help="folder of stream and sink")
    parser.add_argument("--logs", default="system-logs", help="folder for evidence of failures")
    parser.add_argument("--package", help="test this package instead of building one")
    parser.add_argument("--suite", help="of Debian, instead of this machine's own release")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--percent", type=int, default=100, help="of the restarts and kills")
    return parser.parse_args()


def run_all(options, scenarios, folder):
    """Run the SCENARIOS. Returns: counts by outcome."""
    counts = {"ok": 0, "FAIL": 0, "skip": 0}
    base_root = base.get(options.suite)
    deb = options.package or package.build(options.source, options.suite, folder)
    kit = Kit(options, deb, folder)
    for name in scenarios:
        started = time.monotonic()
        outcome, line = play(name, options, kit, base_root)
        counts[outcome] += 1
        print(f"{outcome:4}  {name:24}  {line} ({time.monotonic() - started:.0f} s)", flush=True)
        for reason in kit.left_out:
            print(f"skip  {name:24}  {reason}", flush=True)
        counts["skip"] += len(kit.left_out)
        kit.left_out.clear()
    return counts


def unshare():
    """Begin again in a mount namespace of our own: what is mounted in it goes with it."""
    if OWN_NAMESPACE not in os.environ:
        os.environ[OWN_NAMESPACE] = "1"
        arguments = ["unshare", "--mount", "--propagation", "private", sys.executable]
        os.execvp("unshare", arguments + sys.argv)


def interrupt(*_):
    """SIGTERM is SIGINT: everything is cleaned up on the way out."""
    raise KeyboardInterrupt


def main():
    """Returns: the exit status."""
    options = parse_options()
    scenarios, unknown = find_scenarios(options.scenario)
    if unknown:
        print(f"there is no scenario {unknown[0]!r}", file=sys.stderr)
        return USAGE
    signal.signal(signal.SIGTERM, interrupt)
    try:
        base.check_tools()
        options.suite = options.suite or base.codename()
        unshare()
        folder = tempfile.mkdtemp(prefix="peerlog-system-")
    except Skipped as reason:
        print(f"skip  system tests: {reason}")
        return SKIP
    print(f"seed {options.seed}, suite {options.suite}", flush=True)
    try:
        counts = run_all(options, scenarios, folder)
    except Skipped as reason:
        print(f"skip  system tests: {reason}")
        return SKIP
    except (Failed, subprocess.SubprocessError) as fault:
        print(f"FAIL  {fault}")
        return 1
    except KeyboardInterrupt:
        print("interrupted")
        return 130
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{counts['ok']} passed, {counts['FAIL']} failed, {counts['skip']} skipped")
    if counts["FAIL"]:
        return 1
    return 0 if counts["ok"] else SKIP


if __name__ == "__main__":
    sys.exit(main())
