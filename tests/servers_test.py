# SPDX-License-Identifier: MIT
"""Holds the example servers to their command lines and to what they promise.

usage: servers_test.py ECHO_SERVER CHAT
"""

import contextlib
import signal
import socket
import subprocess
import sys

echo_server, chat = sys.argv[1:3]


@contextlib.contextmanager
def running(program, ends_with, by):
    """The port of a server that is started, then ended by a signal, and must exit as said."""
    server = subprocess.Popen([program, "0"], stdout=subprocess.PIPE, text=True)
    try:
        line = server.stdout.readline()
        assert line.startswith("listening on 127.0.0.1:"), line
        yield int(line.rpartition(":")[2])
        server.send_signal(by)
        assert server.wait(10) == ends_with, server.returncode
    finally:
        server.kill()


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def received(connection, size):
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        assert part, f"the end after {len(data)} of {size} bytes"
        data += part
    return data


for arguments in [], [""], ["x"], ["70000"], ["-1"], ["80x"], ["1", "2"]:
    bad = subprocess.run([echo_server, *arguments], capture_output=True, text=True)
    assert bad.returncode == 2 and bad.stderr.startswith("usage: "), (arguments, bad)

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

print("as promised")
