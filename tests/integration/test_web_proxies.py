# SPDX-License-Identifier: LGPL-2.1-or-later
"""The page behind another web server, as web-frontend/examples has them: nginx, Apache, Caddy."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from machine import Machine
from product import Product, product  # noqa: F401
from webserver import NAME, THERE, Installed, Person

EXAMPLES = Path(__file__).resolve().parents[2] / "web-frontend/examples"
CERTIFICATE, KEY = f"/etc/ssl/certs/{NAME}.pem", f"/etc/ssl/private/{NAME}.key"
PASSWORD = "correct horse"
MODULES = ("mpm_event", "authz_core", "ssl", "proxy", "proxy_http", "headers")
# What stands around an example: where it is included, and what starts it.
NGINX = """error_log stderr;
pid /run/nginx-test.pid;
daemon off;
events {}
http {
        access_log off;
        client_body_temp_path /run/nginx-body;
        proxy_temp_path /run/nginx-proxy;
        include /etc/proxy-test/nginx.conf;
}
"""
APACHE = "\n".join(("ServerRoot /etc/apache2", "PidFile /run/apache-test.pid", "ErrorLog /run/apache-test.log",
                    "User www-data", "Group www-data", "Listen 443 https",
                    *(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so" for name in MODULES),
                    "Include /etc/proxy-test/apache.conf", ""))
COMMANDS = {
    "nginx.conf": "nginx -c /etc/proxy-test/main",
    "apache.conf": "apache2 -DFOREGROUND -f /etc/proxy-test/main",
    "Caddyfile": "caddy run --config /etc/proxy-test/main --adapter caddyfile",
}


@pytest.fixture(scope="module")
def server(product: Product) -> Iterator[Installed]:
    product.machine.call("/org/burnin1/accounts", "org.burnin1.Accounts", "Add", "ssst", "alice", "admin", PASSWORD, 0)
    product.machine.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                         "-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}", "-keyout", KEY, "-out", CERTIFICATE])
    server = Installed(product.machine)
    server.start()
    yield server
    server.stop()


def around(name: str, example: str) -> str:
    """Caddy alone cannot include: the certificate that it would get by itself comes from here."""
    if name == "Caddyfile":
        site = f"{NAME} {{"
        return "{\n\tadmin off\n\tauto_https disable_redirects\n}\n" + example.replace(site, f"{site}\n\ttls {CERTIFICATE} {KEY}")
    return {"nginx.conf": NGINX, "apache.conf": APACHE}[name]


@pytest.fixture(params=COMMANDS)
def proxy(request: pytest.FixtureRequest, server: Installed) -> Iterator[Installed]:
    machine: Machine = server.machine
    example = (EXAMPLES / request.param).read_text()
    machine.write(f"/etc/proxy-test/{request.param}", example)
    machine.write("/etc/proxy-test/main", around(request.param, example))
    machine.run(["systemd-run", "--quiet", "--unit=proxy-test", "--service-type=exec", "--collect", "--setenv=HOME=/run/caddy-test",
                 *COMMANDS[request.param].split()])
    machine.wait_for(lambda: machine.run("ss -Hltn sport = 443").stdout != "", 30, "the proxy listens")
    yield server
    machine.run(["systemctl", "stop", "proxy-test"])


def test_page_behind_a_proxy(proxy: Installed) -> None:
    # Who somebody is, is what the proxy says, and not what he says himself.
    body = f'{{"name": "alice", "password": "{PASSWORD}"}}'.encode()
    login = proxy.over_tls("POST", "/api/v1/session", body, port=443, **{"X-Forwarded-For": "198.51.100.7", "Origin": f"https://{NAME}"})
    assert login.status == 200, login
    assert "; Secure" in login.headers["set-cookie"]
    cookie = login.headers["set-cookie"].partition(";")[0]
    sessions = Person(proxy, "alice", PASSWORD).get("/api/v1/sessions").json["sessions"]
    assert {row["address"] for row in sessions} <= {THERE, "127.0.0.1"}
    assert sum(row["address"] == THERE for row in sessions) >= 1

    drives = proxy.over_tls("GET", "/api/v1/drives", port=443, Cookie=cookie)
    assert (drives.status, drives.json["total"]) == (200, 0)

    # An event that is held back until more has come would not be here.
    with proxy.connect_tls(443) as connection:
        connection.settimeout(60)
        connection.sendall(f"GET /sse/drives HTTP/1.1\r\nHost: {NAME}\r\nCookie: {cookie}\r\n\r\n".encode())
        data = b""
        while b": ping" not in data:
            piece = connection.recv(65536)
            assert piece, data
            data += piece
    assert b"event: " in data
