# SPDX-License-Identifier: LGPL-2.1-or-later
"""The page within Cockpit: a browser in the machine's network logs in as people do; web-frontend/ui/test/cockpit-service.test.mjs."""
from __future__ import annotations

import browser
import pytest
from product import Host, Product, nas, product  # noqa: F401

# Nobody answers at the address of the host that is added; and what systemd says of a unit that is masked.
pytestmark = pytest.mark.allow_journal(r"^Host vault is ", r"reception is disabled")

ROLES = "/usr/share/doc/burnin/examples/60-burnin-roles.rules"
PASSWORD = "correct horse battery"


@pytest.fixture
def cockpit(product: Product) -> Product:  # noqa: F811
    machine = product.machine
    browser.need(machine, "/usr/share/cockpit/burnin/index.html")
    if not machine.path("/usr/lib/cockpit/cockpit-ws").exists():
        pytest.skip("there is no Cockpit (tools/deps test)")
    machine.run("useradd --create-home --shell=/bin/sh --user-group olga\n"
                "groupadd --system burnin-operator && usermod --append --groups=burnin-operator olga\n"
                f"cp {ROLES} /etc/polkit-1/rules.d/")
    machine.run(["chpasswd"], input="".join(f"{name}:{PASSWORD}\n" for name in ("visitor", "olga", "nas")))
    machine.run(["systemctl", "start", "cockpit.socket"])
    return product


def test_story(cockpit: Product, nas: Host) -> None:  # noqa: F811
    cockpit.plug("COCKPIT1", 64)
    browser.tell(cockpit.machine, "cockpit-service.test.mjs", URL="https://127.0.0.1:9090", PASSWORD=PASSWORD, SERIAL="COCKPIT1")
    actors = [(row["Actor"], row["Outcome"]) for row in reversed(cockpit.list("Audit")) if row["Action"] == "org.burnin1.manage-drives"]
    assert actors == [("root", "ok"), ("visitor", "denied"), ("olga", "ok"), ("nas", "denied"), ("root", "ok"), ("root", "ok")]
