# SPDX-License-Identifier: MIT
"""Programs that tests start and end again, and where these listen: for peers_test.py and tls_peers_test.py.
Always on loopback; ends nothing that it has not started.
"""

import contextlib
import re
import signal
import socket
import subprocess
import time


@contextlib.contextmanager
def started(*command, ready=None):
    """A program at work; the port that it prints, if it prints one. Ended by its number."""
    process = subprocess.Popen([str(c) for c in command], stdout=subprocess.PIPE, text=True)
    try:
        yield ready() if ready else int(re.search(r":(\d+)$", process.stdout.readline().strip())[1])
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def until_it_answers(port):
    for _ in range(600):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return port
        time.sleep(0.05)
    raise AssertionError(f"nobody answers on {port}")
