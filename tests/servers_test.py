# SPDX-License-Identifier: MIT
"""Holds the example servers to their command lines and to what they promise.

usage: servers_test.py ECHO_SERVER CHAT HTTP_SERVER CRAWL
"""

import contextlib
import http.client
import signal
import socket
import subprocess
import sys
import threading

echo_server, chat, http_server, crawl = sys.argv[1:5]


@contextlib.contextmanager
def running(program, *options, ends_with, by):
    """The port of a server that is started, then ended by a signal, and must exit as said."""
    server = subprocess.Popen([program, "0", *options], stdout=subprocess.PIPE, text=True)
    try:
        line = server.stdout.readline()
        assert line.startswith("listening on 127.0.0.1:"), line
        yield int(line.rpartition(":")[2])
        server.send_signal(by)
        assert server.wait(100) == ends_with, server.returncode
    finally:
        server.kill()


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=100)


def received(connection, size):
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        assert part, f"the end after {len(data)} of {size} bytes"
        data += part
    return data


def misused(program, *arguments):
    bad = subprocess.run([program, *arguments], capture_output=True, text=True)
    assert bad.returncode == 2 and bad.stderr.startswith("usage: "), (arguments, bad)


for program in echo_server, http_server:
    for arguments in [], [""], ["x"], ["70000"], ["-1"], ["80x"], ["1", "2"]:
        misused(program, *arguments)
for arguments in ["--shards"], ["--shards", "0"], ["--shards", "x"], ["--shards", "2", "3"], ["-s", "2"]:
    misused(http_server, "0", *arguments)

with running(echo_server, ends_with=0, by=signal.SIGTERM) as port:
    first, second, idle = connect(port), connect(port), connect(port)
    for n in 1, 64, 200_000:
        for connection in first, second:
            connection.sendall(b"x" * n)
            assert received(connection, n) == b"x" * n
    first.shutdown(socket.SHUT_WR)
    assert first.recv(1) == b"", "a half close is answered by the end"
    second.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    second.close()  # a reset
    idle.sendall(b"still here")
    assert received(idle, 10) == b"still here"

with running(echo_server, ends_with=130, by=signal.SIGINT):
    pass

with running(chat, ends_with=130, by=signal.SIGINT) as port:
    alice = connect(port).makefile("rw", newline="\n")
    bob = connect(port).makefile("rw", newline="\n")
    for person, name in (alice, "Alice"), (bob, "Bob"):
        assert person.readline() == "Your name?\n"
        person.write(name + "\n")
        person.flush()
        assert person.readline() == f"Welcome, {name}.\n"
        if name == "Bob":
            assert alice.readline() == "Bob is here\n"
    bob.write("hello\n")
    bob.flush()
    assert alice.readline() == "Bob: hello\n"
    alice.write("hello yourself\n")
    alice.flush()
    assert bob.readline() == "Alice: hello yourself\n"
    bob.close()
    assert alice.readline() == "Bob has left\n"

# One connection, kept: what each route answers to a method, with the headers that must be there.
for options in [], ["--shards", "2"]:
    with running(http_server, *options, ends_with=0, by=signal.SIGTERM) as port:
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=100)
        for method, path, status, body, headers in (
            ("GET", "/hello", 200, b"Hello, World!", {"Content-Type": "text/plain", "Content-Length": "13"}),
            ("HEAD", "/hello", 200, b"", {"Content-Length": "13"}),
            ("GET", "/stream", 200, b"".join(b"line %d\n" % n for n in range(1, 11)),
             {"Transfer-Encoding": "chunked"}),
            ("POST", "/echo", 200, b"x" * 200_000, {"Content-Length": "200000"}),
            ("GET", "/echo", 404, b"Not Found\n", {}),
            ("GET", "/", 404, b"Not Found\n", {}),
            ("GET", "/hello?again", 200, b"Hello, World!", {"Content-Length": "13"}),
        ):  # fmt: skip
            client.request(method, path, body if method == "POST" else None)
            answer = client.getresponse()
            assert (answer.status, answer.read()) == (status, body), (method, path, answer.status)
            assert answer.headers["Date"].endswith(" GMT")
            for name, value in headers.items():
                assert answer.headers[name] == value, (method, path, answer.headers.items())

with socket.create_server(("127.0.0.1", 0)) as taken:
    port = str(taken.getsockname()[1])
    for options in [], ["--shards", "2"]:
        failed = subprocess.run([http_server, port, *options], capture_output=True, text=True, timeout=60)
        assert failed.returncode == 1 and f"listen on 127.0.0.1:{port}" in failed.stderr, failed

with running(http_server, ends_with=0, by=signal.SIGTERM) as port:  # what is under way is answered
    busy = connect(port)
    busy.sendall(b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhel")
    idle = connect(port)
    idle.sendall(b"GET /hello HTTP/1.1\r\nHost: h\r\n\r\n")
    assert received(idle, 15) == b"HTTP/1.1 200 OK"
    threading.Timer(0.2, busy.sendall, [b"lo"]).start()
answer = busy.makefile("rb").read()
assert answer.startswith(b"HTTP/1.1 200 OK\r\n") and answer.endswith(b"\r\n\r\nhello"), answer

crawled = subprocess.run([crawl], capture_output=True, text=True)
pages = crawled.stdout.splitlines()
assert crawled.returncode == 1 and len(pages) == 64, crawled
assert sum(page.startswith("404 ") for page in pages) == 1
assert crawled.stderr.endswith("crawled 64 of 64\n"), crawled.stderr

print("as promised")
