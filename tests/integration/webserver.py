# SPDX-License-Identifier: LGPL-2.1-or-later
"""The web's HTTP interface from a test: lighttpd with burnin.cgi in the machine, and a client that says exactly what it is told."""
from __future__ import annotations

import ctypes
import json
import os
import shutil
import socket
import ssl
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import resources
from machine import Machine

CGI = "/usr/lib/burnin/burnin.cgi"
PORT = 8084
UNIT = "web-test.service"
CONFIG = f"""
server.modules = ("mod_alias", "mod_cgi")
server.bind = "127.0.0.1"
server.port = {PORT}
server.document-root = "/var/empty"
server.upload-dirs = ("/tmp")
server.stream-response-body = 2
server.http-parseopts = ("url-normalize" => "disable", "header-strict" => "enable")
alias.url = ("/api" => "CGI", "/health" => "CGI", "/metrics" => "CGI")
cgi.assign = (".cgi" => "")
"""
BUILD = Path(os.environ.get("BURNIN_BUILD_DIR", Path(__file__).resolve().parents[2] / "build"))
# The same under the sanitizers, from a build that tools/test makes for its unit lane.
SANITIZED = BUILD.parent / "build-asan/web-frontend/burnin.cgi"
REPORTS = "/run/web-test"
SCRIPT = f"""#!/bin/sh
export ASAN_OPTIONS=detect_leaks=1:log_path={REPORTS}/report UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
exec /usr/lib/burnin/burnin-sanitized
"""
CLONE_NEWNET = 0x40000000
HERE, THERE = "192.0.2.1", "192.0.2.66"     # both are the machine's: it speaks to itself, but not over loopback's addresses
NAME = "burnin.example.org"     # as the examples for proxies have it


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        assert self.headers.get("content-type") == "application/json", self
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return str(self.json["error"]["code"])


class WebServer:
    port = PORT

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def start(self) -> None:
        self.machine.write("/etc/web-test.conf", CONFIG.replace("CGI", self._install()))
        self.machine.run(["systemd-run", "--quiet", f"--unit={UNIT}", "--uid=burnin-web", "--service-type=exec",
                          "--property=PrivateTmp=yes", f"--property=RuntimeDirectory={Path(REPORTS).name}",
                          "lighttpd", "-D", "-f", "/etc/web-test.conf"])
        self.machine.wait_for(self._answers, 20, "lighttpd listens")

    def _install(self) -> str:
        """burnin.cgi under the sanitizers, where there is one that is as new as the other."""
        if not SANITIZED.exists() or SANITIZED.stat().st_mtime < (BUILD / "web-frontend/burnin.cgi").stat().st_mtime:
            return CGI
        shutil.copy(SANITIZED, self.machine.path("/usr/lib/burnin/burnin-sanitized"))
        script = "/usr/lib/burnin/burnin-sanitized.cgi"
        self.machine.write(script, SCRIPT, 0o755)
        return script

    def stop(self) -> None:
        """What the sanitizers have found fails the test."""
        reports = self.machine.run(f"cat {REPORTS}/report* 2> /dev/null", check=False).stdout
        self.machine.run(["systemctl", "stop", UNIT], check=False)
        assert not reports, reports

    def _answers(self) -> bool:
        try:
            self.connect().close()
        except ConnectionRefusedError:
            return False
        return True

    def connect(self, timeout: float = 30, to: tuple[str, int] | None = None, source: str = "") -> socket.socket:
        """A TCP connection from within the machine's network."""
        result: list[Any] = []

        def run() -> None:
            namespace = os.open(f"/run/netns/{self.machine.netns}", os.O_RDONLY | os.O_CLOEXEC)
            try:
                if ctypes.CDLL(None, use_errno=True).setns(namespace, CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
                result.append(socket.create_connection(to or ("127.0.0.1", self.port), timeout,
                                                       (source, 0) if source else None))
            except OSError as error:
                result.append(error)
            finally:
                os.close(namespace)

        thread = threading.Thread(target=run)     # which alone changes over, and ends
        thread.start()
        thread.join()
        if isinstance(result[0], OSError):
            raise result[0]
        return result[0]

    def send(self, request: bytes, timeout: float = 30) -> Answer:
        """These bytes, and what comes back until the server closes."""
        with self.connect(timeout) as connection:
            connection.sendall(request)
            return read_answer(connection)

    def request(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        all_headers = {"Host": f"127.0.0.1:{self.port}", "Connection": "close"} | dict(headers or {})
        data = b""
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            all_headers = {"Content-Type": "application/json", "Content-Length": str(len(data))} | all_headers
        head = "".join(f"{name}: {value}\r\n" for name, value in all_headers.items())
        return self.send(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + data)


def read_answer(connection: socket.socket) -> Answer:
    with connection.makefile("rb") as file:
        return parse_answer(file.read())


def parse_answer(data: bytes) -> Answer:
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if headers.get("transfer-encoding") == "chunked":
        whole = b""
        while body:
            size, _, rest = body.partition(b"\r\n")
            length = int(size, 16)
            whole, body = whole + rest[:length], rest[length + 2:]
            if length == 0:
                break
        body = whole
    return Answer(int(first.split()[1]), headers, body)


class Installed(WebServer):
    """As it is installed: burnin-web.service, with its own configuration."""
    port = 8083

    def start(self) -> None:
        for address in (HERE, THERE):
            resources.command("ip", "-n", self.machine.netns, "address", "add", f"{address}/32", "dev", "lo")
        self.machine.run(["systemctl", "start", "burnin-events.socket", "burnin-web.service"])
        self.machine.wait_for(self._answers, 20, "lighttpd listens")

    def stop(self) -> None:
        self.machine.run(["systemctl", "stop", "burnin-web.service", "burnin-events.service"])

    def events(self, person: Person, **headers: str) -> Answer:
        """The answer up to its first event: the stream itself has no end."""
        lines = {"Host": "localhost", "Cookie": person.cookie} | headers
        with self.connect() as connection:
            head = "".join(f"{k}: {v}\r\n" for k, v in lines.items())
            connection.sendall(f"GET /sse/drives HTTP/1.1\r\n{head}\r\n".encode())
            data = b""
            while b"\r\n\r\n" not in data or (b"200 OK" in data and b"event: " not in data):
                piece = connection.recv(65536)
                assert piece, data
                data += piece
        return parse_answer(data)

    def connect_tls(self, port: int = 8084) -> ssl.SSLSocket:
        """From another address than loopback's."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context.wrap_socket(self.connect(to=(HERE, port), source=THERE), server_hostname=NAME)

    def over_tls(self, method: str, path: str, body: bytes = b"", port: int = 8084, **headers: str) -> Answer:
        lines = {"Host": NAME, "Connection": "close", "Content-Type": "application/json", "Content-Length": str(len(body))} | headers
        with self.connect_tls(port) as connection:
            head = "".join(f"{k}: {v}\r\n" for k, v in lines.items())
            connection.sendall(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body)
            return read_answer(connection)


class Person:
    """Somebody's browser: it has a cookie, and sends what browsers send."""

    def __init__(self, server: WebServer, name: str = "", password: str = "") -> None:
        self.server, self.cookie, self.csrf = server, "", ""
        if name:
            answer = self.post("/api/v1/session", {"name": name, "password": password})
            assert answer.status == 200, answer
            self.cookie = answer.headers["set-cookie"].partition(";")[0]
            self.csrf = answer.json["csrf"]

    def request(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        own = {"Sec-Fetch-Site": "same-origin"}
        if method != "GET":
            own["Origin"] = f"http://127.0.0.1:{self.server.port}"
        if self.cookie:
            own["Cookie"] = self.cookie
        if self.csrf and method != "GET":
            own["X-CSRF-Token"] = self.csrf
        return self.server.request(method, path, body, own | dict(headers or {}))

    def get(self, path: str, **headers: str) -> Answer:
        return self.request("GET", path, None, headers)

    def post(self, path: str, body: Any = None) -> Answer:
        return self.request("POST", path, {} if body is None else body)

    def patch(self, path: str, body: Any) -> Answer:
        return self.request("PATCH", path, body)

    def delete(self, path: str) -> Answer:
        return self.request("DELETE", path)
