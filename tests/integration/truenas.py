# SPDX-License-Identifier: LGPL-2.1-or-later
"""A TrueNAS for tests of the product: tests/truenas/mock-truenas inside of the machine."""
from __future__ import annotations

import base64
import contextlib
import fcntl
import hashlib
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dbus
import pytest
from machine import Machine
from product import Host, Product, product  # noqa: F401 # pylint: disable=unused-import

MOCK = "/usr/local/bin/mock-truenas"
SEALS = 0xf

CALL = """
import json, ssl, sys, urllib.request
url, body = sys.argv[1], sys.argv[2]
request = urllib.request.Request(url, body.encode() if body else None, method='POST' if body else 'GET')
print(urllib.request.urlopen(request, context=ssl._create_unverified_context()).read().decode())
"""


class Nas:
    """A mock TrueNAS inside the machine."""

    def __init__(self, machine: Machine, hello: dict[str, Any]) -> None:
        self.machine, self.url, self.key, self.certificate = machine, hello["url"], hello["key"], hello["certificate"]

    def control(self, name: str, **body: Any) -> None:
        self.machine.run(["/usr/bin/python3", "-c", CALL, f"{self.url}/mock/{name}", json.dumps(body)])

    def dump(self) -> dict[str, Any]:
        return json.loads(self.machine.run(["/usr/bin/python3", "-c", CALL, f"{self.url}/mock/dump", ""]).stdout)

    @property
    def pin(self) -> str:
        pem = self.machine.read(self.certificate).encode()
        key = subprocess.run(["openssl", "x509", "-pubkey", "-noout"], input=pem, stdout=subprocess.PIPE, check=True).stdout
        der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "der"], input=key, stdout=subprocess.PIPE, check=True).stdout
        return "sha256//" + base64.b64encode(hashlib.sha256(der).digest()).decode()


@pytest.fixture(name="start_nas")
def fixture_start_nas(product: Product) -> Iterator[Callable[..., Nas]]:    # noqa: F811
    machine = product.machine
    machine.write(MOCK, (Path(__file__).parents[1] / "truenas/mock-truenas").read_text(), mode=0o755)
    with contextlib.ExitStack() as stack:
        def start(*options: str) -> Nas:
            process = stack.enter_context(machine.popen([MOCK, "--speed", "0", *options]))
            assert process.stdout
            return Nas(machine, json.loads(process.stdout.readline()))
        yield start
        product.clean()


def sealed(key: str) -> dbus.types.UnixFd:
    fd = os.memfd_create("key", os.MFD_ALLOW_SEALING)
    os.write(fd, key.encode())
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, SEALS)
    try:
        return dbus.types.UnixFd(fd)
    finally:
        os.close(fd)


def add(product: Product, nas: Nas, name: str = "tn", key: str | None = None, **options: Any) -> Host:  # noqa: F811
    return product.new_host(name, **({"kind": "truenas", "api_url": nas.url, "api_key": sealed(key or nas.key),
                                      "api_pin": nas.pin} | options))


def configure(host: Host, **options: Any) -> None:
    host.call("Configure", "a{sv}", dbus.Dictionary(options, signature="sv"))


def drives(product: Product, host: str = "tn") -> dict[str, dict[str, Any]]:    # noqa: F811
    return {d["DevName"]: d for d in product.list("Drives", host=host, present=True)}
