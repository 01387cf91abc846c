# SPDX-License-Identifier: MIT
"""Runs hob's single operations beside those of its peers (peers/*_ops.cpp), and prints what each takes.

usage: operations.py BUILD [ROUNDS]    BUILD has tests/bench/ (see run)

Each round runs every program once, in turn. Printed are medians; in brackets how many times hob's figure
that is, the median of the ratios taken in one round. Times are CPU time where there is one thread, so that a
machine that does something else beside it matters less.
"""

import json
import os
import pathlib
import statistics
import subprocess
import sys

bench = pathlib.Path(sys.argv[1]) / "tests/bench"
rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
last_core = max(os.sched_getaffinity(0))

SIZES = {"10^3": 1000, "10^5": 100_000, "10^6": 1_000_000}
TIMERS = {"hob": "hob_ops timers", "hob's Wheel": "hob_ops wheel", "libuv": "libuv_ops timers",
          "libevent": "libevent_ops timers", "Asio": "asio_ops timers"}
# By title: the columns (the first is what the others are compared with), the unit of each figure, and whether
# one core is enough. Timers have a table that is put together from three.
GROUPS = {
    **{f"timers {size}": ({name: f"{command} {n}" for name, command in TIMERS.items()},
                          dict.fromkeys(["schedule", "cancel", "fire", "re-arm"], "ns"), True)
       for size, n in SIZES.items()},
    "Posts from another thread": (
        {"hob": "hob_ops posts", "libuv": "libuv_ops posts", "Asio": "asio_ops posts"},
        {"post": "ns", "post, CPU": "ns", "post, both on one core": "ns", "post, both on one core, CPU": "ns",
         "wake-up": "us", "and back": "us"}, False),
    "Tasks": (
        {"hob": "hob_ops tasks", "Asio": "asio_ops tasks"},
        dict.fromkeys(["await a ready child", "await a yielding child", "yield, 2 tasks", "gather ten, ready",
                       "gather ten, yielding"], "ns"), True),
    "A million sleepers": (
        {"hob": "hob_ops sleepers", "Asio": "asio_ops sleepers"},
        {"beyond the sleep": "ms", "CPU": "ms", "bytes each": ""}, True),
}


def measure():
    """(title, column) -> the figures of each round."""
    seen = {}
    for _ in range(rounds):
        for title, (columns, _, one_core) in GROUPS.items():
            for name, command in columns.items():
                program, *words = command.split()
                if not (bench / program).exists():
                    continue
                taskset = ["taskset", "-c", str(last_core)] if one_core and sys.platform == "linux" else []
                said = subprocess.run([*taskset, bench / program, *words], check=True, capture_output=True)
                seen.setdefault((title, name), []).append(json.loads(said.stdout))
    return seen


def shown(value):
    return f"{value:.2f}" if value < 9.995 else f"{value:.1f}" if value < 99.95 else f"{value:,.0f}"


def row(seen, title, figure, unit, label):
    cells = []
    for name in GROUPS[title][0]:
        mine, hob = seen.get((title, name)), seen[title, "hob"]
        if not mine:
            cells.append("")
            continue
        cell = f"{shown(statistics.median(each[figure] for each in mine))} {unit}".rstrip()
        if name != "hob":
            ratio = statistics.median(each[figure] / base[figure] for each, base in zip(mine, hob))
            cell += f" ({ratio:.2f})"
        cells.append(cell)
    print(f"| {label} | " + " | ".join(cells) + " |")


def head(title, columns):
    print(f"\n{title}\n")
    print("| | " + " | ".join(columns) + " |\n|" + "---|" * (len(columns) + 1))


def tables(seen):
    head("Timers, uniform over a minute, 90 % cancelled in random order, the rest fired. hob is `call_later`, which "
         "has a callback, as the others have, and allocates; libuv's and libevent's are in an array. A Wheel has "
         "no clock, the others read theirs as often as they do:", TIMERS)
    for figure in "schedule", "cancel", "fire", "re-arm":
        for size in SIZES:
            row(seen, f"timers {size}", figure, "ns", f"{figure}, {size}")
    for title, (columns, figures, _) in GROUPS.items():
        if title.startswith("timers"):
            continue
        head(title + ":", columns)
        for figure, unit in figures.items():
            row(seen, title, figure, unit, figure)


for name in "libuv", "libevent", "asio":
    if not (bench / f"{name}_ops").exists():
        print(f"{name} is left out: it is not installed (Debian: libuv1-dev libevent-dev libasio-dev)")
print(f"Single operations, {rounds} rounds in turn; in brackets how many times hob's.")
tables(measure())
