# SPDX-License-Identifier: LGPL-2.1-or-later
"""burninctl watch on a terminal: what it draws, on which sizes, and what it leaves behind."""
from __future__ import annotations

import contextlib
import re
from collections.abc import Callable

import pytest
from product import Host, Product, nas, product  # noqa: F401
from terminal import Terminal

pytestmark = pytest.mark.allow_journal(r"has ended: (inconclusive|failed|cancelled)", r"^inconclusive: ", r"is missing")

WATCH = ["burninctl", "watch"]


def is_whole(text: str) -> bool:
    return "(q: quit)" in text and "Jobs:" in text


def is_as_before(terminal: Terminal) -> bool:
    return terminal.screen.saved is None and terminal.screen.cursor and terminal.screen.wrap \
        and terminal.now_modes() == terminal.modes


def kill(product: Product, signal: str) -> None:
    product.machine.run(["pkill", f"--signal={signal}", "--exact", "burninctl"])


ENDS: dict[str, Callable[[Product, Terminal], None]] = {
    "q": lambda product, terminal: terminal.type("q"),
    "Ctrl-C": lambda product, terminal: terminal.type("\x03"),
    "SIGINT": lambda product, terminal: kill(product, "INT"),
    "SIGTERM": lambda product, terminal: kill(product, "TERM"),
    "SIGHUP": lambda product, terminal: kill(product, "HUP"),
}


@pytest.mark.parametrize("how", ENDS)
def test_terminal_is_as_before_at_the_end(product: Product, nas: Host, how: str) -> None:
    with Terminal(product.machine, WATCH) as terminal:
        terminal.wait(is_whole)
        assert terminal.screen.saved is not None and not terminal.screen.cursor
        assert terminal.now_modes() != terminal.modes, "keys are not shown"
        ENDS[how](product, terminal)
        assert terminal.wait_exit() == 0
        assert is_as_before(terminal) and not terminal.screen.text.strip()


def test_draws_over_what_it_drew(product: Product, nas: Host) -> None:
    """Jobs come and go; nothing is cleared before it is drawn anew, and nothing scrolls."""
    for i in range(1, 5):
        product.plug(f"WATCHED{i}", 8)
    with Terminal(product.machine, WATCH) as terminal:
        terminal.wait(is_whole)
        job = product.start("WATCHED1")
        product.start("WATCHED2")
        terminal.wait(lambda text: "WATCHED1" in text and "passed" in text, 60)
        job.wait_end()
        assert "WATCHED2" in terminal.wait(lambda text: "2 queued" not in text)
        terminal.screen.cleared -= 1        # the end of the first frame, on an empty screen
        assert terminal.screen.scrolled == 0 and terminal.screen.cleared <= 0
        assert "\x1b[2J" not in terminal.output
        terminal.type("q")
        assert terminal.wait_exit() == 0


@pytest.mark.parametrize(("rows", "columns"), [(18, 40), (16, 100), (8, 80), (4, 20), (2, 10), (1, 1)])
def test_small_terminals(product: Product, nas: Host, rows: int, columns: int) -> None:
    for i in range(1, 4):
        product.plug(f"WATCHED{i}", 256)
    with contextlib.ExitStack() as stack:
        for i in range(1, 4):
            stack.enter_context(product.braked(product.start(f"WATCHED{i}")))      # none of them ends meanwhile
        terminal = stack.enter_context(Terminal(product.machine, WATCH, rows=50, columns=120))
        terminal.wait(lambda text: all(f"WATCHED{i}" in text for i in range(1, 4))
                      and re.search(r"WATCHED1 .*Write 0xaa .*\d+\.\d %", text))    # a bar, with its number
        terminal.resize(rows, columns)
        terminal.wait_frame()       # one may have been on its way
        terminal.screen.scrolled = 0
        small = terminal.wait_frame()
        assert terminal.screen.scrolled == 0, f"{rows} rows are not enough:\n{small}"
        assert all(len(line) <= columns for line in small.splitlines())
        if rows >= 16:
            assert "WATCHED" in small and "... and 2 more" in small
        terminal.resize(50, 120)
        terminal.wait(lambda text: all(f"WATCHED{i}" in text for i in range(1, 4)) and is_whole(text))
        terminal.type("q")
        assert terminal.wait_exit() == 0 and is_as_before(terminal)
        product.call("CancelAll", "st", "", 0)


@pytest.mark.allow_journal("reception is disabled")     # while its unit is masked
def test_survives_a_restart_of_the_service(product: Product, nas: Host) -> None:
    with Terminal(product.machine, WATCH) as terminal:
        terminal.wait(is_whole)
        product.machine.run("systemctl mask --runtime burnind.service; systemctl stop burnind.service")
        try:
            terminal.wait(lambda text: "burnind.service is masked" in text)
        finally:
            product.machine.run("systemctl unmask --runtime burnind.service; systemctl start burnind.service")
        terminal.wait(lambda text: is_whole(text) and "masked" not in text)
        terminal.type("q")
        assert terminal.wait_exit() == 0


@pytest.mark.parametrize("how", ["q", "Ctrl-C", "SIGTERM"])
def test_ends_while_the_service_hangs(product: Product, nas: Host, how: str) -> None:
    with Terminal(product.machine, WATCH) as terminal:
        terminal.wait(is_whole)
        product.machine.run(["systemctl", "kill", "--kill-whom=main", "--signal=STOP", "burnind.service"])
        try:
            terminal.wait(lambda text: "did not answer" in text, 20)
            assert not is_as_before(terminal), "it waits for the service"
            ENDS[how](product, terminal)
            assert terminal.wait_exit(10) == 0 and is_as_before(terminal)
        finally:
            product.machine.run(["systemctl", "kill", "--kill-whom=main", "--signal=CONT", "burnind.service"])


def test_is_stopped_and_goes_on(product: Product, nas: Host) -> None:
    """Ctrl-Z gives the terminal back until the program goes on."""
    with Terminal(product.machine, ["bash", "--norc", "-i"], PS1="prompt> ") as terminal:
        terminal.wait(lambda text: "prompt>" in text)
        terminal.type("burninctl watch\n")
        terminal.wait(is_whole)
        terminal.type("\x1a")
        terminal.wait(lambda text: "Stopped" in text and terminal.screen.saved is None and terminal.screen.cursor)
        terminal.type("fg\n")
        terminal.wait(is_whole)
        assert terminal.screen.saved is not None
        terminal.type("q")
        terminal.wait(lambda text: terminal.screen.saved is None and text.rstrip().endswith("prompt>"))
        terminal.type("exit\n")
        assert terminal.wait_exit() == 0
