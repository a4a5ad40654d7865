# SPDX-License-Identifier: LGPL-2.1-or-later
"""A browser in the machine's network: it goes through a story in web-frontend/ui/test, which says what it needs to be told."""
from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from machine import Machine

UI = Path(__file__).resolve().parents[2] / "web-frontend/ui"
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
SECONDS = 480


def need(machine: Machine, page: str) -> None:
    """Skips the test where this page is not installed, or no browser is there."""
    if not machine.path(page).exists():
        pytest.skip("the page is not built (tools/deps web)")
    if not (shutil.which("node") and Path(CHROMIUM).exists() and (UI / "node_modules/playwright-core").is_dir()):
        pytest.skip("there is no browser (tools/deps test web)")


def tell(machine: Machine, story: str, **told: str) -> None:
    """Returns when the story has come to its good end. It runs commands beside the service with the words in INSIDE, as JSON."""
    environment = os.environ | told | {
        "CHROMIUM": CHROMIUM, "INSIDE": json.dumps(["nsenter", f"--target={machine.leader}", "--all", "--"]),
    }
    with subprocess.Popen(["ip", "netns", "exec", machine.netns, "node", "--test", "--test-reporter=tap", f"test/{story}"],
                          cwd=UI, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True) as node:
        try:
            said, _ = node.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            node.kill()
            raise
    assert node.returncode == 0, said
