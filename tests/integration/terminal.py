# SPDX-License-Identifier: LGPL-2.1-or-later
"""A person's terminal: a pseudo-terminal with a screen, on which a program of the machine runs.

    with Terminal(machine, ["burninctl", "watch"], rows=24, columns=80) as terminal:
        terminal.wait(lambda screen: "quit" in screen)      # the screen as text
        terminal.resize(10, 40)
        terminal.type("q")
        assert terminal.wait_exit() == 0
"""
from __future__ import annotations

import codecs
import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import termios
import time
from collections.abc import Callable, Sequence
from typing import Any

from machine import Machine, WaitTimeout

SEQUENCE = re.compile(r"\x1b\[([?\d;]*)([A-Za-z])")
PARTIAL = re.compile(r"\x1b(\[[?\d;]*)?$")


class Screen:
    """What a terminal makes of what is written to it; and what a careful program does not do to it."""

    def __init__(self, rows: int, columns: int) -> None:
        self.rows, self.columns = rows, columns
        self.lines = [""] * rows
        self.saved: tuple[list[str], int, int] | None = None        # what the alternate screen hides, and its cursor
        self.row = self.column = 0
        self.cursor = self.wrap = True
        self.scrolled = self.cleared = 0
        self._rest = ""

    def resize(self, rows: int, columns: int) -> None:
        self.lines = (self.lines + [""] * rows)[:rows]
        self.rows, self.columns = rows, columns
        self.row = min(self.row, rows - 1)

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def feed(self, data: str) -> None:
        data, self._rest = self._rest + data, ""
        at = 0
        while at < len(data):
            if data[at] == "\x1b":
                match = SEQUENCE.match(data, at)
                if match is None:
                    if not PARTIAL.match(data[at:]):
                        raise AssertionError(f"what is {data[at:at + 20]!r}?")
                    self._rest = data[at:]
                    return
                self._control(match[1], match[2])
                at = match.end()
            else:
                self._put(data[at])
                at += 1

    def _newline(self) -> None:
        self.row += 1
        if self.row == self.rows:
            self.row -= 1
            self.scrolled += 1
            self.lines = self.lines[1:] + [""]

    def _put(self, character: str) -> None:
        if character == "\r":
            self.column = 0
        elif character == "\n":
            self._newline()
        elif character >= " ":
            if self.column >= self.columns:
                if not self.wrap:
                    return
                self.column = 0
                self._newline()
            line = self.lines[self.row].ljust(self.column)
            self.lines[self.row] = line[:self.column] + character + line[self.column + 1:]
            self.column += 1
        else:
            assert character == "\a", repr(character)

    def _control(self, arguments: str, final: str) -> None:
        if final == "m" or arguments == "?2004":        # colours; how a shell is told of pasted text
            return
        if final == "H":
            assert not arguments
            self.row = self.column = 0
        elif final == "A":
            self.row = max(0, self.row - int(arguments or 1))
        elif final == "K":
            self.lines[self.row] = self.lines[self.row][:self.column]
        elif final == "J":
            self.cleared += arguments == "2" or (self.row, self.column) == (0, 0)
            self.lines[self.row] = self.lines[self.row][:self.column]
            self.lines[self.row + 1:] = [""] * (self.rows - self.row - 1)
        elif (arguments, final) in (("?7", "h"), ("?7", "l")):
            self.wrap = final == "h"
        elif (arguments, final) in (("?25", "h"), ("?25", "l")):
            self.cursor = final == "h"
        elif (arguments, final) == ("?1049", "h"):
            assert self.saved is None
            self.saved, self.lines = (self.lines, self.row, self.column), [""] * self.rows
        elif (arguments, final) == ("?1049", "l"):
            assert self.saved is not None
            (self.lines, self.row, self.column), self.saved = self.saved, None
        else:
            raise AssertionError(f"what is ESC[{arguments}{final}?")


class Terminal:
    def __init__(self, machine: Machine, argv: Sequence[str], rows: int = 24, columns: int = 80, **environment: str) -> None:
        self.screen = Screen(rows, columns)
        self.output = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._stack = contextlib.ExitStack()
        self._master, self._slave = pty.openpty()
        self._stack.callback(os.close, self._slave)
        self._stack.callback(os.close, self._master)
        self._set_size()
        self.modes = self.now_modes()
        self._start = lambda: machine.popen(["setsid", "--ctty", "--wait", *argv], env={"TERM": "xterm"} | environment,
                                            stdin=self._slave, stdout=self._slave, stderr=self._slave, text=None, errors=None)
        self.process: Any = None

    def __enter__(self) -> Terminal:
        self.process = self._stack.enter_context(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _set_size(self) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("4H", self.screen.rows, self.screen.columns, 0, 0))

    def now_modes(self) -> list[Any]:
        return termios.tcgetattr(self._slave)

    @property
    def echoes(self) -> bool:
        """Whether what is typed is shown; who turns that off, for a password, throws away what was typed before."""
        return bool(self.now_modes()[3] & termios.ECHO)

    def resize(self, rows: int, columns: int) -> None:
        self.screen.resize(rows, columns)
        self._set_size()

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def _read(self, timeout: float) -> bool:
        if not select.select([self._master], [], [], max(0.0, timeout))[0]:
            return False
        text = self._decoder.decode(os.read(self._master, 65536))
        self.output += text
        self.screen.feed(text)
        return True

    def wait(self, predicate: Callable[[str], object], timeout: float = 20) -> str:
        """Until the screen is as wished; returns its text."""
        deadline = time.monotonic() + timeout
        while not predicate(self.screen.text):
            if time.monotonic() >= deadline:
                raise WaitTimeout(f"not within {timeout} s; the screen:\n{self.screen.text}")
            self._read(min(0.1, deadline - time.monotonic()))
        return self.screen.text

    def wait_frame(self, timeout: float = 20) -> str:
        """Until all of one more frame has come."""
        seen = self.output.count("\x1b[H")
        return self.wait(lambda _: self.output.count("\x1b[H") > seen + 1, timeout)

    def wait_exit(self, timeout: float = 20) -> int:
        deadline = time.monotonic() + timeout
        while self.process.poll() is None:
            if time.monotonic() >= deadline:
                raise WaitTimeout(f"it did not end within {timeout} s; the screen:\n{self.screen.text}")
            self._read(0.05)
        while self._read(0):
            pass
        return int(self.process.returncode)
