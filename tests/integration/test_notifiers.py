# SPDX-License-Identifier: LGPL-2.1-or-later
"""Notifiers that people add: who is told of what, whether it works, what is given up, and that no secret is ever told again."""
from __future__ import annotations

import hashlib
import hmac
import json
import stat
import threading
import time
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any

import dbus
import pytest
from product import PATH, POLKIT_NO, Host, Product, nas, plain, product, refused, short_name  # noqa: F401
from receiver import MAIL_PASSWORD, MAIL_PORT, MAIL_TLS_PORT, MAIL_USER, PORT, URL, Receiver

pytestmark = pytest.mark.allow_journal(r"has ended: (inconclusive|failed|cancelled)", r"^inconclusive: ", r"is missing",
                                       r"was not delivered, and is tried again", r"was given up after", r"code=killed, status=9/KILL",
                                       r"Failed with result 'signal'")

INTERFACE, OBJECT = "org.burnin1.Notifiers", PATH + "/notifiers"
STORED = "/var/lib/burnin/notifiers"
DATABASE = "/var/lib/burnin/burnin.db"
SECRET = "never+told/again=7"
SERVER = f"http://127.0.0.1:{PORT}"


class Notifiers:
    def __init__(self, product: Product) -> None:
        self.product = product

    def call(self, method: str, signature: str = "", *arguments: Any, user: str | None = None) -> Any:
        return plain(self.product.machine.call(OBJECT, INTERFACE, method, signature, *arguments, user=user, timeout=60))

    def add(self, name: str, kind: str, user: str | None = None, **options: Any) -> None:
        self.call("Add", "ssa{sv}", name, kind, words(options), user=user)

    def configure(self, name: str, **options: Any) -> None:
        self.call("Configure", "sa{sv}", name, words(options))

    def test(self, name: str) -> None:
        self.call("Test", "st", name, 0)

    def remove(self, name: str) -> None:
        self.call("Remove", "st", name, 0)

    def all(self) -> dict[str, dict[str, Any]]:
        return {row["Name"]: row for row in self.call("List")}

    def made(self) -> dict[str, dict[str, Any]]:
        """What people made of them, without what became of events, which come at any time."""
        became = ("Pending", "Dead", "Error")
        return {name: {key: row[key] for key in row if key not in became} for name, row in self.all().items()}

    def deliveries(self, **filters: Any) -> list[dict[str, Any]]:
        return self.call("ListDeliveries", "a{sv}", words(filters))[0]


def words(options: dict[str, Any]) -> dbus.Dictionary:
    return dbus.Dictionary({key: dbus.Array(value, "s") if isinstance(value, list) else value for key, value in options.items()}, "sv")


@pytest.fixture
def notifiers(product: Product) -> Iterator[Notifiers]:
    found = Notifiers(product)
    yield found
    for name, row in found.all().items():
        if row["BuiltIn"]:
            found.configure(name, secret="")
        else:
            found.remove(name)
    for setting in product.call_settings("List"):
        if setting["Origin"] == "runtime" and setting["Name"].startswith(("smtp_", "webhook_")):
            product.call_settings("Reset", "st", setting["Name"], 0)


@pytest.fixture
def receiver(product: Product) -> Receiver:
    return Receiver(product)


def mail_settings(product: Product, mode: str = "starttls", port: int = MAIL_PORT) -> None:
    for name, value in {"smtp_mode": mode, "smtp_host": "localhost", "smtp_user": MAIL_USER, "smtp_port": dbus.UInt32(port),
                        "smtp_to": dbus.Array(["admin@example.org"], "s"), "smtp_from": "burnin@example.org"}.items():
        product.call_settings("Set", "svt", name, value, 0)


# --- what they are ---------------------------------------------------------------------------------------------


def test_two_are_always_there(product: Product, notifiers: Notifiers) -> None:
    rows = notifiers.all()
    assert list(rows) == ["mail", "webhook"] and all(row["BuiltIn"] and not row["Enabled"] for row in rows.values())
    assert rows["mail"]["Events"] == ["job_stalled", "job_failed", "job_inconclusive", "backup_failed", "daily_report"]
    assert rows["webhook"]["Events"] == []
    mail_settings(product)
    assert notifiers.all()["mail"]["Enabled"] and notifiers.all()["mail"]["Target"] == "admin@example.org"
    product.call_settings("Set", "svt", "smtp_alert_on_fail", False, 0)
    assert notifiers.all()["mail"]["Events"] == ["daily_report"]
    product.call_settings("Set", "svt", "smtp_report_hour", dbus.UInt32(24), 0)
    assert not notifiers.all()["mail"]["Enabled"], "nothing is sent"
    product.call_settings("Set", "svt", "webhook_url", URL + "?key=told", 0)
    row = notifiers.all()["webhook"]
    assert row["Enabled"] and row["Target"] == SERVER and (row["Kind"], row["Severity"], row["Hosts"]) == ("webhook", "info", [])
    for name in rows:
        with refused("WrongState", name):
            notifiers.remove(name)
        for option in ({"events": ["job_failed"]}, {"severity": "error"}, {"enabled": False}):
            with refused("InvalidArgument", name):
                notifiers.configure(name, **option)
    with refused("NotifierExists", "mail"):
        notifiers.add("mail", "webhook", url=URL)


def test_no_secret_is_told_again(product: Product, notifiers: Notifiers) -> None:
    url = f"https://hooks.example.org/services/{SECRET}-of-the-url"
    notifiers.add("team", "slack", url=url)
    notifiers.add("ours", "webhook", url="https://ours.example.org/x", secret=SECRET, severity="warning", hosts=["nas1", "nas2"],
                  events=["job_failed", "host_lost"])
    notifiers.configure("mail", secret=SECRET)
    row = notifiers.all()["ours"]
    assert (row["Kind"], row["Enabled"], row["Target"], row["Severity"]) == ("webhook", True, "https://ours.example.org", "warning")
    assert row["HasSecret"] and row["Events"] == ["job_failed", "host_lost"] and row["Hosts"] == ["nas1", "nas2"]
    assert notifiers.all()["mail"]["HasSecret"] and notifiers.all()["team"]["Target"] == "https://hooks.example.org"

    directory = product.machine.path(STORED)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    for name in ("team", "ours", "mail"):
        assert stat.S_IMODE((directory / name).stat().st_mode) == 0o600
        assert SECRET in (directory / name).read_text()
    told = json.dumps([list(notifiers.all().values()), product.list("Audit"), product.call_settings("List")])
    told += json.dumps(product.machine.journal(), default=str)
    kept = b"".join(path.read_bytes() for path in product.machine.path("/var/lib/burnin").glob("burnin.db*"))
    assert SECRET not in told and SECRET.encode() not in kept and b"ours.example.org" in kept
    row = product.list("Audit")[0]
    assert (row["Object"], row["Outcome"], row["Detail"]) == ("notifier mail", "ok", "Configure, a new secret")

    before = notifiers.made()
    product.kill()
    product.wait_up()
    assert notifiers.made() == before
    # Another path of the same server may have it, another server may not.
    notifiers.configure("ours", url="https://ours.example.org/y")
    assert notifiers.all()["ours"]["HasSecret"]
    notifiers.configure("ours", url="https://theirs.example.org/y")
    assert not notifiers.all()["ours"]["HasSecret"]
    notifiers.configure("ours", url="https://ours.example.org/y", secret=SECRET, enabled=False, events=[])
    row = notifiers.all()["ours"]
    assert row["HasSecret"] and not row["Enabled"] and row["Events"] == [] and row["Hosts"] == ["nas1", "nas2"]
    notifiers.configure("mail", secret="")
    notifiers.remove("team")
    assert sorted(path.name for path in directory.iterdir()) == ["ours"]


def test_each_takes_what_it_is_for(product: Product, nas: Host, notifiers: Notifiers, receiver: Receiver) -> None:
    product.plug("NOTIFY4", 8)
    for name, options in {"passed": {"events": ["job_passed", "job_failed"]}, "here": {"hosts": ["other", "nas"]},
                          "there": {"hosts": ["other"]}, "grave": {"severity": "error"}, "off": {"enabled": False}}.items():
        notifiers.add(name, "webhook", url=f"{SERVER}/{name}", **options)
    with receiver.listening():
        job = product.start("NOTIFY4")
        assert job.wait_end() == "passed"
        receiver.wait(lambda: receiver.events("/passed") and len(receiver.events("/here", job_id=job.id)) == 3, "both are told")
        receiver.wait(lambda: not notifiers.deliveries(state="pending"), "nothing waits")
    assert [event["event"] for event in receiver.events("/passed")] == ["job_passed"]
    assert [event["event"] for event in receiver.events("/here", job_id=job.id)] == ["job_queued", "job_started", "job_passed"]
    assert not receiver.all("/there") and not receiver.all("/grave") and not receiver.all("/off")
    newest = notifiers.deliveries(notifier="passed")[0]
    assert (newest["State"], newest["Event"], newest["JobId"], newest["Attempts"], newest["Error"]) == (
        "delivered", "job_passed", job.id, 1, "")
    assert newest["EventId"] == receiver.events("/passed")[0]["id"] and "NOTIFY4" in newest["Title"] and newest["Host"] == "nas"


def test_one_that_hangs_delays_no_other(product: Product, nas: Host, notifiers: Notifiers, receiver: Receiver) -> None:
    product.plug("NOTIFY5", 8)
    for i in range(3):
        notifiers.add(f"hang{i}", "webhook", url=f"{SERVER}/hang{i}")
    notifiers.add("well", "webhook", url=f"{SERVER}/well")
    with receiver.listening():
        assert product.start("NOTIFY5").wait_end() == "passed"
        receiver.wait(lambda: receiver.events("/well", event="job_passed"), "the other one is told", 10)
        assert {len(receiver.all(f"/hang{i}")) for i in range(3)} == {1}
        assert notifiers.all()["hang0"]["Pending"] == 3
        notifiers.remove("hang0")
        assert not notifiers.deliveries(notifier="hang0")


# --- whether it works ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "path", "where", "header"), [
    ("webhook", "/hook", "/hook", None), ("n8n", "/hook", "/hook", None), ("slack", "/services/T/B/X", "/services/T/B/X", None),
    ("discord", "/api/webhooks/1/x", "/api/webhooks/1/x", None), ("ntfy", "/topic", "/", ("Authorization", f"Bearer {SECRET}")),
    ("gotify", "", "/message", ("X-Gotify-Key", SECRET))])
def test_a_test_is_sent(product: Product, notifiers: Notifiers, receiver: Receiver, kind: str, path: str, where: str,
                        header: tuple[str, str] | None) -> None:
    notifiers.add("tried", kind, url=SERVER + path, secret=SECRET)
    with receiver.listening():
        notifiers.test("tried")
        headers, body = receiver.all(where)[0]
        assert "tried" in body and headers["Content-Type"] == "application/json"
        if kind in ("webhook", "n8n"):
            signed = f"{headers['X-Burnin-Timestamp']}.{body}".encode()
            assert headers["X-Burnin-Signature"] == "sha256=" + hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
            assert json.loads(body)["event"] == "test"
        elif header:
            assert headers[header[0]] == header[1]
        else:
            assert SECRET not in json.dumps([headers, body])
        receiver.answer(404)
        with refused("NotDelivered", "tried", "404", "says the server"):
            notifiers.test("tried")
    with refused("NotDelivered", "tried"):
        notifiers.test("tried")
    assert not notifiers.deliveries(notifier="tried"), "a test waits for nothing"


def test_a_test_that_hangs_ends(product: Product, notifiers: Notifiers, receiver: Receiver) -> None:
    notifiers.add("tried", "webhook", url=f"{SERVER}/hang")
    with receiver.listening():
        said: list[str] = []
        began = time.monotonic()

        def run() -> None:
            done = product.machine.run(["burninctl", "notifier", "test", "tried"], check=False, timeout=60)
            said.append(f"{done.returncode} {done.stderr}")
        thread = threading.Thread(target=run)
        thread.start()
        receiver.wait(lambda: receiver.all("/hang"), "it is tried")
        with refused("LimitReached", "tried"):
            notifiers.test("tried")
        thread.join(60)
        assert said[0].startswith("4 ") and "no answer in time" in said[0] and time.monotonic() - began < 25, said
        # Whoever removes one that is being tried ends that.
        receiver.forget()
        thread = threading.Thread(target=run)
        thread.start()
        receiver.wait(lambda: receiver.all("/hang"), "it is tried")
        notifiers.remove("tried")
        thread.join(10)
        assert "given up" in said[1], said


@pytest.mark.parametrize(("mode", "port"), [("starttls", MAIL_PORT), ("ssl", MAIL_TLS_PORT)])
def test_mail(product: Product, nas: Host, notifiers: Notifiers, receiver: Receiver, mode: str, port: int) -> None:
    with refused("WrongState", "smtp_host"):
        notifiers.test("mail")
    mail_settings(product, mode, port)
    with refused("NotDelivered", "mail"):
        notifiers.test("mail")
    with receiver.taking_mail():
        notifiers.configure("mail", secret=MAIL_PASSWORD)
        with refused("NotDelivered", "certificate"):
            notifiers.test("mail")
        with receiver.trusted():
            notifiers.test("mail")
            notifiers.configure("mail", secret="another one")
            with refused("NotDelivered", "refuses the user and the password"):
                notifiers.test("mail")
            assert not receiver.mails(), "a test sends nothing"

            notifiers.configure("mail", secret=MAIL_PASSWORD)
            notifiers.add("night-shift", "mail", to=["a@example.org", "b@example.org"], events=["job_passed"])
            product.call_settings("Set", "svt", "smtp_alert_on_pass", True, 0)
            product.plug("NOTIFY6", 8)
            job = product.start("NOTIFY6")
            assert job.wait_end() == "passed"
            receiver.wait(lambda: len(receiver.mails()) == 2, "both mails arrive")
    mails = {tuple(to): (sender, message) for sender, to, message in receiver.mails()}
    assert set(mails) == {("admin@example.org",), ("a@example.org", "b@example.org")}
    for sender, message in mails.values():
        assert sender == "burnin@example.org" and "NOTIFY6" in message["Subject"] and not message.defects
        assert {part.get_content_type() for part in message.iter_parts()} == {"text/plain", "text/html"}


# --- the report of the day -------------------------------------------------------------------------------------


def text_of(message: EmailMessage) -> str:
    part = message.get_body(("plain",))
    assert part and not message.defects
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    return part.get_content()


def test_the_report_of_the_day_is_sent_by_hand(product: Product, nas: Host, notifiers: Notifiers, receiver: Receiver) -> None:
    with refused("WrongState", "smtp_host"):
        notifiers.call("SendDailyReport", "stt", "mail", 0, 0)
    mail_settings(product)
    product.plug("NOTIFY8", 8)
    assert product.start("NOTIFY8").wait_end() == "passed"
    with receiver.taking_mail(), receiver.trusted():
        notifiers.configure("mail", secret=MAIL_PASSWORD)
        said = product.machine.run(["burninctl", "report", "daily", "--send"]).stdout
        (_, to, message), = receiver.mails()
    assert said == "Sent by the notifier mail.\n" and to == ["admin@example.org"]
    assert " passed" in message["Subject"] and message["X-Burnin-Event"] == "daily_report"
    assert "\nFinished (" in text_of(message) and "NOTIFY8" in text_of(message)
    page = message.get_body(("html",))
    assert page and "<h2" in page.get_content() and "NOTIFY8" in page.get_content()
    assert not [row for row in notifiers.deliveries() if row["Event"] == "daily_report"], "it is none of the daily ones"

    receiver.forget()
    notifiers.add("chat", "webhook", url=f"{SERVER}/chat")
    with receiver.listening():
        notifiers.call("SendDailyReport", "stt", "chat", dbus.UInt64(int(time.time() * 1e6) - 1000), 0)
        event, = receiver.events("/chat")
    assert event["event"] == "daily_report" and event["report"]["format"] == "burnin-daily" and event["report"]["totals"]["passed"] == 0
    with refused("NotDelivered", "chat"):
        notifiers.call("SendDailyReport", "stt", "chat", 0, 0)
    with refused("InvalidArgument", "to come"):
        notifiers.call("SendDailyReport", "stt", "chat", dbus.UInt64(2**63), 0)


def test_a_report_that_was_missed_is_sent_after_a_start(product: Product, nas: Host, notifiers: Notifiers, receiver: Receiver) -> None:
    mail_settings(product)
    notifiers.configure("mail", secret=MAIL_PASSWORD)
    notifiers.add("asked", "webhook", url=f"{SERVER}/asked", events=["daily_report"], hosts=["other"])
    notifiers.add("all", "webhook", url=f"{SERVER}/all")
    product.machine.run(["systemctl", "stop", "burnind.service"], timeout=60)
    then = int((time.time() - 3 * 86400) * 1e6)
    product.machine.run(["python3", "-IS", "-c", (
        f"import sqlite3; db = sqlite3.connect('{DATABASE}', isolation_level=None); "
        f"db.execute('INSERT INTO events VALUES (?, ?, ?, ?)', ['0' * 32, 'daily_report', {then}, '{{}}'])")])
    with receiver.taking_mail(), receiver.trusted():
        product.machine.run(["systemctl", "start", "burnind.service"], timeout=60)
        product.wait_up()
        receiver.wait(receiver.mails, "it is made up for", 120)
        (_, _, message), = receiver.mails()
    assert message["X-Burnin-Event"] == "daily_report" and " on 1 host" in text_of(message)
    assert "Not online" not in text_of(message), "it was asked before"
    rows = {row["Notifier"]: row for row in notifiers.deliveries() if row["Event"] == "daily_report"}
    assert set(rows) == {"mail", "asked"}
    receiver.forget()
    with receiver.listening():
        product.kill()
        product.wait_up()
        receiver.wait(lambda: receiver.events("/asked"), "who has named it gets it", 90)
    event, = receiver.events("/asked")
    assert event["report"]["since_usec"] == then and not receiver.all("/all")
    assert len([row for row in notifiers.deliveries() if row["Event"] == "daily_report"]) == 2, "a restart makes no other one"


# --- what is given up ------------------------------------------------------------------------------------------


def test_what_was_given_up_is_seen_and_sent_again(product: Product, nas: Host, notifiers: Notifiers, receiver: Receiver) -> None:
    notifiers.add("late", "webhook", url=f"{SERVER}/late", events=["job_passed"])
    product.plug("NOTIFY7", 8)
    assert product.start("NOTIFY7").wait_end() == "passed"
    receiver.wait(lambda: notifiers.all()["late"]["Error"], "the first attempt fails")
    row = notifiers.all()["late"]
    assert (row["Pending"], row["Dead"]) == (1, 0)

    # A day later.
    product.machine.run(["systemctl", "stop", "burnind.service"], timeout=60)
    product.machine.run(["python3", "-IS", "-c", (
        f"import sqlite3; db = sqlite3.connect('{DATABASE}', isolation_level=None); "
        "db.execute('UPDATE deliveries SET queued_usec = queued_usec - 90000000000, next_usec = 1 WHERE notifier = ?', ['late'])")])
    product.machine.run(["systemctl", "start", "burnind.service"], timeout=60)
    product.wait_up()
    receiver.wait(lambda: notifiers.all()["late"]["Dead"] == 1, "it is given up")
    row = notifiers.all()["late"]
    assert row["Pending"] == 0 and row["Error"]
    dead, = notifiers.deliveries(state="dead")
    assert dead["Notifier"] == "late" and dead["Attempts"] == 2 and dead["Error"] == row["Error"]
    assert any("was given up after 2 attempts" in entry["MESSAGE"] for entry in product.machine.journal("SYSLOG_IDENTIFIER=burnind"))

    def burninctl(*arguments: str) -> Any:
        return json.loads(product.machine.run(["burninctl", "--json=short", *arguments]).stdout)

    assert [row["Id"] for row in burninctl("outbox", "list", "--state=dead")] == [dead["Id"]]
    assert dead["Id"] not in [row["Id"] for row in burninctl("outbox", "list", "mail")]
    assert burninctl("outbox", "retry", "webhook") == {"Count": 0}
    with receiver.listening():
        assert burninctl("outbox", "retry") == {"Count": 1}
        receiver.wait(lambda: receiver.events("/late"), "it is sent again")
        receiver.wait(lambda: burninctl("outbox", "list", "late")[0]["State"] == "delivered", "that is written down")
    assert [event["id"] for event in receiver.events("/late")] == [dead["EventId"]]


# --- on the command line ---------------------------------------------------------------------------------------


def test_burninctl(product: Product, notifiers: Notifiers, receiver: Receiver) -> None:
    def run(*arguments: str, given: str | None = None, status: int = 0) -> str:
        done = product.machine.run(["burninctl", *arguments], check=False, input=given)
        assert done.returncode == status, done
        return done.stdout + done.stderr

    run("notifier", "add", "chat", "--kind=ntfy", "--secret", "--severity=error", given=f"{SERVER}/topic\n{SECRET}\n")
    run("notifier", "add", "people", "--kind=mail", "--to=a@example.org,b@example.org", "--events=job_failed,host_lost", "--host=nas")
    rows = {row["Name"]: row for row in json.loads(run("notifier", "list", "--json=short"))}
    assert rows["chat"]["HasSecret"] and rows["chat"]["Target"] == SERVER and rows["people"]["Target"] == "a@example.org b@example.org"
    table = run("notifier", "list")
    assert "from error on" in table and "job_failed,host_lost; nas" in table and SECRET not in table
    assert run("-q", "notifier", "list").split() == ["chat", "mail", "people", "webhook"]
    with receiver.listening():
        assert run("notifier", "test", "chat") == "It works.\n"
    assert receiver.all("/")[0][0]["Authorization"] == f"Bearer {SECRET}"
    assert "does not work" in run("notifier", "test", "chat", status=4)
    run("notifier", "configure", "chat", "--no-secret", "--enabled=no", "--severity=info")
    row = notifiers.all()["chat"]
    assert not row["HasSecret"] and not row["Enabled"] and row["Severity"] == "info"
    run("notifier", "configure", "chat", "--url", given="https://elsewhere.example.org/topic\n")
    assert notifiers.all()["chat"]["Target"] == "https://elsewhere.example.org"
    run("notifier", "configure", "people", "--events=", "--host=")
    assert (notifiers.all()["people"]["Events"], notifiers.all()["people"]["Hosts"]) == ([], [])
    assert "Nothing." in run("outbox", "list", "chat") and "0 of those" in run("outbox", "retry")
    run("notifier", "remove", "chat")
    assert "chat" in run("notifier", "remove", "chat", status=3) and "chat" not in notifiers.all()
    before = notifiers.made()
    for arguments, given in (
            (("notifier", "add", "x"), None), (("notifier", "add", "x", "--kind=ntfy"), ""), (("notifier", "add", "x", "--kind=fax"), URL),
            (("notifier", "add", "x", "--kind=mail"), None), (("notifier", "configure", "people"), None),
            (("notifier", "configure", "people", "--enabled=perhaps"), None), (("outbox", "list", "--state=lost"), None),
            (("notifier", "configure", "people", "--secret", "--no-secret"), "x\n")):
        run(*arguments, given=given, status=2)
    assert notifiers.made() == before


# --- what cannot be --------------------------------------------------------------------------------------------

LONG = "x" * 2100
BAD_URLS = ["", "file:///etc/passwd", "https://", "https:///x", "https://user:word@x.org/", "https://x.org/#x", "https://x.org/a b",
            "http://x.org/\r\nHost: y", "gopher://x.org", "https://x.org/" + LONG, "https://x.org/\x80"]
BAD: list[tuple[str, str, str, dict[str, Any]]] = [
    *(("InvalidArgument", name, "webhook", {"url": URL}) for name in ("", "A", "1a", "a/b", "../x", "a b", "a\n", ".", "x" * 33, "\xe4")),
    *(("InvalidArgument", "bad", "webhook", {"url": url}) for url in BAD_URLS),
    *(("InvalidArgument", "bad", "webhook", {"url": URL, "secret": secret}) for secret in ("a\nb", " a", "a ", "\xe4", "x" * 513)),
    *(("InvalidArgument", "bad", kind, {"url": URL}) for kind in ("", "fax", "Mail", "mail", LONG)),
    *(("InvalidArgument", "bad", "mail", {"to": to}) for to in ([], ["x"], ["a@x.org\r\nBcc: b@x.org"], ["a@x.org"] * 33, ["a b@x.org"])),
    ("InvalidArgument", "bad", "mail", {}), ("InvalidArgument", "bad", "webhook", {}),
    ("InvalidArgument", "bad", "webhook", {"to": ["a@x.org"], "url": URL}),
    ("InvalidArgument", "bad", "mail", {"to": ["a@x.org"], "secret": "x"}),
    ("InvalidArgument", "bad", "webhook", {"url": URL, "events": ["job_flew"]}),
    ("InvalidArgument", "bad", "webhook", {"url": URL, "events": ["job_failed host_lost"]}),
    ("InvalidArgument", "bad", "webhook", {"url": URL, "hosts": ["a b"]}),
    ("InvalidOption", "bad", "webhook", {"url": URL, "hosts": ["nas"] * 65}),
    ("InvalidArgument", "bad", "webhook", {"url": URL, "severity": "fatal"}),
    ("InvalidOption", "bad", "webhook", {"url": URL, "enabled": "yes"}),
    ("InvalidOption", "bad", "webhook", {"url": URL, "colour": "red"}), ("InvalidOption", "bad", "webhook", {"url": dbus.UInt32(1)})]


def test_what_cannot_be_is_refused(product: Product, notifiers: Notifiers) -> None:
    notifiers.add("well", "webhook", url=URL, secret=SECRET)
    before = notifiers.made()
    for name, notifier, kind, options in BAD:
        with pytest.raises(dbus.DBusException) as caught:
            notifiers.add(notifier, kind, **options)
        assert short_name(caught.value) == name and len(str(caught.value)) < 500, (notifier, kind, options, caught.value)
        assert SECRET not in str(caught.value)
        if options and notifier == "bad" and kind == "webhook":
            with refused(name):
                notifiers.configure("well", **options)
    for method, arguments in (("Configure", ("sa{sv}", "none", words({}))), ("Remove", ("st", "none", 0)), ("Test", ("st", "none", 0)),
                              ("SendDailyReport", ("stt", "none", 0, 0)), ("Retry", ("st", "none", 0))):
        with refused("NoSuchNotifier", "none"):
            notifiers.call(method, *arguments)
    for filters in ({"state": "lost"}, {"state": ""}, {"notifier": True}, {"limit": "1"}, {"since": dbus.UInt64(1)}):
        with refused("InvalidOption"):
            notifiers.deliveries(**filters)
    assert notifiers.deliveries(notifier="none") == []
    assert notifiers.made() == before and list(product.machine.path(STORED).iterdir()) == [product.machine.path(STORED) / "well"]


def test_who_may_look_may_not_change(product: Product, notifiers: Notifiers) -> None:
    notifiers.add("well", "webhook", url=URL, secret=SECRET)
    before = notifiers.made()
    calls: dict[str, tuple[Any, ...]] = {
        "Add": ("ssa{sv}", "evil", "webhook", words({"url": URL})), "Configure": ("sa{sv}", "well", words({"enabled": False})),
        "Remove": ("st", "well", 0), "Test": ("st", "well", 0), "SendDailyReport": ("stt", "well", 0, 0), "Retry": ("st", "", 0)}
    for user in ("nobody", "visitor"):
        assert [row["Name"] for row in notifiers.call("List", user=user)] == list(before)
        assert notifiers.call("ListDeliveries", "a{sv}", words({}), user=user)[1] >= 0
        for method, arguments in calls.items():
            with pytest.raises(dbus.DBusException) as caught:
                notifiers.call(method, *arguments, user=user)
            assert caught.value.get_dbus_name() in POLKIT_NO, method
            row = product.list("Audit", limit=dbus.UInt32(1))[0]
            assert (row["Actor"], row["Outcome"], row["Detail"], row["Action"]) == (user, "denied", method, "org.burnin1.manage-settings")
    assert notifiers.made() == before


def test_there_is_a_limit(product: Product, notifiers: Notifiers) -> None:
    for i in range(32):
        notifiers.add(f"n{i}", "webhook", url=URL)
    with refused("LimitReached", "32"):
        notifiers.add("one-more", "webhook", url=URL)
    assert len(notifiers.all()) == 34
