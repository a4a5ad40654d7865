# SPDX-License-Identifier: LGPL-2.1-or-later
"""The web page before the real service: a browser in the machine's network goes through web-frontend/ui/test/service.test.mjs."""
from __future__ import annotations

import subprocess

import browser
import pytest
from product import Product, product  # noqa: F401

pytestmark = pytest.mark.allow_journal(r"^The grant .* (was given: |is used by job )", r"server (started|stopped)",
                                       r"No login of .* is tried for", r"has gone", r"has ended: cancelled",
                                       # Where a disk is so busy that a cancelled run does not end within its 5 s, it is killed.
                                       r"^burnin-run-[0-9a-f]+\.service: (Failed with result|Main process exited)")

HOSTILE = "<img src=x onerror=alert(1)>"
# A loop drive is tested in a second or two, which nobody could watch.
BRAKE = """
while :; do
    read how < /run/brake
    pids=$(pidof badblocks)
    [ "$how" = off ] || kill -STOP $pids
    sleep 0.2
    [ "$how" = hold ] || kill -CONT $pids
    sleep 0.02
done
"""


@pytest.fixture
def page(product: Product) -> Product:
    browser.need(product.machine, "/usr/share/burnin/web/index.html")
    return product


def test_story(page: Product) -> None:
    machine = page.machine
    for serial, size in (("PAGE0001", 256), ("PAGE0002", 256), ("PAGE0003", 64), ("PAGE0004", 64)):
        machine.add_loop_drive(serial, size)
    for serial, model, celsius in (("PAGE0001", "ST16000NM001G-2KK103", 38), ("PAGE0002", "ST16000NM001G-2KK103", 39),
                                   ("PAGE0003", HOSTILE, 31), ("PAGE0004", "WDC WD40EFRX-68N32N0", 33)):
        machine.set_smart(serial, {"model_name": model, "temperature": {"current": celsius}})
    machine.run(["mkfs.ext4", "-q", "-L", "family", page.device("PAGE0004")])
    machine.run(["systemctl", "start", "burnin-events.socket", "burnin-web.service"])
    code = machine.run(["burninctl", "account", "setup-code"]).stdout.strip()

    machine.write("/run/brake", "off\n")
    with machine.popen(["sh", "-c", BRAKE], stdout=subprocess.DEVNULL):
        browser.tell(machine, "service.test.mjs", URL="https://127.0.0.1:8084", SETUP_CODE=code, DATA_DRIVE="PAGE0004")
