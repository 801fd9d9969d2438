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

from maia_lab.scoring.metrics import Metric

FALL = 0.001
"""Share of its value that a metric must lose at least for it to have fallen."""
SHARE = 0.9
"""Of the units, in which it must fall, in both tests."""
RARE = 0.001
"""Share of the images that the ideal unit of :func:`ideal` answers."""

Case = tuple[NDArray[np.bool_], NDArray[np.float64]]
"""Which images hold what a unit is about, and how it answered each."""


@dataclass(frozen=True, slots=True)
class Sanity:
    """What the two tests came to for one metric."""

    falls: tuple[tuple[float, float], ...]
    """For each unit, what share of its value it lost once half of the labels were missing, and once
    as many others had been added."""
    rare: tuple[float, float]
    """The same for an ideal unit of a rare concept."""

    @property
    def fell(self) -> tuple[bool, ...]:
        """For each unit, whether it fell in both tests."""
        return tuple(min(fall) >= FALL for fall in self.falls)

    @property
    def failed(self) -> tuple[str, ...]:
        """The tests it did not pass, in words."""
        failed = []
        for test, name in enumerate(("missing labels", "extra labels")):
            fell = [fall[test] >= FALL for fall in self.falls]
            if fell and sum(fell) < SHARE * len(fell):
                failed.append(f"{name} ({sum(fell)} of {len(fell)} units)")
            if self.rare[test] < FALL:
                failed.append(f"{name} of a rare concept")
        return tuple(failed)


def sanity(metric: Metric, cases: Iterable[Case], seed: int = 0) -> Sanity:
    """Put a metric to both tests, on units whose truth is known and on an ideal one.

    Cases in which the metric is not defined, or both kinds of image are not there, are left out.
    """
    chance = np.random.default_rng(seed)
    falls = [fall for case in cases if (fall := _falls(metric, case, chance)) is not None]
    return Sanity(tuple(falls), _falls(metric, ideal(seed), chance) or (0.0, 0.0))


def ideal(seed: int = 0, images: int = 20_000) -> Case:
    """A unit that answers just one image in a thousand, those that hold what it is about."""
    chance = np.random.default_rng(seed)
    held = np.zeros(images, bool)
    held[: round(RARE * images)] = True
    return held, held + 1e-6 * chance.standard_normal(images)


def _falls(metric: Metric, case: Case, chance: np.random.Generator) -> tuple[float, float] | None:
    held, values = case
    there, elsewhere = np.flatnonzero(held), np.flatnonzero(~held)
    right = metric(held, values)
    if not right or len(there) < 2 or len(elsewhere) <= len(there):
        return None
    missing, extra = held.copy(), held.copy()
    missing[chance.choice(there, len(there) // 2, replace=False)] = False
    extra[chance.choice(elsewhere, len(there), replace=False)] = True
    after = [metric(changed, values) for changed in (missing, extra)]
    return tuple(1 - (score or 0.0) / right for score in after)  # type: ignore[return-value]  # two
