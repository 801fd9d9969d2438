"""Whether a unit answers to a class's object or to what it stands before, by interventions.

The same things are set before each background in turn. What a unit's answers vary with is then no
matter of what comes together in the data: its variance over the cells of things × backgrounds falls
into a part for the thing, one for the background, and one for the two together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SELECTIVE, SPURIOUS = "SELECTIVE", "SPURIOUS"
LEAST = 0.8
"""Share of a unit's variance that must go with the thing before it is called selective."""
ROUNDING = 1e-6
"""Share of its largest answer up to which a unit of 32 bits may vary by rounding alone."""


@dataclass(frozen=True, slots=True)
class Selectivity:
    """What a unit's answers vary with: shares of 1, or all 0 for a unit that never varies."""

    thing: float
    background: float
    both: float
    """Neither alone: the thing matters on some backgrounds only."""

    @classmethod
    def of(cls, answers: NDArray[np.float64]) -> Selectivity:
        """Take the variance apart.

        Args:
            answers: the unit's, shape (replicates, things, backgrounds): along the last axis the
                same thing, moved.
        """
        cells = answers.mean(0)
        things, grounds = cells.mean(1, keepdims=True), cells.mean(0, keepdims=True)
        mean = cells.mean()
        parts = [
            float((part**2).mean())
            for part in (things - mean, grounds - mean, cells - things - grounds + mean)
        ]
        total = sum(parts)
        varies = total > (ROUNDING * float(np.abs(answers).max())) ** 2
        return cls(*(part / total if varies else 0.0 for part in parts))

    @property
    def verdict(self) -> str:
        """:data:`SELECTIVE` or :data:`SPURIOUS`."""
        return SELECTIVE if self.thing >= LEAST else SPURIOUS

    def __str__(self) -> str:
        """The verdict, and what it rests on."""
        return (
            f"{self.verdict}: {self.thing:.0%} of its variation goes with the thing,"
            f" {self.background:.0%} with the background"
        )
