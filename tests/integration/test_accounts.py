# SPDX-License-Identifier: LGPL-2.1-or-later
"""Accounts of the web page: who gets in, for how long, what each role may do, and whose name is on what was done."""
from __future__ import annotations

import contextlib
import hashlib
import json
import os
import select
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import busclient
import dbus
import pytest
from product import MANAGER, PATH, POLKIT_NO, Host, Product, nas, plain, product, refused  # noqa: F401
from test_bus import check_introspection
from test_grants import EXISTING, with_data

pytestmark = pytest.mark.allow_journal(r"has ended: (inconclusive|failed|cancelled)", r"^inconclusive: ", r"is missing",
                                       r"have failed in a row", r"^The grant .* (was given: |is used by job )",
                                       r"^[a-z-]+: .*: inconclusive$", r"No burn-in was started")

ACCOUNTS, INTERFACE = "/org/burnin1/accounts", "org.burnin1.Accounts"
DATABASE = "/var/lib/burnin/burnin.db"
WEB = "burnin-web"
PASSWORDS = {"alice": "correct horse", "olga": "battery staple", "victor": "some other thing"}
ROLES = {"alice": "admin", "olga": "operator", "victor": "viewer"}
EMPTY = dbus.Dictionary({}, signature="sv")


def options(**entries: str) -> dbus.Dictionary:
    return dbus.Dictionary({key: dbus.String(value) for key, value in entries.items()}, signature="sv")


def accounts(product: Product, method: str, signature: str = "", *args: Any, user: str | None = None) -> Any:
    return plain(product.machine.call(ACCOUNTS, INTERFACE, method, signature, *args, user=user))


class Connection:
    """One of the web page's own, which acts for whoever it has resumed the session of."""

    def __init__(self, product: Product, user: str = WEB) -> None:
        self.product, self.bus = product, product.machine.bus(user)

    def call(self, method: str, signature: str = "", *args: Any, path: str = ACCOUNTS, interface: str = INTERFACE) -> Any:
        return plain(self.bus.call_blocking("org.burnin1", path, interface, method, signature, args, timeout=60))

    def login(self, name: str, password: str | None = None, **where: str) -> tuple[str, dict[str, Any]]:
        token, session = self.call("Login", "ssa{sv}", name, password or PASSWORDS[name], options(**where))
        return token, session

    def resume(self, token: str, **where: str) -> dict[str, Any]:
        return self.call("Resume", "sa{sv}", token, options(**where))

    def check(self, token: str, **where: str) -> dict[str, Any]:
        return self.call("Check", "sa{sv}", token, options(**where))

    def manager(self, method: str, signature: str = "", *args: Any) -> Any:
        return self.call(method, signature, *args, path=PATH, interface=MANAGER)

    def close(self) -> None:
        self.product.machine._buses.remove(self.bus)
        self.bus.close()


@pytest.fixture
def web(product: Product) -> Iterator[Connection]:
    connection = Connection(product)
    yield connection
    connection.close()


@contextlib.contextmanager
def acting(product: Product, name: str) -> Iterator[Connection]:
    """A connection that acts for this account."""
    connection = Connection(product)
    connection.resume(connection.login(name)[0])
    yield connection
    connection.close()


def stored(product: Product, statement: str) -> str:
    """What this statement says of the database, or does to it, while burnind is stopped."""
    product.machine.run(["systemctl", "stop", "burnind.service"], timeout=60)
    try:
        return product.machine.run(["sqlite3", DATABASE, "PRAGMA foreign_keys = ON;" + statement]).stdout.strip()
    finally:
        product.machine.run(["systemctl", "start", "burnind.service"], timeout=60)


@contextlib.contextmanager
def denied() -> Iterator[None]:
    with pytest.raises(dbus.DBusException) as caught:
        yield
    assert caught.value.get_dbus_name() in POLKIT_NO, caught.value


@pytest.fixture
def people(product: Product) -> Iterator[None]:
    """An account of each role, with nothing counted against it."""
    clear(product)
    for name, role in ROLES.items():
        accounts(product, "Add", "ssst", name, role, PASSWORDS[name], 0)
    yield
    for setting in ("session_hours", "web_session_idle_minutes", "web_session_bind_address", "allowed_ips", "trusted_proxies"):
        product.call_settings("Reset", "st", setting, 0)


def clear(product: Product) -> None:
    stored(product, "DELETE FROM sessions; DELETE FROM lockouts; DELETE FROM accounts")


def empty(product: Product) -> bool:
    return bool(busclient.get_property(product.machine.bus(WEB), "org.burnin1", ACCOUNTS, INTERFACE, "Empty"))


def last_audit(product: Product, count: int = 1) -> list[tuple[str, ...]]:
    return [tuple(row[key] for key in ("Actor", "Action", "Object", "Outcome", "Detail"))
            for row in product.list("Audit", limit=dbus.UInt32(count))]


def test_introspection(product: Product) -> None:
    check_introspection(product, ACCOUNTS, INTERFACE)


# --- the first account -------------------------------------------------------------------------------------


def test_first_account_is_made_by_who_may_look_into_the_machine(product: Product, web: Connection) -> None:
    clear(product)
    assert empty(product)
    make = "CreateFirst", "ssa{sv}", "alice", PASSWORDS["alice"]
    for code in ("", "AAAA-AAAA"):      # nobody has asked for it: there is none
        with refused("WrongCode", "burninctl account setup-code"):
            web.call(*make, options(address="192.0.2.1", code=code))
    code = product.machine.run(["burninctl", "account", "setup-code"]).stdout.strip()
    assert len(code) == 9 and json.loads(product.machine.run(["burninctl", "-j", "account", "setup-code"]).stdout) == {"Code": code}
    with denied():
        web.call("GetSetupCode")
    with refused("WrongCode"):
        web.call(*make, options(address="192.0.2.1", code=code[:-1]))
    with refused("WrongCode"):
        web.call(*make, options(address="192.0.2.1", code=code + "A"))
    with refused("InvalidArgument"):
        web.call("CreateFirst", "ssa{sv}", "alice", "short", options(code=code))
    assert empty(product)
    with product.machine.watch_signal("org.freedesktop.DBus.Properties", "PropertiesChanged", ACCOUNTS) as watch:
        web.call(*make, options(address="192.0.2.2", code=code.lower().replace("-", "")))
        watch.wait(lambda s: s.args[0] == INTERFACE and "Empty" in list(s.args[2]) + list(s.args[1]))
    assert not empty(product)
    assert web.login("alice")[1]["Role"] == "admin"
    with refused("WrongState"):
        web.call("CreateFirst", "ssa{sv}", "mallory", "another password", options(code=code))
    with refused("WrongState"):
        accounts(product, "GetSetupCode")
    assert [row["Name"] for row in accounts(product, "List")] == ["alice"]


def test_the_set_up_code_cannot_be_guessed(product: Product, web: Connection) -> None:
    clear(product)
    code = accounts(product, "GetSetupCode")
    make = "CreateFirst", "ssa{sv}", "alice", PASSWORDS["alice"]
    for _ in range(5):
        with refused("WrongCode"):
            web.call(*make, options(address="192.0.2.1", code="AAAA-AAAA"))
    with refused("LockedOut", "address 192.0.2.1"):
        web.call(*make, options(address="192.0.2.1", code=code))
    with refused("LockedOut"):
        web.call(*make, options(address="127.0.0.1", forwarded="192.0.2.1", code=code))
    assert empty(product)
    web.call(*make, options(address="192.0.2.2", code=code))
    assert not empty(product)


def test_only_one_becomes_the_first(product: Product) -> None:
    clear(product)
    code = accounts(product, "GetSetupCode")
    racers = [Connection(product) for _ in range(4)]
    answers: list[str] = []
    for number, racer in enumerate(racers):
        racer.bus.call_async("org.burnin1", ACCOUNTS, INTERFACE, "CreateFirst", "ssa{sv}",
                             (f"racer{number}", "a password", options(code=code)),
                             lambda: answers.append("ok"), lambda error: answers.append(str(error.get_dbus_name())))
    product.machine.wait_for(lambda: len(answers) == len(racers), 30, "all have an answer")
    assert sorted(answers) == ["ok"] + ["org.burnin1.Error.WrongState"] * 3
    assert len(accounts(product, "List")) == 1
    for racer in racers:
        racer.close()


def test_credential_makes_the_first_account_alone(product: Product, web: Connection) -> None:
    clear(product)
    product.machine.run(["mkdir", "-p", "/etc/credstore"])
    product.machine.write("/etc/credstore/burnin.admin", "root-of-web:from a credential\n", mode=0o600)
    try:
        product.restart()
        product.machine.wait_for(lambda: not empty(product), 20, "there is an account")
        assert web.login("root-of-web", "from a credential")[1]["Role"] == "admin"
        product.machine.write("/etc/credstore/burnin.admin", "other:from a credential\n", mode=0o600)
        product.restart()
        assert [row["Name"] for row in accounts(product, "List")] == ["root-of-web"]
        assert last_audit(product, 5)[-1][0] != "other"
    finally:
        product.machine.run(["rm", "-f", "/etc/credstore/burnin.admin"])
        product.restart()


# --- login -------------------------------------------------------------------------------------------------


def test_login(product: Product, people: None, web: Connection) -> None:
    token, session = web.login("olga", address="2001:DB8::1")
    assert len(token) == 64 and set(token) <= set("0123456789abcdef")
    assert (session["Account"], session["Operator"], session["Role"]) == ("olga", "olga (web)", "operator")
    assert session["Address"] == "2001:db8::1"
    assert session["ExpiresUSec"] == session["CreatedUSec"] + 12 * 3600 * 10**6
    assert session["IdleUSec"] == session["CreatedUSec"] + 720 * 60 * 10**6
    assert len(session["Csrf"]) == 64 and session["Csrf"] not in (token, hashlib.sha256(token.encode()).hexdigest())
    again, other = web.login("olga")
    assert again != token and other["Csrf"] != session["Csrf"] and other["Id"] != session["Id"]
    assert web.check(token) == session
    assert last_audit(product, 2)[1] == ("olga (web)", "org.burnin1.web-session", "account olga", "ok", "logged in from 2001:db8::1")
    assert {row["Name"]: row["Sessions"] for row in accounts(product, "List")} == {"alice": 0, "olga": 2, "victor": 0}
    for name, password in (("olga", "battery stapl"), ("olga", "battery staple "), ("nobody.here", "battery staple")):
        with refused("WrongPassword", "Wrong name or password."):
            web.login(name, password)
    assert last_audit(product)[0][:4] == (WEB, "org.burnin1.web-session", "account nobody.here", "denied")


def test_nothing_stored_lets_anybody_in(product: Product, people: None, web: Connection) -> None:
    token, _ = web.login("alice")
    kept = product.machine.run(["sqlite3", "-readonly", DATABASE, ".dump"]).stdout
    for secret in (token, *PASSWORDS.values()):
        assert secret not in kept
    assert hashlib.sha256(token.encode()).hexdigest() in kept and "$y$" in kept
    assert all(secret not in json.dumps(entry) for entry in product.machine.journal() for secret in (token, *PASSWORDS.values()))


def test_hash_of_another_cost_is_made_anew(product: Product, people: None, web: Connection) -> None:
    cheap = product.machine.run(["python3", "-c", "import crypt; print(crypt.crypt('battery staple', '$6$saltsalt'))"]).stdout.strip()
    stored(product, f"UPDATE accounts SET password_hash = '{cheap}' WHERE name = 'olga'")
    with refused("WrongPassword"):
        web.login("olga", "something else")
    web.login("olga")
    assert stored(product, "SELECT password_hash FROM accounts WHERE name = 'olga'").startswith("$y$jB")
    web.login("olga")


def test_unknown_account_takes_as_long(product: Product, people: None, web: Connection) -> None:
    """Both wait for burnin-password: without it neither gets an answer that tells them apart."""
    product.machine.run("systemctl stop burnin-password.socket")
    try:
        for name in ("alice", "nobody.here"):
            with refused("PasswordService", "burnin-password.socket"):
                web.login(name, "a wrong password")
        assert product["Health"] == "ok"
    finally:
        product.machine.run("systemctl start burnin-password.socket")
    web.login("alice")


test_unknown_account_takes_as_long = pytest.mark.allow_journal(
    "burnin-password did not say", *pytestmark.args)(test_unknown_account_takes_as_long)


def test_helper_is_nobody(product: Product, people: None) -> None:
    unit = product.machine.read("/usr/lib/systemd/system/burnin-password@.service")
    assert "DynamicUser=yes" in unit and "MemoryMax=" in unit and "RuntimeMaxSec=" in unit
    said = product.machine.run("stat -c '%U %a' /run/burnin-password /run/burnin-password/socket").stdout.split()
    assert said == ["root", "700", "root", "600"]


def test_many_at_once(product: Product, people: None) -> None:
    """Two are looked at, the others wait, and the loop serves everybody meanwhile."""
    web = Connection(product)
    answers: list[str] = []
    for _ in range(60):
        web.bus.call_async("org.burnin1", ACCOUNTS, INTERFACE, "Login", "ssa{sv}", ("victor", PASSWORDS["victor"], EMPTY),
                           lambda token, session: answers.append("ok"), lambda error: answers.append(str(error.get_dbus_name())))
    assert product["Health"] == "ok"
    product.machine.wait_for(lambda: len(answers) == 60, 60, "all have an answer")
    assert set(answers) <= {"ok", "org.burnin1.Error.LimitReached"} and answers.count("ok") >= 16
    for _ in range(17):
        web.login("victor")
    web.close()
    assert len(accounts(product, "ListSessions", "a{sv}", options(account="victor"))) == 32


# --- lockout -----------------------------------------------------------------------------------------------


def fail(web: Connection, name: str, times: int, **where: str) -> None:
    for _ in range(times):
        with refused("WrongPassword"):
            web.login(name, "not the password", **where)


def test_lockout_of_an_account(product: Product, people: None, web: Connection) -> None:
    fail(web, "olga", 4, address="192.0.2.1")
    with refused("LockedOut", "account olga", "Try again in"):
        web.login("olga", "not the password", address="192.0.2.2")
    with refused("LockedOut", "account olga"):
        web.login("olga", address="192.0.2.3")      # the right one, from elsewhere
    web.login("alice", address="192.0.2.3")
    assert {row["Name"] for row in accounts(product, "List") if row["LockedUSec"]} == {"olga"}
    product.restart()
    with refused("LockedOut", "account olga"):
        web.login("olga")
    # A minute later.
    assert stored(product, "UPDATE lockouts SET until_usec = 1 WHERE subject = 'account olga'; SELECT changes()") == "1"
    with refused("LockedOut", "Try again in 1 min 5"):     # of two minutes, a few seconds later
        web.login("olga", "not the password")
    accounts(product, "SetPassword", "sst", "olga", PASSWORDS["olga"], 0)
    web.login("olga")
    assert ("burnind", "org.burnin1.web-session", "account olga", "refused", "locked out") in last_audit(product, 10)


def test_lockout_of_an_address(product: Product, people: None, web: Connection) -> None:
    for name in ("a", "b", "c", "d"):
        fail(web, name, 1, address="2001:db8:1:2::1")
    with refused("LockedOut", "address 2001:db8:1:2::/64"):
        web.login("e", "not the password", address="2001:db8:1:2::5")
    with refused("LockedOut", "address 2001:db8:1:2::/64"):
        web.login("alice", address="2001:db8:1:2:ffff::1")
    web.login("alice", address="2001:db8:1:3::1")


def test_how_long_a_lockout_lasts(product: Product, people: None, web: Connection) -> None:
    def left(**who: str) -> int:
        return int(web.call("GetLockout", "a{sv}", options(**who)))

    assert left() == left(account="olga", address="192.0.2.1") == 0
    fail(web, "olga", 4, address="192.0.2.1")
    assert left(account="olga", address="192.0.2.1") == 0
    for seconds in (60, 120):
        with refused("LockedOut"):
            web.login("olga", "not the password", address="192.0.2.1")
        assert seconds - 20 < left(account="olga") / 10**6 <= seconds
        assert seconds - 20 < left(account="victor", address="192.0.2.1") / 10**6 <= seconds
        assert left(account="victor", address="127.0.0.1", forwarded="192.0.2.1") > 0
        assert left(account="victor", address="192.0.2.2") == 0
        # The next one fails a minute later.
        stored(product, "UPDATE lockouts SET until_usec = 1")
        web = Connection(product)
        assert left(account="olga", address="192.0.2.1") == 0
    for bad in ({"account": "No Name"}, {"address": "x"}):
        with refused("InvalidArgument"):
            left(**bad)
    with refused("InvalidOption"):
        left(name="olga")
    with pytest.raises(dbus.DBusException) as caught:
        accounts(product, "GetLockout", "a{sv}", EMPTY, user="nobody")
    assert caught.value.get_dbus_name() in POLKIT_NO
    web.close()


def test_success_begins_anew(product: Product, people: None, web: Connection) -> None:
    for _ in range(2):
        fail(web, "olga", 4, address="192.0.2.1")
        web.login("olga", address="192.0.2.1")


def test_guesses_at_once_are_counted(product: Product, people: None) -> None:
    """All are on their way before the first is answered: five are wrong, and the right one among the rest does not get in."""
    web = Connection(product)
    answers: list[str] = []
    for number in range(12):
        password = PASSWORDS["olga"] if number == 11 else "not the password"
        web.bus.call_async("org.burnin1", ACCOUNTS, INTERFACE, "Login", "ssa{sv}", ("olga", password, EMPTY),
                           lambda token, session: answers.append("ok"), lambda error: answers.append(str(error.get_dbus_name())))
    product.machine.wait_for(lambda: len(answers) == 12, 60, "all have an answer")
    assert answers.count("org.burnin1.Error.WrongPassword") == 4 and answers.count("org.burnin1.Error.LockedOut") == 8
    web.close()


# --- sessions ----------------------------------------------------------------------------------------------


def test_session_ends(product: Product, people: None, web: Connection) -> None:
    product.call_settings("Set", "svt", "session_hours", dbus.UInt32(48), 0)
    token, session = web.login("alice")
    with refused("SessionEnded"):
        web.check("0" * 64)
    for bad in ("", token[:-1], token.upper(), token + "0", "x" * 64):
        with refused("SessionEnded"):
            web.resume(bad)
    # Half a day without a request.
    stored(product, "UPDATE sessions SET seen_usec = seen_usec - 11 * 3600000000, created_usec = created_usec - 11 * 3600000000")
    assert web.check(token)["IdleUSec"] == session["IdleUSec"] - 11 * 3600 * 10**6
    assert web.resume(token)["IdleUSec"] > session["IdleUSec"] - 3600 * 10**6
    product.call_settings("Set", "svt", "session_hours", dbus.UInt32(11), 0)
    with refused("SessionEnded"):
        web.check(token)
    product.call_settings("Reset", "st", "session_hours", 0)
    product.call_settings("Set", "svt", "web_session_idle_minutes", dbus.UInt32(10), 0)
    stored(product, "UPDATE sessions SET seen_usec = seen_usec - 11 * 60000000")
    with refused("SessionEnded"):
        web.resume(token)
    assert accounts(product, "ListSessions", "a{sv}", EMPTY) == []


def test_logout_and_revoke(product: Product, people: None, web: Connection) -> None:
    first, session = web.login("alice", address="192.0.2.7")
    second, _ = web.login("alice")
    listed = accounts(product, "ListSessions", "a{sv}", EMPTY)
    assert [row["Id"] for row in listed] == sorted((row["Id"] for row in listed), reverse=True)
    assert listed[1] == {**{key: value for key, value in session.items() if key != "Csrf"}, "SeenUSec": session["CreatedUSec"]}
    web.resume(first)
    assert web.manager("ListHosts", "a{sv}", EMPTY) is not None
    web.call("Logout", "s", first)
    assert last_audit(product)[0] == ("alice (web)", "org.burnin1.web-session", "account alice", "ok", "logged out")
    with refused("SessionEnded"):
        web.manager("ListHosts", "a{sv}", EMPTY)
    with refused("SessionEnded"):
        web.call("Logout", "s", first)
    web.resume(second)
    accounts(product, "RevokeSession", "tt", web.check(second)["Id"], 0)
    with refused("SessionEnded"):
        web.manager("ListHosts", "a{sv}", EMPTY)
    with refused("SessionEnded"):
        web.resume(second)
    with refused("SessionEnded", "no session"):
        accounts(product, "RevokeSession", "tt", 1 << 40, 0)


def test_password_and_role_end_sessions(product: Product, people: None, web: Connection) -> None:
    mine, other = web.login("olga")[0], web.login("olga")[0]
    web.resume(mine)
    with refused("WrongPassword"):
        web.call("ChangePassword", "ss", "not the password", "a new password")
    with refused("InvalidArgument", "at least 8 characters, and at most 1024 bytes"):
        web.call("ChangePassword", "ss", PASSWORDS["olga"], "short")
    web.call("ChangePassword", "ss", PASSWORDS["olga"], "a new password")
    assert last_audit(product)[0] == ("olga (web)", "org.burnin1.manage-accounts", "account olga", "ok", "password changed")
    assert web.check(mine)["Account"] == "olga"
    with refused("SessionEnded"):
        web.check(other)
    with refused("WrongPassword"):
        web.login("olga")
    web.login("olga", "a new password")
    accounts(product, "SetRole", "sst", "olga", "viewer", 0)
    with refused("SessionEnded"):
        web.check(mine)
    again, session = web.login("olga", "a new password")
    assert session["Role"] == "viewer"
    accounts(product, "SetPassword", "sst", "olga", "b new password", 0)
    with refused("SessionEnded"):
        web.check(again)
    again, _ = web.login("olga", "b new password")
    accounts(product, "Remove", "st", "olga", 0)
    with refused("SessionEnded"):
        web.check(again)
    with refused("WrongPassword"):
        web.login("olga", "b new password")
    connection = Connection(product)
    with refused("SessionEnded", "acts for no account"):
        connection.call("ChangePassword", "ss", "whatever it is", "a new password")
    connection.close()


def test_sessions_outlive_a_restart_but_connections_resume(product: Product, people: None, web: Connection) -> None:
    token, session = web.login("alice")
    web.resume(token)
    web.manager("ListAudit", "a{sv}", EMPTY)
    accounts(product, "SetRole", "sst", "victor", "operator", 0)
    product.restart()
    with denied():
        web.call("List")
    assert web.resume(token) == session
    assert {row["Name"] for row in web.call("List")} == set(ROLES)


def test_binding_is_of_one_connection(product: Product, people: None, web: Connection) -> None:
    token, _ = web.login("alice")
    web.resume(token)
    other = Connection(product)
    with denied():
        other.call("List")
    other.resume(other.login("victor")[0])
    with denied():
        other.call("List")
    assert web.call("List")
    other.resume(token)
    assert other.call("List")
    other.close()


def test_addresses(product: Product, people: None, web: Connection) -> None:
    token, _ = web.login("alice", address="192.0.2.1")
    product.call_settings("Set", "svt", "web_session_bind_address", True, 0)
    assert web.resume(token, address="::ffff:192.0.2.1")["Account"] == "alice"
    for elsewhere in ({"address": "192.0.2.2"}, {}):
        with refused("SessionEnded"):
            web.resume(token, **elsewhere)
    product.call_settings("Reset", "st", "web_session_bind_address", 0)
    product.call_settings("Set", "svt", "allowed_ips", dbus.Array(["192.0.2.0/28", "2001:db8::/32"], "s"), 0)
    for allowed in ("192.0.2.15", "2001:db8:ffff::1", "::ffff:192.0.2.3"):
        web.check(token, address=allowed)
        web.login("olga", address=allowed)
    for other in ({"address": "192.0.2.16"}, {"address": "2001:db9::1"}, {"address": "fe80::1%eth0"}, {}):
        for attempt in (lambda: web.login("alice", **other), lambda: web.resume(token, **other), lambda: web.check(token, **other)):
            with refused("AddressNotAllowed", "allowed_ips"):
                attempt()
    for bad in ("192.0.2.0/33", "192.0.2.1/24", "nowhere", "192.0.2.0/", "/24", "2001:db8::/129"):
        with refused("InvalidArgument"):
            product.call_settings("Set", "svt", "allowed_ips", bad, 0)
    product.call_settings("Reset", "st", "allowed_ips", 0)
    web.check(token)
    with refused("InvalidArgument", "IPv4 or IPv6"):
        web.check(token, address="localhost")


def test_whom_a_proxy_speaks_for(product: Product, people: None, web: Connection) -> None:
    def seen(address: str, forwarded: str) -> str:
        """The address that a login counts as."""
        return str(web.login("alice", address=address, forwarded=forwarded)[1]["Address"])

    for loopback in ("127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"):
        assert seen(loopback, "192.0.2.66") == "192.0.2.66"
    assert seen("127.0.0.1", "198.51.100.1 , 2001:db8:0::5") == "2001:db8::5", "what is before it the browser may have made up"
    assert seen("192.0.2.1", "198.51.100.1") == "192.0.2.1", "no proxy of ours"
    for nothing in ("", ",", "unknown", "198.51.100.1,", "198.51.100.1, x", "198.51.100.1:80", "1" * 5000, "198.51.100.1,\"'"):
        assert seen("127.0.0.1", nothing) == "127.0.0.1", nothing

    product.call_settings("Set", "svt", "trusted_proxies", dbus.Array(["192.0.2.0/28", "2001:db8::1"], "s"), 0)
    assert seen("192.0.2.15", "198.51.100.1") == "198.51.100.1"
    assert seen("2001:db8::1", "203.0.113.9, 198.51.100.1, 192.0.2.3") == "198.51.100.1", "one behind the other"
    assert seen("192.0.2.1", "192.0.2.2, 192.0.2.3") == "192.0.2.2"
    assert seen("192.0.2.16", "198.51.100.1") == "192.0.2.16"
    assert seen("127.0.0.1", "198.51.100.1") == "127.0.0.1", "not named any more"
    product.call_settings("Set", "svt", "allowed_ips", "198.51.100.0/24", 0)
    token, _ = web.login("alice", address="192.0.2.1", forwarded="198.51.100.1")
    web.resume(token, address="192.0.2.1", forwarded="198.51.100.1")
    for address, forwarded in (("192.0.2.1", "203.0.113.9"), ("192.0.2.1", "198.51.100.1, 203.0.113.9"), ("192.0.2.1", ""),
                               ("203.0.113.9", "198.51.100.1")):
        with refused("AddressNotAllowed", "allowed_ips"):
            web.check(token, address=address, forwarded=forwarded)


# --- roles -------------------------------------------------------------------------------------------------


def test_nobody_else_may_log_people_in(product: Product, people: None, web: Connection) -> None:
    token, _ = web.login("alice")
    for user in ("nobody", "visitor"):
        for call in (("Login", "ssa{sv}", "alice", PASSWORDS["alice"], EMPTY), ("Resume", "sa{sv}", token, EMPTY),
                     ("Check", "sa{sv}", token, EMPTY), ("Logout", "s", token), ("ChangePassword", "ss", "12345678", "12345678"),
                     ("CreateFirst", "ssa{sv}", "eve", "12345678", EMPTY), ("GetSetupCode", ""), ("List", ""),
                     ("Add", "ssst", "eve", "admin", "12345678", 0), ("SetPassword", "sst", "alice", "12345678", 0),
                     ("SetRole", "sst", "victor", "admin", 0), ("Remove", "st", "victor", 0),
                     ("ListSessions", "a{sv}", EMPTY), ("RevokeSession", "tt", 1, 0)):
            with denied():
                accounts(product, *call, user=user)
    assert web.check(token)


def calls(product: Product) -> dict[str, list[tuple[str, ...]]]:
    """What each role may do more than the one before it; calls that change nothing, or what the next test does not mind."""
    drive = product.drive("ROLES001").path
    return {
        "viewer": [(PATH, MANAGER, "ListAudit", "a{sv}", EMPTY)],
        "operator": [(drive, "org.burnin1.Drive", "SetNotes", "st", "mine", 0), (PATH, MANAGER, "CancelAll", "st", "", 0)],
        "admin": [(PATH, "org.burnin1.Settings", "Set", "svt", "max_per_host", dbus.UInt32(0), 0),
                  (ACCOUNTS, INTERFACE, "List", ""), (product.host("nas").path, "org.burnin1.Host", "Configure", "a{sv}",
                                                      dbus.Dictionary({"notes": "mine"}, "sv"))],
    }


def test_roles(product: Product, nas: Host, people: None) -> None:
    product.plug("ROLES001", 8)
    by_role = calls(product)
    nobody = Connection(product)
    for role in ("operator", "admin"):
        for path, interface, method, signature, *args in by_role[role]:
            with denied():
                nobody.call(method, signature, *args, path=path, interface=interface)
    nobody.close()
    for name, role in ROLES.items():
        with acting(product, name) as web:
            for needed, rows in by_role.items():
                may = list(by_role).index(role) >= list(by_role).index(needed)
                for path, interface, method, signature, *args in rows:
                    with contextlib.nullcontext() if may else denied():
                        web.call(method, signature, *args, path=path, interface=interface)
                    if needed == "admin" and not may:
                        assert last_audit(product)[0][0] == f"{name} (web)"
    product.call_settings("Reset", "st", "max_per_host", 0)


def test_role_counts_at_once(product: Product, people: None, web: Connection) -> None:
    """Written past the bus, so that the session stays: the role is no part of it."""
    token, _ = web.login("olga")
    web.resume(token)
    with denied():
        web.call("List")
    # burnind reads each role anew, so that whoever writes while it runs is obeyed.
    product.machine.run(["sqlite3", DATABASE, "UPDATE accounts SET role = 'admin' WHERE name = 'olga'"])
    assert web.call("List")
    product.machine.run(["sqlite3", DATABASE, "UPDATE accounts SET role = 'viewer' WHERE name = 'olga'"])
    with denied():
        web.call("List")
    assert web.check(token)["Role"] == "viewer"


def test_work_bears_the_persons_name(product: Product, nas: Host, people: None) -> None:
    product.plug("NAMED001", 64)
    with acting(product, "olga") as web:
        (row,) = web.manager("StartBurnIn", "a(ss)a{sv}", dbus.Array([("NAMED001", "NAMED001")], "(ss)"),
                             dbus.Dictionary({"profile": "surface"}, "sv"))
        job = product.active_jobs()[0]
        assert job["Operator"] == "olga (web)", row
        assert last_audit(product)[0][0] == "olga (web)"
    with acting(product, "victor") as web:
        with denied():
            web.call("Cancel", "st", "", 0, path=job.path, interface="org.burnin1.Job")
    with acting(product, "alice") as web:
        web.call("Cancel", "st", "enough", 0, path=job.path, interface="org.burnin1.Job")
    assert job.wait_end() == "cancelled"
    assert "alice (web)" in job["Reason"]


def test_unlocking_is_an_admins_and_one_persons(product: Product, nas: Host, people: None) -> None:
    drive = with_data(product, "UNLOCKW1")
    accounts(product, "Add", "ssst", "anna", "admin", "another admin", 0)
    unlock = "Unlock", "sst", EXISTING, "it is only a test", 0
    for name in ("victor", "olga"):
        with acting(product, name) as web, denied():
            web.call(*unlock, path=drive.path, interface="org.burnin1.Drive")
    start = ("StartBurnIn", "a(ss)a{sv}", dbus.Array([("UNLOCKW1", "UNLOCKW1")], "(ss)"),
             dbus.Dictionary({"profile": "surface", "unlock": True}, "sv"))
    with acting(product, "alice") as web:
        web.call(*unlock, path=drive.path, interface="org.burnin1.Drive")
        assert last_audit(product)[0][:2] == ("alice (web)", "org.burnin1.unlock")
        other = Connection(product)
        other.resume(other.login("anna", "another admin")[0])
        with refused("DriveLocked", "unlocked by alice (web)"):
            other.manager(*start)
        other.close()
        web.manager(*start)
    job = product.active_jobs()[0]
    assert (job["Operator"], job["UnlockedBy"]) == ("alice (web)", "alice (web)")
    job.cancel()
    job.wait_end()


def test_site_rules_see_the_person(product: Product, nas: Host, people: None) -> None:
    rules = "/etc/polkit-1/rules.d/10-test.rules"
    product.machine.write(rules, 'polkit.addRule(function(action, subject) {\n'
                          '    if (action.id == "org.burnin1.manage-settings" && action.lookup("web.account") == "alice")\n'
                          '        return polkit.Result.NO;\n});\n')
    restart = "systemctl reset-failed polkit.service; systemctl restart polkit.service"
    product.machine.run(restart)
    try:
        with acting(product, "alice") as web, denied():
            web.call("Reset", "st", "max_per_host", 0, path=PATH, interface="org.burnin1.Settings")
    finally:
        product.machine.run(f"rm {rules}; {restart}")
    with acting(product, "alice") as web:
        web.call("Reset", "st", "max_per_host", 0, path=PATH, interface="org.burnin1.Settings")


# --- managing ----------------------------------------------------------------------------------------------


def test_last_admin_stays(product: Product, people: None) -> None:
    for change in (("SetRole", "sst", "alice", "operator", 0), ("Remove", "st", "alice", 0)):
        with refused("LastAdmin", "alice"):
            accounts(product, *change)
        assert last_audit(product)[0][:4] == ("root", "org.burnin1.manage-accounts", "account alice", "refused")
    accounts(product, "SetRole", "sst", "olga", "admin", 0)
    accounts(product, "SetRole", "sst", "alice", "viewer", 0)
    with refused("LastAdmin", "olga"):
        accounts(product, "Remove", "st", "olga", 0)
    accounts(product, "Remove", "st", "alice", 0)
    assert [(row["Name"], row["Role"]) for row in accounts(product, "List")] == [("olga", "admin"), ("victor", "viewer")]


def test_bad_input(product: Product, people: None, web: Connection) -> None:
    for name in ("", "Alice", "1alice", "al ice", "a" * 33, "alice\n", "ä", "a/b", "-a", "a'; DROP TABLE accounts"):
        for call in (("Add", "ssst", name, "viewer", "12345678", 0), ("SetPassword", "sst", name, "12345678", 0),
                     ("SetRole", "sst", name, "viewer", 0), ("Remove", "st", name, 0)):
            with refused("InvalidArgument", "lower case letter"):
                accounts(product, *call)
        with refused("InvalidArgument"):
            web.login(name, "12345678")
    for password in ("", "1234567", "€€€", "€" * 7, "x" * 1025, "€" * 342):
        with refused("InvalidArgument", "at least 8 characters, and at most 1024 bytes"):
            accounts(product, "Add", "ssst", "eve", "viewer", password, 0)
        with refused("InvalidArgument", "at least 8 characters, and at most 1024 bytes"):
            accounts(product, "SetPassword", "sst", "alice", password, 0)
        with refused("InvalidArgument", "at least 8 characters, and at most 1024 bytes"):
            web.call("Login", "ssa{sv}", "alice", password, EMPTY)
    for role in ("", "root", "Admin"):
        with refused("InvalidArgument", "viewer, operator or admin"):
            accounts(product, "Add", "ssst", "eve", role, "12345678", 0)
        with refused("InvalidArgument", "viewer, operator or admin"):
            accounts(product, "SetRole", "sst", "alice", role, 0)
    for call in (("Add", "ssst", "eve", "viewer", "12345678", 1), ("SetPassword", "sst", "alice", "12345678", 1),
                 ("SetRole", "sst", "alice", "viewer", 1), ("Remove", "st", "alice", 1), ("RevokeSession", "tt", 1, 1)):
        with refused("InvalidArgument", "flags"):
            accounts(product, *call)
    for call in (("Login", "ssa{sv}", "alice", "12345678"), ("Resume", "sa{sv}", "0" * 64), ("Check", "sa{sv}", "0" * 64),
                 ("CreateFirst", "ssa{sv}", "eve", "12345678"), ("ListSessions", "a{sv}")):
        for bad in (options(colour="red"), dbus.Dictionary({"address": dbus.UInt32(1)}, "sv")):
            with refused("InvalidOption"):
                accounts(product, *call, bad)
    with refused("NoSuchAccount", "eve"):
        accounts(product, "SetRole", "sst", "eve", "viewer", 0)
    with refused("AccountExists", "alice"):
        accounts(product, "Add", "ssst", "alice", "viewer", "12345678", 0)
    with refused("SessionEnded"):
        accounts(product, "Logout", "s", "\x01")
    assert len(accounts(product, "List")) == 3
    accounts(product, "Add", "ssst", "a" * 32, "viewer", "€" * 341, 0)
    assert web.login("a" * 32, "€" * 341)


def test_command_line(product: Product, people: None, web: Connection) -> None:
    def burninctl(*words: str, code: int = 0, **how: Any) -> str:
        done = product.machine.run(["burninctl", *words], check=False, **how)
        assert done.returncode == code, done
        return done.stdout + done.stderr

    assert "--role" in burninctl("account", "add", "eve", code=2)
    burninctl("account", "add", "eve", "--role=operator", input="typed by a script\n")
    assert "eve already" in burninctl("account", "add", "eve", "--role=viewer", input="typed by a script\n", code=4)
    assert "nothing was done" in burninctl("account", "passwd", "eve", code=2)
    token, session = web.login("eve", "typed by a script", address="192.0.2.9")
    assert "192.0.2.9" in burninctl("account", "sessions", "eve")
    assert json.loads(burninctl("-j", "account", "sessions", "eve"))[0]["Id"] == session["Id"]
    assert burninctl("-q", "account", "sessions", "eve").split() == [str(session["Id"])]
    burninctl("account", "revoke", str(session["Id"]))
    with refused("SessionEnded"):
        web.check(token)
    assert "no session" in burninctl("account", "revoke", str(session["Id"]), code=4)
    assert "no number" in burninctl("account", "revoke", "x", code=2)
    assert "Nobody is logged in" in burninctl("account", "sessions", "eve")
    burninctl("account", "role", "eve", "viewer")
    burninctl("account", "passwd", "eve", input="another password\n")
    assert web.login("eve", "another password")[1]["Role"] == "viewer"
    assert burninctl("-q", "account", "list").split() == ["alice", "eve", "olga", "victor"]
    assert "SESSIONS" in burninctl("account", "list")
    assert "may not" in burninctl("account", "list", user="visitor", code=5)
    burninctl("account", "remove", "eve")
    assert "no account eve" in burninctl("account", "remove", "eve", code=3)
    assert "only admin" in burninctl("account", "remove", "alice", code=4)
    assert "typed by a script" not in json.dumps(product.machine.journal())


def type_passwords(product: Product, command: str, *passwords: str) -> tuple[int, str]:
    """As a person at a terminal, who types when asked. Returns the exit status, and all that was to be seen."""
    seen, deadline = "", time.monotonic() + 60
    with product.machine.popen(["script", "-qefc", f"env TERM=dumb {command}", "/dev/null"], stdin=subprocess.PIPE, bufsize=0,
                               text=False, errors=None) as process:
        for prompt, password in zip(("Password: ", "Once more: "), passwords):
            while prompt not in seen:
                assert select.select([process.stdout], [], [], deadline - time.monotonic())[0], seen
                more = os.read(process.stdout.fileno(), 4096)
                assert more, seen
                seen += more.decode()
            process.stdin.write(password.encode() + b"\n")
        rest, _ = process.communicate(timeout=60)
        return process.returncode, seen + rest.decode()


def test_password_at_a_terminal(product: Product, people: None, web: Connection) -> None:
    code, seen = type_passwords(product, "burninctl account passwd olga", "typed by hand", "typed by hamd")
    assert code == 2 and "not the same" in seen and "typed by" not in seen
    web.login("olga")
    code, seen = type_passwords(product, "burninctl account passwd olga", "typed by hand", "typed by hand")
    assert code == 0 and "typed by" not in seen, seen
    web.login("olga", "typed by hand")
