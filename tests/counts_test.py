# SPDX-License-Identifier: MIT
"""Counts what a server costs for each thing it does: instructions of its own (valgrind) and system calls
(strace), which repeat on any machine, however busy it is. Each has a bound, with room for another libc
and for waits that a slow load makes: what is usual is printed, and stands in the README.

usage: counts_test.py ECHO_SERVER HTTP_SERVER    both optimised
"""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile

echo_server, http_server = sys.argv[1:3]

REQUEST = b"GET /hello HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: counts\r\nAccept: */*\r\n\r\n"
too_much = []


def connect(port):
    connection = socket.create_connection(("127.0.0.1", port), timeout=100)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def receive(connection, size):
    while size > 0:
        part = connection.recv(size)
        assert part, "the server has closed"
        size -= len(part)


def echoes(port, rounds):
    """64 connections; on each in turn 64 bytes go there, then they come back."""
    connections = [connect(port) for _ in range(64)]
    for _ in range(rounds):
        for connection in connections:
            connection.sendall(b"x" * 64)
        for connection in connections:
            receive(connection, 64)
    return 64 * rounds


def requests(depth):
    """The same with requests, `depth` of them at once."""
    def load(port, rounds):
        connections = [connect(port) for _ in range(64)]
        connections[0].sendall(REQUEST)
        size = len(connections[0].recv(65536))
        for _ in range(rounds):
            for connection in connections:
                connection.sendall(REQUEST * depth)
            for connection in connections:
                receive(connection, size * depth)
        return 64 * depth * rounds
    return load


def under(tool, program, load, rounds):
    """What `tool` wrote about a server while it bore a load; and how many operations that was."""
    with tempfile.NamedTemporaryFile() as said:
        command = [part.replace("OUT", said.name) for part in tool] + [program, "0"]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            port = int(server.stdout.readline().rpartition(":")[2])
            operations = load(port, rounds)
            child = subprocess.run(["pgrep", "-P", str(server.pid)], capture_output=True, text=True)
            os.kill(int(child.stdout or server.pid), signal.SIGTERM)  # strace's, or valgrind itself
            server.wait(100)
        finally:
            server.kill()
        return open(said.name, encoding="utf-8").read(), operations


def instructions(program, load, rounds):
    tool = ["valgrind", "--tool=callgrind", "--callgrind-out-file=OUT"]
    said, operations = under(tool, program, load, rounds)
    total = re.search(r"^(?:totals|summary): (\d+)", said, re.MULTILINE)
    return {"instructions": int(total[1])}, operations


def system_calls(program, load, rounds):
    said, operations = under(["strace", "-f", "-c", "-o", "OUT"], program, load, rounds)
    counts = dict.fromkeys(["recv", "send", "failed recv", "wait", "epoll_ctl", "other"], 0)
    for row in map(str.split, said.splitlines()):  # % time, seconds, usecs/call, calls, [errors,] name
        if len(row) < 5 or not row[3].isdigit() or row[-1] == "total":
            continue
        kinds = [kind for kind in ("recv", "send", "epoll_ctl", "wait") if kind in row[-1]]
        counts[kinds[0] if kinds else "other"] += int(row[3])
        if kinds == ["recv"] and len(row) == 6:
            counts["failed recv"] += int(row[4])
    return counts, operations


def check(what, count, program, load, rounds, **bounds):
    """What the second half of twice as many adds, for each operation."""
    (half, few), (whole, many) = [count(program, load, n) for n in (rounds, 2 * rounds)]
    for kind, bound in bounds.items():
        kind = kind.replace("__", " ")
        found = (whole[kind] - half[kind]) / (many - few)
        print(f"{what}, {kind}: {found:.4g}, at most {bound}")
        if found > bound:
            too_much.append(f"{kind} of {what}")


check("an echo", system_calls, echo_server, echoes, 100, recv=1.02, send=1.02, failed__recv=0.02, wait=0.2,
      epoll_ctl=0.01, other=0.02)
check("an echo", instructions, echo_server, echoes, 100, instructions=800)
check("a request", instructions, http_server, requests(1), 50, instructions=7000)
check("a request of 16", instructions, http_server, requests(16), 5, instructions=5800)
sys.exit(f"too much: {', '.join(too_much)}" if too_much else 0)
