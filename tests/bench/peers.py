# SPDX-License-Identifier: MIT
"""Runs hob's example servers and their peers in turn under one load, and compares the CPU time they take; then
what an idle connection costs them, what a second core brings, and HTTP clients.

usage: peers.py BUILD [ROUNDS [SECONDS]]    BUILD has examples/ and tests/bench/ (see run)

For each round, each scenario and each server: a short run of the load, the server on the first core and the
load on the last. A figure is the server's CPU time for one operation, its kernel time included, divided by
that of the bare epoll server in the same round; printed is the median. p99.9 is taken beside it. Writes a plot
to BUILD/peers.svg.
"""

import json
import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import sys
import time

build = pathlib.Path(sys.argv[1])
rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
seconds = sys.argv[3] if len(sys.argv) > 3 else "0.7"
here = pathlib.Path(__file__).parent
bench, examples = build / "tests/bench", build / "examples"
cores = sorted(os.sched_getaffinity(0))
IDLE = 10_000  # connections


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Nginx:
    """No log, a canned answer."""

    def __init__(self, workers=1):
        self.port, self.folder = free_port(), build / "nginx"
        self.folder.mkdir(exist_ok=True)
        (self.folder / "nginx.conf").write_text(f"""
            daemon off; worker_processes {workers}; pid nginx.pid; error_log stderr crit;
            events {{ worker_connections {IDLE + 64}; }}
            http {{ access_log off; keepalive_requests 100000000; default_type text/plain;
              client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
              server {{ listen 127.0.0.1:{self.port} backlog=1024; location / {{ return 200 "Hello, World!"; }} }} }}""")

    def command(self):
        return ["nginx", "-p", str(self.folder), "-c", "nginx.conf"]


# By scenario: the kind of load, its connections, and the size of a message or the depth of a pipeline.
SCENARIOS = {
    "echo, 1 x 64 B": ("echo", 1, 64),
    "echo, 64 x 64 B": ("echo", 64, 64),
    "echo, 1000 x 64 B": ("echo", 1000, 64),
    "echo, 64 x 16 KiB": ("echo", 64, 16384),
    "accept": ("accept", 1, 1),
    "HTTP, 64": ("http", 64, 1),
    "HTTP, 64, 16 deep": ("http", 64, 16),
}
SERVERS = {  # the first of each kind is the floor
    "echo": {
        "bare epoll": [bench / "echo_epoll"],
        "hob": [examples / "echo_server"],
        "libuv": [bench / "echo_libuv"],
        "Asio": [bench / "echo_asio"],
        "libevent": [bench / "echo_libevent"],
    },
    "http": {
        "bare epoll": [bench / "http_epoll"],
        "hob": [examples / "http_server"],
        "nginx": ["nginx"],
        "node": ["node", here / "peers/http_node.js"],
    },
}


class Server:
    """A process on the first core, or on those given, until stop()."""

    def __init__(self, command, on=cores[:1], workers=1):
        nginx = Nginx(workers) if command == ["nginx"] else None
        command = nginx.command() if nginx else command if "0" in command else [*command, "0"]
        self.process = subprocess.Popen(pinned(on, command), stdout=subprocess.PIPE, text=True)
        self.pids = [self.process.pid]
        if nginx:
            self.port = nginx.port
            time.sleep(0.5)
            children = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True)
            self.pids += map(int, children.stdout.split())
        else:
            self.port = int(self.process.stdout.readline().rpartition(":")[2])

    def cpu(self):
        """Nanoseconds, of all its threads and children: by the clocks that clock_getcpuclockid(3) has for them."""
        return sum(time.clock_gettime_ns((~pid << 3) | 2) for pid in self.pids)

    def memory(self):
        """Bytes that are this server's alone."""
        texts = [pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in self.pids]
        return sum(int(re.search(r"Private_Dirty: *(\d+)", text)[1]) for text in texts) * 1024

    def stop(self):
        self.process.terminate()
        self.process.wait(100)


def pinned(on, command):
    taskset = ["taskset", "-c", ",".join(map(str, on))] if len(cores) > 1 else []
    return [str(part) for part in taskset + list(command)]


def load(server, kind, connections, size, span=seconds):
    command = [bench / "load", kind, server.port, connections, size, span]
    said = subprocess.run(pinned(cores[-1:], command), capture_output=True, text=True)
    assert said.returncode == 0, (command, said.stderr)
    return json.loads(said.stdout)


def there(command):
    return shutil.which(str(command[0])) is not None


def measure():
    """(scenario, server) -> what was seen in each round: CPU time an operation in ns, operations a second, p99.9."""
    servers = {(kind, name): Server(command) for kind, all_of in SERVERS.items()
               for name, command in all_of.items() if there(command)}
    seen = {}
    try:
        for _ in range(rounds):
            for scenario, (kind, connections, size) in SCENARIOS.items():
                for (serves, name), server in servers.items():
                    if serves != ("http" if kind == "http" else "echo"):
                        continue
                    before = server.cpu()
                    said = load(server, kind, connections, size)
                    figures = ((server.cpu() - before) / said["operations"],
                               said["operations"] / said["seconds"], said["p999"])
                    seen.setdefault((scenario, name), []).append(figures)
    finally:
        for server in servers.values():
            server.stop()
    return seen


def ratios(seen, scenario, name, figure):
    floor = seen[scenario, "bare epoll"]
    return statistics.median(mine[figure] / max(bare[figure], 1e-9) for mine, bare in zip(seen[scenario, name], floor))


def table(seen):
    names = list(dict.fromkeys(name for _, name in seen))
    print("Server CPU for one operation, as a ratio to bare epoll; in brackets operations a second, likewise.\n")
    print("| | " + " | ".join(names) + " |\n|" + "---|" * (len(names) + 1))
    for scenario in SCENARIOS:
        cells = []
        for name in names:
            if (scenario, name) not in seen:
                cells.append("")
            elif name == "bare epoll":
                cpu, rate = (statistics.median(each[i] for each in seen[scenario, name]) for i in (0, 1))
                cells.append(f"{cpu / 1000:.2f} us ({rate / 1000:.0f}k/s)")
            else:
                cells.append(f"**{ratios(seen, scenario, name, 0):.2f}** ({ratios(seen, scenario, name, 1):.2f})")
        print(f"| {scenario} | " + " | ".join(cells) + " |")
    echo = "echo, 1000 x 64 B"
    print(f"\np99.9 of {echo}, as a ratio: " + ", ".join(
        f"{name} {ratios(seen, echo, name, 2):.2f}" for name in names[1:] if (echo, name) in seen))


def idle():
    """What IDLE connections, each after one exchange, add to the memory of a server made for them."""
    print(f"\nMemory of a server for each of {IDLE:,} idle connections, after one exchange on each: growth of its "
          "Private_Dirty, the kernel's part not counted. nginx's slots are there from the start: not counted.\n")
    seen = {}
    for _ in range(min(rounds, 3)):
        for kind, all_of in SERVERS.items():
            for name, command in all_of.items():
                if not there(command):
                    continue
                server = Server(command)
                holder = subprocess.Popen(
                    [str(bench / "load"), f"idle-{kind}", str(server.port), str(IDLE), "1", "0"],
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
                sizes = []
                for expected in "warm", "all":
                    assert holder.stdout.readline().strip() == expected, (name, expected)
                    time.sleep(0.2)
                    sizes.append(server.memory())
                    holder.stdin.write("\n")
                    if expected == "warm":
                        holder.stdin.flush()
                server.stop()
                holder.communicate()
                seen.setdefault(kind, {}).setdefault(name, []).append((sizes[1] - sizes[0]) / IDLE)
    names = list(dict.fromkeys(name for each in seen.values() for name in each))
    print("| bytes | " + " | ".join(names) + " |\n|" + "---|" * (len(names) + 1))
    for kind, each in seen.items():
        print(f"| {kind} | " + " | ".join(
            f"{statistics.median(each[name]):,.0f}" if name in each else "" for name in names) + " |")


def shards():
    """One loop and two, under two loads: on two cores these take from the servers what they need."""
    if len(cores) < 2:
        return print("\nThere is one core: a second loop has none.")
    print(f"\nOne loop and two, each on a core, under two loads of 32 connections, {len(cores)} cores in all: loads have "
          "the cores that are left, or share. The limit is what the machine allows by the CPU times beside it, "
          "when nothing else runs:\n")

    def echo(n):
        return Server([bench / "echo_shards", n], cores[:n])

    def http(n):
        return Server([examples / "http_server", "0", "--shards", n], cores[:n])

    def nginx(n):
        return Server(["nginx"], cores[:n], workers=n)

    scenarios = {"echo, hob": (echo, "echo", 64), "HTTP, hob": (http, "http", 1),
                 "HTTP, 16 deep, hob": (http, "http", 16)}
    if there(["nginx"]):
        scenarios |= {"HTTP, nginx": (nginx, "http", 1), "HTTP, 16 deep, nginx": (nginx, "http", 16)}
    seen = {}
    for _ in range(rounds):
        for title, (make, kind, size) in scenarios.items():
            for n in (1, 2):
                server = make(n)
                left = cores[n:] or cores
                before = server.cpu()
                loads = [subprocess.Popen(
                    pinned([left[-1 - i % len(left)]], [bench / "load", kind, server.port, 32, size, seconds]),
                    stdout=subprocess.PIPE, text=True) for i in range(2)]
                said = [json.loads(each.communicate()[0]) for each in loads]
                cpu, operations = server.cpu() - before, sum(each["operations"] for each in said)
                server.stop()
                mine, theirs = cpu / operations / 1000, sum(each["cpu"] for each in said) / operations * 1e6
                limit = min(n / mine, len(left) / theirs, len(cores) / (mine + theirs)) * 1e6
                rate = sum(each["operations"] / each["seconds"] for each in said)
                seen.setdefault((title, n), []).append((rate, mine, theirs, limit))
    print("| | operations/s | limit | server CPU, us | load CPU, us |\n|---|---|---|---|---|")
    for (title, n), each in seen.items():
        rate, mine, theirs, limit = (statistics.median(one[i] for one in each) for i in range(4))
        times = [statistics.median(two[i] / one[i] for one, two in zip(seen[title, 1], each)) for i in (0, 3)]
        more = [f" (x {each:.2f})" if n > 1 else "" for each in times]
        print(f"| {title}, {n} | {rate / 1000:,.0f}k{more[0]} | {limit / 1000:,.0f}k{more[1]} | {mine:.2f} | {theirs:.2f} |")


def clients():
    python = next((each for each in (sys.executable, "/usr/bin/python3") if subprocess.run(
        [each, "-c", "import aiohttp"], capture_output=True).returncode == 0), None)
    programs = {
        "hob": [bench / "get_hob"],
        "curl multi": [bench / "get_curl"],
        "node": ["node", here / "peers/get_node.js"],
        "aiohttp": [python or "python3-aiohttp", here / "peers/get_aiohttp.py"],
    }
    for name, command in programs.items():
        if not there(command):
            print(f"\n{name} is left out: there is no {command[0]} (Debian: libcurl4-openssl-dev python3-aiohttp)")
    programs = {name: command for name, command in programs.items() if there(command)}
    print("\nHTTP clients: 64 GETs at once on connections that are kept, to the bare epoll server; the client's CPU "
          "for one of them, in brackets as a ratio to hob's. The floor is the load, which sends one text and "
          "counts bytes:\n")
    seen = {}
    server = Server([bench / "http_epoll"])
    try:
        for _ in range(rounds):
            for name, command in programs.items():
                said = subprocess.run(pinned(cores[-1:], [*command, server.port, 64, seconds]),
                                      capture_output=True, text=True, check=True)
                seen.setdefault(name, []).append(json.loads(said.stdout))
            seen.setdefault("floor", []).append(load(server, "http", 64, 1))
    finally:
        server.stop()
    print("| | CPU | GETs a second |\n|---|---|---|")
    for name, each in seen.items():
        cpu = [one["cpu"] / one["operations"] * 1e6 for one in each]
        ratio = statistics.median(
            mine / (base["cpu"] / base["operations"] * 1e6) for mine, base in zip(cpu, seen["hob"]))
        rate = statistics.median(one["operations"] / one["seconds"] for one in each)
        print(f"| {name} | {statistics.median(cpu):.1f} us ({ratio:.2f}) | {rate / 1000:.1f}k |")


def plot(seen, path):
    colours = ["#1b6ca8", "#8fb8de", "#c9a227", "#b5651d", "#7a9e7e", "#999999"]
    names = [name for name in dict.fromkeys(name for _, name in seen) if name != "bare epoll"]
    height, top, parts = 26, 40, []
    y = top
    for scenario in SCENARIOS:
        parts.append(f'<text x="10" y="{y + 12}" font-weight="bold">{scenario}</text>')
        y += 20
        for name in names:
            if (scenario, name) not in seen:
                continue
            ratio = ratios(seen, scenario, name, 0)
            width = min(ratio, 4) * 120
            parts.append(f'<rect x="130" y="{y}" width="{width:.0f}" height="16" fill="{colours[names.index(name)]}"/>'
                         f'<text x="120" y="{y + 12}" text-anchor="end">{name}</text>'
                         f'<text x="{135 + width:.0f}" y="{y + 12}">{ratio:.2f}</text>')
            y += height - 6
        y += 10
    line = f'<line x1="250" y1="{top - 10}" x2="250" y2="{y}" stroke="#444" stroke-dasharray="4"/>'
    title = '<text x="10" y="20">Server CPU for one operation; the dashed line is bare epoll</text>'
    path.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" width="680" height="{y + 10}" font-family="sans-serif" '
                    f'font-size="12">{title}{"".join(parts)}{line}</svg>\n')
    print(f"\nPlotted in {path}.")


def sizes():
    print("\nCompiling one file that includes it (-O0), and the stripped echo server:\n")
    compiler = os.environ.get("CXX", "c++")
    for header in "reactor/reactor.hpp", "net/net.hpp", "net/http.hpp", "asio.hpp":
        times = []
        for _ in range(3):
            begin = time.monotonic()
            done = subprocess.run([compiler, "-std=c++20", "-I.", "-x", "c++", "-", "-c", "-o", os.devnull],
                                  input=f"#include <{header}>\n", text=True, capture_output=True)
            times.append(time.monotonic() - begin)
        if done.returncode == 0:
            print(f"- `#include <{header}>`: {statistics.median(times):.2f} s")
    for name, command in SERVERS["echo"].items():
        if there(command):
            bare = build / "stripped"
            subprocess.run(["strip", "-o", bare, command[0]], check=True)
            print(f"- {name}: {bare.stat().st_size / 1024:.0f} KB")


for all_of in SERVERS.values():
    for name, command in all_of.items():
        if not there(command):
            print(f"{name} is left out: there is no {command[0]} (Debian: libuv1-dev libevent-dev libasio-dev nginx nodejs)")
results = measure()
table(results)
plot(results, build / "peers.svg")
idle()
shards()
clients()
sizes()
