# SPDX-License-Identifier: MIT
"""In debug mode the loop names the line behind which it was blocked, and for how long.

usage: blocking_test.py examples/blocking
"""

import os
import pathlib
import re
import subprocess
import sys

run = subprocess.run([sys.argv[1]], env={**os.environ, "HOB_DEBUG": "1"}, text=True,
                     capture_output=True, check=True)
source = (pathlib.Path(__file__).parent / "../examples/blocking.cpp").read_text().splitlines()
resumed_at = next(n for n, line in enumerate(source, 1) if "hob::sleep(1ms)" in line)
told = re.findall(rf"blocked for (\d+) ms.*blocking\.cpp:{resumed_at}$", run.stderr, re.MULTILINE)
if len(told) != 2 or any(int(ms) < 200 for ms in told):  # a busy machine may hold up other lines too
    sys.exit(f"expected two lines about blocking.cpp:{resumed_at}, got:\n{run.stderr}")
