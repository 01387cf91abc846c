# SPDX-License-Identifier: MIT
"""fetch against nginx and node, http_server against curl, node, nginx and wrk; all on loopback.

usage: peers_test.py DIRECTORY_OF_THE_EXAMPLES
"""

import hashlib
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile

from programs import free_port, started, until_it_answers

examples = pathlib.Path(sys.argv[1]).resolve()
work = tempfile.TemporaryDirectory(prefix="hob-peers-")
home = pathlib.Path(work.name)
home.chmod(0o755)  # nginx, started by root, works as somebody else


def run(*command, code=0, stdin=None):
    done = subprocess.run([str(c) for c in command], capture_output=True, input=stdin, timeout=600)
    assert done.returncode == code, (command, done.returncode, done.stderr[-500:], done.stdout[-500:])
    return done.stdout


def fetch(*arguments, **how):
    return run(examples / "fetch", *arguments, **how)


def curl(*arguments, **how):
    return run("curl", "-sS", "--noproxy", "*", "--max-time", "30", *arguments, **how)


big = os.urandom(10 << 20)
(home / "big").write_bytes(big)
(home / "hello").write_bytes(b"hello\n")


def digest(data):
    return hashlib.sha256(data).hexdigest()


# --- nginx, as a server and as a proxy in front of http_server --------------------------------------


def nginx_configuration(port, upstream):
    return f"""
daemon off; pid {home}/pid; error_log {home}/error.log; worker_processes 1;
events {{ worker_connections 512; }}
http {{
  access_log off; gzip on; gzip_min_length 1; gzip_types *;
  client_body_temp_path {home}/body; proxy_temp_path {home}/proxy; fastcgi_temp_path {home}/fastcgi;
  uwsgi_temp_path {home}/uwsgi; scgi_temp_path {home}/scgi;
  upstream hob {{ server 127.0.0.1:{upstream}; keepalive 4; }}
  server {{
    listen 127.0.0.1:{port}; root {home};
    location /old {{ return 301 /hello; }}
    location /loop {{ return 302 /loop; }}
    location /status/204 {{ return 204; }}
    location /status/503 {{ return 503; }}
    location /1.0/ {{ proxy_pass http://127.0.0.1:{upstream}/; }}
    location /1.1/ {{ proxy_pass http://hob/; proxy_http_version 1.1; proxy_set_header Connection ""; }}
  }}
}}"""


with started(examples / "http_server", "0") as upstream:
    port = free_port()
    (home / "nginx.conf").write_text(nginx_configuration(port, upstream))
    with started("nginx", "-c", home / "nginx.conf", ready=lambda: until_it_answers(port)):
        at = f"http://127.0.0.1:{port}"
        assert digest(fetch(f"{at}/big")) == digest(big)
        assert fetch(f"{at}/hello", f"{at}/old", f"{at}/hello") == b"hello\n" * 3
        assert b"Content-Length: 10485760\r\n" in fetch("-I", f"{at}/big")
        assert fetch("-H", "Range: bytes=5-9", f"{at}/big") == big[5:10]
        assert fetch(f"{at}/status/204") == b""
        assert b"404" in fetch(f"{at}/missing")
        assert fetch("--fail", f"{at}/missing", code=22) == b""
        assert fetch("--fail", f"{at}/status/503", code=22) == b""
        fetch(f"{at}/loop", code=1)
        fetch("-o", home / "copy", f"{at}/big")
        assert digest((home / "copy").read_bytes()) == digest(big)
        for way in "1.0", "1.1":
            assert curl(*[f"{at}/{way}/hello"] * 5) == b"Hello, World!" * 5
            lines = curl(f"{at}/{way}/stream").splitlines()
            assert lines == [b"line %d" % n for n in range(1, 11)], lines
            data = big[:900_000]
            assert digest(curl("--data-binary", "@-", f"{at}/{way}/echo", stdin=data)) == digest(data)
            assert digest(fetch("--data-binary", f"@{home}/hello", f"{at}/{way}/echo")) == digest(b"hello\n")
    print("nginx: as promised")

# --- node, as a server and as a client ---------------------------------------------------------------

(home / "server.js").write_text("""
const http = require('http');
http.createServer((request, response) => {
  if (request.url == '/early') response.writeEarlyHints({link: '</style.css>; rel=preload'});
  if (request.url == '/trailers') {
    response.writeHead(200, {Trailer: 'X-Sum'});
    response.write('one, '); response.write('two');
    response.addTrailers({'X-Sum': '2'});
    return response.end();
  }
  if (request.url == '/reset') return request.socket.destroy();
  if (request.url == '/half') { response.writeHead(200, {'Content-Length': 10}); response.write('half');
    return setTimeout(() => request.socket.destroy(), 50); }
  if (request.url == '/silent') return;
  const parts = [];
  request.on('data', part => parts.push(part));
  request.on('end', () => response.end(JSON.stringify({method: request.method, url: request.url,
    headers: request.headers, body: Buffer.concat(parts).toString('latin1')})));
}).listen(0, '127.0.0.1', function () { console.log('listening on :' + this.address().port); });
""")
(home / "client.js").write_text("""
const http = require('http');
const agent = new http.Agent({keepAlive: true, maxSockets: 1});
const ask = (method, path, body, headers) => new Promise((done, failed) => {
  const request = http.request({port: process.argv[2], host: '127.0.0.1', method, path, agent, headers},
    response => { const parts = []; response.on('data', part => parts.push(part));
      response.on('end', () => done([response.statusCode, Buffer.concat(parts).toString()])); });
  request.on('error', failed);
  if (headers && headers.Expect) request.on('continue', () => request.end(body));
  else if (body) { for (const part of body.match(/.{1,1000}/g)) request.write(part); request.end(); }
  else request.end();
});
(async () => {
  const text = 'x'.repeat(100000);
  const answers = [await ask('GET', '/hello'), await ask('HEAD', '/hello'), await ask('GET', '/stream'),
    await ask('POST', '/echo', text), await ask('POST', '/echo', text, {Expect: '100-continue'}),
    await ask('DELETE', '/hello')];
  console.log(JSON.stringify(answers.map(([status, body]) => [status, body.length])));
  agent.destroy();
})();
""")

with started("node", home / "server.js") as port:
    at = f"http://127.0.0.1:{port}"
    seen = json.loads(fetch("-X", "PUT", "-d", "a=1", "-d", "b=2", "-H", "X-Test: yes", f"{at}/put?q=1"))
    assert (seen["method"], seen["url"], seen["body"]) == ("PUT", "/put?q=1", "a=1&b=2"), seen
    assert seen["headers"]["x-test"] == "yes" and seen["headers"]["host"] == f"127.0.0.1:{port}", seen
    assert seen["headers"]["content-type"] == "application/x-www-form-urlencoded", seen
    user = json.loads(fetch(f"http://me:se%3Acret@127.0.0.1:{port}/"))["headers"]["authorization"]
    assert user == "Basic bWU6c2U6Y3JldA==", user
    assert json.loads(fetch(f"{at}/early"))["url"] == "/early"
    expecting = json.loads(fetch("-d", "body", "-H", "Expect: 100-continue", f"{at}/"))
    assert expecting["body"] == "body", expecting
    assert fetch(f"{at}/trailers") == b"one, two"
    assert len(json.loads(fetch("--data-binary", f"@{home}/big", f"{at}/"))["body"]) == len(big)
    fetch(f"{at}/reset", code=52)
    assert fetch(f"{at}/half", code=1) == b"half"
    fetch("--max-time", "0.3", f"{at}/silent", code=28)

with started(examples / "http_server", "0") as port:
    answers = json.loads(run("node", home / "client.js", port))
    assert answers == [[200, 13], [200, 0], [200, 71], [200, 100000], [200, 100000], [404, 10]], answers
    print("node: as promised")

    # --- curl and wrk --------------------------------------------------------------------------------

    at = f"http://127.0.0.1:{port}"
    assert curl(f"{at}/hello", f"{at}/hello") == b"Hello, World!" * 2
    assert curl("--http1.0", f"{at}/stream") == curl(f"{at}/stream")
    assert b"HTTP/1.1 200 OK" in curl("-I", f"{at}/hello")
    for more in [], ["-H", "Expect: 100-continue"], ["-H", "Transfer-Encoding: chunked"], ["--http1.0"]:
        echoed = curl("--data-binary", "@-", *more, f"{at}/echo", stdin=big[: 1 << 20])
        assert digest(echoed) == digest(big[: 1 << 20]), more
    refused = curl("-o", "/dev/null", "-w", "%{http_code}", "--data-binary", f"@{home}/big", f"{at}/echo")
    assert refused == b"413", refused
    print("curl: as promised")

for options in [], ["--shards", "2"]:
    with started(examples / "http_server", "0", *options) as port:
        for path in "hello", "stream":
            report = run("wrk", "-t1", "-c64", "-d1s", f"http://127.0.0.1:{port}/{path}").decode()
            assert "Socket errors" not in report and "Non-2xx" not in report, report
            assert int(re.search(r"(\d+) requests in", report)[1]) > 0, report
print("wrk: as promised")
