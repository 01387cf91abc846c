# SPDX-License-Identifier: MIT
"""Holds the tree to the rules that can be read off its text.

usage: layout_test.py ROOT

Each rule below is a function that yields complaints. All are printed; one is enough to fail.
"""

import difflib
import fnmatch
import pathlib
import re
import sys

# A room, and the rooms below it whose files it may include. One arrow, downward.
ROOMS = {
    "timers": [],
    "reactor": ["timers"],
    "net": ["reactor"],
}

# What one reads in an evening to understand how a program sleeps: the files, and their budget.
CORE = """
    timers/intrusive_list.hpp
    timers/wheel.hpp
    timers/wheel.cpp
    reactor/runnable.hpp
    reactor/backend.hpp
    reactor/backend_epoll.cpp
    reactor/loop.hpp
    reactor/loop.cpp
    reactor/work.hpp
    reactor/future.hpp
""".split()
CORE_LINES = 1800
ALL_LINES = 9000
FILE_LINES = 500

# The files that may include headers of the operating system; an address is a sockaddr.
SYSTEM = ["reactor/posix*", "reactor/backend_*.cpp", "net/address.cpp"]

# OpenSSL's are in this file alone.
TLS = "net/tls_openssl.cpp"

# The two native kernels, to be read side by side.
KERNELS = ["reactor/backend_epoll.cpp", "reactor/backend_kqueue.cpp"]

# Macros that a public header may define: they say which kernels there are, nothing else.
GUARDS = {"HOB_EPOLL", "HOB_KQUEUE"}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)

root = pathlib.Path(sys.argv[1]).resolve()


def find(folders, *endings):
    """The paths, relative to the root, of the files below `folders` with one of the endings."""
    files = [file for folder in folders for file in (root / folder).rglob("*")]
    return sorted(str(file.relative_to(root)) for file in files if file.name.endswith(endings))


def text(path):
    return (root / path).read_text(encoding="utf-8")


def room_of(path):
    return path.split("/")[0]


def includes(path):
    """(is it ours?, the path as written) of each include of a file."""
    return [(mark == '"', name) for mark, name in INCLUDE.findall(text(path))]


def target(path, name):
    """What `name`, included by the file at `path`, is relative to the root; None if it is not there."""
    file = (root / path).parent.joinpath(name).resolve()
    return str(file.relative_to(root)) if file.is_file() and root in file.parents else None


SOURCES = find(ROOMS, ".hpp", ".cpp")
HEADERS = [path for path in SOURCES if path.endswith(".hpp")]
PROGRAMS = find(["examples", "tests"], ".hpp", ".cpp")


def arrows_point_downward():
    for path in SOURCES:
        for ours, name in includes(path):
            to = target(path, name) if ours else None
            if to and room_of(to) not in [room_of(path)] + ROOMS[room_of(path)]:
                yield f"{path} includes {to}: {room_of(path)}/ may not know {room_of(to)}/"


def no_circles():
    graph = {path: [target(path, name) for ours, name in includes(path) if ours] for path in SOURCES}
    finished = set()

    def walk(path, trail):
        if path in trail:
            yield "a circle of includes: " + " -> ".join(trail[trail.index(path):] + [path])
        elif path not in finished:
            for to in graph.get(path, []):
                yield from walk(to, trail + [path])
            finished.add(path)

    for path in SOURCES:
        yield from walk(path, [])


def own_includes_are_relative():
    for path in SOURCES:
        for ours, name in includes(path):
            if ours and not target(path, name):
                yield f'{path} includes "{name}", which is not there: our own are relative to the file'
            if not ours and name.removeprefix("hob/").split("/")[0] in ROOMS:
                yield f'{path} includes <{name}>: our own are relative, in quotes'


def system_headers_stay_below_the_seam():
    for path in SOURCES:
        for ours, name in includes(path):
            system = not ours and re.search(r"[./]", name)  # the C++ library's are bare words
            if system and name.startswith("openssl/") and path == TLS:
                continue
            if system and not any(fnmatch.fnmatch(path, allowed) for allowed in SYSTEM):
                yield f"{path} includes <{name}>, a header of the system's"


def files_are_short():
    for path in SOURCES + PROGRAMS:
        if lines(path) > FILE_LINES:
            yield f"{path} has {lines(path)} lines, more than {FILE_LINES}"


def lines(path):
    return text(path).count("\n")


def the_whole_is_small():
    for name, paths, budget in ("the core", CORE, CORE_LINES), ("the library", SOURCES, ALL_LINES):
        missing = [path for path in paths if path not in SOURCES]
        if missing:
            yield f"{name} has lost {', '.join(missing)}"
            continue
        total = sum(map(lines, paths))
        print(f"{name}: {total} lines of at most {budget}")
        if total > budget:
            yield f"{name} has {total} lines, more than {budget}"


def functions(path):
    """The names of the functions that a source file defines, in order, without the kernel's name."""
    literals = r'"(\\.|[^"\\\n])*"' r"|'(\\[^']+|[^'\\])'"
    code = re.sub(r"//.*|/\*[\s\S]*?\*/|" + literals, " ", text(path))
    code = re.sub(r"^\s*#(.*\\\n)*.*", "", code, flags=re.MULTILINE)
    names, start, inside = [], 0, 0
    for mark in re.finditer(r"[{};]", code):
        head = code[start : mark.start()]
        start = mark.end()
        if mark[0] == "}":
            inside -= inside > 0
        elif mark[0] == "{" and inside:
            inside += 1
        elif mark[0] == "{":
            call = re.search(r"(~?\w+|operator\W+)\s*\(", head)
            if call:
                names.append(re.sub("epoll|kqueue", "", call[1], flags=re.IGNORECASE))
            if not re.search(r"\b(namespace|class|struct|extern)\b", head) or call:
                inside = 1
    return names


def the_kernels_can_be_diffed():
    epoll, kqueue = map(functions, KERNELS)
    if not epoll:
        yield f"{KERNELS[0]} defines no functions"
    for line in difflib.unified_diff(epoll, kqueue, *KERNELS, lineterm="", n=0):
        if re.match(r"[-+]\w|[-+]~", line):
            yield f"only {KERNELS[line[0] == '+']} has {line[1:]}() in this place"


def readmes_show_the_examples():
    listing = re.compile(r"^<!-- (\S+\.\w+) -->\n+```[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    for readme in ["README.md"] + find([*ROOMS, "examples", "tests"], "README.md"):
        if not (root / readme).is_file():
            yield f"there is no {readme}"
            continue
        for path, shown in listing.findall(text(readme)):
            if not (root / path).is_file():
                yield f"{readme} shows {path}, which is not there"
            elif shown != text(path):
                yield f"{readme} shows another {path} than the one there is"


def no_macros():
    for path in HEADERS:
        for name in re.findall(r"^\s*#\s*define\s+(\w+)", text(path), re.MULTILINE):
            if name not in GUARDS:
                yield f"{path} defines the macro {name}"


def every_file_names_its_licence():
    scripts = find(["tests"], ".py", ".sh") + find(["examples", "tests"], "run", "meson.build")
    for path in SOURCES + PROGRAMS + scripts:  # the Python twins are the article's
        if not any("SPDX-License-Identifier: MIT" in line for line in text(path).split("\n")[:2]):
            yield f"{path} does not begin with an SPDX line"


def the_build_knows_every_file():
    build, suites = text("meson.build"), text("tests/meson.build")
    for path in SOURCES:
        if f"'{path}'" not in build:
            yield f"meson.build does not list {path}"
    for path in find(["tests/" + room for room in ROOMS], "_test.cpp"):
        if f"'{path.removeprefix('tests/')}'" not in suites:
            yield f"tests/meson.build does not list {path}"
        head = text(path).partition("TEST_CASE")[0]
        if not re.search(rf'TEST_SUITE(_BEGIN)?\("({room_of(path[6:])}|threads)"\)', head):
            yield f"{path} has test cases outside a TEST_SUITE of its room: nobody would run them"


RULES = [
    arrows_point_downward,
    no_circles,
    own_includes_are_relative,
    system_headers_stay_below_the_seam,
    files_are_short,
    the_whole_is_small,
    the_kernels_can_be_diffed,
    readmes_show_the_examples,
    no_macros,
    every_file_names_its_licence,
    the_build_knows_every_file,
]
complaints = [complaint for rule in RULES for complaint in rule()]
print("\n".join(complaints) or f"{len(RULES)} rules kept by {len(SOURCES)} sources")
sys.exit(1 if complaints else 0)
