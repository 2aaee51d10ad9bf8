#!/usr/bin/env python3
"""The listener of a running service: TLS, client certificates, tokens, and what it does with whoever is slow, greedy or wrong. Certificates are made by openssl.

    tests/integration/http_security.py BINARY

Token and certificates are replaced while it runs. Exits with 77 without openssl.
"""

import http.client
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CONFIG = """version: 1
embedded: {{input: {folder}/inbox, data: {folder}/data}}
http:
  listen: "{listen}"
  metrics_listen: "127.0.0.1:0"
  token_file: {folder}/token
  {tls}
  limits: {{connections: 8, connections_per_address: 6, requests_per_second: {rate}, read_timeout: 1s, body_timeout: 1s, max_header: 1KiB, max_body: 1KiB}}
api:
  keys: [{{id: TRAILWARDENAUDITOR, account: "111122223333", secret_file: {folder}/secret}}]
"""


def openssl(*words):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


def make_ca(folder, name):
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.crt", "-subj", f"/CN={name}", "-days", "30")


def make_certificate(folder, name, ca, days):
    """NAME.crt and NAME.key, of this CA, for 127.0.0.1."""
    extensions = folder / f"{name}.ext"
    extensions.write_text("subjectAltName=IP:127.0.0.1\n")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.csr", "-subj", f"/CN={name}")
    openssl("x509", "-req", "-in", folder / f"{name}.csr", "-CA", folder / f"{ca}.crt", "-CAkey", folder / f"{ca}.key", "-CAcreateserial", "-days", days, "-out", folder / f"{name}.crt", "-extfile", extensions)


class Service:
    def __init__(self, binary, folder, listen="127.0.0.1:0", with_tls=True, rate=1000):
        self.folder = folder
        shutil.rmtree(folder / "data", ignore_errors=True)
        (folder / "inbox").mkdir(exist_ok=True)
        tls = f"tls: {{certificate_file: {folder}/server.crt, key_file: {folder}/server.key, client_ca_file: {folder}/clients.crt}}" if with_tls else "tls:"
        (folder / "config.yaml").write_text(CONFIG.format(folder=folder, listen=listen, tls=tls, rate=rate))
        self.log = folder / "log"
        self.process = subprocess.Popen([binary, "run", "-c", folder / "config.yaml"], stderr=open(self.log, "wb"))
        ports = {}
        for _ in range(3000):
            for line in self.log.read_text().splitlines():
                if '"pages":"port ' in line:
                    ports[json.loads(line)["event"]] = int(json.loads(line)["pages"].removeprefix("port "))
            if "service.started" in ports:
                break
            if self.process.poll() is not None:
                sys.exit("the service did not start: " + self.log.read_text())
            time.sleep(0.02)
        self.port, self.metrics_port = ports["service.started"], ports["http.metrics_at"]

    def stop(self):
        self.process.terminate()
        if self.process.wait(20) != 0:
            sys.exit("the service did not end well: " + self.log.read_text())

    def client(self, **arguments):
        return client_context(self.folder, **arguments)

    def ask(self, path, token=None, method="GET", body=None, headers=None, context=None, plain=False):
        """Status and body of one request; "refused" where the handshake fails."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20) if plain else http.client.HTTPSConnection("127.0.0.1", self.port, timeout=20, context=context or self.client())
        try:
            connection.request(method, path, body=body, headers={**({"Authorization": f"Bearer {token}"} if token else {}), **(headers or {})})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except (ssl.SSLError, ConnectionError) as e:
            return "refused", str(e)
        finally:
            connection.close()

    def metric(self, name):
        connection = http.client.HTTPConnection("127.0.0.1", self.metrics_port, timeout=20)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        values = [float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(f"trailwarden_{name} ") or line.startswith(f"trailwarden_{name}{{") and not line.startswith("#")]
        return values[0] if values else None

    def serial(self):
        """Of the certificate that it shows now."""
        context = ssl.create_default_context(cafile=self.folder / "ca.crt")
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as plain, context.wrap_socket(plain, server_hostname="127.0.0.1") as tls:
            return tls.getpeercert()["serialNumber"]


def client_context(folder, certificate=None, ca="ca", most=None):
    context = ssl.create_default_context(cafile=folder / f"{ca}.crt")
    if most:
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, most
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
    if certificate:
        context.load_cert_chain(folder / f"{certificate}.crt", folder / f"{certificate}.key")
    return context


def expect(claim, found, wanted):
    if found != wanted:
        sys.exit(f"{claim}: found {found!r}, wanted {wanted!r}")


def within(claim, seconds, holds):
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            sys.exit(f"{claim}: not within {seconds} s")
        time.sleep(0.1)


def who_may(service):
    status = lambda *words, **more: service.ask(*words, **more)[0]
    for path in ("/metrics", "/healthz", "/readyz"):
        expect(f"{path} is open", status(path) in (200, 503), True)
    for path in ("/config", "/state"):
        expect(f"{path} without a proof", status(path), 401)
        expect(f"{path} with a wrong token", status(path, "no"), 401)
        expect(f"{path} with the token", status(path, "first token"), 200)
        expect(f"{path} with a client certificate", status(path, context=service.client(certificate="client")), 200)
    expect("a stranger's certificate", status("/healthz", context=service.client(certificate="stranger")), "refused")
    expect("the API goes by its own signatures: the token is none", status("/", "first token", method="POST", body="{}"), 400)
    expect("the API goes by its own signatures: a certificate is none", status("/", method="POST", body="{}", context=service.client(certificate="client")), 400)
    expect("plain HTTP", service.ask("/healthz", plain=True), (400, "this port speaks TLS: https://\n"))
    expect("another CA", status("/healthz", context=service.client(ca="clients")), "refused")
    for version, taken in ((ssl.TLSVersion.TLSv1, False), (ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_3, True)):
        expect(version.name, status("/healthz", context=service.client(most=version)) != "refused", taken)
    with socket.create_connection(("127.0.0.1", service.metrics_port), timeout=20) as open_pages:
        open_pages.sendall(b"GET /state HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        expect("metrics_listen has the open pages only", open_pages.recv(65536)[:12], b"HTTP/1.1 404")


def bounds(service):
    def raw(data, end=True):
        """What comes back, over TLS."""
        with socket.create_connection(("127.0.0.1", service.port), timeout=20) as plain, service.client().wrap_socket(plain, server_hostname="127.0.0.1") as tls:
            tls.sendall(data)
            answer = b""
            try:
                while part := tls.recv(65536):
                    answer += part
            except (ConnectionError, ssl.SSLError):
                pass
            return int(answer[9:12] or 0)

    head = b" HTTP/1.1\r\nHost: x\r\n"
    expect("a body for a page", raw(b"GET /metrics" + head + b"Content-Length: 5\r\n\r\nhello"), 413)
    expect("a long body", raw(b"POST /" + head + b"Content-Length: 1025\r\n\r\n"), 413)
    expect("a body without its length", raw(b"POST /" + head + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 411)
    expect("a long header", raw(b"GET /metrics" + head + b"X: " + b"x" * 1100 + b"\r\n\r\n"), 431)
    expect("a long address", raw(b"GET /" + b"x" * 1100 + head + b"\r\n"), 414)
    expect("another method", raw(b"DELETE /metrics" + head + b"Connection: close\r\n\r\n"), 405)
    expect("what is no HTTP", raw(b"\x00\x01\x02\r\n\r\n"), 400)
    before = time.monotonic()
    expect("half a header", raw(b"GET /metrics" + head), 408)
    expect("half a body", raw(b"POST /" + head + b"Content-Length: 5\r\n\r\nhel"), 408)
    expect("both within their time", time.monotonic() - before < 6, True)


def slow_ones(service):
    """Slow headers and slow handshakes take every connection that they may have; others are served, and after a while everybody is."""
    held = []
    for i in range(12):
        plain = socket.create_connection(("127.0.0.1", service.port), timeout=20)
        try:
            held.append(plain if i % 2 else service.client().wrap_socket(plain, server_hostname="127.0.0.1"))
            held[-1].sendall(b"\x16" if i % 2 else b"GET /healthz HTTP/1.1\r\nX: ")
        except (ssl.SSLError, ConnectionError):
            plain.close()  # over the bound
    expect("some connections were refused", service.metric("http_connections_refused_total") > 0, True)
    within("served again while they hold on", 10, lambda: service.ask("/healthz")[0] == 200)
    for one in held:
        one.close()


def rotation(service):
    folder, kept = service.folder, service.serial()
    (folder / "token").write_text("second token\n")
    within("the new token holds", 20, lambda: service.ask("/state", "second token")[0] == 200)
    expect("the old one does not", service.ask("/state", "first token")[0], 401)
    (folder / "token").write_text("")
    make_certificate(folder, "next", "ca", 3)
    shutil.copy(folder / "next.crt", folder / "server.crt")  # half of it
    time.sleep(11)
    expect("an emptied token leaves the last one", service.ask("/state", "second token")[0], 200)
    expect("half a pair leaves the last one", service.serial(), kept)
    log = service.log.read_text()
    for event in ("http.token_refused", "http.tls_refused"):
        expect(f"{event} is said once", log.count(f'"{event}"'), 1)
    shutil.copy(folder / "next.key", folder / "server.key")
    within("the new certificate is shown", 20, lambda: service.serial() != kept)
    expect("and when it expires", 2 < (service.metric('tls_certificate_expiry_timestamp_seconds{kind="http"}') or 0) / 86400 - time.time() / 86400 <= 3, True)
    make_ca(folder, "clients")  # another one of the same name
    within("clients of the CA of before are strangers", 20, lambda: service.ask("/state", context=service.client(certificate="client"))[0] == "refused")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    if not shutil.which("openssl"):
        print("there is no openssl")
        return 77
    binary = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory(prefix="trailwarden-http-") as temporary:
        folder = Path(temporary)
        for name, text in (("token", "first token\n"), ("secret", "of the auditor\n")):
            (folder / name).write_text(text)
            (folder / name).chmod(0o600)
        for ca in ("ca", "clients", "strangers"):
            make_ca(folder, ca)
        make_certificate(folder, "server", "ca", 20)
        make_certificate(folder, "client", "clients", 20)
        make_certificate(folder, "stranger", "strangers", 20)
        service = Service(binary, folder)
        try:
            for part in (who_may, bounds, slow_ones, rotation):
                part(service)
                print(f"{part.__name__}: as it should be")
            service.stop()
            (folder / "token").write_text("first token\n")
            service = Service(binary, folder, listen="0.0.0.0:0", with_tls=False, rate=1)
            statuses = [service.ask("/healthz", plain=True)[0] for _ in range(6)]
            expect("no more than two at once", 429 in statuses and statuses[0] == 200, True)
            expect("a token that anybody may overhear is warned of", service.log.read_text().count('"http.not_encrypted"'), 2)
            expect("root is warned of", service.log.read_text().count('"process.is_root"'), 1 if os.geteuid() == 0 else 0)
            service.stop()
            print("the rate: as it should be")
        finally:
            if service.process.poll() is None:
                service.process.kill()
                print(service.log.read_text()[-3000:], file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
