"""Things set before backgrounds, shown to many units at once: ``tools.cross``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from maia_lab.errors import DataError
from maia_lab.selectivity import Selectivity
from maia_lab.system import System, together


@dataclass(frozen=True, slots=True)
class Crossing:
    """What ``tools.cross`` returns: print it."""

    units: Mapping[str, Selectivity]
    """By address."""
    images: int

    @classmethod
    def measure(
        cls, cells: Mapping[tuple[str, str], Sequence[Image.Image]], systems: Mapping[str, System]
    ) -> Crossing:
        """Show all cells to all units.

        Raises:
            DataError: a cell is missing, or cells differ in how many images they hold.
        """
        things = list(dict.fromkeys(thing for thing, _ in cells))
        grounds = list(dict.fromkeys(ground for _, ground in cells))
        counts = {len(cells.get((t, g), ())) for t in things for g in grounds}
        if len(things) < 2 or len(grounds) < 2 or len(counts) != 1 or 0 in counts:
            raise DataError(
                f"{len(cells)} cells",
                "do not cross two things or more with two backgrounds or more",
                "give every (thing, background) as many images as every other",
            )
        images = [i for t in things for g in grounds for i in cells[t, g]]
        answers = together(systems, images).astype(np.float64)
        shape = (len(things), len(grounds), counts.pop(), len(systems))
        by_unit = answers.reshape(shape).transpose(3, 2, 0, 1)
        found = {name: Selectivity.of(own) for name, own in zip(systems, by_unit, strict=True)}
        return cls(found, len(images))

    def __str__(self) -> str:
        """A line a unit, the most selective first."""
        width = max(map(len, self.units))
        ordered = sorted(self.units.items(), key=lambda item: -item[1].thing)
        lines = [f"{name:<{width}}  {found}" for name, found in ordered]
        return "\n".join([f"{self.images} images shown to {len(lines)} units", *lines])

    __repr__ = __str__
