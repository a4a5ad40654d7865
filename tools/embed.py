#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Turn text files into a C source file that holds them, joined: embed.py SYMBOL IN... OUT.c

OUT.c defines `const char SYMBOL[]`, with a NUL behind the text.
"""
import pathlib
import re
import sys

ESCAPES = {"\\": "\\\\", '"': '\\"', "\t": "\\t", "\r": "\\r", "\n": "\\n", "?": "\\?"}


def c_string(line: str) -> str:
    out = []
    for byte in line.encode():
        char = chr(byte)
        out.append(ESCAPES.get(char) or (char if 0x20 <= byte < 0x7f else f"\\{byte:03o}"))
    return '"' + "".join(out) + '"'


def main() -> int:
    if len(sys.argv) < 4 or not re.fullmatch(r"[a-z_][a-z0-9_]*", sys.argv[1]):
        print(__doc__, file=sys.stderr)
        return 2
    symbol, *sources, target = sys.argv[1:]
    text = "".join(pathlib.Path(source).read_text(encoding="utf-8") for source in sources)
    if "\0" in text:
        print(f"{sources}: a NUL byte would end the text", file=sys.stderr)
        return 1
    names = ", ".join(pathlib.Path(source).name for source in sources)
    lines = [f"/* Made from {names} by embed.py. */", "",
             f"extern const char {symbol}[];", f"const char {symbol}[] ="]
    lines += ["        " + c_string(line) for line in text.splitlines(keepends=True)] or ['        ""']
    pathlib.Path(target).write_text("\n".join(lines) + ";\n", encoding="ascii")
    return 0


if __name__ == "__main__":
    sys.exit(main())
