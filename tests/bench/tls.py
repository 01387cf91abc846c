# SPDX-License-Identifier: MIT
"""https: hob beside nginx and OpenSSL's own server, under one load; prints a Markdown table.

usage: tls.py BUILD [ROUNDS]    BUILD has the libhob.a of a release build with -Dtls=enabled

The server is on the first core, the load on the last; TLS 1.3, an RSA key of 2048 bits. Greetings: `openssl
s_time`, each a new session. Bytes: curl fetches 64 MiB. CPU is the server's own, its kernel time included.
Medians of interleaved rounds.
"""

import os
import pathlib
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

build = pathlib.Path(sys.argv[1]).resolve()
here = pathlib.Path(__file__).resolve().parent
rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
work = tempfile.TemporaryDirectory(prefix="hob-tls-bench-")
home = pathlib.Path(work.name)
home.chmod(0o755)
cores = sorted(os.sched_getaffinity(0))


def pinned(core, command):
    return ["taskset", "-c", str(core), *map(str, command)]


def run(*command):
    return subprocess.run(pinned(cores[-1], command), capture_output=True, text=True, check=True).stdout


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", home / "key", "-out", home / "cert",
    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-days", "2")
(home / "hello").write_text("Hello, World!")
(home / "big").write_bytes(os.urandom(64 << 20))
run("c++", "-std=c++20", "-O2", f"-I{here.parents[1]}", here / "peers/tls_hob.cpp", build / "libhob.a",
    "-pthread", "-lssl", "-lcrypto", "-o", home / "hob")


class Server:
    def __init__(self, name):
        self.name, self.port = name, free_port()
        command = {
            "hob": [home / "hob", self.port, home / "cert", home / "key"],
            "nginx": ["nginx", "-c", home / "nginx.conf"],
            "s_server": ["openssl", "s_server", "-accept", self.port, "-cert", home / "cert", "-key", home / "key",
                         "-WWW", "-quiet"],
        }[name]
        (home / "nginx.conf").write_text(f"""
            daemon off; worker_processes 1; pid {home}/pid; error_log stderr crit; events {{ worker_connections 512; }}
            http {{ access_log off; keepalive_requests 1000000; 
              client_body_temp_path {home}/b; proxy_temp_path {home}/p; fastcgi_temp_path {home}/f;
              uwsgi_temp_path {home}/u; scgi_temp_path {home}/s; ssl_protocols TLSv1.2 TLSv1.3;
              server {{ listen 127.0.0.1:{self.port} ssl; root {home};
                ssl_certificate {home}/cert; ssl_certificate_key {home}/key; }} }}""")
        self.process = subprocess.Popen(pinned(cores[0], command), cwd=home, stdout=subprocess.DEVNULL)
        for _ in range(100):
            time.sleep(0.05)
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                break
            except OSError:
                continue

    def cpu(self):
        """Seconds, of it and its children."""
        pid = str(self.process.pid)
        children = subprocess.run(["pgrep", "-P", pid], capture_output=True, text=True).stdout.split()
        tasks = [task for each in [pid, *children] for task in pathlib.Path(f"/proc/{each}/task").iterdir()]
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)

    def greetings(self):
        """In a second; and the server's CPU for one, in microseconds."""
        before = self.cpu()
        said = run("openssl", "s_time", "-connect", f"127.0.0.1:{self.port}", "-new", "-time", "2", "-tls1_3")
        count, real = map(int, re.search(r"(\d+) connections in (\d+) real seconds", said).groups())
        return count / real, (self.cpu() - before) / count * 1e6

    def bytes(self):
        """MiB in a second; and the server's CPU for one, in microseconds."""
        before, begin = self.cpu(), time.monotonic()
        for _ in range(4):
            run("curl", "-sSk", "-o", "/dev/null", f"https://127.0.0.1:{self.port}/big")
        return 256 / (time.monotonic() - begin), (self.cpu() - before) / 256 * 1e6


def measured(name, figure):
    server = Server(name)
    try:
        return figure(server)
    finally:
        server.stop()


FIGURES = {
    "greetings": ("a second", "us each", Server.greetings),
    "64 MiB": ("MiB a second", "us a MiB", Server.bytes),
}
print("| | server | rate | CPU |\n|---|---|---|---|")
for name, (rate, cost, figure) in FIGURES.items():
    taken = {server: [] for server in ("hob", "nginx", "s_server")}
    for _ in range(rounds):
        for server in taken:
            taken[server].append(measured(server, figure))
    for server, all_of in taken.items():
        rates, costs = (statistics.median(column) for column in zip(*all_of))
        print(f"| {name} | {server} | {rates:,.0f} {rate} | {costs:,.1f} {cost} |")
