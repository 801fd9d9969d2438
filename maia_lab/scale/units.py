"""Which units are meant: addresses, ranges of them, and files that list them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from maia_lab.errors import DataError, UnitError
from maia_lab.unit import Unit

RANGE = re.compile(r"(.+/)(\d+)-(\d+)")
MOST = 40
"""Characters of an address that its session's name keeps."""


def expand(texts: Sequence[str]) -> list[Unit]:
    """Read ``scenes/layer4/12``, ``scenes/layer4/0-74``, and files with one of those a line.

    A unit that is named again is meant once. In a file, what follows ``#`` is a remark.

    Raises:
        UnitError: one is no address, or a range is empty, or nothing is named.
        DataError: a file cannot be read.
    """
    units = list(dict.fromkeys(unit for text in texts for unit in _expand(text)))
    if not units:
        raise UnitError(" ".join(texts), "names no unit", "write scenes/layer4/0-74")
    return units


def session_name(unit: Unit) -> str:
    """What the session of a unit is called: the same in every run, another for another unit."""
    address = str(unit)
    plain = re.sub(r"[^A-Za-z0-9._]+", "-", address).strip("-._")
    if plain.replace("-", "/") == address and len(plain) <= MOST:
        return plain
    return f"{plain[-MOST:].strip('-._')}-{hashlib.sha256(address.encode()).hexdigest()[:8]}"


def _expand(text: str) -> Iterator[Unit]:
    if Path(text).is_file():
        try:
            lines = Path(text).read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(text, f"is no list of units ({error})", "write one a line") from error
        for line in lines:
            if named := line.partition("#")[0].strip():
                yield from _range(named)
    else:
        yield from _range(text)


def _range(text: str) -> Iterator[Unit]:
    if (match := RANGE.fullmatch(text)) is None:
        yield Unit.parse(text)
        return
    first, last = int(match[2]), int(match[3])
    if last < first:
        raise UnitError(text, "is an empty range", f"write {match[1]}{last}-{first}")
    for index in range(first, last + 1):
        yield Unit.parse(f"{match[1]}{index}")
