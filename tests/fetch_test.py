# SPDX-License-Identifier: MIT
"""Holds fetch to its command line, which is curl's: against a peer on loopback that does as its path says.

usage: fetch_test.py FETCH
"""

import os
import pty
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

fetch = sys.argv[1]
heard = []  # (method, path, headers, body)

OK = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"
BINARY = bytes(range(256)) * 400


def answer(connection, method, path):
    """False: close the connection."""
    if path.startswith("/text"):
        connection.sendall(b"HTTP/1.1 200 Fine\r\nX-A: b\r\nContent-Length: 5\r\n\r\n")
        connection.sendall(b"" if method == "HEAD" else b"hello")
    elif path == "/binary":
        connection.sendall(OK % (len(BINARY), BINARY))
    elif path == "/missing":
        connection.sendall(b"HTTP/1.1 404 Not Here\r\nContent-Length: 5\r\n\r\nsorry")
    elif path == "/redirect":
        connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /text\r\nContent-Length: 0\r\n\r\n")
    elif path == "/truncated":
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
        return False
    elif path == "/closed":
        return False
    elif path == "/endless":
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65536)
    elif path == "/drip":
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while True:
            connection.sendall(b"x" * 100)
            time.sleep(0.01)
    elif path == "/silent":
        connection.recv(1)
        return False
    return True


def converse(connection):
    stream = connection.makefile("rb")
    try:
        while line := stream.readline():
            method, path, _ = line.decode().split(" ")
            headers = []
            while (line := stream.readline()) != b"\r\n":
                name, _, value = line.decode().rstrip("\r\n").partition(": ")
                headers.append((name, value))
            body = stream.read(int(dict(headers).get("Content-Length", 0)))
            heard.append((method, path, headers, body))
            if not answer(connection, method, path):
                break
    except OSError:
        pass  # fetch has gone
    finally:
        stream.close()  # it holds the connection too
        connection.close()


def serve(listener):
    while True:
        threading.Thread(target=converse, args=listener.accept()[:1], daemon=True).start()


listener = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=serve, args=(listener,), daemon=True).start()
host = "127.0.0.1:%d" % listener.getsockname()[1]
url = "http://" + host


def run(*arguments, code=0, out=b"", **options):
    """Runs fetch, which must end so; gives what it wrote to stderr."""
    options.setdefault("stdout", subprocess.PIPE)
    done = subprocess.run([fetch, *arguments], stderr=subprocess.PIPE, timeout=60, **options)
    assert done.returncode == code, (arguments, done)
    assert done.stdout is None or out is None or done.stdout == out, (arguments, done)
    return done.stderr.decode()


def sent(*arguments, **options):
    """What the peer heard of it."""
    heard.clear()
    assert run(*arguments, **options) == ""
    method, path, headers, body = heard[0]
    return method, dict(headers), body


# --- what is no command line ----------------------------------------------------------------------

for arguments in [], ["-X"], ["-q", url], ["-I", "-d", "x", url], ["-H", "no colon", url], \
        ["--max-time", "soon", url], ["--max-time", "0", url], ["--max-time", "", url], \
        ["-d", "@/nonexistent", url], ["--fail"], ["-H", "A: b\r\nC: d", url], ["-H", "A b: c", url]:
    text = run(*arguments, code=2)
    assert text.startswith("fetch: ") and "usage: fetch [-X METHOD]" in text, (arguments, text)
    assert "stod" not in text, text
assert not heard

# --- what is sent ---------------------------------------------------------------------------------

with tempfile.TemporaryDirectory() as folder:
    lines = os.path.join(folder, "lines")
    with open(lines, "wb") as file:
        file.write(b"a=1\r\nb\n\0c")
    form = "application/x-www-form-urlencoded"

    method, headers, body = sent(url + "/text", out=b"hello")
    assert (method, body) == ("GET", b"") and headers["Host"] == host and headers["Accept"] == "*/*"
    assert sent("-X", "DELETE", url + "/text", out=b"hello")[0] == "DELETE"
    method, headers, body = sent("-d", "a=1", "-d", "b=2", url + "/text", out=b"hello")
    assert (method, body, headers["Content-Type"]) == ("POST", b"a=1&b=2", form)
    assert sent("-d", "", url + "/text", out=b"hello")[::2] == ("POST", b"")
    method, headers, body = sent("-X", "PUT", "-H", "content-type: text/x", "-d", "x", url + "/text", out=b"hello")
    assert (method, body, headers["content-type"]) == ("PUT", b"x", "text/x") and "Content-Type" not in headers
    assert sent("-d", "@" + lines, url + "/text", out=b"hello")[2] == b"a=1b\0c"
    assert sent("--data-binary", "@" + lines, url + "/text", out=b"hello")[2] == b"a=1\r\nb\n\0c"
    assert sent("--data-binary", "@-", url + "/text", out=b"hello", input=b"from\nstdin")[2] == b"from\nstdin"
    assert sent("--data-binary", "plain", url + "/text", out=b"hello")[2] == b"plain"
    _, headers, _ = sent("-H", "User-Agent: me", "-H", "X-A:b", "-H", "Host: other", url + "/text", out=b"hello")
    assert (headers["User-Agent"], headers["X-A"], headers["Host"]) == ("me", "b", "other")
    sent(host + "/text?a=b#c", out=b"hello")
    assert heard[0][1] == "/text?a=b"
    sent("--", url + "/text", out=b"hello")

    # --- what comes out ---------------------------------------------------------------------------

    head = b"HTTP/1.1 200 Fine\r\nX-A: b\r\nContent-Length: 5\r\n\r\n"
    assert sent("-I", url + "/text", out=head)[0] == "HEAD"
    assert sent("-i", url + "/text", out=head + b"hello")[0] == "GET"
    assert run(url + "/binary", out=BINARY) == ""
    assert run(url + "/redirect", out=b"hello") == ""
    assert run(url + "/text", url + "/redirect", url + "/missing", out=b"hellohellosorry") == ""
    first, second = os.path.join(folder, "first"), os.path.join(folder, "second")
    assert run("-o", first, "-o", second, url + "/binary", url + "/text", url + "/missing", out=b"sorry") == ""
    assert open(first, "rb").read() == BINARY and open(second, "rb").read() == b"hello"
    assert run("-o", "-", "-s", url + "/text", out=b"hello") == ""

    # --- what goes wrong --------------------------------------------------------------------------

    with socket.create_server(("127.0.0.1", 0)) as closed:
        refused = "127.0.0.1:%d" % closed.getsockname()[1]
    text = run("http://" + refused, code=7)
    assert text.startswith(f"fetch: http://{refused}: connect {refused}") and "refused" in text, text
    assert run("-s", "http://" + refused, code=7) == ""
    assert run("http://" + refused, url + "/text", code=7, out=b"hello") == text
    assert run("--fail", url + "/text", out=b"hello") == ""
    assert "404 Not Here" in run("--fail", url + "/missing", code=22)
    third = os.path.join(folder, "third")
    run("--fail", "-o", third, url + "/missing", code=22)
    assert not os.path.exists(third)
    assert "the stream has ended" in run(url + "/closed", code=52)
    assert "expected more of the body" in run(url + "/truncated", code=1, out=b"hello")
    if os.environ.get("HOB_TLS") is None:  # as the build has set it
        assert "-Dtls=enabled" in run("https://" + host, code=1)
    assert "expected http:// or https://" in run("ftp://a/", code=1)
    assert "takes too long" in run("--max-time", "0.1", url + "/silent", code=28)
    assert "takes too long" in run("--max-time", "0.1", url + "/drip", code=28, out=None)
    assert "cannot write" in run("-o", os.path.join(folder, "no", "file"), url + "/endless", code=23)
    if os.path.exists("/dev/full"):
        with open("/dev/full", "wb") as full:
            assert "cannot write to stdout" in run(url + "/text", code=23, stdout=full)
            assert "cannot write to stdout" in run(url + "/endless", code=23, stdout=full)
    read_end, write_end = os.pipe()
    os.close(read_end)
    run(url + "/endless", code=-signal.SIGPIPE, stdout=write_end, restore_signals=True)
    os.close(write_end)

    # --- while it runs ----------------------------------------------------------------------------

    heard.clear()
    running = subprocess.Popen([fetch, url + "/drip"], stdout=subprocess.DEVNULL)
    while ("GET", "/drip") not in [each[:2] for each in heard]:
        time.sleep(0.01)
    running.send_signal(signal.SIGINT)
    assert running.wait(10) == 130

    for quiet in False, True:
        screen, terminal = pty.openpty()
        done = subprocess.run([fetch, *(["-s"] if quiet else []), "-o", first, url + "/binary"], stderr=terminal, timeout=60)
        os.write(terminal, b"end")
        text = os.read(screen, 10000).decode()
        assert done.returncode == 0 and (text == "end" if quiet else "[####" in text and "100.0 KiB" in text), text

print("as promised")
