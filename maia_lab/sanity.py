"""Whether a metric can be trusted: it must fall when labels go missing, and when some are added.

After the missing-labels and extra-labels tests of NeuronEval (Oikarinen, Yan and Weng, 2025): where
a description is right, half of it, or twice as much, must score less. A metric that does not fall
rewards descriptions that are too narrow, or too wide.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maia_lab.metrics import Metric

FALL = 0.001
"""What a metric must lose at least for it to have fallen."""
SHARE = 0.9
"""Of the units, in which it must fall, in both tests."""
RARE = 0.001
"""Share of the images that the ideal unit of :func:`ideal` answers."""

Case = tuple[NDArray[np.bool_], NDArray[np.float64]]
"""Which images hold what a unit is about, and how it answered each."""


@dataclass(frozen=True, slots=True)
class Sanity:
    """What the two tests came to for one metric."""

    missing: float
    """Share of the units in which it fell once half of the labels were missing …"""
    extra: float
    """… and once as many others had been added."""
    rare: tuple[float, float]
    """How far it fell, in the two tests, for an ideal unit of a rare concept."""
    units: int

    @property
    def failed(self) -> tuple[str, ...]:
        """The tests it did not pass, in words."""
        told = {
            "missing labels": self.missing >= SHARE,
            "extra labels": self.extra >= SHARE,
            "missing labels of a rare concept": self.rare[0] >= FALL,
            "extra labels of a rare concept": self.rare[1] >= FALL,
        }
        return tuple(name for name, passed in told.items() if not passed)

    @property
    def share(self) -> float:
        """Share of units, in the worse of the two tests."""
        return min(self.missing, self.extra)


def sanity(metric: Metric, cases: Iterable[Case], seed: int = 0) -> Sanity:
    """Put a metric to both tests, on units whose truth is known and on an ideal one.

    Cases in which the metric is not defined, or both kinds of image are not there, are left out.
    """
    chance = np.random.default_rng(seed)
    falls = [fall for case in cases if (fall := _falls(metric, case, chance)) is not None]
    rare = _falls(metric, ideal(seed), chance)
    fell = np.array(falls).reshape(-1, 2) >= FALL
    missing, extra = fell.mean(0) if falls else (0.0, 0.0)
    return Sanity(float(missing), float(extra), rare or (0.0, 0.0), len(falls))


def ideal(seed: int = 0, images: int = 20_000) -> Case:
    """A unit that answers just one image in a thousand, those that hold what it is about."""
    chance = np.random.default_rng(seed)
    held = np.zeros(images, bool)
    held[: round(RARE * images)] = True
    return held, held + 0.01 * chance.standard_normal(images)


def _falls(metric: Metric, case: Case, chance: np.random.Generator) -> tuple[float, float] | None:
    held, values = case
    there, elsewhere = np.flatnonzero(held), np.flatnonzero(~held)
    right = metric(held, values)
    if right is None or len(there) < 2 or len(elsewhere) <= len(there):
        return None
    missing, extra = held.copy(), held.copy()
    missing[chance.choice(there, len(there) // 2, replace=False)] = False
    extra[chance.choice(elsewhere, len(there), replace=False)] = True
    after = [metric(changed, values) for changed in (missing, extra)]
    return tuple(right - (score or 0.0) for score in after)  # type: ignore[return-value]  # two
