# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the checks share: which files there are, how a finding is printed, how a check ends.

A check is an executable beside this file. It looks at the tree it is part of, or at the one named by --root DIR, prints each
finding as FILE:LINE: TEXT, and exits with 1 if there is one. Nothing to look at is a finding too: a check that sees no files
cannot fail.
"""
import argparse
import os
import pathlib
import re
import sys

PROJECT = pathlib.Path(__file__).resolve().parents[2]
# Made to be wrong, printed by tools, or of others: no source.
NO_SOURCE = {"tests/lint/violations", "tests/data", "tests/fuzz/corpus",
             "web-frontend/ui/node_modules", "web-frontend/ui/dist"}
SKIPPED = re.compile(r"^(build[^/]*|\.git|\.cache|\.pytest_cache)$")


class Check:
    def __init__(self, doc):
        parser = argparse.ArgumentParser(description=doc)
        parser.add_argument("--root", type=pathlib.Path, default=PROJECT, help="the tree to look at")
        self.root = parser.parse_args().root.resolve()
        self.findings = 0

    def files(self, *folders, suffixes=None):
        """The files of the tree under these folders (of all where none is named), sorted, as paths from its root."""
        found = []
        for base, subfolders, names in os.walk(self.root):
            here = pathlib.Path(base).relative_to(self.root)
            if here == pathlib.Path("."):   # where .git may also be a file, in a second work tree
                subfolders[:] = [name for name in subfolders if not SKIPPED.match(name)]
                names = [name for name in names if not SKIPPED.match(name)]
            subfolders[:] = [name for name in subfolders if name != "__pycache__"
                             and (here / name).as_posix() not in NO_SOURCE]
            found += [here / name for name in names if not name.endswith(".pyc") and not (here / name).is_symlink()]
        found = [path for path in found
                 if (not folders or any(path.is_relative_to(folder) for folder in folders))
                 and (not suffixes or path.suffix in suffixes)]
        if not found:
            self.finding(" ".join(folders) or ".", 1, "there is nothing to check here")
        return sorted(found)

    def text(self, path):
        return (self.root / path).read_text(encoding="utf-8", errors="surrogateescape")

    def c_code(self, path):
        """The C code without comments, strings and characters: each is spaces, so that lines and columns stay."""
        token = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
        return re.sub(token, lambda match: re.sub(r"[^\n]", " ", match[0]), self.text(path), flags=re.DOTALL)

    def finding(self, path, line, text):
        print(f"{path}:{line}: {text}", flush=True)
        self.findings += 1

    def end(self):
        sys.exit(1 if self.findings else 0)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1
