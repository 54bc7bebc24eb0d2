# SPDX-License-Identifier: MIT
"""Which room of the source may know which other: read from its #include lines.

A room is a folder. It may include its own headers and those of the rooms below it, as ARROWS
says, and nothing of a room beside or above; a private.h is for its folder alone, and no two
headers include each other. Faults are planted in what was read, to see that each kind of them is
found.
"""

import os
import re
import sys

SOURCE = os.environ.get("PEERLOG_SOURCE", os.path.join(os.path.dirname(__file__), "..", ".."))

# Each room and those right below it; what these may know, it may know, too.
ARROWS = {
    "main": "server advice output settings",
    "server": "admin accept takeover worker output parking",
    "admin": "worker metrics",
    "accept": "worker takeover session parking",
    "worker": "output session parking metrics",
    "takeover": "session parking",
    "output": "ledger settings messages",
    "session": "ledger settings metrics messages tls",
    "parking": "ledger settings messages",
    "advice": "ledger settings messages",
    "ledger": "os",
    "settings": "os tls",
    "metrics": "",
    "messages": "",
    "client": "os",
    "ctl": "core",
    "tls": "core",
    "os": "core",
    "core": "",
}

# Files that stand beside the rooms of their folder.
FILES = {
    "daemon/main.c": "main",
    "daemon/options.c": "main",
    "daemon/options.h": "main",
    "daemon/message_ids.h": "messages",
}


def below(room, arrows):
    """All rooms that ROOM may know, without itself; the arrows have no circle."""
    known = set()
    for other in arrows[room].split():
        known |= {other} | below(other, arrows)
    return known


def room_of(file):
    """The room of a file, whose name begins behind src/ or include/; None: it has none."""
    if file in FILES:
        return FILES[file]
    parts = file.split("/")
    if parts[0] == "peerlog":
        return "core"
    if parts[0] == "daemon":
        return parts[1] if len(parts) == 3 and parts[1] in ARROWS else None
    return parts[0] if len(parts) == 2 and parts[0] in ARROWS else None


def read_includes():
    """What each file of src/ and include/ includes in quotation marks, in order."""
    includes = {}
    for root in ("src", "include"):
        top = os.path.join(SOURCE, root)
        for folder, _, names in os.walk(top):
            for name in sorted(n for n in names if n.endswith((".c", ".h"))):
                path = os.path.join(folder, name)
                with open(path, encoding="utf-8") as file:
                    includes[os.path.relpath(path, top)] = re.findall(
                        r'^\s*#\s*include\s+"([^"]+)"', file.read(), re.MULTILINE)
    return includes


def arrow_faults(includes):
    """Lines that lead up or aside, into a foreign private.h, or to no file of the source."""
    for file, others in includes.items():
        room = room_of(file)
        if room is None:
            yield f"{file} is in no room; a new one needs a row in ARROWS"
            continue
        for other in others:
            if other == "config.h":
                continue
            if other not in includes:
                yield f"{file} includes {other}, which is no file below src/ or include/"
            elif (os.path.basename(other) == "private.h" and
                  os.path.dirname(other) != os.path.dirname(file)):
                yield f"{file} includes {other}, which is for its own folder alone"
            elif room_of(other) not in {room, None} | below(room, ARROWS):
                yield f"{file} includes {other}: {room} must not know {room_of(other)}"


def circles(graph):
    """One circle of each knot in GRAPH, {node: nodes}."""
    done = set()

    def walk(node, path):
        if node in path:
            yield path[path.index(node):] + [node]
        elif node not in done:
            for other in graph.get(node, ()):
                yield from walk(other, path + [node])
            done.add(node)

    for node in graph:
        yield from walk(node, [])


def folders_of(includes):
    """What each folder includes of others."""
    graph = {}
    for file, others in includes.items():
        here = os.path.dirname(file)
        graph.setdefault(here, set()).update(
            os.path.dirname(other) for other in others
            if other in includes and os.path.dirname(other) != here and other not in FILES and
            file not in FILES)
    return graph


def faults_of(includes):
    faults = list(arrow_faults(includes))
    for circle in [*circles(includes), *circles(folders_of(includes))]:
        faults.append("a circle: " + " -> ".join(circle))
    return faults


# A line that each kind of fault would be: the file, what it includes, and what is said of it.
PLANTED = (
    ("daemon/ledger/ledger.h", "daemon/worker/round.h", "ledger must not know worker"),
    ("daemon/settings/table.c", "daemon/ledger/ledger.h", "settings must not know ledger"),
    ("daemon/session/session.c", "daemon/output/output.h", "session must not know output"),
    ("client/main.c", "daemon/settings/settings.h", "client must not know settings"),
    ("ctl/top.c", "os/clock.h", "ctl must not know os"),
    ("core/cidr.c", "os/clock.h", "core must not know os"),
    ("os/net.c", "daemon/metrics/counters.h", "os must not know metrics"),
    ("daemon/server/server.c", "daemon/worker/private.h", "for its own folder alone"),
    ("daemon/output/batch.h", "daemon/output/output.h", "a circle: daemon/output/"),
    ("daemon/ledger/layout.h", "daemon/worker/worker.h", "a circle: daemon/"),
    ("daemon/worker/round.c", "round.h", "no file below"),
    ("daemon/attic/old.c", "os/net.h", "in no room"),
)


def planted_faults(includes):
    """Each planted line must be found, and told rightly."""
    for file, other, wanted in PLANTED:
        faults = faults_of({**includes, file: [*includes.get(file, []), other]})
        if not any(wanted in fault for fault in faults):
            yield f"{file} including {other} was not found: {faults}"


def main():
    includes = read_includes()
    if len(includes) < 2:
        sys.exit(f"there is no source in {SOURCE}")
    faults = faults_of(includes) or list(planted_faults(includes))
    for fault in faults:
        print(fault)
    print(f"{sum(map(len, includes.values()))} includes of {len(includes)} files: "
          f"{len(faults)} faults")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
