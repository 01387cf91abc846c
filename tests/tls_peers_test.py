# SPDX-License-Identifier: MIT
"""https on loopback: fetch and http_get against nginx, node and OpenSSL's own server, http_server against
curl and node; and that a build without TLS has nothing of it.

usage: tls_peers_test.py EXAMPLES_WITH_TLS BUILD_WITHOUT
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
without = pathlib.Path(sys.argv[2]).resolve()
work = tempfile.TemporaryDirectory(prefix="hob-tls-peers-")
home = pathlib.Path(work.name)
home.chmod(0o755)  # nginx, started by root, works as somebody else


def run(*command, code=0, stdin=None, **environment):
    done = subprocess.run([str(c) for c in command], capture_output=True, input=stdin, timeout=600,
                          env=os.environ | environment)
    assert done.returncode == code, (command, done.returncode, done.stderr[-500:], done.stdout[-500:])
    return done.stdout if code == 0 else done.stderr.decode()


# --- the authority, and what it signs ----------------------------------------------------------------

CA = home / "ca.pem"
run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", home / "ca.key", "-out", CA,
    "-subj", "/CN=authority", "-days", "30")


def certificate(name, names, usage="serverAuth"):
    """The two files of one that the authority has signed."""
    cert, key, request = (home / f"{name}.{kind}" for kind in ("pem", "key", "csr"))
    run("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", request, "-subj", f"/CN={name}")
    (home / "extensions").write_text(f"subjectAltName={names}\nextendedKeyUsage={usage}\n")
    run("openssl", "x509", "-req", "-in", request, "-CA", CA, "-CAkey", home / "ca.key", "-CAcreateserial",
        "-days", "20", "-extfile", home / "extensions", "-out", cert)
    return cert, key


CERT, KEY = certificate("server", "DNS:localhost,IP:127.0.0.1")
OTHER = certificate("other", "DNS:other.test")
trusted = {"SSL_CERT_FILE": str(CA)}


def fetch(*arguments, **how):
    return run(examples / "fetch", *arguments, **(trusted | how))


def curl(*arguments, **how):
    return run("curl", "-sS", "--noproxy", "*", "--max-time", "30", "--cacert", CA, *arguments, **how)


big = os.urandom(10 << 20)
(home / "big").write_bytes(big)
(home / "hello").write_bytes(b"hello\n")
(home / "todos").mkdir()
for number, title in (1, "delectus aut autem"), (2, "quis ut nam facilis"):
    todo = {"userId": 1, "id": number, "title": title, "completed": False}
    (home / "todos" / str(number)).write_text(json.dumps(todo, separators=(",", ":")))


def digest(data):
    return hashlib.sha256(data).hexdigest()


# --- nginx -------------------------------------------------------------------------------------------


def nginx_configuration(plain, secure, old):
    return f"""
daemon off; pid {home}/pid; error_log {home}/error.log; worker_processes 1;
events {{ worker_connections 512; }}
http {{
  access_log off; gzip off; keepalive_requests 3;
  client_body_temp_path {home}/body; proxy_temp_path {home}/proxy; fastcgi_temp_path {home}/fastcgi;
  uwsgi_temp_path {home}/uwsgi; scgi_temp_path {home}/scgi;
  ssl_certificate {CERT}; ssl_certificate_key {KEY};
  server {{ listen 127.0.0.1:{plain}; root {home}; location /up {{ return 301 https://127.0.0.1:{secure}/hello; }} }}
  server {{
    listen 127.0.0.1:{secure} ssl; root {home};
    location /down {{ return 301 http://127.0.0.1:{plain}/hello; }}
    location /session {{ keepalive_timeout 0; return 200 $ssl_session_reused$ssl_protocol$ssl_server_name; }}
  }}
  server {{ listen 127.0.0.1:{old} ssl; root {home}; ssl_protocols TLSv1 TLSv1.1; ssl_ciphers DEFAULT@SECLEVEL=0; }}
}}"""


plain, secure, old = free_port(), free_port(), free_port()
(home / "nginx.conf").write_text(nginx_configuration(plain, secure, old))
with started("nginx", "-c", home / "nginx.conf", ready=lambda: until_it_answers(secure)):
    at, http = f"https://127.0.0.1:{secure}", f"http://127.0.0.1:{plain}"
    assert digest(fetch(f"{at}/big")) == digest(big)
    assert fetch(*[f"{at}/hello"] * 8) == b"hello\n" * 8
    assert fetch(f"https://localhost:{secure}/hello", f"{http}/up") == b"hello\n" * 2
    assert "a redirect from https" in fetch(f"{at}/down", code=1)
    twice = fetch(*[f"{at}/session"] * 2)
    assert twice == b".TLSv1.2rTLSv1.2", twice  # the second connection takes the session up
    assert fetch(f"https://localhost:{secure}/session") == b".TLSv1.2localhost"
    todos = [f"{{}}/todos/{number}" for number in (1, 2)]
    over = {base: run(examples / "http_get", *[todo.format(base) for todo in todos], **trusted)
            for base in (http, at)}
    assert over[http] == over[at] == run(examples / "http_get") != b"", over

    assert "TLS: unable to get local issuer certificate" in fetch(f"{at}/hello", code=35, SSL_CERT_FILE=str(OTHER[0]))
    assert fetch("-k", f"{at}/hello", SSL_CERT_FILE="/dev/null") == b"hello\n"
    assert fetch("--cacert", CA, f"{at}/hello", SSL_CERT_FILE="/dev/null") == b"hello\n"
    assert "unsupported protocol" in fetch(f"https://127.0.0.1:{old}/hello", code=35)
    assert "the peer does not speak TLS" in fetch(f"https://127.0.0.1:{plain}/hello", code=35)
    print("nginx: as promised")

# --- node --------------------------------------------------------------------------------------------

(home / "server.js").write_text("""
const https = require('https'), fs = require('fs');
https.createServer({cert: fs.readFileSync(process.argv[2]), key: fs.readFileSync(process.argv[3])},
  (request, response) => {
    if (request.url == '/end') { response.useChunkedEncodingByDefault = false; response.write('to the end');
      return response.end(); }
    if (request.url == '/cut') { response.useChunkedEncodingByDefault = false; response.write('half');
      return setTimeout(() => request.socket._parent.destroy(), 50); }
    const parts = [];
    request.on('data', part => parts.push(part));
    request.on('end', () => response.end(Buffer.concat(parts)));
  }).listen(0, '127.0.0.1', function () { console.log('listening on :' + this.address().port); });
""")
(home / "client.js").write_text("""
const https = require('https'), fs = require('fs');
const agent = new https.Agent({keepAlive: true, maxSockets: 1, ca: fs.readFileSync(process.argv[3])});
const ask = (method, path, body) => new Promise((done, failed) => {
  const request = https.request({port: process.argv[2], host: '127.0.0.1', method, path, agent}, response => {
    const parts = []; response.on('data', part => parts.push(part));
    response.on('end', () => done([response.statusCode, Buffer.concat(parts).length])); });
  request.on('error', failed);
  if (body) for (const part of body.match(/.{1,1000}/g)) request.write(part);
  request.end();
});
(async () => {
  const text = 'x'.repeat(100000);
  console.log(JSON.stringify([await ask('GET', '/hello'), await ask('GET', '/stream'), await ask('POST', '/echo', text)]));
  agent.destroy();
})();
""")
with started("node", home / "server.js", CERT, KEY) as port:
    at = f"https://localhost:{port}"
    assert digest(fetch("--data-binary", f"@{home}/big", f"{at}/")) == digest(big)
    assert fetch(f"{at}/end") == b"to the end"
    assert "TLS: cut without close_notify" in fetch(f"{at}/cut", code=56)

with started(examples / "http_server", "0", "--tls", CERT, KEY) as port:
    answers = json.loads(run("node", home / "client.js", port, CA))
    assert answers == [[200, 13], [200, 71], [200, 100000]], answers
    print("node: as promised")

    # --- curl ----------------------------------------------------------------------------------------

    at = f"https://127.0.0.1:{port}"
    assert curl(f"{at}/hello", f"{at}/hello") == b"Hello, World!" * 2
    for more in [], ["--tls-max", "1.2"], ["--http1.0", "--no-alpn"]:
        assert curl(*more, f"{at}/stream").splitlines() == [b"line %d" % n for n in range(1, 11)], more
        echoed = curl("--data-binary", "@-", *more, f"{at}/echo", stdin=big[: 1 << 20])
        assert digest(echoed) == digest(big[: 1 << 20]), more
    too_old = curl("--tls-max", "1.1", "--tlsv1.0", "--ciphers", "DEFAULT@SECLEVEL=0", f"{at}/hello", code=35)
    assert "protocol version" in too_old, too_old
    assert fetch("--fail", f"{at}/hello") == b"Hello, World!"
    print("curl: as promised")

with started(examples / "http_server", "0", "--tls", *OTHER) as port:
    why = fetch(f"https://127.0.0.1:{port}/hello", code=35)
    assert f"connect 127.0.0.1:{port}: TLS: IP address mismatch" in why, why
assert "no-such.pem: No such file" in run(examples / "http_server", "0", "--tls", "no-such.pem", KEY, code=1)

# --- the default build -------------------------------------------------------------------------------

for program in "fetch", "http_server":
    file = without / "examples" / program
    names = run("nm", "-C", file).decode()
    assert not re.search(r"\b(SSL_|TLS_method|BIO_|X509_)", names), f"{file} has OpenSSL's names"
    assert "libssl" not in run("ldd", file).decode(), f"{file} takes OpenSSL"
    assert "-Dtls=enabled" in run(without / "examples" / "fetch", "https://127.0.0.1:1/", code=1)
assert "-Dtls=enabled" in run(without / "examples" / "http_server", "0", "--tls", CERT, KEY, code=1)
print("without TLS: nothing of it")
