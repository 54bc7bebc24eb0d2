# SPDX-License-Identifier: MIT
"""How long things are, and whether what is named is there.

No source or test has more than 500 lines, no header more than 200, no function more than 80, no
line more than 100 columns; each file of src/ is named in the table "Every file" of src/README.md;
and a file that a comment names is one of the tree. Faults are planted, to see that each kind of
them is found.
"""

import os
import re
import sys

SOURCE = os.environ.get("PEERLOG_SOURCE", os.path.join(os.path.dirname(__file__), "..", ".."))
MOST_LINES = {".c": 500, ".py": 500, ".h": 200}
MOST_COLUMNS = 100
MOST_FUNCTION_LINES = 80
FOLDERS = ("include", "src", "tests")


def read_tree():
    """The text of each file that is measured; and the names of all files."""
    texts, names = {}, set()
    for root in FOLDERS:
        for folder, _, files in os.walk(os.path.join(SOURCE, root)):
            for name in files:
                path = os.path.relpath(os.path.join(folder, name), SOURCE)
                names.add(path)
                if os.path.splitext(name)[1] in MOST_LINES:
                    with open(os.path.join(SOURCE, path), encoding="utf-8") as file:
                        texts[path] = file.read()
    return texts, names


def length_faults(path, text):
    """Of a file, its lines, and its functions: in C they begin and end in the first column."""
    lines = text.split("\n")[:-1]
    suffix = os.path.splitext(path)[1]
    if len(lines) > MOST_LINES[suffix]:
        yield f"{path} has {len(lines)} lines, and may have {MOST_LINES[suffix]}"
    begun = None
    for number, line in enumerate(lines, 1):
        if len(line) > MOST_COLUMNS:
            yield f"{path}:{number} has {len(line)} columns"
        if suffix != ".c":
            continue
        if line == "{":
            begun = number
        elif line == "}" and begun is not None:
            if number - begun - 1 > MOST_FUNCTION_LINES:
                yield f"{path}:{begun} is a function of {number - begun - 1} lines"
            begun = None


def named_faults(texts, names):
    """Files that a comment of C names and that are not there."""
    known = {os.path.basename(name) for name in names} | {"config.h"}
    for text in texts.values():
        known.update(os.path.basename(name) for name in re.findall(r"#include <(\S+)>", text))
    known.add("sysexits.h")
    for path, text in texts.items():
        if path.endswith(".py"):
            continue
        for comment in re.findall(r"/\*.*?\*/", text, re.DOTALL):
            for name in re.findall(r"(?<![\w/.-])((?:\w+/)*\w+\.[ch])\b", comment):
                if os.path.basename(name) not in known or (
                        "/" in name and not any(f"/{n}".endswith(f"/{name}") for n in names)):
                    yield f"{path} names {name}, which is not there"


def read_rows(page):
    """The table of the page: the names of each room."""
    table = page.partition("## Every file\n")[2].partition("\n## ")[0]
    return {room: set(re.findall(r"`(\w+)`", rest))
            for room, rest in re.findall(r"^\| `([\w/]+)` \| (.*) \|$", table, re.MULTILINE)}


def row_faults(texts, rows):
    """Files without a place in the table, and places without a file."""
    modules = {}
    for path in texts:
        folder, name = os.path.split(path)
        if path.startswith("src/"):
            modules.setdefault(folder[len("src/"):], set()).add(name[:-2])
        elif path.startswith("include/"):
            modules.setdefault("core", set()).add(name[:-2])
    for room in sorted(modules.keys() | rows.keys()):
        here, told = modules.get(room, set()), rows.get(room, set())
        for name in sorted(here - told):
            yield f"{room}/{name} has no place in src/README.md"
        for name in sorted(told - here):
            yield f"src/README.md names {name} in {room}, and it is not there"


def old_word_faults(path, text):
    """What new versions of a library warn of, and old ones do not."""
    if "assert_in_range(" in text and path.endswith(".c"):
        yield f"{path} has assert_in_range(), of which cmocka 2 warns: see support/in_range.h"


def faults_of(texts, names, page):
    for path, text in sorted(texts.items()):
        yield from length_faults(path, text)
        yield from old_word_faults(path, text)
    yield from named_faults(texts, names)
    yield from row_faults(texts, read_rows(page))


# A file that each kind of fault would be, and what is said of it.
PLANTED = (
    ("src/core/cidr.c", "\n" * 501, "has 501 lines"),
    ("src/os/net.h", "\n" * 201, "has 201 lines"),
    ("tests/unit/core/test_cidr.c", "\n" * 501, "has 501 lines"),
    ("src/core/cidr.c", "x" * 101 + "\n", "cidr.c:1 has 101 columns"),
    ("src/core/cidr.c", "int f(void)\n{\n" + "\n" * 81 + "}\n", "a function of 81 lines"),
    ("src/core/cidr.c", "/* see " + "old_cidr.h */\n", "names old_cidr.h"),
    ("src/core/cidr.c", "/* see " + "daemon/cidr.h */\n", "names daemon/cidr.h"),
    ("tests/unit/core/test_cidr.c", "    assert_in_range(1, 0, 2);\n", "see support/in_range.h"),
    ("src/daemon/worker/news.c", "\n", "daemon/worker/news has no place"),
)


def planted_faults(texts, names, page):
    """Each planted file must be found, and told rightly."""
    for path, text, wanted in PLANTED:
        faults = list(faults_of({**texts, path: text}, names, page))
        if not any(wanted in fault for fault in faults):
            yield f"{path} was not found with {wanted!r}: {faults}"
    without = [fault for fault in faults_of(texts, names, page.replace("`loops`", "loops"))]
    if without != ["daemon/worker/loops has no place in src/README.md"]:
        yield f"a page without a file was not found: {without}"


def main():
    texts, names = read_tree()
    with open(os.path.join(SOURCE, "src", "README.md"), encoding="utf-8") as file:
        page = file.read()
    faults = list(faults_of(texts, names, page)) or list(planted_faults(texts, names, page))
    for fault in faults:
        print(fault)
    print(f"{len(texts)} files: {len(faults)} faults")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
