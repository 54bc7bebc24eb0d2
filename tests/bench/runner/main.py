# SPDX-License-Identifier: MIT
"""The runner: reads the options, runs the rounds, reports."""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from . import charts, daemons, plan, process, report, space
from .results import Results
from .tools import Failure

SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def parse_options(argv):
    parser = argparse.ArgumentParser(
        prog="tests/bench/run",
        description="Measure peerlogd against the floor and against others.")
    parser.add_argument("--builddir", default=".", help="where the programs were built")
    parser.add_argument("--results", help="directory for JSON and charts (BUILDDIR/bench-results)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1.0, help="of all durations")
    parser.add_argument("--quick", action="store_true", help="everything once, in under a minute")
    parser.add_argument("--cells", default="", metavar="NAMES",
                        help="groups or beginnings of names, by commas (see --list)")
    parser.add_argument("--programs", default="", metavar="NAMES", help="only these, by commas")
    parser.add_argument("--list", action="store_true", help="name the cells, and end")
    parser.add_argument("--peerlogd", help="the program (BUILDDIR/peerlogd)")
    parser.add_argument("--peerlogd-settings", default="", metavar="TEXT",
                        help="added to its configuration file")
    parser.add_argument("--also", action="append", default=[], metavar="NAME=PROGRAM",
                        help="another build of the floor or of peerlogd (NAME begins so)")
    parser.add_argument("--syslog-ng-root", default="", metavar="DIR",
                        help="where syslog-ng's packages were unpacked")
    parser.add_argument("--journald", default="private", metavar="SOCKET",
                        help="a real journald's native socket, or 'private': start one")
    options = parser.parse_args(argv)
    options.builddir = os.path.abspath(options.builddir)
    options.results = os.path.abspath(
        options.results or os.path.join(options.builddir, "bench-results"))
    options.peerlogd = os.path.abspath(
        options.peerlogd or os.path.join(options.builddir, "peerlogd"))
    if options.quick:
        options.rounds, options.scale = 1, min(options.scale, 0.1)
    return options


class Bench:
    """What every part needs: the options, the tools' places, a scratch directory."""

    def __init__(self, options, directory):
        self.options = options
        self.directory = directory
        self.daemons, self.notes = [], []
        self.micro = []

    def tool(self, name):
        return os.path.join(self.options.builddir, "tests", "bench", name)

    def scratch(self, name):
        return os.path.join(self.directory, name)


def _wanted(names, name, group=""):
    return not names or any(
        group == n or name.startswith(n) for n in map(str.strip, names.split(",")))


def _select(bench):
    found, notes = daemons.find(bench)
    bench.daemons = [d for d in found if _wanted(bench.options.programs, d.name)]
    bench.notes = notes
    cells = [c for c in plan.cells(bench) if _wanted(bench.options.cells, c.name, c.group)]
    return cells


def _programs_for(bench, cell, round_number):
    """The programs of a cell, in another order each round."""
    chosen = [d for d in bench.daemons
              if (not d.special if cell.programs is None else d.base in cell.programs)]
    if bench.options.quick and cell.name != plan.saturated_name(16, 256):
        chosen = [d for d in chosen if d.base in plan.OURS or d.special]
    turn = round_number % len(chosen) if chosen else 0
    return chosen[turn:] + chosen[:turn]


def _run_rounds(bench, cells, results):
    for number in range(bench.options.rounds):
        for cell in cells:
            if number >= max(1, round(bench.options.rounds * cell.rounds_factor)):
                continue
            for daemon in _programs_for(bench, cell, number):
                began = time.monotonic()
                try:
                    numbers = cell.measure(bench, daemon)
                    results.add(cell.name, daemon.name, numbers)
                    words = _summary(numbers)
                except Exception as error:  # noted; the other cells are worth having
                    words = str(error) if isinstance(error, Failure) else repr(error)
                    results.fail(cell.name, daemon.name, words)
                    words = "failed: " + words
                print(f"round {number + 1}/{bench.options.rounds}  {cell.name}: {daemon.name}: "
                      f"{words} [{time.monotonic() - began:.1f} s]", file=sys.stderr, flush=True)


def _summary(numbers):
    shown = [f"{key} {value:.4g}" for key, value in numbers.items()
             if key in ("cpu_us", "rate", "p99_us", "idle_bytes", "spoken_bytes", "start_ms")]
    if numbers.get("lost"):
        shown.append(f"LOST {numbers['lost']}")
    return ", ".join(shown)


def _run_micro(bench):
    program = bench.tool("micro")
    if not os.access(program, os.X_OK) or not _wanted(bench.options.cells, "micro"):
        return
    command = [program] + (["--quick"] if bench.options.quick else [])
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    for line in done.stdout.splitlines():
        name, ns, rate = line.split("\t")
        bench.micro.append({"name": name, "ns": float(ns), "gb_per_s": float(rate)})


def _work(options, directory):
    bench = Bench(options, directory)
    cells = _select(bench)
    if options.list:
        for cell in cells:
            print(f"{cell.group:<12}{cell.name}")
        return 0
    for tool in map(bench.tool, ("floor", "launch", "load", "sink")):
        if not os.access(tool, os.X_OK):
            print(f"bench: there is no {tool}; \"make bench\" in that folder builds it",
                  file=sys.stderr)
            return 69
    for note in bench.notes:
        print(f"bench: not measured: {note}", file=sys.stderr)
    results = Results()
    try:
        _run_rounds(bench, cells, results)
    except KeyboardInterrupt:
        print("bench: interrupted; this is what there is", file=sys.stderr)
    report.print_cells(results)
    _run_micro(bench)
    report.print_micro(bench.micro)
    goals = plan.goals(bench, results)
    report.print_goals(goals)
    for failure in results.failures:
        print(f"failed: {failure}")
    os.makedirs(options.results, exist_ok=True)
    report.write_json(os.path.join(options.results, "bench.json"), bench, results, goals)
    for path in charts.draw(options.results, results):
        print(f"drawn: {path}")
    print(f"written: {options.results}/bench.json")
    return 1 if results.failures else 0


def _on_signal(*_):
    raise KeyboardInterrupt


def main(argv):
    options = parse_options(argv)
    status = space.run_inside([os.path.join(SOURCE, "run")] + argv)
    if status is not None:
        return status
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _on_signal)
    space.prepare()
    directory = os.environ.get(space.INSIDE) or tempfile.mkdtemp(prefix="peerlog-bench-")
    try:
        return _work(options, directory)
    except KeyboardInterrupt:
        return 130
    finally:
        process.stop_all()
        shutil.rmtree(directory, ignore_errors=True)
