# SPDX-License-Identifier: LGPL-2.1-or-later
"""Events: told on the bus, and delivered to a web server, whatever happens to burnind and to that server meanwhile."""
from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

import dbus
import pytest
from product import MANAGER, PATH, Host, Product, nas, product, refused  # noqa: F401
from receiver import URL, Receiver

pytestmark = pytest.mark.allow_journal(r"has ended: (inconclusive|failed|cancelled)", r"^inconclusive: ", r"is missing",
                                       r"was not delivered, and is tried again", r"code=killed, status=9/KILL",
                                       r"Failed with result 'signal'")

SECRET = "a secret of the webhook"
CREDENTIAL = "/etc/credstore/burnin.webhook-secret"


@pytest.fixture
def receiver(product: Product) -> Iterator[Receiver]:
    found = Receiver(product)
    product.machine.write(CREDENTIAL, SECRET + "\n", mode=0o600)
    product.restart()
    product.call_settings("Set", "svt", "webhook_url", URL, 0)
    yield found
    product.call_settings("Reset", "st", "webhook_url", 0)
    product.machine.run(["rm", "-f", CREDENTIAL])
    product.restart()


def test_a_job_is_told_from_its_queue_to_its_end(product: Product, nas: Host, receiver: Receiver) -> None:
    product.plug("NOTIFY1", 8)
    product.call_settings("Set", "svt", "page_url", "https://burnin.example.org", 0)
    with receiver.listening(), product.machine.watch_signal(MANAGER, "Event", PATH) as watch:
        job = product.start("NOTIFY1")
        assert job.wait_end() == "passed"
        signal = watch.wait(lambda s: s.args[1] == "job_passed" and s.args[5] == job.id, 20)
        receiver.wait(lambda: receiver.events(event="job_passed", job_id=job.id), "job_passed arrives")

    told = receiver.events(job_id=job.id)
    assert [body["event"] for body in told] == ["job_queued", "job_started", "job_passed"]
    assert len({body["id"] for body in told}) == 3
    product.call_settings("Reset", "st", "page_url", 0)
    last = told[-1]
    assert {body["url"] for body in told} == {f"https://burnin.example.org/history/{job.id}"}
    assert last["id"] == signal.args[0] and last["severity"] == signal.args[3] == "info" and last["text"] == signal.args[6]
    assert (last["host"], last["serial"], last["state"], last["verdict"]) == ("nas", "NOTIFY1", "done", "passed")
    for headers, body in receiver.all():
        signed = f"{headers['X-Burnin-Timestamp']}.{body}".encode()
        assert headers["X-Burnin-Signature"] == "sha256=" + hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
        assert headers["X-Burnin-Delivery"] == json.loads(body)["id"]


@pytest.mark.parametrize("trouble", ["down", "refuses", "is cut off"])
def test_nothing_is_lost_while_the_server_is_away_and_burnind_is_killed(product: Product, nas: Host, receiver: Receiver,
                                                                        trouble: str) -> None:
    product.plug("NOTIFY2", 8)
    receiver.answer(503 if trouble == "refuses" else 0)
    with receiver.listening() if trouble != "down" else contextlib.nullcontext():
        job = product.start("NOTIFY2")
        assert job.wait_end() == "passed"
        receiver.wait(lambda: product.machine.journal("SYSLOG_IDENTIFIER=burnind") and any(
            "was not delivered" in entry["MESSAGE"] for entry in product.machine.journal("SYSLOG_IDENTIFIER=burnind")),
            "the first attempt fails")
        product.kill()
        product.wait_up()

    receiver.answer(200)
    before = len(receiver.all())
    with receiver.listening():
        # The first pause is half a minute, the second one a minute, and each is up to a quarter longer.
        receiver.wait(lambda: {"job_queued", "job_started", "job_passed"} <= {
            json.loads(body)["event"] for _, body in receiver.all()[before:]}, "all of them arrive", 240)
    # Who was cut off before he could answer knows by their ids what he has seen.
    seen = {body["id"] for body in receiver.events()[:before]}
    assert (seen & {body["id"] for body in receiver.events()[before:]} == seen) and bool(seen) == (trouble != "down")


def test_it_needs_no_secret_and_no_server_to_go_on(product: Product, nas: Host) -> None:
    product.plug("NOTIFY3", 8)
    product.call_settings("Set", "svt", "webhook_url", "http://127.0.0.1:1/", 0)
    try:
        assert product.start("NOTIFY3").wait_end() == "passed"
    finally:
        product.call_settings("Reset", "st", "webhook_url", 0)


def test_the_port_follows_the_mode(product: Product) -> None:
    product.call_settings("Set", "svt", "smtp_port", dbus.UInt32(2525), 0)
    assert product.call_settings("Get", "s", "smtp_port")["Value"] == 2525
    product.call_settings("Set", "svt", "smtp_mode", "ssl", 0)
    assert product.call_settings("Get", "s", "smtp_port")["Value"] == 0
    product.call_settings("Reset", "st", "smtp_mode", 0)


@pytest.mark.parametrize(("name", "value"), [
    ("smtp_host", "a/b"), ("smtp_host", "a b"), ("smtp_mode", "tls"), ("smtp_from", "a@x.org>\r\nBcc: b@x.org"),
    ("smtp_user", "a\nb"), ("webhook_url", "file:///etc/passwd"), ("webhook_url", "https://user:word@x.org/"),
    ("page_url", "http://x.org/"), ("page_url", "https://x.org/?a=b"), ("page_url", "javascript:alert(1)"),
    ("smtp_to", dbus.Array(["a@x.org", "b"], "s")), ("smtp_to", dbus.Array(["a@x.org"] * 33, "s")),
    ("smtp_port", dbus.UInt32(65536)), ("smtp_alert_on_pass", "perhaps")])
def test_bad_values_are_refused(product: Product, name: str, value: Any) -> None:
    with refused("InvalidArgument", name):
        product.call_settings("Set", "svt", name, value, 0)
