# SPDX-License-Identifier: MIT
"""Charts, drawn by gnuplot as SVG."""

import os
import shutil
import subprocess

from .plan import COUNTS, SIZES, saturated_name

COLOURS = {"floor": "#8a8f98", "peerlogd": "#1f6feb", "rsyslog": "#d4731a",
           "syslog-ng": "#7a4fb5"}
HEAD = """set terminal svg size {width},420 font "sans-serif,13" background "white"
set output "{output}"
set title "{title}"
set ylabel "{ylabel}"
set style data histogram
set style histogram clustered gap 1
set style fill solid 0.9 noborder
set boxwidth 0.9
set grid ytics lc rgb "#dddddd"
set border 3
set tics nomirror
set yrange [0:*]
set key outside top center horizontal
"""


def _plot(path, title, ylabel, rows, programs, log=False):
    """ROWS: (label, {program: number}); one bar for each program in each row."""
    programs = [p for p in programs if any(numbers.get(p) is not None for _, numbers in rows)]
    data = []
    for label, numbers in rows:
        cells = [f"{numbers[p]:.4f}" if numbers.get(p) is not None else "NaN" for p in programs]
        data.append(f'"{label}" ' + " ".join(cells))
    script = HEAD.format(width=max(480, 110 + 95 * len(rows)), output=path, title=title,
                         ylabel=ylabel)
    if log:
        script += "set logscale y\nset yrange [10:*]\n"
    script += "$data << EOD\n" + "\n".join(data) + "\nEOD\nplot "
    script += ", ".join(
        f'$data using {i + 2}:xtic(1) title "{p}" lc rgb "{COLOURS.get(p, "#444444")}"'
        for i, p in enumerate(programs))
    subprocess.run(["gnuplot"], input=script + "\n", text=True, check=True, timeout=30)
    return path


def _rows(results, cells, key):
    rows = []
    for label, cell in cells:
        numbers = {p: results.median(cell, p, key) for p in results.rounds.get(cell, {})}
        if any(value is not None for value in numbers.values()):
            rows.append((label, numbers))
    return rows


def _curve(path, results, programs):
    """CPU a message against the number of idle connections beside."""
    lines = []
    for program in programs:
        points = []
        for cell in results.rounds:
            if cell.startswith("beside "):
                value = results.median(cell, program, "cpu_us")
                if value is not None:
                    points.append((max(1, int(cell.split()[1])), value))
        if points:
            lines.append((program, sorted(points)))
    if not lines:
        return None
    script = HEAD.format(width=640, output=path, title="CPU beside idle connections",
                         ylabel="CPU us a message")
    script += 'set logscale x\nset xlabel "idle connections (1: none)"\n'
    script += "set style data linespoints\n"
    for i, (program, points) in enumerate(lines):
        script += f"$d{i} << EOD\n" + "\n".join(f"{x} {y:.4f}" for x, y in points) + "\nEOD\n"
    script += "plot " + ", ".join(
        f'$d{i} title "{p}" lw 2 pt 7 lc rgb "{COLOURS.get(p, "#444444")}"'
        for i, (p, _) in enumerate(lines))
    subprocess.run(["gnuplot"], input=script + "\n", text=True, check=True, timeout=30)
    return path


def draw(directory, results):
    """Draw what there are numbers for. Returns the files."""
    if shutil.which("gnuplot") is None:
        print("bench: no charts: gnuplot is not installed")
        return []
    programs = results.programs()
    drawn = []

    def plot(name, title, ylabel, rows, log=False):
        if rows:
            drawn.append(_plot(os.path.join(directory, name), title, ylabel, rows, programs, log))

    plot("cpu.svg", "CPU of one message (connections x bytes, saturated)", "microseconds",
         _rows(results, [(f"{c}x{s}", saturated_name(c, s)) for c in COUNTS for s in SIZES],
               "cpu_us"))
    idle = [cell for cell in results.rounds if cell.startswith("idle ")][:1]
    rows = []
    for key, label in (("idle_bytes", "silent"), ("spoken_bytes", "after one message")):
        rows += _rows(results, [(label, cell) for cell in idle], key)
    plot("memory.svg", "Memory of one idle connection", "bytes", rows, log=True)
    rows = []
    for key, label in (("p50_us", "p50"), ("p99_us", "p99")):
        rows += _rows(results, [(label, "latency 20000/s")], key)
    plot("latency.svg", "Latency at 20,000 messages a second", "microseconds", rows, log=True)
    curve = _curve(os.path.join(directory, "linear.svg"), results, programs)
    return drawn + ([curve] if curve else [])
