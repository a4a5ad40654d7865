# SPDX-License-Identifier: LGPL-2.1-or-later
"""Servers in the machine under test that take what burnin tells: one of the web, one of mail; and what they were sent."""
from __future__ import annotations

import contextlib
import email
import email.policy
import json
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from typing import Any

from product import Product

PORT, MAIL_PORT, MAIL_TLS_PORT = 18080, 18025, 18465
URL = f"http://127.0.0.1:{PORT}/in"
RECEIVED = "/var/tmp/received"
MAIL_USER, MAIL_PASSWORD = "burnin-user", "a pass+word of mail"
CERTIFICATE, BUNDLE = "/var/tmp/mail.pem", "/etc/ssl/certs/ca-certificates.crt"

# Each request becomes a line of a file; what it is answered is read from another one, each time: 0 is no answer, but the end of the
# connection. Below /hang nothing is answered.
WEB = f"""
import http.server, json, pathlib, socket, struct, threading
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        with open("{RECEIVED}", "a") as f:
            f.write(json.dumps([self.path, dict(self.headers), body]) + "\\n")
        if self.path.startswith("/hang"):
            threading.Event().wait(300)
        status = int(pathlib.Path("{RECEIVED}.status").read_text())
        if not status:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            return
        self.send_response(status)
        self.end_headers()
        self.wfile.write(b"says the server")
    def log_message(self, *args):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", {PORT}), Handler).serve_forever()
"""

# By STARTTLS, or by TLS from the first byte; nothing is taken without TLS and a login.
MAIL = f"""
import json, ssl, threading
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult
class Handler:
    async def handle_DATA(self, server, session, envelope):
        with open("{RECEIVED}", "a") as f:
            f.write(json.dumps([envelope.mail_from, envelope.rcpt_tos, envelope.content.decode()]) + "\\n")
        return "250 taken"
def authenticate(server, session, envelope, mechanism, data):
    return AuthResult(success=(data.login, data.password) == ({MAIL_USER.encode()!r}, {MAIL_PASSWORD.encode()!r}), handled=False)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("{CERTIFICATE}", "{CERTIFICATE}.key")
common = dict(authenticator=authenticate, auth_required=True)
Controller(Handler(), hostname="127.0.0.1", port={MAIL_PORT}, tls_context=context, require_starttls=True, **common).start()
Controller(Handler(), hostname="127.0.0.1", port={MAIL_TLS_PORT}, ssl_context=context, auth_require_tls=False, **common).start()
threading.Event().wait()
"""


class Receiver:
    def __init__(self, product: Product) -> None:
        self.product = product
        self.forget()
        self.answer(200)

    def answer(self, status: int) -> None:
        self.product.machine.write(f"{RECEIVED}.status", str(status))

    def forget(self) -> None:
        self.product.machine.write(RECEIVED, "")

    def _lines(self) -> list[list[Any]]:
        return [json.loads(line) for line in self.product.machine.read(RECEIVED).splitlines()]

    def all(self, path: str | None = None) -> list[tuple[dict[str, str], str]]:
        return [(headers, body) for where, headers, body in self._lines() if path in (None, where)]

    def events(self, path: str | None = None, **wanted: Any) -> list[dict[str, Any]]:
        bodies = [json.loads(body) for _, body in self.all(path)]
        return [body for body in bodies if all(body.get(key) == value for key, value in wanted.items())]

    def mails(self) -> list[tuple[str, list[str], EmailMessage]]:
        return [(sender, to, email.message_from_string(text, policy=email.policy.default))  # type: ignore[misc]
                for sender, to, text in self._lines()]

    def wait(self, predicate: Callable[[], object], what: str, timeout: float = 30) -> Any:
        return self.product.machine.wait_for(predicate, timeout, what)

    @contextlib.contextmanager
    def _serving(self, script: str, port: int) -> Iterator[None]:
        with self.product.machine.popen(["/usr/bin/python3", "-c", script]) as process:
            self.wait(lambda: self.product.machine.run(["ss", "-Hltn", f"sport = :{port}"]).stdout or process.poll() is not None,
                      "the server listens")
            yield

    def listening(self) -> contextlib.AbstractContextManager[None]:
        return self._serving(WEB, PORT)

    def taking_mail(self) -> contextlib.AbstractContextManager[None]:
        """With a certificate that this machine trusts once trust() was called."""
        if not self.product.machine.path(CERTIFICATE).exists():
            self.product.machine.run(
                ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                 "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", f"{CERTIFICATE}.key", "-out", CERTIFICATE])
        return self._serving(MAIL, MAIL_TLS_PORT)

    @contextlib.contextmanager
    def trusted(self) -> Iterator[None]:
        before = self.product.machine.read(BUNDLE)
        self.product.machine.write(BUNDLE, before + self.product.machine.read(CERTIFICATE))
        yield
        self.product.machine.write(BUNDLE, before)
