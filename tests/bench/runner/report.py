# SPDX-License-Identifier: MIT
"""The report: tables on standard output, and everything as JSON."""

import json
import os
import platform

TICK, CROSS, OPEN = "\u2713", "\u2717", "-"

# What the table shows of each cell: key, heading, format.
COLUMNS = (
    ("cpu_us", "CPU us/message", "{:.2f}"),
    ("rate", "a second", "{:,.0f}"),
    ("p50_us", "p50 us", "{:,.0f}"),
    ("p99_us", "p99 us", "{:,.0f}"),
    ("idle_bytes", "bytes, silent", "{:,.0f}"),
    ("spoken_bytes", "bytes, spoken", "{:,.0f}"),
    ("idle_cpu_us_per_s", "idle CPU us/s", "{:,.0f}"),
    ("start_ms", "start ms", "{:.1f}"),
    ("stop_seconds", "to end, s", "{:.3f}"),
    ("restart_seconds", "restart, s", "{:.3f}"),
    ("memory", "memory KiB", "{:,.0f}"),
    ("lost", "lost", "{:,.0f}"),
)


def machine():
    """What it ran on."""
    model = "?"
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as info:
        for line in info:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {"cpu": model, "cpus": len(os.sched_getaffinity(0)),
            "memory_gib": round(pages / (1 << 30), 1), "kernel": platform.release()}


def _shown(cell, key, text, value):
    if value is None:
        return ""
    if key == "memory":
        value /= 1024
    if key in ("p50_us", "p99_us") and cell.startswith(("saturated", "single", "framing",
                                                        "journal", "stdout", "beside")):
        return ""  # how long the queues are is the load's doing
    return text.format(value)


def print_cells(results):
    """A block for each cell, a line for each program."""
    width = max((len(name) for name in results.programs()), default=8)
    for cell, by_program in results.rounds.items():
        keys = [c for c in COLUMNS if any(
            _shown(cell, c[0], c[2], results.median(cell, p, c[0])) for p in by_program)]
        print(f"\n{cell}")
        print("  " + " " * width + "".join(f"{heading:>16}" for _, heading, _ in keys)
              + f"{'CPU/floor':>12}")
        for program in by_program:
            line = "".join(
                f"{_shown(cell, key, text, results.median(cell, program, key)):>16}"
                for key, _, text in keys)
            ratio = results.ratio(cell, "cpu_us", program)
            print(f"  {program:<{width}}{line}" + (f"{ratio:>12.2f}" if ratio else ""))


def print_micro(rows):
    if rows:
        print(f"\n{'':<36}{'ns a message':>14}{'GB/s':>10}")
    for row in rows:
        print(f"{row['name']:<36}{row['ns']:>14.1f}{row['gb_per_s']:>10.2f}")


def print_goals(goals):
    width = max(len(goal.what) for goal in goals)
    print(f"\n{'goal':<{width + 4}}{'bound':>14}{'measured':>14}")
    for goal in goals:
        mark = {None: OPEN, True: TICK, False: CROSS}[goal.met()]
        bound = (">= " if goal.least else "<= ") + goal.shown(goal.bound)
        value = "not measured" if goal.value is None else goal.shown(goal.value)
        print(f"  {mark} {goal.what:<{width}}{bound:>14}{value:>14}")
    missed = sum(goal.met() is False for goal in goals)
    open_ones = sum(goal.met() is None for goal in goals)
    print(f"\n{len(goals) - missed - open_ones} met, {missed} missed, {open_ones} not measured")


def write_json(path, bench, results, goals):
    document = {
        "machine": machine(),
        "programs": {daemon.name: daemon.version() for daemon in bench.daemons},
        "options": {key: value for key, value in vars(bench.options).items()},
        "goals": [goal.as_dict() for goal in goals],
        "medians": results.medians(),
        "rounds": results.rounds,
        "failures": results.failures,
        "micro": bench.micro,
    }
    with open(path, "w", encoding="utf-8") as file:
        json.dump(document, file, indent=1)
        file.write("\n")
