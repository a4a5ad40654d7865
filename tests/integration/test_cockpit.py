# SPDX-License-Identifier: LGPL-2.1-or-later
"""The page within Cockpit: a browser in the machine's network logs in as people do; web-frontend/ui/test/cockpit-service.test.mjs."""
from __future__ import annotations

import browser
import pytest
from product import Host, Product, nas, product  # noqa: F401

# Nobody answers at the address of the host that is added; and what systemd says of a unit that is masked.
pytestmark = pytest.mark.allow_journal(r"^Host vault is ", r"reception is disabled", r"server (started|stopped)")

ROLES = "/usr/share/doc/burnin/examples/60-burnin-roles.rules"
PASSWORD = "correct horse battery"
# Of one drive, which nobody can know before it is tried.
BUT_NOT = """
polkit.addRule(function(action, subject) {
    if (action.id == "org.burnin1.manage-drives" && subject.user == "omar" && action.lookup("serial") == "COCKPIT1")
        return polkit.Result.NO;
    return polkit.Result.NOT_HANDLED;
});
"""


@pytest.fixture
def cockpit(product: Product) -> Product:  # noqa: F811
    machine = product.machine
    browser.need(machine, "/usr/share/cockpit/burnin/index.html")
    if not machine.path("/usr/lib/cockpit/cockpit-ws").exists():
        pytest.skip("there is no Cockpit (tools/deps test)")
    machine.run("groupadd --system burnin-operator\n"
                "for name in olga omar; do useradd --create-home --shell=/bin/sh --user-group --groups=burnin-operator $name || exit\n"
                "done\n"
                f"cp {ROLES} /etc/polkit-1/rules.d/")
    machine.write("/etc/polkit-1/rules.d/50-but-not.rules", BUT_NOT)
    machine.run(["chpasswd"], input="".join(f"{name}:{PASSWORD}\n" for name in ("visitor", "olga", "omar", "nas")))
    machine.run(["systemctl", "start", "cockpit.socket"])
    return product


def test_story(cockpit: Product, nas: Host) -> None:  # noqa: F811
    cockpit.call_settings("Set", "svt", "webhook_url", "http://127.0.0.1:1/", 0)
    cockpit.plug("COCKPIT1", 64)
    browser.tell(cockpit.machine, "cockpit-service.test.mjs", URL="https://127.0.0.1:9090", PASSWORD=PASSWORD, SERIAL="COCKPIT1")
    actors = [(row["Actor"], row["Outcome"]) for row in reversed(cockpit.list("Audit")) if row["Action"] == "org.burnin1.manage-drives"]
    assert actors == [("root", "ok"), ("omar", "denied"), ("olga", "ok"), *[("root", "ok")] * 3]

    # That drive's history is also what both pages are compared by.
    cockpit.machine.run(["systemctl", "start", "burnin-events.socket", "burnin-web.service"])
    code = cockpit.machine.run(["burninctl", "account", "setup-code"]).stdout.strip()
    browser.tell(cockpit.machine, "cockpit-twin.test.mjs", URL="https://127.0.0.1:8084", SETUP_CODE=code, SERIAL="COCKPIT1")
    cockpit.call_settings("Reset", "st", "webhook_url", 0)
