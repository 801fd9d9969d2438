"""Names that are not there: which ones come close, and which numbers there are."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from maia_lab.errors import UnitError


def nearest(word: str, words: Iterable[str], most: int = 5) -> str:
    """Say which of ``words`` come closest, best first, ready to stand in an error."""
    words = list(words)
    lower = {w.lower(): w for w in reversed(words)}
    close = [lower[w] for w in difflib.get_close_matches(word.lower(), lower, most, 0.5)]
    inside = [w for w in words if word.lower() in w.lower() and w not in close]
    return ", ".join(((close + inside) or words)[:most]) or "nothing"


def position(layer: str, unit: int | str, units: int, names: Sequence[str] | None = None) -> int:
    """Find a unit in its layer by number or, where its units have names, by name.

    Of a name that lists several, as ImageNet's do (``tench, Tinca tinca``), any will do.

    Raises:
        UnitError: there is no such number or name, or two units share the name.
    """
    address = f"{layer}/{unit}"
    if isinstance(unit, int):
        if not 0 <= unit < units:
            raise UnitError(
                address, f"is not a unit; {layer} has {units}", f"choose 0 to {units - 1}"
            )
        return unit
    if names is None:
        raise UnitError(
            address, "is not a unit; those of this layer have no names", f"choose 0 to {units - 1}"
        )
    found = [i for i, name in enumerate(names) if name == unit]
    found = found or [i for i, name in enumerate(names) if name.lower() == unit.lower()]
    listed = [[part.strip() for part in name.split(",")] for name in names]
    said = unit.lower()
    found = found or [i for i, parts in enumerate(listed) if said in map(str.lower, parts)]
    if len(found) > 1:
        numbers = " and ".join(map(str, found))
        raise UnitError(address, f"is the name of units {numbers}", "choose one by its number")
    if not found:
        raise UnitError(
            address,
            "is not the name of a unit",
            f"the nearest are {nearest(unit, [name for parts in listed for name in parts])}",
        )
    return found[0]
