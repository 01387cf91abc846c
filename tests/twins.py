# SPDX-License-Identifier: MIT
"""Runs a program and its Python twin and compares what they print, line for line.

usage: twins.py [--up-to TEXT] PROGRAM TWIN.py

With --up-to, what follows TEXT in a line is each side's own. The twin runs on $PYTHON, else on the
interpreter that runs this; where that lacks aiohttp and the twin wants it, there is nothing to
compare and the test is skipped.
"""

import argparse
import difflib
import os
import subprocess
import sys

SKIPPED = 77  # Meson's exit code for it

options = argparse.ArgumentParser()
options.add_argument("--up-to", metavar="TEXT", default="\n")
options.add_argument("program")
options.add_argument("twin")
options = options.parse_args()


def start(*command):
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def lines_of(process):
    output, _ = process.communicate()
    if process.returncode:
        sys.exit(f"{output}{process.args[-1]} exited with {process.returncode}")
    return ["".join(line.partition(options.up_to)[:2]) for line in output.splitlines()]


python = os.environ.get("PYTHON") or sys.executable
with open(options.twin, encoding="utf-8") as twin:
    if "import aiohttp" in twin.read() and subprocess.call([python, "-c", "import aiohttp"]):
        print(f"{python} has no aiohttp")
        sys.exit(SKIPPED)

program, twin = start(options.program), start(python, options.twin)  # both sleep: at the same time
difference = list(
    difflib.unified_diff(
        lines_of(twin), lines_of(program), options.twin, options.program, lineterm=""
    )
)
print("\n".join(difference) or "the same, line for line")
sys.exit(1 if difference else 0)
