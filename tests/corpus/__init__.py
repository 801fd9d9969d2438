"""Code to judge: what must never run by itself, and what researchers really write."""

from __future__ import annotations

import re
from pathlib import Path

_HERE = Path(__file__).parent


def hostile() -> list[tuple[str, str]]:
    """(kind, code) of every hostile snippet."""
    kind, found = "", []
    for line in (_HERE / "hostile.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            kind = line[3:]
        elif line and not line.startswith("# "):
            code = re.sub(r"\{\{U\+([0-9A-F]+)\}\}", lambda found: chr(int(found[1], 16)), line)
            found.append((kind, code.replace("⏎", "\n")))
    return found


def benign() -> list[tuple[str, str]]:
    """(title, code) of every benign experiment."""
    _, *parts = re.split(r"^## (.*)\n", (_HERE / "benign.txt").read_text("utf-8"), flags=re.M)
    return list(zip(parts[::2], parts[1::2], strict=True))
